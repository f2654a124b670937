/*
 * Pairs of regions, each compared both ways: what one policy permits item by item (a rule, a
 * service) against all that the other permits there under the same condition.
 */
#include "policy/diff.h"

#include "policy/diff_regions.h"
#include "policy/now.h"

#include <stdlib.h>

/* One policy's word on a pair of regions. */
struct side {
	uint32_t set[4];  /* as in policy_flow_decision */
	uint16_t classes; /* what they may do at most */
	bool everything;  /* no conduit, and none is needed */
	bool nothing;	  /* whatever conduits say */
	bool updated;	  /* firmware and programs go through update conduits only */
	uint8_t zero[3];  /* it is hashed and compared as bytes: nothing may be left to chance */
};

_Static_assert(sizeof(struct side) == 4 * sizeof(uint32_t) + 8, "no padding");

struct key {
	struct side side[2];
	uint32_t from, to; /* cells whose zone is another one now, plus one; 0: it is the same */
};

/* Pairs with equal keys differ in the same. */
struct memo {
	struct key key;
	uint32_t *entry;
	uint32_t entries, cap;
};

struct work {
	struct diff_list *out;
	struct regions r;
	struct policy_now now[2];
	uint8_t *closed[2]; /* by conduit; 0 but while an example is put to the matcher */
	uint64_t *join[2];  /* from << 32 | to, sorted, each once */
	size_t joins[2];
	struct memo *memo;
	uint32_t memos, memo_cap;
	struct imap known;		/* hash of a key -> memo */
	struct imap entries;		/* hash of what is told -> entry */
	uint32_t *stamp;		/* by region: compared with the client in hand */
	uint32_t mark;			/* value of stamp for that */
	const struct conduit **list[2]; /* the conduits of the pair in hand */
	uint32_t n[2];
	const struct rule **rule; /* room for a space_side */
	const struct conduit **serving;
	uint32_t client, server; /* regions in hand */
	struct memo *current;
};

/* What stands for "needs no conduit": a service that is everything. */
static struct service every_service = {.kind = SERVICE_IP, .any = true, .text = "everything"};
static const struct conduit everything = {
	.pub = {.id = "", .when = "", .reason = "", .permits = "everything"},
	.service = &every_service,
	.services = 1,
};

/* --- sides --- */

/* True when conduit c of policy k is open while the condition of `of` (of policy j) holds. */
static bool open_with(const struct work *w, unsigned k, const struct conduit *c, unsigned j,
		      const struct conduit *of)
{
	return diff_open_with(w->r.p[k], c, w->r.p[j], of);
}

static struct space_side side_with(struct work *w, unsigned k, const struct side *s, unsigned j,
				   const struct conduit *of)
{
	struct space_side by = {.rule = w->rule, .serving = w->serving};
	uint32_t i, n;

	by.denied = (uint16_t)~s->classes;
	by.guarded = s->updated ? UPDATE_CLASSES : 0;
	for (i = 0; i < w->n[k] && !s->nothing; i++) {
		const struct conduit *c = w->list[k][i];

		if (!open_with(w, k, c, j, of))
			continue;
		for (n = 0; n < c->rules; n++)
			w->rule[by.rules++] = &c->rule[n];
		if (c->services)
			w->serving[by.servings++] = c;
	}
	return by;
}

static void close_all_but(struct work *w, unsigned k, unsigned j, const struct conduit *of,
			  bool undo)
{
	uint32_t i;

	for (i = 0; i < w->n[k]; i++) {
		const struct conduit *c = w->list[k][i];

		if (c != &everything)
			w->closed[k][c - w->r.p[k]->conduit] =
				!undo && !open_with(w, k, c, j, of) ? CLOSED_GRANT : CLOSED_NOT;
	}
}

static bool passes(uint8_t verdict)
{
	return verdict == POLICY_ALLOW || verdict == POLICY_SAME_ZONE ||
	       verdict == POLICY_DEFAULT_ALLOW;
}

