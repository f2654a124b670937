#include "baseline/baseline.h"

#include "baseline/inside.h"
#include "baseline/permit.h"

#include <stdlib.h>

#define SECOND	 INT64_C(1000000000)
#define SLICE	 (300 * SECOND)
#define SLICES	 12
#define SETTLING (3600 * SECOND)
#define BYTES	 (UINT64_C(2) << 30)

static const struct {
	const char *id;
	enum baseline_detector detector;
} finding[BASELINE_FINDINGS] = {
	/* --- set --- */
	[BASELINE_NEW_HOST] = {"baseline.new-host", BASELINE_SET},
	[BASELINE_NEW_MAC] = {"baseline.new-mac", BASELINE_SET},
	[BASELINE_NEW_GATEWAY] = {"baseline.new-gateway", BASELINE_SET},
	[BASELINE_NEW_EXTERNAL] = {"baseline.new-external", BASELINE_SET},
	[BASELINE_NEW_RESOLVER] = {"baseline.new-resolver", BASELINE_SET},
	[BASELINE_NEW_LINK] = {"baseline.new-link", BASELINE_SET},
	[BASELINE_NEW_SERVICE] = {"baseline.new-service", BASELINE_SET},
	[BASELINE_NEW_UNIT] = {"baseline.new-unit", BASELINE_SET},
	[BASELINE_NEW_OP] = {"baseline.new-op", BASELINE_SET},
	[BASELINE_NEW_OBJECT] = {"baseline.new-object", BASELINE_SET},
	[BASELINE_NEW_WRITER] = {"baseline.new-writer", BASELINE_SET},
	/* --- value --- */
	[BASELINE_VALUE_OUT_OF_RANGE] = {"baseline.value-out-of-range", BASELINE_VALUE},
	[BASELINE_VALUE_NEW] = {"baseline.value-new", BASELINE_VALUE},
	[BASELINE_WRITTEN_VALUE] = {"baseline.written-value", BASELINE_VALUE},
	[BASELINE_VALUE_JUMP] = {"baseline.value-jump", BASELINE_VALUE},
	[BASELINE_VALUE_FROZEN] = {"baseline.value-frozen", BASELINE_VALUE},
	[BASELINE_VALUE_DRIFT] = {"baseline.value-drift", BASELINE_VALUE},
	[BASELINE_VALUES_APART] = {"baseline.values-apart", BASELINE_VALUE},
	[BASELINE_VALUE_FOR_STATE] = {"baseline.value-for-state", BASELINE_VALUE},
	/* --- timing --- */
	[BASELINE_CYCLE_MISSING] = {"baseline.cycle-missing", BASELINE_TIMING},
	[BASELINE_CYCLE_EXTRA] = {"baseline.cycle-extra", BASELINE_TIMING},
	[BASELINE_CYCLE_SHIFTED] = {"baseline.cycle-shifted", BASELINE_TIMING},
	[BASELINE_CYCLE_UNSTEADY] = {"baseline.cycle-unsteady", BASELINE_TIMING},
	[BASELINE_HOST_SILENT] = {"baseline.host-silent", BASELINE_TIMING},
	[BASELINE_DEVICE_SILENT] = {"baseline.device-silent", BASELINE_TIMING},
	[BASELINE_SLOW_ANSWER] = {"baseline.slow-answer", BASELINE_TIMING},
	[BASELINE_ERRORS] = {"baseline.errors", BASELINE_TIMING},
	[BASELINE_RATE] = {"baseline.rate", BASELINE_TIMING},
	[BASELINE_FAN_OUT] = {"baseline.fan-out", BASELINE_TIMING},
	/* --- order --- */
	[BASELINE_CYCLE_ORDER] = {"baseline.cycle-order", BASELINE_ORDER},
	[BASELINE_STATE_ORDER] = {"baseline.state-order", BASELINE_ORDER},
	[BASELINE_STATE_DURATION] = {"baseline.state-duration", BASELINE_ORDER},
	[BASELINE_ACT_ORDER] = {"baseline.act-order", BASELINE_ORDER},
};

