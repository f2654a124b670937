/*
 * The learned baseline of a service: learned live, or frozen and compared with.
 *
 *   learning   each worker learns what it sees. Every ten minutes, at a reload and at the end each
 *              is asked for a copy, made between two packets; the copies are merged here and stored
 *   frozen     each worker has the file loaded for itself; a reload gives each another one
 */
#include "baseline/text.h"
#include "run/clock.h"
#include "run/random.h"
#include "run/service_impl.h"
#include "run/totals.h"

#include <stdlib.h>
#include <unistd.h>

#define SAVE_EVERY (600 * INT64_C(1000000000)) /* ns */

struct service_baseline {
	struct baseline *first[SERVICE_WORKERS_MAX]; /* until a worker has it */
	struct baseline *given[SERVICE_WORKERS_MAX]; /* copies, until all have given theirs */
	bool asked;
	int64_t next, saved; /* ns: of the clock that is never stepped; since 1970 UTC, 0: never */
};

/* One for every worker; of the file, or, learning, the first of them only. False with diag. */
static bool load(const struct run_config *c, unsigned workers, struct baseline **list,
		 struct diag *diag)
{
	const struct baseline_limits limits = {.key = random_key()};
	bool there = access(c->baseline, F_OK) == 0;
	unsigned i;

	for (i = 0; i < workers; i++) {
		bool empty = c->baseline_learn && (i || !there);

		list[i] = empty ? baseline_new(&limits) : baseline_load(c->baseline, &limits, diag);
		if (!list[i] && empty)
			diag_add(diag, DIAG_ERROR, c->baseline, 0, 0, "out of memory");
		if (!list[i])
			return false;
		if (empty)
			continue;
		if (c->baseline_learn && baseline_state(list[i]) == BASELINE_FROZEN) {
			diag_add(diag, DIAG_ERROR, c->baseline, 0, 0,
				 "it is frozen; to go on learning, 'kidoban baseline relearn' it "
				 "or name another file");
			return false;
		}
		if (!c->baseline_learn && baseline_state(list[i]) != BASELINE_FROZEN) {
			diag_add(diag, DIAG_ERROR, c->baseline, 0, 0,
				 "it is not frozen: read it, then 'kidoban baseline freeze' it; "
				 "or say learn: yes");
			return false;
		}
		if (!c->baseline_learn && c->baseline_budget > 0)
			baseline_spend(list[i], c->baseline_budget);
	}
	return true;
}

static void free_all(struct baseline **list)
{
	unsigned i;

	for (i = 0; i < SERVICE_WORKERS_MAX; i++) {
		baseline_free(list[i]);
		list[i] = NULL;
	}
}

bool service_baseline_new(struct service *s, struct diag *diag)
{
	if (!s->cfg->baseline)
		return true;
	s->baseline = calloc(1, sizeof(*s->baseline));
	if (!s->baseline) {
		diag_add(diag, DIAG_ERROR, s->cfg->baseline, 0, 0, "out of memory");
		return false;
	}
	s->baseline->next = clock_mono() + SAVE_EVERY;
	return load(s->cfg, s->planned, s->baseline->first, diag);
}

struct baseline *service_baseline_first(struct service *s, unsigned worker)
{
	struct baseline *b = s->baseline ? s->baseline->first[worker] : NULL;

	if (b)
		s->baseline->first[worker] = NULL;
	return b;
}

static bool learns(const struct service *s)
{
	return s->baseline && s->cfg->baseline_learn;
}

/* What all workers learned becomes the file. */
static void store(struct service *s, struct baseline *const *list)
{
	struct baseline *sum = baseline_new(list[0] ? baseline_limits_of(list[0]) : NULL);
	const char *why = sum ? NULL : "out of memory";
	unsigned i;

	for (i = 0; !why && i < s->workers; i++)
		if (!list[i] || !baseline_merge(sum, list[i]))
			why = "out of memory";
	if (!why)
		why = baseline_store(sum, s->cfg->baseline);
	if (why)
		fprintf(stderr, "kidoban run: %s: %s\n", s->cfg->baseline, why);
	else
		s->baseline->saved = clock_wall();
	baseline_free(sum);
}

static void ask(struct service *s)
{
	unsigned i;

	for (i = 0; i < s->workers; i++)
		worker_baseline_ask(s->worker[i]);
	s->baseline->asked = true;
	s->baseline->next = clock_mono() + SAVE_EVERY;
}

/* All have given their copy. */
static bool collect(struct service *s)
{
	bool all = true;
	unsigned i;

	for (i = 0; i < s->workers; i++) {
		struct baseline **at = &s->baseline->given[i];

		if (!*at)
			*at = worker_baseline_copy(s->worker[i]);
		all = all && *at;
	}
	return all;
}

void service_baseline(struct service *s, int64_t mono)
{
	unsigned i;

	for (i = 0; s->baseline && i < s->workers; i++)
		baseline_free(worker_baseline_old(s->worker[i]));
	if (!learns(s))
		return;
	if (!s->baseline->asked && mono >= s->baseline->next)
		ask(s);
	if (!s->baseline->asked || !collect(s))
		return;
	store(s, s->baseline->given);
	free_all(s->baseline->given);
	s->baseline->asked = false;
}

bool service_baseline_reload(struct service *s, const struct run_config *cfg,
			     struct baseline **list, struct diag *diag)
{
	bool same = !cfg->baseline == !s->cfg->baseline &&
		    cfg->baseline_learn == s->cfg->baseline_learn;

	if (!same) {
		diag_add(diag, DIAG_ERROR, cfg->path, 0, 0,
			 "baseline: whether there is one, and whether it learns, is settled when "
			 "the service starts; restart it");
		return false;
	}
	if (!cfg->baseline || cfg->baseline_learn)
		return true;
	if (load(cfg, s->workers, list, diag))
		return true;
	free_all(list);
	return false;
}

void service_baseline_obey(struct service *s, struct baseline **list)
{
	unsigned i;

	if (learns(s))
		ask(s);
	for (i = 0; i < s->workers; i++) {
		if (list[i])
			worker_baseline_give(s->worker[i], list[i]);
		list[i] = NULL;
	}
}

void service_baseline_end(struct service *s)
{
	struct baseline *list[SERVICE_WORKERS_MAX] = {NULL};
	unsigned i;

	if (!learns(s) || !s->workers)
		return;
	for (i = 0; i < s->workers; i++) {
		worker_finish(s->worker[i]);
		list[i] = worker_baseline(s->worker[i]);
	}
	store(s, list);
}

void service_baseline_free(struct service *s)
{
	if (!s->baseline)
		return;
	free_all(s->baseline->first);
	free_all(s->baseline->given);
	free(s->baseline);
}

int64_t service_baseline_saved(const struct service *s)
{
	return s->baseline ? s->baseline->saved : 0;
}
