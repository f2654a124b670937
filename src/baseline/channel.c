#include "baseline/channel.h"

#include "baseline/inside.h"

#include <inttypes.h>
#include <stdlib.h>

#define FIRST_BUCKETS 64u
#define NAME_MAX_LEN  160 /* bytes of an object's name that are kept, with the NUL */

bool norm_init(struct norm *n, struct baseline *b)
{
	n->baseline = b;
	n->last_channel = &n->channels;
	n->channel_mask = n->item_mask = FIRST_BUCKETS - 1;
	n->channel_bucket = calloc(FIRST_BUCKETS, sizeof(struct channel *));
	n->item_bucket = calloc(FIRST_BUCKETS, sizeof(struct item *));
	return set_norm_init(n) && n->channel_bucket && n->item_bucket;
}

void norm_free(struct norm *n)
{
	struct channel *c;

	for (c = n->channels; c; c = c->next)
		order_channel_free(c);
	set_norm_free(n);
	value_norm_free(n);
	timing_norm_free(n);
	order_norm_free(n);
	free(n->channel_bucket);
	free(n->item_bucket);
}

/* --- channels --- */

static uint64_t channel_key(const struct norm *n, const struct addr *client,
			    const struct addr *server, const char *proto, int32_t unit)
{
	uint64_t h = hash_bytes(client->b, sizeof(client->b),
				(uint64_t)(uint32_t)unit ^ n->baseline->limits.key);

	h = hash_bytes(server->b, sizeof(server->b), h);
	return hash_bytes(proto, strlen(proto), h);
}

static struct channel *channel_at(const struct norm *n, uint64_t key, const struct addr *client,
				  const struct addr *server, const char *proto, int32_t unit)
{
	struct channel *c = n->channel_bucket[key & n->channel_mask];

	while (c && (c->key != key || c->unit != unit || !addr_eq(&c->server, server) ||
		     !addr_eq(&c->client, client) || strcmp(c->proto, proto) != 0))
		c = c->bucket;
	return c;
}

struct channel *channel_find(const struct norm *n, const struct addr *client,
			     const struct addr *server, const char *proto, int32_t unit)
{
	return channel_at(n, channel_key(n, client, server, proto, unit), client, server, proto,
			  unit);
}

/* Twice the buckets when there is one entry in each; a table that cannot grow is slower only. */
static void grow_channels(struct norm *n)
{
	uint32_t mask = n->channel_mask * 2 + 1;
	struct channel **b, *c;

	if (n->channel_count <= n->channel_mask || !(b = calloc(mask + 1, sizeof(*b))))
		return;
	for (c = n->channels; c; c = c->next) {
		c->bucket = b[c->key & mask];
		b[c->key & mask] = c;
	}
	free(n->channel_bucket);
	n->channel_bucket = b;
	n->channel_mask = mask;
}

struct channel *channel_get(struct norm *n, const struct addr *client, const struct addr *server,
			    const char *proto, int32_t unit)
{
	uint64_t key = channel_key(n, client, server, proto, unit);
	struct channel *c = channel_at(n, key, client, server, proto, unit);

	if (c)
		return c;
	if (n->channel_count >= n->baseline->limits.channels) {
		n->refused++;
		return NULL;
	}
	if (norm_is_full(n))
		return NULL;
	grow_channels(n);
	c = arena_alloc(&n->baseline->arena, sizeof(*c));
	c->norm = n;
	c->key = key;
	c->client = *client;
	c->server = *server;
	c->proto = proto;
	c->unit = unit;
	c->last_item = &c->items;
	c->bucket = n->channel_bucket[key & n->channel_mask];
	n->channel_bucket[key & n->channel_mask] = c;
	*n->last_channel = c;
	n->last_channel = &c->next;
	n->channel_count++;
	set_channel_made(c);
	return c;
}

/* --- items --- */

/* What tells one item from another; name: as in struct item. */
static uint64_t item_key(const struct channel *c, const struct item *i, const char *name,
			 size_t name_len)
{
	uint64_t h = hash_u64(i->code, c->key);
	unsigned k;

	h = hash_u64((uint64_t)i->role << 16 | (uint64_t)i->space << 8 | i->from_server, h);
	for (k = 0; k < i->npath; k++)
		h = hash_u64(i->path[k], h);
	h = hash_u64(i->first, h);
	h = hash_u64(i->count, h);
	return name_len ? hash_bytes(name, name_len, h) : h;
}

