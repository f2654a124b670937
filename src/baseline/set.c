/*
 * Was this ever done on this channel?
 *
 *   channel ── act ── act      a code, its class, and the ranges of objects it was used on
 *      │
 *      └ beside ── channel     the other clients of the same server, for who else writes there
 */
#include "baseline/set.h"

#include "baseline/inside.h"

#define SERVER_BUCKETS 1024u

/* --- ranges --- */

static void join_nearest(struct set_ranges *r)
{
	uint32_t i, at = 1;

	for (i = 2; i < r->count; i++)
		if (r->range[i][0] - r->range[i - 1][1] < r->range[at][0] - r->range[at - 1][1])
			at = i;
	r->range[at - 1][1] = r->range[at][1];
	memmove(&r->range[at], &r->range[at + 1], (r->count - at - 1) * sizeof(r->range[0]));
	r->count--;
}

bool set_ranges_hold(const struct set_ranges *r, uint64_t lo, uint64_t hi)
{
	uint32_t i;

	for (i = 0; i < r->count; i++)
		if (lo >= r->range[i][0] && hi <= r->range[i][1])
			return true;
	return false;
}

bool set_ranges_add(struct set_ranges *r, uint64_t lo, uint64_t hi)
{
	uint32_t from = 0, to;

	if (set_ranges_hold(r, lo, hi))
		return false;
	/* those that touch it, neighbours too, become one with it */
	while (from < r->count && r->range[from][1] < lo && lo - r->range[from][1] > 1)
		from++;
	to = from;
	while (to < r->count && (r->range[to][0] <= hi || r->range[to][0] - hi <= 1)) {
		lo = r->range[to][0] < lo ? r->range[to][0] : lo;
		hi = r->range[to][1] > hi ? r->range[to][1] : hi;
		to++;
	}
	if (to == from && r->count == SET_RANGES) {
		/* room for one more: the nearest two, or it and its neighbour */
		join_nearest(r);
		return set_ranges_add(r, lo, hi), true;
	}
	memmove(&r->range[from + 1], &r->range[to], (r->count - to) * sizeof(r->range[0]));
	r->range[from][0] = lo;
	r->range[from][1] = hi;
	r->count = r->count + 1 - (to - from);
	return true;
}

/* --- who else speaks to that server --- */

static uint32_t server_bucket(const struct norm *n, const struct addr *server, const char *proto)
{
	uint64_t h = hash_bytes(proto, strlen(proto), n->baseline->limits.key);

	return hash_bytes(server->b, sizeof(server->b), h) % SERVER_BUCKETS;
}

void set_channel_made(struct channel *c)
{
	struct channel **b =
		&c->norm->set.server_bucket[server_bucket(c->norm, &c->server, c->proto)];

	c->set.beside = *b;
	*b = c;
}

static bool writes(uint8_t cls)
{
	return cls == OP_WRITE || cls == OP_CONTROL || cls == OP_PROGRAM || cls == OP_FIRMWARE ||
	       cls == OP_CONFIG;
}

/* The last of them; a sender may claim more than there are numbers. */
static uint64_t last_of(const struct op_object *o)
{
	uint64_t more = o->count ? o->count - 1 : 0;

	return o->first <= UINT64_MAX - more ? o->first + more : UINT64_MAX;
}

static bool touches(const struct set_act *a, const struct op_object *o)
{
	uint64_t last = last_of(o);
	uint32_t i;

	if (a->space != o->space || !writes(a->cls))
		return false;
	for (i = 0; i < a->objects.count; i++)
		if (o->first <= a->objects.range[i][1] && last >= a->objects.range[i][0])
			return true;
	return false;
}

/* Another client writes there. *unit: this client knows the server by another unit. */
static const struct set_act *written_by_another(const struct sight *s, bool *unit,
						const struct channel **whose)
{
	const struct op *op = s->op;
	const struct channel *c;
	const struct set_act *a, *found = NULL;

	*unit = false;
	if (s->channel && !writes(op->cls))
		return NULL; /* nobody asks */
	c = s->norm->set.server_bucket[server_bucket(s->norm, s->server, op->proto)];
	for (; c; c = c->set.beside) {
		if (!addr_eq(&c->server, s->server) || strcmp(c->proto, op->proto) != 0)
			continue;
		if (addr_eq(&c->client, s->client)) {
			*unit = *unit || c->unit != op->unit;
			continue;
		}
		for (a = c->set.acts; a && !found && c->unit == op->unit; a = a->next) {
			if (touches(a, &op->object)) {
				found = a;
				*whose = c;
			}
		}
	}
	return writes(op->cls) ? found : NULL;
}

