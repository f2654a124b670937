/*
 * A Modbus/TCP device and a sender of raw requests, both libmodbus.
 *
 *      modbus-tool serve ADDRESS             holding 0-999, coils 0-99, inputs 0-99, port 502;
 *                                            input 0 counts the requests
 *      modbus-tool plant ADDRESS             the same, but values are what standard input says:
 *                                            lines "holding|input|coil|discrete ADDRESS VALUE"
 *      modbus-tool raw ADDRESS UNIT HEX...   sends each PDU (function code first), reads the reply
 *
 * cc modbus-tool.c $(pkg-config --cflags --libs libmodbus)
 */
#include <errno.h>
#include <modbus.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

/* What the process does to the device: one line of standard input. False at its end. */
static int set_value(modbus_mapping_t *map)
{
	char line[80], table[16];
	unsigned at, value;

	if (!fgets(line, sizeof(line), stdin))
		return 0;
	if (sscanf(line, "%15s %u %u", table, &at, &value) != 3)
		return 1;
	if (strcmp(table, "holding") == 0 && at < 1000)
		map->tab_registers[at] = (uint16_t)value;
	else if (strcmp(table, "input") == 0 && at < 100)
		map->tab_input_registers[at] = (uint16_t)value;
	else if (strcmp(table, "coil") == 0 && at < 100)
		map->tab_bits[at] = value != 0;
	else if (strcmp(table, "discrete") == 0 && at < 100)
		map->tab_input_bits[at] = value != 0;
	return 1;
}

static int serve(modbus_t *ctx, int plant)
{
	modbus_mapping_t *map = modbus_mapping_new(100, 100, 1000, 100);
	uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
	int listener = modbus_tcp_listen(ctx, 16), fd, top, n, i;
	fd_set all, ready;

	if (listener < 0 || !map) {
		fprintf(stderr, "modbus-tool: %s\n", modbus_strerror(errno));
		return 1;
	}
	for (i = 0; i < 1000; i++)
		map->tab_registers[i] = (uint16_t)(i < 100 ? i : 400 + i % 50);
	FD_ZERO(&all);
	FD_SET(listener, &all);
	if (plant) {
		setvbuf(stdin, NULL, _IONBF, 0); /* select() sees what was not read */
		FD_SET(STDIN_FILENO, &all);
	}
	for (top = listener;;) {
		ready = all;
		if (select(top + 1, &ready, NULL, NULL, NULL) < 0)
			return 1;
		for (fd = 0; fd <= top; fd++) {
			if (!FD_ISSET(fd, &ready))
				continue;
			if (fd == STDIN_FILENO) {
				if (!set_value(map))
					FD_CLR(fd, &all);
				continue;
			}
			if (fd == listener) {
				int new = modbus_tcp_accept(ctx, &listener);

				if (new >= 0 && new < FD_SETSIZE) {
					FD_SET(new, &all);
					top = new > top ? new : top;
				}
				continue;
			}
			modbus_set_socket(ctx, fd);
			n = modbus_receive(ctx, query);
			if (n > 0) {
				map->tab_input_registers[0] += !plant;
				modbus_reply(ctx, query, n, map);
			} else if (n < 0) {
				close(fd);
				FD_CLR(fd, &all);
			}
		}
	}
}

static int raw(modbus_t *ctx, const char *unit, char **pdu)
{
	uint8_t req[MODBUS_TCP_MAX_ADU_LENGTH], rsp[MODBUS_TCP_MAX_ADU_LENGTH];
	int n;

	if (modbus_connect(ctx) < 0) {
		fprintf(stderr, "modbus-tool: %s\n", modbus_strerror(errno));
		return 1;
	}
	for (; *pdu; pdu++) {
		req[0] = (uint8_t)strtoul(unit, NULL, 0);
		for (n = 0; (*pdu)[2 * n] && n < 250; n++) {
			char hex[3] = {(*pdu)[2 * n], (*pdu)[2 * n + 1], '\0'};

			req[1 + n] = (uint8_t)strtoul(hex, NULL, 16);
		}
		if (modbus_send_raw_request(ctx, req, n + 1) < 0 ||
		    modbus_receive_confirmation(ctx, rsp) < 0)
			fprintf(stderr, "modbus-tool: %s: %s\n", *pdu, modbus_strerror(errno));
		usleep(40000);
	}
	modbus_close(ctx);
	return 0;
}

int main(int argc, char **argv)
{
	modbus_t *ctx = argc > 2 ? modbus_new_tcp(argv[2], 502) : NULL;
	int plant = argc > 1 && strcmp(argv[1], "plant") == 0;
	int server = plant || (argc > 1 && strcmp(argv[1], "serve") == 0);

	if (!ctx || (!server && argc < 5)) {
		fprintf(stderr,
			"usage: modbus-tool serve|plant ADDRESS | raw ADDRESS UNIT HEX...\n");
		return 2;
	}
	return server ? serve(ctx, plant) : raw(ctx, argv[3], argv + 4);
}
