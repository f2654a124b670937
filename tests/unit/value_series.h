/*
 * Series of values as a plant has them, and a baseline that hears them as registers 100 to 107 of
 * one Modbus server, once a second. For the tests of the value detector.
 */
#ifndef KIDOBAN_TEST_VALUE_SERIES_H
#define KIDOBAN_TEST_VALUE_SERIES_H

#include "baseline/text.h"
#include "baseline/value_inside.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#define SECOND INT64_C(1000000000)
#define BEGIN  (1700000000 * SECOND)
#define WORDS  8 /* registers 100 to 107 */

static const struct addr hmi = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 40, 0, 5}};
static const struct addr plc = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 50, 0, 11}};

struct heard {
	unsigned count[BASELINE_FINDINGS];
	int64_t first[BASELINE_FINDINGS];
	double most[BASELINE_FINDINGS];
	char expected[256], observed[256], ja[256];
	bool early, hard;
};

static inline void hear(void *user, const struct deviation *d)
{
	struct heard *h = user;
	char unused[256];

	if (d->detector != BASELINE_VALUE)
		return;
	if (!h->count[d->what]++)
		h->first[d->what] = d->time;
	h->most[d->what] = d->score > h->most[d->what] ? d->score : h->most[d->what];
	h->hard |= d->hard;
	if (*h->observed)
		return;
	h->early = d->early;
	d->words(d, true, h->ja, sizeof(h->ja), unused, sizeof(unused));
	d->words(d, false, h->expected, sizeof(h->expected), h->observed, sizeof(h->observed));
}

static inline unsigned all(const struct heard *h)
{
	unsigned i, n = 0;

	for (i = 0; i < BASELINE_FINDINGS; i++)
		n += h->count[i];
	return n;
}

/* --- randomness that is the same everywhere --- */

static uint64_t dice;

static inline uint32_t roll(void)
{
	dice = dice * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(dice >> 33);
}

static inline double uniform(void)
{
	return roll() / 2147483648.;
}

static inline double gauss(double sigma)
{
	return sigma * sqrt(-2 * log(uniform() + 1e-12)) * cos(6.283185307179586 * uniform());
}

/* --- ops --- */

static inline struct op message(uint32_t code, uint32_t first, uint32_t count, int64_t time)
{
	return (struct op){.frame = 1,
			   .time = time,
			   .proto = "modbus",
			   .name = code == 3 ? "read-holding-registers"
					     : "write-multiple-registers",
			   .code = code,
			   .unit = 1,
			   .rtt = -1,
			   .cls = code == 3 ? OP_READ : OP_WRITE,
			   .object = {.space = OP_SPACE_HOLDING, .first = first, .count = count}};
}

static inline struct op_values words_of(const uint16_t *w, uint32_t n, uint8_t raw[2 * WORDS])
{
	uint32_t i;

	for (i = 0; i < n; i++) {
		raw[2 * i] = (uint8_t)(w[i] >> 8);
		raw[2 * i + 1] = (uint8_t)w[i];
	}
	return (struct op_values){
		.raw = {raw, 2 * (size_t)n}, .count = n, .type = OP_V_U16, .big_endian = true};
}

static inline void read_words(struct baseline *b, const struct addr *client, uint32_t first,
			      const uint16_t *w, uint32_t n, int64_t time)
{
	struct op op = message(3, first, n, time);
	uint8_t raw[2 * WORDS];

	baseline_op(b, client, &plc, &op);
	op.role = OP_RESPONSE;
	op.time += 3000000;
	op.values = words_of(w, n, raw);
	baseline_op(b, client, &plc, &op);
}

static inline void write_words(struct baseline *b, uint32_t first, const uint16_t *w, uint32_t n,
			       int64_t time)
{
	struct op op = message(16, first, n, time);
	uint8_t raw[2 * WORDS];

	op.values = words_of(w, n, raw);
	baseline_op(b, &hmi, &plc, &op);
}

static inline struct value_object *object(struct baseline *b, uint64_t at, bool written)
{
	struct value_object what = {.server = plc,
				    .proto = "modbus",
				    .unit = 1,
				    .space = OP_SPACE_HOLDING,
				    .at = at,
				    .written = written};

	return value_object_find(&b->norm[0], &what);
}

