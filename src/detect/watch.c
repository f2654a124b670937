#include "detect/watch.h"

#include "base/hash.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

struct block {
	uint64_t object, values; /* hashes */
};

struct state {
	struct watch_seen seen;
	int64_t asked;	 /* ns, newest request */
	int64_t heard;	 /* ns, newest data */
	int64_t waits;	 /* ns, oldest request since then */
	int64_t changed; /* ns, when values were last other than before */
	uint32_t missed; /* how often silence was told since then */
	uint32_t still;	 /* likewise sameness */
	bool has_asked, has_heard, has_values;
	bool has_waits; /* since data was heard, it was asked for */
	uint8_t blocks; /* how many of block[] are used */
	uint8_t oldest; /* the next to be replaced */
	struct block block[WATCH_BLOCKS];
};

struct watch_board {
	uint32_t pairs;
	_Atomic int64_t last[]; /* ns since 1970 UTC, by pair */
};

struct watch_table {
	const struct policy *policy;
	struct watch_board *board; /* NULL: nobody else listens */
	void (*tell)(void *user, const struct watch_notice *n);
	void *user;
	bool begun;
	int64_t begin; /* ns */
	uint32_t states;
	struct state state[]; /* by pair */
};

struct watch_board *watch_board_new(const struct policy *p)
{
	uint32_t n = policy_watch_pairs(p);
	struct watch_board *b = calloc(1, sizeof(*b) + n * sizeof(b->last[0]));

	if (b)
		b->pairs = n;
	return b;
}

void watch_board_free(struct watch_board *b)
{
	free(b);
}

struct watch_table *watch_table_new(const struct policy *p, struct watch_board *board,
				    void (*tell)(void *user, const struct watch_notice *n),
				    void *user)
{
	uint32_t n = policy_watch_pairs(p);
	struct watch_table *t = calloc(1, sizeof(*t) + n * sizeof(t->state[0]));

	if (!t)
		return NULL;
	t->policy = p;
	t->board = board;
	t->tell = tell;
	t->user = user;
	t->states = n;
	return t;
}

void watch_begin(struct watch_table *t, int64_t time)
{
	uint32_t i;

	t->begun = true;
	t->begin = time;
	for (i = 0; i < t->states; i++) {
		struct state *s = &t->state[i];

		s->asked = s->heard = s->changed = time;
		s->missed = s->still = 0;
		s->has_waits = false;
	}
}