/* What policy k says of the example while the condition of `of` holds; *conduit speaks for it. */
static uint8_t ask(struct work *w, unsigned k, unsigned j, const struct conduit *of,
		   const struct space_example *ex, uint32_t *conduit)
{
	const struct region *from = &w->r.region[w->client], *to = &w->r.region[w->server];
	struct policy_flow_decision d;
	struct policy_op_decision x;
	struct op op;
	uint8_t verdict;

	close_all_but(w, k, j, of, false);
	d = policy_flow(&w->now[k], from->place[k], to->place[k], ex->ip_proto, ex->port);
	verdict = d.verdict;
	*conduit = d.conduit;
	if (ex->is_op) {
		op = space_example_op(ex);
		x = policy_op(&w->now[k], &d, &op);
		verdict = x.verdict;
		*conduit = x.conduit;
	} else if (verdict == POLICY_LATER) {
		verdict = policy_served(&w->now[k], &d) ? POLICY_ALLOW : POLICY_PORT_DENIED;
	}
	close_all_but(w, k, j, of, true);
	return verdict;
}

/* --- entries --- */

struct item { /* what one policy permits, or says */
	unsigned side;
	const struct conduit *conduit;
	const void *thing; /* its rule, service or itself: told once */
	const char *what;
	int line;
	bool is_service;
	const struct conduit *else_when; /* of the other policy: permits it too, under this */
};

static void where_conduit(struct diff_where *x, const struct conduit *c, int line)
{
	x->conduit = c->pub.id;
	x->when = c->pub.when;
	if (c == &everything)
		return;
	x->file = c->pub.file;
	x->line = line ? line : c->pub.line;
}

/* True when the zone of the cell is another one, or none. */
static bool moved(const struct work *w, uint32_t cell)
{
	const struct region_side *side = w->r.cell[cell].side;

	if (side[0].zone == POLICY_NONE || side[1].zone == POLICY_NONE)
		return side[0].zone != side[1].zone;
	return strcmp(w->r.p[0]->zone[side[0].zone].id, w->r.p[1]->zone[side[1].zone].id) != 0;
}

static uint32_t moved_cell(const struct work *w, uint32_t region)
{
	uint32_t cell = w->r.region[region].cell;

	return moved(w, cell) ? cell + 1 : 0;
}

/* Everything told of the same thing is one entry, of many pairs. */
static struct diff_entry *entry_of(struct work *w, enum diff_kind kind, const void *thing,
				   const void *other, bool *is_new)
{
	const uintptr_t id[] = {(uintptr_t)kind, (uintptr_t)thing, (uintptr_t)other,
				thing == &every_service ? (uintptr_t)(w->current - w->memo) : 0};
	struct diff_list *l = w->out;
	uint64_t key = hash_bytes(id, sizeof(id), 0);
	uint32_t i = imap_add(&w->entries, &w->r.arena, key, l->count);

	*is_new = i == IMAP_NONE;
	if (*is_new) {
		l->entry = arena_grow(&l->arena, l->entry, l->count, &l->cap, sizeof(*l->entry));
		i = l->count++;
		l->entry[i] = (struct diff_entry){
			.kind = (uint8_t)kind,
			.pair = true,
			.from = w->r.region[w->client].end,
			.to = w->r.region[w->server].end,
			.where = {{.conduit = "", .when = ""}, {.conduit = "", .when = ""}},
		};
	}
	w->current->entry = arena_grow(&w->r.arena, w->current->entry, w->current->entries,
				       &w->current->cap, sizeof(uint32_t));
	w->current->entry[w->current->entries++] = i;
	return &l->entry[i];
}

/* A service stays, but there are update conduits now. */
static const char updates_only[] = "programs and firmware";