/* --- acts --- */

struct set_act *set_act_find(const struct channel *c, uint32_t code, uint8_t cls, uint8_t role,
			     uint8_t space)
{
	struct set_act *a = c->set.acts;

	while (a && (a->code != code || a->cls != cls || a->role != role || a->space != space))
		a = a->next;
	return a;
}

struct set_act *set_act_get(struct channel *c, const struct set_act *like)
{
	struct arena *arena = &c->norm->baseline->arena;
	struct set_act *a = set_act_find(c, like->code, like->cls, like->role, like->space);

	if (a)
		return a;
	if (c->set.act_count == SET_ACTS) {
		c->norm->refused++;
		return NULL;
	}
	if (norm_is_full(c->norm))
		return NULL;
	c->set.act_count++;
	a = arena_alloc(arena, sizeof(*a));
	a->name = arena_text(arena, like->name, strlen(like->name));
	a->code = like->code;
	a->cls = like->cls;
	a->role = like->role;
	a->space = like->space;
	a->next = c->set.acts;
	c->set.acts = a;
	return a;
}

void set_left_out(struct channel *c, const struct item *i)
{
	struct set_act like = {.name = i->name,
			       .code = i->code,
			       .cls = i->cls,
			       .role = i->role,
			       .space = i->space},
		       *a = i->npath || i->object ? set_act_get(c, &like) : NULL;

	if (a)
		a->more = true;
}

/* Numbers alone say which object it is. */
static bool is_numbered(const struct op_object *o)
{
	return o->space != OP_SPACE_NONE && !o->npath && !o->name.len && o->count;
}

static bool goes_by_item(const struct op_object *o)
{
	return o->npath || o->name.len;
}

static bool object_known(const struct sight *s, const struct set_act *a)
{
	const struct op_object *o = &s->op->object;

	if (o->space == OP_SPACE_NONE)
		return true;
	if (is_numbered(o))
		return set_ranges_hold(&a->objects, o->first, last_of(o));
	return s->item || a->more || !goes_by_item(o);
}

void set_check(struct baseline *b, const struct sight *s)
{
	const struct op *op = s->op;
	const struct channel *whose = NULL;
	const struct set_act *act = NULL, *other;
	struct deviation d = {.what = BASELINE_NEW_OP,
			      .detector = BASELINE_SET,
			      .hard = true,
			      .time = s->time,
			      .frame = op->frame,
			      .client = s->client,
			      .server = s->server,
			      .op = op,
			      .channel = s->channel,
			      .item = s->item,
			      .words = set_words};
	bool unit;
	char text[ADDR_STRLEN];

	if (op->role == OP_RESPONSE)
		return;
	if (s->channel) {
		act = set_act_find(s->channel, op->code, op->cls, op->role, op->object.space);
		if (act && object_known(s, act))
			return;
		if (act)
			d.what = BASELINE_NEW_OBJECT;
	}
	other = written_by_another(s, &unit, &whose);
	if (other) {
		d.what = BASELINE_NEW_WRITER;
		d.learned = other->seen;
		d.text[0] = addr_str(&whose->client, text);
	} else if (act) {
		d.learned = act->seen;
	} else if (!s->channel && unit) {
		d.what = BASELINE_NEW_UNIT;
	} else if (s->channel) {
		d.learned = s->channel->seen;
	}
	if (!set_host_find(s->norm, s->client))
		d.cause = set_cause(s->client);
	deviate(b, &d);
}

void set_learn(struct baseline *b, const struct sight *s)
{
	const struct op *op = s->op;
	const struct op_object *o = &op->object;
	struct set_act like = {.name = op->name,
			       .code = op->code,
			       .cls = op->cls,
			       .role = op->role,
			       .space = o->space},
		       *a;
	bool news = false;

	if (op->role == OP_RESPONSE)
		return;
	a = set_act_get(s->channel, &like);
	if (!a)
		return;
	news = !a->seen.count;
	if (is_numbered(o))
		news = set_ranges_add(&a->objects, o->first, last_of(o)) || news;
	else if (!s->item && goes_by_item(o))
		a->more = true;
	tally_see(&a->seen, s->time);
	if (news)
		baseline_is_news(b, s->time);
}
