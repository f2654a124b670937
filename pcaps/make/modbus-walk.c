/*
 * A Modbus/TCP client on libmodbus that walks through all functions the library has, well and
 * wrong, and then sends requests without waiting for answers.
 *
 *      modbus-walk ADDRESS PORT
 *
 * cc modbus-walk.c $(pkg-config --cflags --libs libmodbus)
 */
#include <errno.h>
#include <modbus.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void check(const char *what, int rc)
{
	if (rc < 0)
		fprintf(stderr, "modbus-walk: %s: %s\n", what, modbus_strerror(errno));
	usleep(20000);
}

int main(int argc, char **argv)
{
	static const uint8_t reads[3][6] = {{7, 3, 0, 10, 0, 2}, {7, 1, 0, 0, 0, 9}, {7, 4, 0, 0, 0, 1}};
	uint8_t bits[200] = {1, 0, 1, 1}, answer[MODBUS_TCP_MAX_ADU_LENGTH];
	uint16_t regs[130] = {500, 501, 502, 503};
	modbus_t *ctx;
	int i;

	if (argc != 3)
		return 2;
	ctx = modbus_new_tcp(argv[1], atoi(argv[2]));
	modbus_set_slave(ctx, 7);
	if (!ctx || modbus_connect(ctx) < 0) {
		fprintf(stderr, "modbus-walk: %s\n", modbus_strerror(errno));
		return 1;
	}
	check("write coil", modbus_write_bit(ctx, 5, 1));
	check("write coil", modbus_write_bit(ctx, 5, 0));
	check("write coils", modbus_write_bits(ctx, 10, 4, bits));
	check("write register", modbus_write_register(ctx, 20, 1234));
	check("write registers", modbus_write_registers(ctx, 21, 4, regs));
	check("mask write", modbus_mask_write_register(ctx, 20, 0x00f2, 0x0025));
	check("write and read", modbus_write_and_read_registers(ctx, 30, 3, regs, 20, 6, regs));
	check("read coils", modbus_read_bits(ctx, 0, 19, bits));
	check("read inputs", modbus_read_input_bits(ctx, 0, 100, bits));
	check("read holding", modbus_read_registers(ctx, 0, 125, regs));
	check("read input registers", modbus_read_input_registers(ctx, 0, 3, regs));
	/* exceptions 2, and 1 for functions libmodbus does not serve */
	check("no such register", modbus_read_registers(ctx, 990, 20, regs));
	check("no such coil", modbus_write_bit(ctx, 4000, 1));
	check("exception status", modbus_send_raw_request(ctx, (uint8_t[]){7, 7}, 2));
	check("exception status", modbus_receive_confirmation(ctx, answer));
	check("server id", modbus_report_slave_id(ctx, sizeof(bits), bits));
	/* three on their way at once */
	for (i = 0; i < 3; i++)
		modbus_send_raw_request(ctx, (uint8_t *)reads[i], 6);
	for (i = 0; i < 3; i++)
		check("pipelined", modbus_receive_confirmation(ctx, answer));
	modbus_close(ctx);
	modbus_free(ctx);
	return 0;
}