static void tell(struct work *w, const struct item *i, enum space_answer answer,
		 const struct space_example *ex)
{
	static const enum diff_kind kinds[] = {DIFF_FORBIDDEN, DIFF_ALLOWED};
	enum diff_kind kind = answer == SPACE_NO ? kinds[i->side] : DIFF_UNDECIDED;
	uint32_t conduit[2] = {POLICY_NONE, POLICY_NONE};
	uint8_t verdict[2] = {POLICY_ALLOW, POLICY_ALLOW};
	struct diff_entry *e;
	unsigned k;
	bool is_new, updates = false;

	if (answer == SPACE_NO) {
		for (k = 0; k < 2; k++)
			verdict[k] = ask(w, k, i->side, i->conduit, ex, &conduit[k]);
		/* the matcher has the last word, and may know more than the rules say */
		if (!passes(verdict[i->side]) || passes(verdict[!i->side]))
			return;
		updates = i->is_service && ex->is_op && verdict[!i->side] == POLICY_UPDATE_DENIED;
	}
	e = entry_of(w, kind, i->thing, updates ? updates_only : (const void *)i->else_when,
		     &is_new);
	if (!is_new)
		return;
	e->what = updates ? updates_only : i->what;
	e->has_example = answer == SPACE_NO;
	if (e->has_example)
		e->example = *ex;
	for (k = 0; k < 2; k++) {
		e->where[k].verdict = verdict[k];
		if (conduit[k] != POLICY_NONE && k != i->side)
			where_conduit(&e->where[k], &w->r.p[k]->conduit[conduit[k]], 0);
	}
	where_conduit(&e->where[i->side], i->conduit, i->line);
	if (i->else_when)
		where_conduit(&e->where[!i->side], i->else_when, 0);
}

/* --- what one side permits against the other --- */

typedef enum space_answer (*covered_by)(struct work *w, const struct item *i, uint16_t classes,
					const struct space_side *by, struct space_example *ex);

static enum space_answer rule_covered(struct work *w, const struct item *i, uint16_t classes,
				      const struct space_side *by, struct space_example *ex)
{
	(void)w;
	return space_rule_covered_in(i->thing, classes, by, ex);
}

/* Its flows by services, and the ops that rules of the other side would look at. */
static enum space_answer service_covered(struct work *w, const struct item *i, uint16_t classes,
					 const struct space_side *by, struct space_example *ex)
{
	enum space_answer answer = SPACE_YES, one;
	const struct service **list;
	struct arena a = {0};
	struct conduit only = *i->conduit;
	uint32_t n = 0, k, m;
	const struct vocab *v;

	(void)w;
	for (k = 0; k < by->servings; k++)
		n += by->serving[k]->services;
	list = arena_array(&a, n, sizeof(*list));
	for (k = n = 0; k < by->servings; k++)
		for (m = 0; m < by->serving[k]->services; m++)
			list[n++] = &by->serving[k]->service[m];
	answer = space_service_covered(i->thing, list, n, ex);
	arena_free(&a);
	only.service = (struct service *)(uintptr_t)i->thing;
	only.services = 1;
	for (k = 0; answer == SPACE_YES && (v = vocab_at(k)); k++) {
		one = space_serving_covered_in(&only, v, classes, by, ex);
		answer = one == SPACE_YES ? answer : one;
	}
	return answer;
}

static void compare_item(struct work *w, const struct key *key, struct item *i, covered_by covered)
{
	unsigned k = i->side, other = !k;
	struct space_example ex, unused;
	struct space_side by = side_with(w, other, &key->side[other], k, i->conduit);
	uint16_t classes = key->side[k].classes;
	enum space_answer answer;
	uint32_t n;

	if (key->side[k].updated && i->is_service && !i->conduit->pub.update)
		classes &= (uint16_t)~UPDATE_CLASSES;
	answer = covered(w, i, classes, &by, &ex);

	if (answer == SPACE_YES)
		return;
	for (n = 0; n < w->n[other] && !i->else_when; n++) {
		const struct conduit *c = w->list[other][n];

		if (open_with(w, other, c, k, i->conduit))
			continue;
		by = side_with(w, other, &key->side[other], other, c);
		if (covered(w, i, classes, &by, &unused) == SPACE_YES)
			i->else_when = c;
	}
	tell(w, i, answer, &ex);
}

