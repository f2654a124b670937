/*
 * modbus_hand ADDRESS: libmodbus by hand, over one connection. Each line of standard input is a
 * request, each line of standard output its outcome:
 *
 *      read AT COUNT          holding registers: "ok 7 8 9"
 *      write AT VALUE         function 6: "ok"
 *      writes AT VALUE...     function 16: "ok"
 *
 * or "failed: " and what libmodbus says, as "failed: Illegal function".
 */
#include <errno.h>
#include <modbus.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST 120

/* Numbers of the line behind its first word: an address, and values. How many of those. */
static int numbers(const char *line, int *at, uint16_t *value)
{
	const char *p = line + strcspn(line, " ");
	int n = -1;
	char *end;

	for (; n < MOST; p = end, n++) {
		long number = strtol(p, &end, 10);

		if (end == p)
			break;
		if (n < 0)
			*at = (int)number;
		else
			value[n] = (uint16_t)number;
	}
	return n;
}

static void request(modbus_t *ctx, const char *line)
{
	uint16_t value[MOST];
	char what = line[0] == 'r' ? 'r' : line[5];
	int at = 0, n = numbers(line, &at, value), done, i;

	if (n < 1) {
		puts("failed: no such request");
		return;
	}
	if (what == 'r')
		done = modbus_read_registers(ctx, at, n = value[0] < MOST ? value[0] : MOST, value);
	else if (what == 's')
		done = modbus_write_registers(ctx, at, n, value);
	else
		done = modbus_write_register(ctx, at, value[0]);
	if (done < 0) {
		printf("failed: %s\n", modbus_strerror(errno));
		return;
	}
	printf("ok");
	for (i = 0; what == 'r' && i < n; i++)
		printf(" %u", value[i]);
	putchar('\n');
}

int main(int argc, char **argv)
{
	modbus_t *ctx = argc > 1 ? modbus_new_tcp(argv[1], 502) : NULL;
	char line[1024];

	if (!ctx || modbus_set_response_timeout(ctx, 20, 0) < 0 || modbus_connect(ctx) < 0) {
		fprintf(stderr, "modbus_hand: %s\n", ctx ? modbus_strerror(errno) : "an ADDRESS");
		return 1;
	}
	modbus_set_slave(ctx, 1);
	setvbuf(stdout, NULL, _IOLBF, 0);
	while (fgets(line, sizeof(line), stdin))
		request(ctx, line);
	modbus_close(ctx);
	modbus_free(ctx);
	return 0;
}