static inline void put32(uint16_t *w, uint32_t u, bool swapped)
{
	w[swapped] = (uint16_t)(u >> 16);
	w[!swapped] = (uint16_t)u;
}

static inline void put_float(uint16_t *w, double x, bool swapped)
{
	float f = (float)x;
	uint32_t u;

	memcpy(&u, &f, sizeof(u));
	put32(w, u, swapped);
}

/* --- processes: what registers hold at second t --- */

typedef void process(uint16_t w[WORDS], int t);

/* A level that goes up and down between 100 and 900 every 400 s, with noise. */
static inline double level(int t)
{
	int phase = t % 400;

	return 100 + 4 * (phase < 200 ? phase : 400 - phase) + gauss(1.2);
}

static inline void levels(uint16_t w[WORDS], int t)
{
	w[0] = (uint16_t)level(t);
}

static inline void below_zero(uint16_t w[WORDS], int t)
{
	w[0] = (uint16_t)(int16_t)(level(t) - 500);
}

static inline void counters(uint16_t w[WORDS], int t)
{
	put32(w, (uint32_t)(184320 + 23 * t), false);
	w[2] = (uint16_t)level(t);
	put32(w + 3, (uint32_t)(912400 + 5 * t), true);
}

static inline void signed32(uint16_t w[WORDS], int t)
{
	put32(w, (uint32_t)(int32_t)((level(t) - 500) * 300), false);
	put32(w + 2, (uint32_t)(int32_t)((level(t) - 500) * 300), true);
}

static inline void floats(uint16_t w[WORDS], int t)
{
	put_float(w, level(t) / 40, false);
	put_float(w + 2, 1.012 + gauss(0.0004), true);
	put_float(w + 4, 400.5 + gauss(0.6), false);
	w[6] = (uint16_t)(level(t) * 2);
	w[7] = 4711;
}

static inline void unrelated(uint16_t w[WORDS], int t)
{
	w[0] = (uint16_t)(15000 + gauss(3));
	w[1] = (uint16_t)level(t);
	w[2] = 3;
	w[3] = (uint16_t)(20000 + 10 * level(t + 100));
	w[4] = (uint16_t)(5000 + gauss(1));
	w[5] = (uint16_t)(t / 600 % 4);
	w[6] = 0;
	w[7] = (uint16_t)(t % 7);
}

/* Speed and current of a motor, and something that has nothing to do with them. */
static inline void motor(uint16_t w[WORDS], int t)
{
	double speed = level(t);

	w[0] = (uint16_t)speed;
	w[1] = (uint16_t)(30 + speed * 0.5 + gauss(0.8));
	w[2] = (uint16_t)level(t * 7 / 3);
}

/* One that was never anything else, and one of few states. */
static inline void states(uint16_t w[WORDS], int t)
{
	w[0] = 4711;
	w[1] = (uint16_t)(t / 20 % 4 * 10);
}

static inline struct baseline *learn(process *p, uint64_t seed, int seconds)
{
	struct baseline *b = baseline_new(NULL);
	uint16_t w[WORDS] = {0};
	int t;

	assert_non_null(b);
	dice = seed;
	for (t = 0; t < seconds; t++) {
		p(w, t);
		read_words(b, &hmi, 100, w, WORDS, BEGIN + t * SECOND);
	}
	return b;
}

static inline void freeze(struct baseline *b, struct heard *h)
{
	unsigned i;

	memset(h, 0, sizeof(*h));
	baseline_tell(b, hear, h);
	assert_true(baseline_freeze(b, BUDGET_DEFAULT, NULL, NULL, b->now));
	/* the detector alone: all from 1 on is told */
	for (i = 0; i < BASELINE_FINDINGS; i++)
		b->budget.threshold[i] = 1;
}

/* The process goes on with other dice; what is heard. */
static inline void go_on(struct baseline *b, process *p, uint64_t seed, int seconds)
{
	uint16_t w[WORDS] = {0};
	int t, from = (int)((b->now - BEGIN) / SECOND) + 1;

	dice = seed;
	for (t = from; t < from + seconds; t++) {
		p(w, t);
		read_words(b, &hmi, 100, w, WORDS, BEGIN + t * SECOND);
	}
}

#endif