static void compare_side(struct work *w, const struct key *key, unsigned k)
{
	uint32_t i, n, told;

	for (i = 0; i < w->n[k] && !key->side[k].nothing; i++) {
		const struct conduit *c = w->list[k][i];

		told = w->current->entries;
		for (n = 0; n < c->rules; n++) {
			const struct rule *r = &c->rule[n];
			struct item item = {k, c, r, r->text, r->line, false, NULL};

			/* what a protocol is carried in goes with it */
			if (!(r->has & RULE_CARRIER) || told == w->current->entries)
				compare_item(w, key, &item, rule_covered);
		}
		for (n = 0; n < c->services; n++) {
			const struct service *s = &c->service[n];
			struct item item = {k, c, s, s->text, s->line, true, NULL};

			compare_item(w, key, &item, service_covered);
		}
	}
}

/* --- what follows from a violation --- */

static const char *const actions[] = {"alert", "degrade", "drop", "reject", "quarantine"};

static unsigned consequences(const struct work *w, unsigned k)
{
	unsigned bits = 0;
	uint32_t i;

	for (i = 0; i < w->n[k]; i++)
		if (w->list[k][i] != &everything)
			bits |= 1u << w->list[k][i]->pub.on_violation |
				(w->list[k][i]->pub.fail_open ? 0x100u : 0x200u) |
				(w->list[k][i]->pub.baseline_enforced ? 0x400u : 0x800u);
	return bits;
}

static const char *action_words(struct arena *a, unsigned bits)
{
	const char *text = "";
	unsigned i;

	for (i = 0; i < sizeof(actions) / sizeof(*actions); i++)
		if (bits >> i & 1)
			text = arena_printf(a, "%s%s%s", text, *text ? " or " : "", actions[i]);
	return text;
}

static const char *fail_words(unsigned bits)
{
	bits = bits >> 8 & 3;
	return bits == 3 ? "open or closed" : bits == 1 ? "open" : "closed";
}

static const char *baseline_words(unsigned bits)
{
	bits = bits >> 10 & 3;
	return bits == 3 ? "enforce or alert" : bits == 1 ? "enforce" : "alert";
}

static const char *consequence_words(struct arena *a, unsigned old, unsigned new)
{
	const char *text = "";

	if ((old ^ new) & 0xff)
		text = arena_printf(a, "on-violation was %s, is %s now", action_words(a, old),
				    action_words(a, new));
	if ((old ^ new) >> 8 & 3)
		text = arena_printf(a, "%s%sfail was %s, is %s now", text, *text ? "; " : "",
				    fail_words(old), fail_words(new));
	if ((old ^ new) >> 10)
		text = arena_printf(a, "%s%sbaseline was %s, is %s now", text, *text ? "; " : "",
				    baseline_words(old), baseline_words(new));
	return text;
}

static void compare_consequences(struct work *w)
{
	unsigned old = consequences(w, 0), new = consequences(w, 1), k;
	const char *limits;
	struct diff_entry *e;
	bool is_new;

	if (!old || !new)
		return;
	limits = diff_limits(&w->out->arena, w->list[0], w->n[0], w->list[1], w->n[1]);
	if (old == new && !limits)
		return;
	e = entry_of(w, DIFF_CHANGED, w->list[0][0], w->list[1][0], &is_new);
	if (!is_new)
		return;
	e->what = consequence_words(&w->out->arena, old, new);
	if (limits)
		e->what = arena_printf(&w->out->arena, "%s%s%s", e->what, *e->what ? "; " : "",
				       limits);
	for (k = 0; k < 2; k++)
		where_conduit(&e->where[k], w->list[k][0], 0);
}

/* --- pairs --- */

static struct side side_of(struct work *w, unsigned k)
{
	const struct region *from = &w->r.region[w->client], *to = &w->r.region[w->server];
	struct policy_flow_decision d = policy_flow(&w->now[k], from->place[k], to->place[k], 6, 0);
	struct side s;