const char *baseline_finding_id(enum baseline_finding f)
{
	return finding[f].id;
}

enum baseline_detector baseline_detector_of(enum baseline_finding f)
{
	return finding[f].detector;
}

const char *baseline_detector_name(enum baseline_detector d)
{
	static const char *const name[] = {"set", "value", "time", "order"};

	return name[d];
}

struct baseline *baseline_new(const struct baseline_limits *limits)
{
	struct baseline *b = calloc(1, sizeof(*b));
	unsigned i;

	if (!b)
		return NULL;
	if (limits)
		b->limits = *limits;
	b->limits.hosts = b->limits.hosts ? b->limits.hosts : 65536;
	b->limits.links = b->limits.links ? b->limits.links : 262144;
	b->limits.channels = b->limits.channels ? b->limits.channels : 65536;
	b->limits.items = b->limits.items ? b->limits.items : 256;
	b->limits.objects = b->limits.objects ? b->limits.objects : 1048576;
	b->limits.bytes = b->limits.bytes ? b->limits.bytes : BYTES;
	for (i = 0; i < BASELINE_MODES; i++) {
		if (!norm_init(&b->norm[i], b)) {
			baseline_free(b);
			return NULL;
		}
	}
	return b;
}

const struct baseline_limits *baseline_limits_of(const struct baseline *b)
{
	return &b->limits;
}

void baseline_free(struct baseline *b)
{
	unsigned i;

	if (!b)
		return;
	for (i = 0; i < BASELINE_MODES; i++)
		norm_free(&b->norm[i]);
	arena_free(&b->arena);
	free(b);
}

void baseline_tell(struct baseline *b, void (*told)(void *user, const struct deviation *d),
		   void *user)
{
	b->told = told;
	b->user = user;
}

enum baseline_state baseline_state(const struct baseline *b)
{
	return b->state;
}

void baseline_learn_on(struct baseline *b)
{
	b->state = BASELINE_LEARNING;
	b->frozen_at = 0;
	b->by = b->reason = NULL;
}

bool baseline_freeze(struct baseline *b, double budget, const char *by, const char *reason,
		     int64_t at)
{
	unsigned i;

	for (i = 0; i < BASELINE_MODES; i++) {
		value_settle(&b->norm[i]);
		timing_settle(&b->norm[i]);
		order_settle(&b->norm[i]);
	}
	if (budget <= 0)
		budget = b->budget.per_day > 0 ? b->budget.per_day : BUDGET_DEFAULT;
	budget_settle(&b->budget, budget);
	b->by = by ? arena_text(&b->arena, by, strlen(by)) : NULL;
	b->reason = reason ? arena_text(&b->arena, reason, strlen(reason)) : NULL;
	b->frozen_at = at;
	b->state = BASELINE_FROZEN;
	return true;
}

bool baseline_approved(const struct baseline *b)
{
	return b->state == BASELINE_FROZEN && b->by;
}

void baseline_mode(struct baseline *b, unsigned mode)
{
	mode = mode < BASELINE_MODES ? mode : 0;
	if (mode == b->mode)
		return;
	b->mode = mode;
	/* what it says of the time before the other mode is over */
	timing_resume(&b->norm[mode], b->now);
	order_resume(&b->norm[mode], b->now);
}

struct norm *baseline_norm(struct baseline *b)
{
	struct norm *n = &b->norm[b->mode];

	return b->state == BASELINE_FROZEN && !n->seen.count ? &b->norm[0] : n;
}

/* --- learning --- */

void baseline_is_news(struct baseline *b, int64_t time)
{
	b->news = time > b->news ? time : b->news;
	b->novel++;
}

static void progress_time(struct baseline *b, int64_t time)
{
	if (!b->slice_from)
		b->slice_from = time;
	while (time - b->slice_from >= SLICE) {
		b->slice_at = (b->slice_at + 1) % SLICES;
		b->slice[b->slice_at].ops = b->slice[b->slice_at].explained = 0;
		b->slice_from =
			time - b->slice_from >= SLICES * SLICE ? time : b->slice_from + SLICE;
	}
}

