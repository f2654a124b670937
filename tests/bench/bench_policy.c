/*
 * What does a decision cost as the policy grows?
 *
 *      bench_policy [ASSETS CONDUITS]...
 *
 * Writes a policy of that many assets and conduits, each conduit from one asset to another with
 * one Modbus permission, loads it, and asks the two questions of the hot path at random: once per
 * flow (two places, the conduits between them), once per op (may it pass). Loading is measured too.
 * Beside it the plain way: a list of conduits, walked from its start until one fits.
 *
 * Asked of few flows again and again (warm), as in a plant, and of all conduits in turn (cold),
 * where what grows is not the work but how much of the policy the processor's cache has to hold.
 */
#include "op/vocab.h"
#include "policy/lint.h"
#include "policy/now.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ASKED 400000u
#define WARM  64u

struct line {
	struct addr from, to;
	uint64_t first, last; /* holding registers */
};

struct question {
	struct addr from, to;
	struct op op;
};

static volatile uint64_t kept; /* so that no compiler drops the loops */

static uint32_t rnd(uint32_t n)
{
	static uint64_t seed = 1;

	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % n;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static struct addr asset(uint32_t i)
{
	const uint8_t b[4] = {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};

	return addr_v4(b);
}

/* Each conduit joins two assets that no other joins. */
static struct policy *make(uint32_t assets, uint32_t conduits, struct line *lines)
{
	struct diag diag = {.count = 0};
	struct lint_report *lint;
	struct policy *p;
	double start, loaded;
	char *text = NULL, ip[2][ADDR_STRLEN];
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	uint32_t i;

	if (!f)
		return NULL;
	fputs("site: bench\nzones:\n  plant: {level: control, networks: [10.0.0.0/8]}\nassets:\n",
	      f);
	for (i = 0; i < assets; i++) {
		struct addr a = asset(i);

		fprintf(f, "  a%" PRIu32 ": {zone: plant, address: %s}\n", i, addr_str(&a, ip[0]));
	}
	fputs("conduits:\n", f);
	for (i = 0; i < conduits; i++) {
		uint32_t from = i % assets, to = (i + 1 + i / assets) % assets;

		lines[i] = (struct line){asset(from), asset(to), i % 1000, i % 1000 + 9};
		fprintf(f,
			"  - {id: c%" PRIu32 ", from: a%" PRIu32 ", to: a%" PRIu32
			", allow: [modbus: {do: write, unit: 1, holding: %" PRIu32 "-%" PRIu32
			", value: 0..1000}]}\n",
			i, from, to, i % 1000, i % 1000 + 9);
	}
	fclose(f);
	start = now();
	p = policy_load_buffer("generated", text, len, &diag);
	loaded = now();
	lint = p ? lint_run(p, NULL) : NULL;
	printf("%" PRIu32 " assets, %" PRIu32 " conduits: %zu bytes, loaded in %.0f ms, linted in "
	       "%.0f ms\n",
	       assets, conduits, len, (loaded - start) / 1e6, (now() - loaded) / 1e6);
	lint_free(lint);
	diag_print(&diag, stderr);
	diag_free(&diag);
	free(text);
	return p;
}

static struct question question(const struct line *l, const char *proto)
{
	static const uint8_t value[] = {0, 100};
	uint64_t first = l->first + rnd(20);

	return (struct question){
		.from = l->from,
		.to = l->to,
		.op = {.proto = proto,
		       .cls = OP_WRITE,
		       .unit = 1,
		       .code = 6,
		       .object = {.space = OP_SPACE_HOLDING, .first = first, .count = 1},
		       .values = {.raw = {value, 2},
				  .count = 1,
				  .type = OP_V_U16,
				  .big_endian = true}},
	};
}

static bool linear(const struct line *l, uint32_t n, const struct question *q)
{
	for (; n; n--, l++)
		if (addr_eq(&l->from, &q->from) && addr_eq(&l->to, &q->to))
			return q->op.object.first >= l->first && q->op.object.first <= l->last;
	return false;
}

static struct policy_flow_decision flow(const struct policy *p, const struct question *q)
{
	return policy_flow(policy_rest(p), policy_place(p, &q->from, NULL),
			   policy_place(p, &q->to, NULL), 6, 502);
}

/* Asks `asked` times about the first `of` conduits; false when the two matchers disagree. */
static bool measure(const struct policy *p, const struct line *lines, uint32_t conduits,
		    uint32_t of, const char *what)
{
	const char *proto = vocab_find("modbus")->proto;
	struct question *q = calloc(of, sizeof(*q));
	struct policy_flow_decision *d = calloc(of, sizeof(*d));
	uint32_t i, plain = conduits > 1000 ? ASKED / 40 : ASKED;
	uint64_t yes[2] = {0, 0};
	double start, ns[3];

	if (!q || !d)
		exit(1);
	for (i = 0; i < of; i++)
		q[i] = question(&lines[of < conduits ? rnd(conduits) : i], proto);
	start = now();
	for (i = 0; i < ASKED; i++)
		d[i % of] = flow(p, &q[i % of]);
	ns[0] = (now() - start) / ASKED;
	start = now();
	for (i = 0; i < ASKED; i++)
		kept += policy_op(policy_rest(p), &d[i % of], &q[i % of].op).verdict;
	ns[1] = (now() - start) / ASKED;
	start = now();
	for (i = 0; i < plain; i++)
		yes[0] += linear(lines, conduits, &q[i % of]);
	ns[2] = (now() - start) / plain;
	for (i = 0; i < plain; i++)
		yes[1] += policy_op(policy_rest(p), &d[i % of], &q[i % of].op).verdict ==
			  POLICY_ALLOW;
	printf("  %s  %6.0f ns per flow, %6.0f ns per op; a list: %8.0f ns\n", what, ns[0], ns[1],
	       ns[2]);
	free(q);
	free(d);
	return yes[0] == yes[1];
}

int main(int argc, char **argv)
{
	bool good = true;
	int i;

	for (i = 1; i + 1 < argc; i += 2) {
		uint32_t assets = (uint32_t)strtoul(argv[i], NULL, 10);
		uint32_t conduits = (uint32_t)strtoul(argv[i + 1], NULL, 10);
		struct line *lines = calloc(conduits, sizeof(*lines));
		struct policy *p = lines ? make(assets, conduits, lines) : NULL;

		if (!p)
			return 1;
		good &= measure(p, lines, conduits, conduits < WARM ? conduits : WARM, "warm");
		good &= measure(p, lines, conduits, conduits, "cold");
		policy_free(p);
		free(lines);
	}
	if (!good)
		printf("  THE TWO MATCHERS DISAGREE\n");
	return good ? 0 : 1;
}