	memset(&s, 0, sizeof(s));
	memcpy(s.set, d.set, sizeof(s.set));
	s.everything = d.set[0] == POLICY_NONE && passes(d.verdict);
	if (d.set[0] != POLICY_NONE && w->r.p[k]->cap) {
		/* what a flow that conduits permit is held to */
		d.verdict = POLICY_LATER;
		d.classes = UINT16_MAX;
		policy_cap(&w->now[k], from->place[k], to->place[k], &d);
		s.nothing = d.verdict != POLICY_LATER;
	}
	s.classes = d.classes & ((1u << OP_CLASSES) - 1);
	s.updated = d.updated;
	return s;
}

static void list_conduits(struct work *w, unsigned k, const struct side *s)
{
	const struct policy *p = w->r.p[k];
	uint32_t i, n, m;

	w->n[k] = 0;
	if (s->everything)
		w->list[k][w->n[k]++] = &everything;
	for (i = 0; i < 4 && s->set[i] != POLICY_NONE; i++)
		for (n = 0; n < p->set[s->set[i]].conduits; n++) {
			const struct conduit *c = &p->conduit[p->set[s->set[i]].conduit[n]];

			for (m = 0; m < w->n[k] && w->list[k][m] != c; m++)
				;
			if (m == w->n[k])
				w->list[k][w->n[k]++] = c;
		}
}

static struct memo *memo_of(struct work *w, const struct key *key, bool *is_new)
{
	uint64_t again, hash;
	uint32_t i;

	for (again = 0;; again++) {
		hash = hash_bytes(key, sizeof(*key), again);
		i = imap_find(&w->known, hash);
		if (i == IMAP_NONE)
			break;
		if (memcmp(&w->memo[i].key, key, sizeof(*key)) == 0) {
			*is_new = false;
			return &w->memo[i];
		}
	}
	*is_new = true;
	imap_add(&w->known, &w->r.arena, hash, w->memos);
	w->memo = arena_grow(&w->r.arena, w->memo, w->memos, &w->memo_cap, sizeof(*w->memo));
	w->memo[w->memos] = (struct memo){.key = *key};
	return &w->memo[w->memos++];
}

/* Nobody speaks with himself over the network, unless he has two addresses. */
static bool one_address(const struct work *w, uint32_t region)
{
	const struct region *r = &w->r.region[region];
	bool one = false;
	unsigned k;

	for (k = 0; k < 2; k++) {
		if (r->side[k].asset == POLICY_NONE)
			continue;
		one = w->r.p[k]->asset[r->side[k].asset].naddresses == 1;
		if (!one)
			return false;
	}
	return one;
}

static void compare_pair(struct work *w, uint32_t server)
{
	struct key key;
	bool is_new;
	uint32_t i;
	unsigned k;

	if (w->stamp[server] == w->mark)
		return;
	if (server == w->client && one_address(w, server))
		return;
	w->stamp[server] = w->mark;
	w->server = server;
	w->out->pairs++;
	key.from = moved_cell(w, w->client);
	key.to = moved_cell(w, w->server);
	for (k = 0; k < 2; k++)
		key.side[k] = side_of(w, k);
	w->current = memo_of(w, &key, &is_new);
	if (is_new) {
		for (k = 0; k < 2; k++)
			list_conduits(w, k, &key.side[k]);
		for (k = 0; k < 2; k++)
			compare_side(w, &key, k);
		compare_consequences(w);
	}
	for (i = 0; i < w->current->entries; i++)
		w->out->entry[w->current->entry[i]].pairs++;
}

/* --- which pairs --- */

static int by_number(const void *x, const void *y)
{
	const uint64_t *a = x, *b = y;

	return (*a > *b) - (*a < *b);
}

static bool find_joins(struct work *w, unsigned k)
{
	const struct policy *p = w->r.p[k];
	size_t n = 0, m = 0, i;
	uint32_t c, f, t;

	for (c = 0; c < p->conduits; c++)
		n += (size_t)p->conduit[c].nfrom * p->conduit[c].nto;
	w->join[k] = malloc(n * sizeof(uint64_t) + 1);
	if (!w->join[k])
		return false;
	for (n = c = 0; c < p->conduits; c++)
		for (f = 0; f < p->conduit[c].nfrom; f++)
			for (t = 0; t < p->conduit[c].nto; t++)
				w->join[k][n++] =
					(uint64_t)p->conduit[c].from[f] << 32 | p->conduit[c].to[t];
	qsort(w->join[k], n, sizeof(uint64_t), by_number);
	for (i = 0; i < n; i++)
		if (m == 0 || w->join[k][m - 1] != w->join[k][i])
			w->join[k][m++] = w->join[k][i];
	w->joins[k] = m;
	return true;
}

