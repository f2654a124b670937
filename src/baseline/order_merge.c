/*
 * What two learned, as if one had: cycles and paths added up, windows put behind each other.
 */
#include "baseline/order_state.h"

bool order_merge(struct channel *to, const struct channel *from)
{
	struct arena *arena = &to->norm->baseline->arena;
	uint8_t own[ORDER_NOTHING + 1];
	struct order_path p;
	const struct item *i;
	struct item *mine;
	uint32_t k;

	for (i = from->items; i; i = i->next) {
		mine = item_add(to, i);
		if (mine)
			order_state_merge(arena, mine, i);
	}
	if (!from->order)
		return true;
	memset(own, ORDER_NOTHING, sizeof(own));
	for (i = from->items; i; i = i->next) {
		mine = i->index < ORDER_NOTHING ? item_add(to, i) : NULL;
		if (mine && mine->index < ORDER_NOTHING)
			own[i->index] = (uint8_t)mine->index;
	}
	for (k = 0; k < from->order->paths; k++) {
		p = from->order->path[k];
		p.a = own[p.a];
		p.b = own[p.b];
		p.x = own[p.x];
		if (p.b != ORDER_NOTHING && p.x != ORDER_NOTHING)
			order_path_add(arena, to, &p);
	}
	if (!to->order)
		return true;
	to->order->irregular |= from->order->irregular;
	to->order->novel += from->order->novel;
	tally_merge(&to->order->seen, &from->order->seen);
	return true;
}

/* The same item in another norm; NULL beyond the limits. */
static struct item *counterpart(struct norm *to, const struct item *i)
{
	const struct channel *c = i->channel;
	struct channel *own = channel_find(to, &c->client, &c->server, c->proto, c->unit);

	return own ? item_add(own, i) : NULL;
}

static void merge_cycle(struct arena *arena, const struct order_cycle *c, struct item *const *own)
{
	struct order_group *g = own[c->at[0]] ? own[c->at[0]]->order.group : NULL;
	uint8_t at[ORDER_SYMBOLS];
	struct order_cycle more = *c;
	unsigned i;

	more.at = at;
	more.members = 0;
	for (i = 0; i < c->n; i++) {
		/* items of more groups than one: only beyond 64 of a client */
		if (!g || !own[c->at[i]] || own[c->at[i]]->order.group != g)
			return;
		at[i] = own[c->at[i]]->order.symbol;
		more.members |= UINT64_C(1) << at[i];
	}
	order_cycle_add(arena, g, &more);
}

static void merge_windows(struct arena *arena, const struct order_group *from,
			  struct item *const *own)
{
	const struct order_window *w;
	uint32_t last = (uint32_t)((uint64_t)from->last >> ORDER_UNIT), ago;
	struct item *i;
	unsigned level, k;

	for (level = 0; from->learning && level < ORDER_LEVELS; level++) {
		w = &from->learning->level[level];
		for (k = 0; k < w->n; k++) {
			i = own[w->symbol[k]];
			ago = last - w->at[k];
			if (i && i->order.group)
				order_window_add(arena, i->order.group, level, i->order.symbol,
						 from->last - ((int64_t)ago << ORDER_UNIT));
		}
	}
}

static void merge_group(struct norm *to, const struct order_group *from)
{
	struct arena *arena = &to->baseline->arena;
	struct item *own[ORDER_SYMBOLS] = {NULL};
	struct order_group *g = NULL;
	unsigned i;

	for (i = 0; i < from->symbols; i++) {
		own[i] = counterpart(to, from->item[i]);
		g = own[i] ? order_group(to, own[i]) : NULL;
		if (!g)
			continue;
		g->ready[own[i]->order.symbol] += from->ready[i];
		if (from->regular >> i & 1)
			g->regular |= UINT64_C(1) << own[i]->order.symbol;
		g->last = from->last > g->last ? from->last : g->last;
	}
	for (i = 0; i < from->cycles; i++)
		merge_cycle(arena, from->cycle[i], own);
	for (i = 0; i < from->symbols; i++)
		if (own[i] && own[i]->order.group)
			order_group_refresh(own[i]->order.group);
	merge_windows(arena, from, own);
}

bool order_merge_norm(struct norm *to, const struct norm *from)
{
	const struct order_group *g;

	for (g = from->order.groups; g; g = g->next)
		merge_group(to, g);
	order_stay_merge_norm(to, from);
	return true;
}