/* How often `allowed` has passed in `gap` without it having happened. */
static uint32_t overdue(int64_t gap, int64_t allowed)
{
	int64_t n = gap > allowed ? (gap - 1) / allowed : 0;

	return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

/* When the pair was last heard of, here or by another worker. */
static int64_t last_of(const struct watch_table *t, uint32_t pair)
{
	const struct state *s = &t->state[pair];
	int64_t own = s->has_heard ? s->heard : s->has_asked ? s->asked : t->begin;
	int64_t any =
		t->board ? atomic_load_explicit(&t->board->last[pair], memory_order_relaxed) : own;

	return any > own ? any : own;
}

/* ended: such an op was seen just now. */
static void silence(struct watch_table *t, uint32_t pair, int64_t time, bool ended)
{
	const struct policy_watch *w =
		policy_watch_at(t->policy, policy_watch_pair_at(t->policy, pair)->watch);
	struct state *s = &t->state[pair];
	int64_t last = last_of(t, pair);
	uint32_t n = w->every ? overdue(time - last, w->every) : 0;
	const struct watch_notice x = {
		.what = WATCH_SILENT,
		.pair = pair,
		.times = n > s->missed ? n - s->missed : 0,
		.time = last + (int64_t)n * w->every,
		.duration = time - last,
		.answers = s->has_heard && s->has_waits && s->waits - s->heard <= w->every,
		.seen = &s->seen,
	};

	if (!n || (!x.times && !ended))
		return;
	s->missed = n;
	t->tell(t->user, &x);
}

void watch_tick(struct watch_table *t, int64_t time)
{
	uint32_t i;

	if (!t->begun)
		watch_begin(t, time);
	for (i = 0; i < t->states; i++)
		silence(t, i, time, false);
}

/* Data that is worth looking at: what a read brought, what a write wants. */
static bool has_values(const struct op *op)
{
	if (op->values.type == OP_V_NONE)
		return false;
	if (op->cls == OP_READ || (op->role == OP_PUBLISH && op->from_server))
		return op->role != OP_REQUEST && !op->status;
	return op->role != OP_RESPONSE || (!op->request_frame && !op->status);
}

/* The device did its part: a read brought data, anything else was confirmed. */
static bool is_heard(const struct op *op)
{
	if (op->role == OP_PUBLISH)
		return true;
	return op->role == OP_RESPONSE && !op->status &&
	       (op->cls != OP_READ || op->values.type != OP_V_NONE);
}

static uint64_t hash_object(const struct op *op, const struct policy_watch_run *run)
{
	const struct op_object *o = &op->object;
	uint64_t key = hash_u64(o->first + run->at, o->space);
	unsigned i;

	key = hash_u64(run->end - run->at, key);
	key = hash_u64((uint64_t)(int64_t)op->unit, key);
	for (i = 0; i < o->npath; i++)
		key = hash_u64(o->path[i], key);
	return o->name.len ? hash_bytes(o->name.p, o->name.len, key) : key;
}

static uint64_t hash_values(const struct op *op, const struct policy_watch_run *run)
{
	struct op_number n;
	uint64_t key = run->at, i;

	if (op->values.count < run->end || op->values.type == OP_V_TEXT)
		return hash_bytes(op->values.raw.p, op->values.raw.len, key);
	for (i = run->at; i < run->end; i++)
		if (op_number_at(&op->values, (uint32_t)i, &n))
			key = hash_bytes(&n, sizeof(n), key);
	return key;
}

/* True when the values are other than those known of the same object, or nothing is known. */
static bool remember(struct state *s, struct block b)
{
	bool changed;
	uint8_t i;

	for (i = 0; i < s->blocks; i++) {
		if (s->block[i].object != b.object)
			continue;
		changed = s->block[i].values != b.values;
		s->block[i].values = b.values;
		return changed;
	}
	if (s->blocks < WATCH_BLOCKS) {
		s->block[s->blocks++] = b;
		return true;
	}
	/* more objects than are remembered must not look like change for ever */
	s->block[s->oldest] = b;
	s->oldest = (uint8_t)((s->oldest + 1) % WATCH_BLOCKS);
	return false;
}

static void stillness(struct watch_table *t, uint32_t pair, const struct policy_watch *w,
		      const struct op *op, const struct policy_watch_run *first, bool changed)
{
	struct state *s = &t->state[pair];
	uint32_t n = s->has_values ? overdue(op->time - s->changed, w->changes) : 0;
	const struct watch_notice x = {
		.what = WATCH_FROZEN,
		.pair = pair,
		.times = n > s->still ? n - s->still : 0,
		.time = s->changed + (int64_t)n * w->changes,
		.duration = op->time - s->changed,
		.seen = &s->seen,
		.op = op,
		.element = first->at,
		.elements = first->end - first->at,
	};

	if (!changed && x.times) {
		s->still = n;
		t->tell(t->user, &x);
	}
	if (changed) {
		s->changed = op->time;
		s->still = 0;
	}
	s->has_values = true;
}

/* The first value of a run that is out of range; false: none. */
static bool strays(const struct watch_table *t, uint32_t watch, const struct op *op,
		   const struct policy_watch_run *run, struct watch_notice *x)
{
	struct op_number n;
	uint64_t i;

	for (i = run->at; i < run->end; i++) {
		if (op->values.count && i >= op->values.count)
			return false;
		x->element = i;
		x->value = NAN;
		if (!op_number_at(&op->values, (uint32_t)i, &n))
			return true;
		if (policy_watch_in_range(t->policy, watch, n))
			continue;
		x->value = policy_watch_in_range(t->policy, watch, (struct op_number){n.lo, n.lo})
				   ? n.hi
				   : n.lo;
		return true;
	}
	return false;
}

static void values(struct watch_table *t, uint32_t pair, uint16_t port, const struct op *op)
{
	uint32_t watch = policy_watch_pair_at(t->policy, pair)->watch;
	const struct policy_watch *w = policy_watch_at(t->policy, watch);
	struct watch_notice x = {.what = WATCH_RANGE,
				 .pair = pair,
				 .times = 1,
				 .time = op->time,
				 .seen = &t->state[pair].seen,
				 .op = op};
	struct policy_watch_run run = {0, 0}, first = {0, 0};
	bool changed = false, told = false;

	while (policy_watch_next(t->policy, watch, port, op, &run)) {
		const struct block b = {hash_object(op, &run), hash_values(op, &run)};

		if (first.end == 0)
			first = run;
		if (w->changes && remember(&t->state[pair], b))
			changed = true;
		if (w->range && !told && strays(t, watch, op, &run, &x)) {
			t->tell(t->user, &x);
			told = true;
		}
	}
	if (w->changes)
		stillness(t, pair, w, op, &first, changed);
}

static void see(struct state *s, const struct flow *f, const struct op *op)
{
	struct watch_seen *x = &s->seen;

	x->frame = op->frame;
	x->file = f->file[1];
	x->flow_id = f->id;
	x->addr[0] = *flow_client(f);
	x->addr[1] = *flow_server(f);
	x->port[0] = flow_client_port(f);
	x->port[1] = flow_server_port(f);
	memcpy(x->vlan, f->vlan, sizeof(x->vlan));
	x->vlans = f->vlans;
	x->ip_proto = f->ip_proto;
}

/* An op between the ends of a pair. */
static void pair_op(struct watch_table *t, uint32_t pair, const struct flow *f, const struct op *op)
{
	uint16_t port = flow_server_port(f);
	struct policy_watch_run run = {0, 0};
	struct state *s = &t->state[pair];
	bool heard = is_heard(op);

	if (!policy_watch_next(t->policy, policy_watch_pair_at(t->policy, pair)->watch, port, op,
			       &run))
		return;
	if (heard || (!s->has_heard && op->role == OP_REQUEST)) {
		if (t->board)
			atomic_store_explicit(&t->board->last[pair], op->time,
					      memory_order_relaxed);
		silence(t, pair, op->time, true);
		s->missed = 0;
	}
	see(s, f, op);
	if (heard) {
		s->heard = op->time;
		s->has_heard = true;
		s->has_waits = false;
	} else if (op->role == OP_REQUEST) {
		s->asked = op->time;
		s->has_asked = true;
		if (!s->has_waits)
			s->waits = op->time;
		s->has_waits = true;
	}
	if (has_values(op))
		values(t, pair, port, op);
}

void watch_op(struct watch_table *t, const struct flow *f, const struct flow_view *v,
	      const struct op *op)
{
	uint32_t first[4], pair;
	unsigned lists, i;

	if (!t->begun)
		watch_begin(t, op->time);
	lists = policy_watch_find(t->policy, v->place[0], v->place[1], first);
	for (i = 0; i < lists; i++)
		for (pair = first[i]; pair != POLICY_NONE;
		     pair = policy_watch_pair_at(t->policy, pair)->next)
			pair_op(t, pair, f, op);
}

void watch_table_free(struct watch_table *t)
{
	free(t);
}