static bool joined(const struct work *w, unsigned k, const struct region *from, uint32_t asset)
{
	const struct policy *p = w->r.p[k];
	uint64_t to = p->zones + asset;

	return (from->side[k].asset != POLICY_NONE &&
		imap_find(&p->pairs, (uint64_t)(p->zones + from->side[k].asset) << 32 | to) !=
			IMAP_NONE) ||
	       (from->side[k].zone != POLICY_NONE &&
		imap_find(&p->pairs, (uint64_t)from->side[k].zone << 32 | to) != IMAP_NONE);
}

/* A region of the cell that no conduit joins outright with the client. */
static uint32_t usual_server(const struct work *w, const struct cell *c)
{
	const struct region *from = &w->r.region[w->client];
	uint32_t i;

	if (c->plain != POLICY_NONE)
		return c->plain;
	for (i = c->first; i != POLICY_NONE; i = w->r.region[i].next_in_cell) {
		const struct region *r = &w->r.region[i];

		if (!(r->side[0].asset != POLICY_NONE && joined(w, 0, from, r->side[0].asset)) &&
		    !(r->side[1].asset != POLICY_NONE && joined(w, 1, from, r->side[1].asset)))
			break;
	}
	return i;
}

static void compare_cell(struct work *w, uint32_t cell)
{
	uint32_t r = usual_server(w, &w->r.cell[cell]);

	if (r != POLICY_NONE) {
		compare_pair(w, r);
		return;
	}
	/* nobody there shows by himself what holds for the zone: each together with his own */
	for (r = w->r.cell[cell].first; r != POLICY_NONE; r = w->r.region[r].next_in_cell)
		compare_pair(w, r);
}

static void compare_end(struct work *w, unsigned k, uint32_t to)
{
	const struct policy *p = w->r.p[k];
	uint32_t i;

	if (to < p->zones)
		for (i = w->r.of_zone[k][to]; i != POLICY_NONE; i = w->r.cell[i].next_of_zone[k])
			compare_cell(w, i);
	else
		for (i = w->r.of_asset[k][to - p->zones]; i != POLICY_NONE;
		     i = w->r.region[i].next_of_end[k])
			compare_pair(w, i);
}

/* Where no conduit joins two ends, one of the policies lets everything pass. */
static bool permissive(const struct work *w, uint32_t server)
{
	const struct region *from = &w->r.region[w->client], *to = &w->r.region[server];
	unsigned k;

	for (k = 0; k < 2; k++)
		if (w->r.p[k]->default_allow || from->side[k].segment || to->side[k].segment ||
		    (from->side[k].zone != POLICY_NONE && from->side[k].zone == to->side[k].zone))
			return true;
	return false;
}

/*
 * What a zone's conduits lead to, for a device in it that has conduits of its own. Each pair is the
 * sum of what was compared for the device and for the zone, but where the first conduit that joins
 * two ends takes away what no conduit is needed for.
 */
static void compare_sum(struct work *w, unsigned k, uint32_t to)
{
	const struct policy *p = w->r.p[k];
	uint32_t i;

	if (to < p->zones)
		return;
	for (i = w->r.of_asset[k][to - p->zones]; i != POLICY_NONE;
	     i = w->r.region[i].next_of_end[k])
		if (permissive(w, i))
			compare_pair(w, i);
}

/* Everything that a conduit from this end leads to. */
static void compare_from(struct work *w, unsigned k, uint32_t from,
			 void (*compare)(struct work *w, unsigned k, uint32_t to))
{
	size_t lo = 0, hi = w->joins[k], mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (w->join[k][mid] >> 32 < from)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < w->joins[k] && w->join[k][lo] >> 32 == from; lo++)
		compare(w, k, (uint32_t)w->join[k][lo]);
}