static void learn(struct baseline *b, struct sight *s)
{
	uint64_t novel = b->novel;

	/* compared first, as if learning had ended: budget.h */
	value_check(b, s);
	timing_check(b, s);
	order_check(b, s);
	set_learn(b, s);
	value_learn(b, s);
	timing_learn(b, s);
	order_learn(b, s);
	tally_see(&s->norm->seen, s->time);
	if (s->fresh)
		baseline_is_news(b, s->time);
	b->ops++;
	progress_time(b, s->time);
	b->slice[b->slice_at].ops++;
	b->slice[b->slice_at].explained += b->novel == novel;
}

static void compare(struct baseline *b, struct sight *s)
{
	set_check(b, s);
	value_check(b, s);
	timing_check(b, s);
	order_check(b, s);
}

/* Only what a request asked for can be answered: responses make no channel and no item. */
static void resolve(struct baseline *b, struct sight *s)
{
	const struct op *op = s->op;
	bool makes = b->state == BASELINE_LEARNING && op->role != OP_RESPONSE;
	uint32_t items = s->norm->item_count;

	s->channel = (makes ? channel_get(s->norm, s->client, s->server, op->proto, op->unit)
			    : channel_find(s->norm, s->client, s->server, op->proto, op->unit));
	if (!s->channel)
		return;
	s->item = makes ? item_get(s->channel, op) : item_find(s->channel, op);
	s->fresh = s->norm->item_count != items;
	if (!makes)
		return;
	tally_see(&s->channel->seen, op->time);
	if (s->item)
		tally_see(&s->item->seen, op->time);
}

static void learned_until(struct baseline *b, int64_t time)
{
	b->now = time;
	if (b->state != BASELINE_LEARNING)
		return;
	b->from = !b->from || time < b->from ? time : b->from;
	b->to = time > b->to ? time : b->to;
	budget_clock(&b->budget, time);
}

void baseline_op(struct baseline *b, const struct addr *client, const struct addr *server,
		 const struct op *op)
{
	struct sight s = {.op = op, .time = op->time, .client = client, .server = server};

	s.norm = baseline_norm(b);
	learned_until(b, op->time);
	resolve(b, &s);
	if (b->state == BASELINE_FROZEN)
		compare(b, &s);
	else if (s.channel)
		learn(b, &s);
}

void baseline_flow_opened(struct baseline *b, const struct baseline_flow *f, int64_t time,
			  uint64_t frame)
{
	struct norm *n = baseline_norm(b);

	learned_until(b, time);
	if (b->state == BASELINE_LEARNING) {
		b->flows++;
		set_learn_flow(b, n, f, time);
	} else { /* of what is known at its end only, it is told when it happened */
		set_check_flow(b, n, f, f->last && f->last < time ? f->last : time, frame);
	}
	timing_flow(b, f, true, time);
}

void baseline_flow_again(struct baseline *b, const struct baseline_flow *f, int64_t time,
			 uint64_t frame)
{
	if (b->state == BASELINE_FROZEN)
		set_check_flow(b, baseline_norm(b), f, time, frame);
}

void baseline_flow_closed(struct baseline *b, const struct baseline_flow *f, int64_t time,
			  uint64_t frame)
{
	(void)frame;
	learned_until(b, time);
	if (b->state == BASELINE_LEARNING)
		set_learn_app(baseline_norm(b), f);
	timing_flow(b, f, false, time);
}

void baseline_host(struct baseline *b, const struct addr *addr, const struct mac *mac, int64_t time,
		   uint64_t frame)
{
	struct norm *n = baseline_norm(b);

	learned_until(b, time);
	if (b->state == BASELINE_LEARNING)
		set_learn_host(b, n, addr, mac, time);
	else
		set_check_host(b, n, addr, mac, time, frame);
}

void baseline_tick(struct baseline *b, int64_t time)
{
	struct norm *n = baseline_norm(b);

	b->now = time;
	if (b->state == BASELINE_LEARNING)
		budget_clock(&b->budget, time);
	value_tick(b, n, time);
	timing_tick(b, n, time);
}