static bool item_is(const struct item *a, const struct item *b, const char *name)
{
	return a->code == b->code && a->role == b->role && a->space == b->space &&
	       a->from_server == b->from_server && a->npath == b->npath &&
	       memcmp(a->path, b->path, a->npath * sizeof(a->path[0])) == 0 &&
	       a->first == b->first && a->count == b->count &&
	       (!a->object || !name ? !a->object == !name : strcmp(a->object, name) == 0);
}

/* The item an op is about, without its links; name has room for a named object. */
static void describe(const struct op *op, struct item *i, char name[NAME_MAX_LEN])
{
	const struct op_object *o = &op->object;
	struct op_object named = {.space = o->space, .name = o->name};

	memset(i, 0, sizeof(*i));
	i->name = op->name;
	i->code = op->code;
	i->role = op->role == OP_PUBLISH ? OP_PUBLISH : OP_REQUEST;
	i->from_server = i->role == OP_PUBLISH && op->from_server;
	i->cls = op->cls;
	i->space = o->space;
	i->npath = o->npath;
	memcpy(i->path, o->path, sizeof(i->path));
	i->first = o->first;
	i->count = o->count;
	if (!o->name.len)
		return;
	op_object_str(&named, name, NAME_MAX_LEN);
	i->object = name;
}

static struct item *item_at(const struct channel *c, uint64_t key, const struct item *what)
{
	struct item *i = c->norm->item_bucket[key & c->norm->item_mask];

	while (i && (i->key != key || i->channel != c || !item_is(i, what, what->object)))
		i = i->bucket;
	return i;
}

struct item *item_find(const struct channel *c, const struct op *op)
{
	char name[NAME_MAX_LEN];
	struct item what;

	describe(op, &what, name);
	return item_at(c, item_key(c, &what, what.object, what.object ? strlen(name) : 0), &what);
}

static void grow_items(struct norm *n)
{
	uint32_t mask = n->item_mask * 2 + 1;
	struct channel *c;
	struct item **b, *i;

	if (n->item_count <= n->item_mask || !(b = calloc(mask + 1, sizeof(*b))))
		return;
	for (c = n->channels; c; c = c->next) {
		for (i = c->items; i; i = i->next) {
			i->bucket = b[i->key & mask];
			b[i->key & mask] = i;
		}
	}
	free(n->item_bucket);
	n->item_bucket = b;
	n->item_mask = mask;
}

struct item *item_add(struct channel *c, const struct item *what)
{
	size_t len = what->object ? strlen(what->object) : 0;
	uint64_t key = item_key(c, what, what->object, len);
	struct norm *n = c->norm;
	struct item *i = item_at(c, key, what);

	if (i)
		return i;
	if (c->item_count >= n->baseline->limits.items || norm_is_full(n)) {
		c->unlisted++;
		return NULL;
	}
	grow_items(n);
	i = arena_alloc(&n->baseline->arena, sizeof(*i));
	i->channel = c;
	i->key = key;
	i->index = c->item_count++;
	i->name = arena_text(&n->baseline->arena, what->name, strlen(what->name));
	i->code = what->code;
	i->role = what->role;
	i->cls = what->cls;
	i->space = what->space;
	i->npath = what->npath;
	i->from_server = what->from_server;
	memcpy(i->path, what->path, sizeof(i->path));
	i->first = what->first;
	i->count = what->count;
	if (what->object)
		i->object = arena_text(&n->baseline->arena, what->object, len);
	i->bucket = n->item_bucket[key & n->item_mask];
	n->item_bucket[key & n->item_mask] = i;
	*c->last_item = i;
	c->last_item = &i->next;
	n->item_count++;
	return i;
}

struct item *item_get(struct channel *c, const struct op *op)
{
	char name[NAME_MAX_LEN];
	struct item what;

	describe(op, &what, name);
	return item_add(c, &what);
}

const char *item_str(const struct item *i, char *buf, size_t size)
{
	struct op_object o = {.space = i->space, .npath = i->npath, .first = i->first};
	char what[NAME_MAX_LEN + 32];

	memcpy(o.path, i->path, sizeof(o.path));
	if (i->object)
		o.name = (struct slice){(const uint8_t *)i->object, strlen(i->object)};
	if (i->space == OP_SPACE_NONE) {
		snprintf(buf, size, "%s", i->name);
		return buf;
	}
	op_object_str(&o, what, sizeof(what));
	if (i->count > 1 && !i->object)
		snprintf(buf, size, "%s %s %s-%" PRIu64, i->name, op_object_space(&o), what,
			 i->first + i->count - 1);
	else
		snprintf(buf, size, "%s %s %s", i->name, op_object_space(&o), what);
	return buf;
}
