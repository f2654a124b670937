/* Requests that wait for their reply; see cip.h. */
#include "proto/cip.h"

static bool alive(const struct cip_kept *k, const struct cip_kept_request *q)
{
	return q->frame && k->head - q->at <= CIP_KEPT_BYTES;
}

static struct cip_kept_request *slot(struct cip_kept *k, unsigned i)
{
	return &k->request[(k->oldest + i) % CIP_KEPT_REQUESTS];
}

static void drop_oldest(struct cip_kept *k)
{
	slot(k, 0)->frame = 0;
	k->oldest = (uint8_t)((k->oldest + 1) % CIP_KEPT_REQUESTS);
	k->used--;
}

/* Answered requests at the front are gone. */
static void trim(struct cip_kept *k)
{
	while (k->used && slot(k, 0)->frame == 0)
		drop_oldest(k);
}

struct cip_kept_request *cip_kept_put(struct cip_kept *k, const struct proto_ctx *c, uint64_t key,
				      const void *conn, struct slice bytes)
{
	struct cip_kept_request *q;
	uint32_t len = bytes.len < CIP_KEPT_MAX ? bytes.len : CIP_KEPT_MAX;
	uint32_t room = CIP_KEPT_BYTES - (uint32_t)(k->head % CIP_KEPT_BYTES);

	trim(k);
	if (k->used == CIP_KEPT_REQUESTS) {
		k->lossy = true;
		drop_oldest(k);
	}
	q = slot(k, k->used++);
	if (len > room)
		k->head += room; /* in one piece, from the start of the ring */
	*q = (struct cip_kept_request){
		.key = key,
		.frame = c->frame,
		.time = c->time,
		.at = k->head,
		.conn = conn,
		.len = len,
	};
	if (len)
		memcpy(k->bytes + k->head % CIP_KEPT_BYTES, bytes.p, len);
	k->head += len;
	return q;
}

struct slice cip_kept_bytes(const struct cip_kept *k, const struct cip_kept_request *q)
{
	return slice_of(k->bytes + q->at % CIP_KEPT_BYTES, q->len);
}

struct cip_kept_request *cip_kept_find(struct cip_kept *k, uint64_t key, const void *conn,
				       int service)
{
	unsigned i;

	trim(k);
	for (i = 0; i < k->used; i++) {
		struct cip_kept_request *q = slot(k, i);

		if (q->frame == 0 || q->key != key || (q->conn && conn && q->conn != conn))
			continue;
		if (!alive(k, q)) {
			q->frame = 0;
			k->lossy = true;
			continue;
		}
		if (service < 0 || cip_answers(cip_kept_bytes(k, q), (uint8_t)service))
			return q;
	}
	return NULL;
}

void cip_kept_clear(struct cip_kept *k)
{
	while (k->used)
		drop_oldest(k);
	k->lossy = true;
}
