/* What of timing is kept. Numbers are rounded to what means something; edges outwards. */
#include "baseline/archive.h"
#include "baseline/timing_inside.h"

#include <math.h>
#include <stdlib.h>

enum unit { SECONDS, NUMBER };

/* To five digits: dir -1 down, 1 up, 0 to the nearest. */
static double rounded(double v, int dir)
{
	double step, q;

	if (v == 0 || !isfinite(v))
		return v;
	step = pow(10, 4 - floor(log10(fabs(v))));
	q = v * step;
	/* what was rounded before stays */
	if (fabs(q - round(q)) < 1e-2)
		dir = 0;
	q = dir < 0 ? floor(q) : dir > 0 ? ceil(q) : round(q);
	return q / step;
}

static void field(struct archive *a, const char *key, float *v, int dir, enum unit unit)
{
	double d = archive_reads(a) ? 0 : rounded((double)*v, dir);

	if (unit == SECONDS)
		archive_seconds(a, key, &d);
	else
		archive_number(a, key, &d);
	*v = (float)d;
}

static void stat_fields(struct archive *a, struct timing_stat *s, enum unit unit)
{
	float spread = (float)timing_stat_spread(s);

	field(a, "mean", &s->mean, 0, unit);
	field(a, "from", &s->min, -1, unit);
	field(a, "to", &s->max, 1, unit);
	field(a, "spread", &spread, 0, unit);
	archive_count32(a, "times", &s->count);
	s->var = spread * spread;
}

static void stat_map(struct archive *a, const char *key, struct timing_stat *s)
{
	if (!archive_map(a, key, s->count))
		return;
	stat_fields(a, s, NUMBER);
	archive_end(a);
}

static void kinds(struct archive *a, struct timing_model *m)
{
	struct timing_stat extra;
	unsigned k = 0;

	timing_modes_sort(m->mode);
	if (!archive_list(a, "intervals", true, m->mode[0].count))
		return;
	while (archive_next(a, k < TIMING_MODES && m->mode[k].count)) {
		if (k == TIMING_MODES) {
			archive_wrong(a, "an item has at most %d kinds of intervals", TIMING_MODES);
			stat_fields(a, &extra, SECONDS);
			continue;
		}
		stat_fields(a, &m->mode[k++], SECONDS);
	}
	archive_end(a);
}

static void count8(struct archive *a, const char *key, uint8_t *v)
{
	uint32_t n = *v;

	archive_count32(a, key, &n);
	if (n > UINT8_MAX)
		archive_wrong(a, "at most %d", UINT8_MAX);
	*v = n < UINT8_MAX ? (uint8_t)n : UINT8_MAX;
}

void timing_item_fields(struct archive *a, struct item *i)
{
	struct timing_model *m = &i->timing;

	kinds(a, m);
	stat_map(a, "pace", &m->pace);
	stat_map(a, "jitter", &m->jitter);
	field(a, "fastest", &m->fastest, -1, SECONDS);
	field(a, "ahead", &m->ahead, 1, NUMBER);
	field(a, "drift", &m->drift, 1, NUMBER);
	stat_map(a, "answer", &m->answer);
	archive_count32(a, "asked", &m->asked);
	archive_count32(a, "errors", &m->errors);
	archive_count32(a, "lost", &m->lost);
	count8(a, "worst-errors", &m->worst_errors);
	count8(a, "worst-lost", &m->worst_lost);
	i->timing_run.ready = false;
}

static void host_fields(struct archive *a, struct timing_host *h)
{
	archive_tally(a, "heard", &h->seen);
	stat_map(a, "sessions", &h->rate[TIMING_SESSIONS]);
	stat_map(a, "bytes", &h->rate[TIMING_BYTES]);
	stat_map(a, "servers", &h->rate[TIMING_SERVERS]);
}

/* In the order of their addresses. */
static int by_addr(const void *a, const void *b)
{
	const struct timing_host *const *x = a, *const *y = b;

	return memcmp((*x)->addr.b, (*y)->addr.b, sizeof((*x)->addr.b));
}

/* The list in that order; as it is when memory is out. */
static void sort_hosts(struct timing_norm *t)
{
	struct timing_host **sorted = calloc(t->host_count, sizeof(struct timing_host *)), *h;
	uint32_t k = 0;

	if (!sorted)
		return;
	for (h = t->hosts; h; h = h->next)
		sorted[k++] = h;
	qsort(sorted, k, sizeof(struct timing_host *), by_addr);
	t->last_host = &t->hosts;
	for (k = 0; k < t->host_count; k++) {
		*t->last_host = sorted[k];
		t->last_host = &sorted[k]->next;
	}
	*t->last_host = NULL;
	free(sorted);
}

static void write_hosts(struct archive *a, struct norm *n)
{
	struct timing_host *h;

	sort_hosts(&n->timing);
	for (h = n->timing.hosts; archive_next(a, h != NULL); h = h->next) {
		archive_addr(a, "host", &h->addr);
		host_fields(a, h);
	}
}

static void read_hosts(struct archive *a, struct norm *n)
{
	struct timing_host aside, *h;
	struct addr addr;

	while (archive_next(a, false)) {
		memset(&addr, 0, sizeof(addr));
		memset(&aside, 0, sizeof(aside));
		archive_addr(a, "host", &addr);
		h = timing_host_get(n, &addr);
		host_fields(a, h ? h : &aside);
	}
}

void timing_norm_fields(struct archive *a, struct norm *n)
{
	if (!archive_list(a, "rates", true, n->timing.host_count))
		return;
	if (archive_reads(a))
		read_hosts(a, n);
	else
		write_hosts(a, n);
	archive_end(a);
}