void baseline_resume(struct baseline *b, int64_t time)
{
	unsigned i;

	for (i = 0; i < BASELINE_MODES; i++) {
		timing_resume(&b->norm[i], time);
		order_resume(&b->norm[i], time);
	}
}

void deviate(struct baseline *b, const struct deviation *d)
{
	if (b->state == BASELINE_LEARNING)
		budget_rehearse(&b->budget, d);
	else if (b->told && budget_permits(&b->budget, d) && !permit_covers(b->permits, d))
		b->told(b->user, d);
}

void baseline_progress(const struct baseline *b, struct baseline_progress *out)
{
	const struct norm *n = &b->norm[b->mode];
	unsigned i;

	*out = (struct baseline_progress){.from = b->from,
					  .to = b->to,
					  .ops = b->ops,
					  .flows = b->flows,
					  .news = b->news,
					  .hosts = n->set.host_count,
					  .links = n->set.link_count,
					  .channels = n->channel_count,
					  .items = n->item_count,
					  .objects = n->value.objects,
					  .refused = n->refused,
					  .bytes = b->arena.total};
	for (i = 0; i < SLICES; i++) {
		out->recent_ops += b->slice[i].ops;
		out->recent_explained += b->slice[i].explained;
	}
	out->settled =
		b->from && b->to - b->news >= SETTLING && b->to - b->news >= b->news - b->from;
}

bool baseline_source_known(const struct baseline *b, int64_t first, uint64_t print)
{
	const struct baseline_source *s = b->sources;

	while (s && (s->first != first || s->print != print))
		s = s->next;
	return s != NULL;
}

void baseline_source_note(struct baseline *b, int64_t first, uint64_t print)
{
	struct baseline_source *s;

	if (baseline_source_known(b, first, print))
		return;
	s = arena_alloc(&b->arena, sizeof(*s));
	s->first = first;
	s->print = print;
	s->next = b->sources;
	b->sources = s;
}

/* --- merging --- */

static bool merge_channel(struct norm *to, const struct channel *from)
{
	struct channel *c = channel_get(to, &from->client, &from->server, from->proto, from->unit);
	const struct item *i;
	struct item *own;

	if (!c)
		return true; /* counted as refused */
	tally_merge(&c->seen, &from->seen);
	c->unlisted += from->unlisted;
	for (i = from->items; i; i = i->next) {
		own = item_add(c, i);
		if (own)
			tally_merge(&own->seen, &i->seen);
		else
			set_left_out(c, i);
	}
	return order_merge(c, from);
}

bool baseline_merge(struct baseline *b, const struct baseline *from)
{
	const struct baseline_source *s;
	const struct permit *p;
	const struct channel *c;
	unsigned i;

	for (i = 0; i < BASELINE_MODES; i++) {
		for (c = from->norm[i].channels; c; c = c->next)
			if (!merge_channel(&b->norm[i], c))
				return false;
		if (!set_merge(&b->norm[i], &from->norm[i]) ||
		    !value_merge(&b->norm[i], &from->norm[i]) ||
		    !timing_merge(&b->norm[i], &from->norm[i]) ||
		    !order_merge_norm(&b->norm[i], &from->norm[i]))
			return false;
		tally_merge(&b->norm[i].seen, &from->norm[i].seen);
		b->norm[i].refused += from->norm[i].refused;
	}
	for (s = from->sources; s; s = s->next)
		baseline_source_note(b, s->first, s->print);
	for (p = from->permits; p; p = p->next)
		permit_add(b, p);
	budget_merge(&b->budget, &from->budget,
		     b->from && from->from <= b->to && b->from <= from->to);
	if (from->from && (!b->from || from->from < b->from))
		b->from = from->from;
	b->to = from->to > b->to ? from->to : b->to;
	b->news = from->news > b->news ? from->news : b->news;
	b->ops += from->ops;
	b->flows += from->flows;
	return true;
}