static void compare_client(struct work *w, uint32_t client)
{
	const struct region *r = &w->r.region[client];
	const struct cell *c = &w->r.cell[r->cell];
	bool usual = c->plain == POLICY_NONE || c->plain == client;
	uint32_t i;
	unsigned k;

	w->client = client;
	w->mark++;
	for (k = 0; k < 2; k++) {
		if (r->side[k].asset != POLICY_NONE)
			compare_from(w, k, w->r.p[k]->zones + r->side[k].asset, compare_end);
		/* what holds for the whole zone is compared for the plain region of it */
		if (r->side[k].zone != POLICY_NONE)
			compare_from(w, k, r->side[k].zone, usual ? compare_end : compare_sum);
	}
	for (i = 0; usual && i < w->r.cells; i++)
		compare_cell(w, i);
}

/* --- all of it --- */

static int by_kind_and_line(const void *x, const void *y)
{
	const struct diff_entry *a = x, *b = y;
	unsigned k;
	int c;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	/* by the file that says what is told: of what became allowed the new one */
	for (k = 0; k < 2; k++) {
		const struct diff_where *p = &a->where[k ^ (a->kind == DIFF_ALLOWED)];
		const struct diff_where *q = &b->where[k ^ (b->kind == DIFF_ALLOWED)];

		c = strcmp(p->file ? p->file : "", q->file ? q->file : "");
		if (c || p->line != q->line)
			return c ? c : p->line < q->line ? -1 : 1;
	}
	c = memcmp(&a->from, &b->from, sizeof(a->from));
	c = c ? c : memcmp(&a->to, &b->to, sizeof(a->to));
	return c ? c : strcmp(a->what, b->what);
}

static uint32_t rules_of(const struct policy *p)
{
	uint32_t i, n = 0;

	for (i = 0; i < p->conduits; i++)
		n += p->conduit[i].rules;
	return n;
}

static bool make_room(struct work *w)
{
	uint32_t conduits = 1, rules = 0;
	unsigned k;

	for (k = 0; k < 2; k++) {
		const struct policy *p = w->r.p[k];

		conduits += p->conduits;
		rules += rules_of(p);
		w->closed[k] = arena_array(&w->r.arena, p->conduits, 1);
		w->now[k] = (struct policy_now){.policy = p,
						.mode = (uint8_t)p->operating_mode,
						.from = INT64_MIN,
						.until = INT64_MAX,
						.closed = w->closed[k]};
		w->list[k] = arena_array(&w->r.arena, (size_t)p->conduits + 1, sizeof(**w->list));
		if (!find_joins(w, k))
			return false;
	}
	w->rule = arena_array(&w->r.arena, (size_t)rules, sizeof(*w->rule));
	w->serving = arena_array(&w->r.arena, (size_t)conduits, sizeof(*w->serving));
	w->stamp = arena_array(&w->r.arena, w->r.count, sizeof(*w->stamp));
	return true;
}

bool policy_diff(const struct policy *old, const struct policy *new, struct diff_list *out)
{
	struct work w = {.out = out};
	bool good;
	uint32_t i;

	memset(out, 0, sizeof(*out));
	regions_make(&w.r, old, new);
	out->regions = w.r.count;
	good = make_room(&w);
	for (i = 0; good && i < w.r.count; i++)
		compare_client(&w, i);
	if (good) {
		diff_facts(&w.r, out);
		diff_frames(&w.r, out);
	}
	if (out->count)
		qsort(out->entry, out->count, sizeof(*out->entry), by_kind_and_line);
	for (i = 0; i < out->count; i++)
		out->of_kind[out->entry[i].kind]++;
	free(w.join[0]);
	free(w.join[1]);
	arena_free(&w.r.arena);
	return good;
}

void diff_list_free(struct diff_list *l)
{
	arena_free(&l->arena);
}
