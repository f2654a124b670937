/*
 * What does an op cost the baseline, and how much memory a device, as the number of devices grows?
 *
 *      bench_baseline [--rounds N]
 *
 * Each device is polled by one of 64 clients: ten registers, a request and its answer, 16 coils
 * likewise, and a set-point of two registers is written; once a second each, with a jitter of some
 * ms. Registers move like sensors: two constants, two state words, a counter, five that wander.
 * Learned for N rounds (default 200), frozen, then compared for a tenth of that. All four detectors
 * are at work. CPU time; memory is what malloc() has given out. At the end it is written as a text
 * and read back, from the text and from its compiled form.
 */
#include "baseline/text.h"

#include <getopt.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SECOND	INT64_C(1000000000)
#define BEGIN	(1700000000 * SECOND)
#define CLIENTS 64u
#define OPS	5u /* of a device in a round */

static const uint32_t sizes[] = {100, 1000, 10000};

static uint64_t told;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* others may be at work too */
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Bytes that malloc() has given out. */
static size_t given(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static void hear(void *user, const struct deviation *d)
{
	(void)user;
	(void)d;
	told++;
}

static uint32_t mixed(uint32_t a, uint32_t b)
{
	uint32_t x = a * 2654435761u ^ b * 2246822519u;

	x ^= x >> 15;
	x *= 3266489917u;
	return x ^ x >> 13;
}

static uint16_t reg(uint32_t device, uint32_t round, uint32_t r)
{
	uint32_t wave = round + device;

	switch (r) {
	case 0:
	case 1:
		return (uint16_t)(1000 + device);
	case 2:
	case 3:
		return (uint16_t)(wave / 40 % 4);
	case 4:
		return (uint16_t)round;
	default:
		wave %= 200; /* up and down, with noise */
		return (uint16_t)(500 + 5 * (wave < 100 ? wave : 200 - wave) + mixed(wave, r) % 4);
	}
}

static void put_registers(uint8_t *raw, uint32_t device, uint32_t round, uint32_t from, uint32_t n)
{
	uint32_t r;

	for (r = 0; r < n; r++) {
		uint16_t v = reg(device, round, from + r);

		raw[2 * r] = (uint8_t)(v >> 8);
		raw[2 * r + 1] = (uint8_t)v;
	}
}

static void poll(struct baseline *b, uint32_t device, uint32_t round, int64_t time)
{
	struct addr client = addr_v4((uint8_t[]){10, 1, 0, (uint8_t)(device % CLIENTS + 1)});
	struct addr server = addr_v4((uint8_t[]){10, 2, (uint8_t)(device >> 8), (uint8_t)device});
	uint8_t raw[32];
	struct op op = {.frame = 1,
			.time = time,
			.proto = "modbus",
			.name = "read-holding-registers",
			.code = 3,
			.unit = 1,
			.role = OP_REQUEST,
			.cls = OP_READ,
			.rtt = -1,
			.object = {.space = OP_SPACE_HOLDING, .first = 0, .count = 10},
			.values = {.type = OP_V_NONE}};

	baseline_op(b, &client, &server, &op);
	put_registers(raw, device, round, 0, 10);
	op.role = OP_RESPONSE;
	op.rtt = SECOND / 200;
	op.time += op.rtt;
	op.values = (struct op_values){
		.raw = {raw, 20}, .count = 10, .type = OP_V_U16, .big_endian = true};
	baseline_op(b, &client, &server, &op);

	op.role = OP_REQUEST;
	op.rtt = -1;
	op.time += SECOND / 100;
	op.code = 1;
	op.name = "read-coils";
	op.object = (struct op_object){.space = OP_SPACE_COIL, .first = 0, .count = 16};
	op.values = (struct op_values){.type = OP_V_NONE};
	baseline_op(b, &client, &server, &op);
	raw[0] = (uint8_t)(1u << (round / 16 % 4));
	raw[1] = 1;
	op.role = OP_RESPONSE;
	op.rtt = SECOND / 200;
	op.time += op.rtt;
	op.values = (struct op_values){.raw = {raw, 2}, .count = 16, .type = OP_V_BIT};
	baseline_op(b, &client, &server, &op);

	put_registers(raw, device, round, 5, 2);
	op.role = OP_REQUEST;
	op.rtt = -1;
	op.time += SECOND / 100;
	op.code = 16;
	op.name = "write-multiple-registers";
	op.cls = OP_WRITE;
	op.object = (struct op_object){.space = OP_SPACE_HOLDING, .first = 100, .count = 2};
	op.values = (struct op_values){
		.raw = {raw, 4}, .count = 2, .type = OP_V_U16, .big_endian = true};
	baseline_op(b, &client, &server, &op);
}

/* All devices once; ns per op. */
static double one_round(struct baseline *b, uint32_t devices, uint32_t round)
{
	int64_t time = BEGIN + round * SECOND;
	double begin = now();
	uint32_t d;

	for (d = 0; d < devices; d++)
		poll(b, d, round, time + mixed(d, round) % (SECOND / 200));
	baseline_tick(b, time + SECOND);
	return (now() - begin) / devices / OPS;
}

static void keep(struct baseline *b)
{
	struct diag diag = {.count = 0};
	size_t len = 0, packed = 0;
	double t[5];
	struct baseline *x, *y;
	uint8_t *p;
	char *text;

	t[0] = now();
	text = baseline_text(b, &len);
	t[1] = now();
	x = text ? baseline_load_text("bench", text, len, NULL, &diag) : NULL;
	t[2] = now();
	p = x ? baseline_compile(x, text, len, &packed) : NULL;
	t[3] = now();
	y = p ? baseline_load_compiled(p, packed, text, len, NULL) : NULL;
	t[4] = now();
	diag_print(&diag, stderr);
	if (!y)
		exit(1);
	printf("        text %.1f MB: written in %.2f s, read in %.2f s; compiled %.1f MB: read in "
	       "%.2f s\n",
	       (double)len / 1e6, (t[1] - t[0]) / 1e9, (t[2] - t[1]) / 1e9, (double)packed / 1e6,
	       (t[4] - t[3]) / 1e9);
	baseline_free(y);
	baseline_free(x);
	free(p);
	free(text);
	diag_free(&diag);
}

static void measure(uint32_t devices, uint32_t rounds)
{
	size_t before = given(), after, end;
	struct baseline *b = baseline_new(NULL);
	double learning = 0, comparing = 0;
	uint32_t i;

	if (!b)
		exit(1);
	for (i = 0; i < rounds; i++)
		learning += one_round(b, devices, i);
	if (!baseline_freeze(b, 5, NULL, NULL, BEGIN))
		exit(1);
	after = given();
	baseline_tell(b, hear, NULL);
	told = 0;
	for (i = 0; i < rounds / 10; i++)
		comparing += one_round(b, devices, rounds + i);
	end = given();
	printf("%6" PRIu32 " devices: %6.0f ns an op learning, %6.0f comparing; %6.0f bytes a "
	       "device (3 items, 28 objects); %" PRIu64 " deviations\n",
	       devices, learning / rounds, comparing / (rounds / 10),
	       (double)(after - before) / devices, told);
	if (end > after)
		printf("        comparing allocated %zu bytes\n", end - after);
	keep(b);
	baseline_free(b);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"rounds", required_argument, NULL, 'r'},
						{NULL, 0, NULL, 0}};
	uint32_t rounds = 200, i;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'r')
			return 2;
		rounds = (uint32_t)strtoul(optarg, NULL, 10);
	}
	if (rounds < 10) {
		fprintf(stderr, "bench_baseline: --rounds takes a number from 10\n");
		return 2;
	}
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		measure(sizes[i], rounds);
	return 0;
}
