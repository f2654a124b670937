/*
 * The table of open incidents:
 *
 *   bucket[hash] -> incident -> incident        found by (finding, key)
 *   touched:  head = quiet for longest ... tail = seen last
 *   created:  head = oldest            ... tail = newest
 *   fresh:    live: made since the last packet, not told yet
 *   waiting:  live: may be one try of a sweep, not told yet
 *   chunk[]   CHUNK entries each, allocated when first needed, never given back before the end
 *
 * All order comes from the two lists, never from where an entry hashes to, so that the same input
 * tells the same incidents in the same order.
 */
#include "detect/incident.h"

#include "base/hash.h"

#include <stdlib.h>

#define CHUNK	    64u /* incidents per allocation, about 100 KB */
#define DEFAULT_MAX 16384u

struct entry;

enum stage { STAGE_FRESH, STAGE_WAITING, STAGE_TOLD };

struct link {
	struct entry *prev, *next;
};

struct entry {
	struct incident incident;
	uint64_t key;
	uint64_t made;		   /* running number */
	struct entry *bucket_next; /* also the list of free entries */
	struct link touched;
	struct link created;
	struct link untold; /* live: in fresh or waiting */
	uint8_t stage;	    /* live: enum stage */
	uint16_t did;	    /* live: did_mask when it was told */
};

struct list {
	struct entry *head, *tail;
};

struct incident_table {
	struct entry **bucket; /* a power of two of them */
	uint32_t mask;
	struct entry **chunk;
	uint32_t chunks, chunks_max;
	uint32_t used_in_last; /* entries handed out of the newest chunk */
	uint32_t max, open;
	struct entry *free;
	struct list touched, created;
	int64_t quiet, longest; /* ns */
	bool live;
	int64_t patience; /* ns */
	struct list fresh, waiting;
	uint64_t early;
	uint64_t made; /* incidents so far */
	void (*told)(void *user, const struct incident *i);
	void *user;
};

#define LIST_FUNCTIONS(name)                                                                       \
	static void name##_append(struct list *l, struct entry *e)                                 \
	{                                                                                          \
		e->name.prev = l->tail;                                                            \
		e->name.next = NULL;                                                               \
		if (l->tail)                                                                       \
			l->tail->name.next = e;                                                    \
		else                                                                               \
			l->head = e;                                                               \
		l->tail = e;                                                                       \
	}                                                                                          \
	static void name##_remove(struct list *l, struct entry *e)                                 \
	{                                                                                          \
		if (e->name.prev)                                                                  \
			e->name.prev->name.next = e->name.next;                                    \
		else                                                                               \
			l->head = e->name.next;                                                    \
		if (e->name.next)                                                                  \
			e->name.next->name.prev = e->name.prev;                                    \
		else                                                                               \
			l->tail = e->name.prev;                                                    \
	}

LIST_FUNCTIONS(touched)
LIST_FUNCTIONS(created)
LIST_FUNCTIONS(untold)

struct incident_table *incident_table_new(uint32_t max, int64_t quiet_ns, int64_t longest_ns,
					  void (*told)(void *user, const struct incident *i),
					  void *user)
{
	struct incident_table *t = calloc(1, sizeof(*t));
	uint32_t buckets = 16;

	if (!t)
		return NULL;
	t->max = max ? max : DEFAULT_MAX;
	while (buckets < t->max && buckets < 1u << 24)
		buckets *= 2;
	t->mask = buckets - 1;
	t->chunks_max = (t->max + CHUNK - 1) / CHUNK;
	t->bucket = calloc(buckets, sizeof(struct entry *));
	t->chunk = calloc(t->chunks_max, sizeof(struct entry *));
	t->quiet = quiet_ns;
	t->longest = longest_ns;
	t->told = told;
	t->user = user;
	if (!t->bucket || !t->chunk) {
		incident_table_free(t);
		return NULL;
	}
	return t;
}

static struct entry **bucket_of(struct incident_table *t, const struct finding *f, uint64_t key)
{
	return &t->bucket[hash_u64(key, f->sid) & t->mask];
}

static struct entry *find(struct incident_table *t, const struct finding *f, uint64_t key)
{
	struct entry *e = *bucket_of(t, f, key);

	while (e && (e->key != key || e->incident.finding != f))
		e = e->bucket_next;
	return e;
}

/* Index of place in base, base->places where it is not among them. */
static uint32_t place_index(const struct incident *base, uint64_t place)
{
	uint32_t i;

	for (i = 0; i < base->places && base->place[i] != place; i++)
		;
	return i;
}

static uint64_t key_at(uint64_t key, uint64_t place)
{
	return hash_u64(place, key);
}

static struct entry *find_at(struct incident_table *t, const struct finding *f, uint64_t key,
			     uint64_t place)
{
	struct entry *base = find(t, f, key);
	uint32_t at = base && place ? place_index(&base->incident, place) : 0;

	if (at) /* INCIDENT_PLACES and more: no entry has that key */
		base = find(t, f, key_at(key, place));
	return base;
}

struct incident *incident_find_at(struct incident_table *t, const struct finding *f, uint64_t key,
				  uint64_t place)
{
	struct entry *e = find_at(t, f, key, place);

	return e ? &e->incident : NULL;
}

struct incident *incident_keep_at(struct incident_table *t, const struct finding *f, uint64_t key,
				  uint64_t place, int64_t time)
{
	struct entry *e = find_at(t, f, key, place);

	if (!e)
		return NULL;
	if (time > e->incident.last)
		e->incident.last = time;
	touched_remove(&t->touched, e);
	touched_append(&t->touched, e);
	return &e->incident;
}

static void tell(struct incident_table *t, struct entry *e, enum incident_phase phase)
{
	e->incident.phase = (uint8_t)phase;
	t->told(t->user, &e->incident);
}

static void tell_begun(struct incident_table *t, struct entry *e)
{
	untold_remove(e->stage == STAGE_FRESH ? &t->fresh : &t->waiting, e);
	e->stage = STAGE_TOLD;
	e->did = e->incident.did_mask;
	tell(t, e, INCIDENT_OPENED);
}

static bool is_part_of_sweep(const struct incident *i)
{
	return i->swept && !i->did_mask;
}

/* Its last word. One that was part of a sweep all the time is told as captures tell it. */
static void tell_ended(struct incident_table *t, struct entry *e)
{
	if (t->live && e->stage != STAGE_TOLD && is_part_of_sweep(&e->incident)) {
		untold_remove(e->stage == STAGE_FRESH ? &t->fresh : &t->waiting, e);
		e->stage = STAGE_TOLD;
		tell(t, e, INCIDENT_WHOLE);
		return;
	}
	if (!t->live) {
		tell(t, e, INCIDENT_WHOLE);
		return;
	}
	if (e->stage != STAGE_TOLD)
		tell_begun(t, e);
	tell(t, e,
	     e->incident.count > 1 || e->incident.did_mask != e->did ? INCIDENT_ENDED
								     : INCIDENT_OVER);
}

void incident_live(struct incident_table *t, int64_t patience)
{
	t->live = true;
	t->patience = patience;
}

void incident_begun(struct incident_table *t)
{
	struct entry *e;

	while ((e = t->fresh.head)) {
		if (!e->incident.tried) {
			tell_begun(t, e);
			continue;
		}
		untold_remove(&t->fresh, e);
		untold_append(&t->waiting, e);
		e->stage = STAGE_WAITING;
	}
}

static void tell_waiting(struct incident_table *t, int64_t time)
{
	struct entry *e, *next;

	for (e = t->waiting.head; e; e = next) {
		const struct incident *i = &e->incident;

		next = e->untold.next;
		if (!i->tried || i->did_mask ||
		    (!i->swept && (time - i->first > t->patience || time < i->first)))
			tell_begun(t, e);
	}
}

static void close_entry(struct incident_table *t, struct entry *e)
{
	struct entry **p = bucket_of(t, e->incident.finding, e->key);

	while (*p != e)
		p = &(*p)->bucket_next;
	*p = e->bucket_next;
	touched_remove(&t->touched, e);
	created_remove(&t->created, e);
	t->open--;
	tell_ended(t, e);
	e->bucket_next = t->free;
	t->free = e;
}

/* A free entry; NULL when the table is full or memory is out. */
static struct entry *take(struct incident_table *t)
{
	struct entry *e = t->free;

	if (e) {
		t->free = e->bucket_next;
		return e;
	}
	if (t->open == t->max)
		return NULL;
	if (t->chunks == 0 || t->used_in_last == CHUNK) {
		struct entry *c = t->chunks < t->chunks_max ? calloc(CHUNK, sizeof(*c)) : NULL;

		if (!c)
			return NULL;
		t->chunk[t->chunks++] = c;
		t->used_in_last = 0;
	}
	return &t->chunk[t->chunks - 1][t->used_in_last++];
}

/* Packet time may jump back, between files or by a clock that was set: that is a pause as well. */
static bool over(const struct incident_table *t, const struct incident *i, int64_t time)
{
	return time - i->last > t->quiet || i->last - time > t->quiet ||
	       time - i->first > t->longest;
}

static void close_old(struct incident_table *t, int64_t time)
{
	while (t->touched.head && time - t->touched.head->incident.last > t->quiet)
		close_entry(t, t->touched.head);
	while (t->created.head && time - t->created.head->incident.first > t->longest)
		close_entry(t, t->created.head);
}

void incident_tick(struct incident_table *t, int64_t time)
{
	close_old(t, time);
	tell_waiting(t, time);
}

struct incident *incident_report(struct incident_table *t, const struct finding *f, uint64_t key,
				 int64_t time, uint64_t frame)
{
	struct entry **bucket, *e;

	close_old(t, time);
	e = find(t, f, key);
	if (e && over(t, &e->incident, time)) {
		close_entry(t, e);
		e = NULL;
	}
	if (e) {
		e->incident.count++;
		if (time > e->incident.last)
			e->incident.last = time;
		touched_remove(&t->touched, e);
		touched_append(&t->touched, e);
		return NULL;
	}
	e = take(t);
	if (!e && t->touched.head) {
		t->early++;
		close_entry(t, t->touched.head);
		e = take(t);
	}
	if (!e)
		return NULL;
	memset(e, 0, sizeof(*e));
	e->key = key;
	e->made = t->made++;
	e->incident.finding = f;
	e->incident.severity = f->severity;
	e->incident.first = e->incident.last = time;
	e->incident.first_frame = frame;
	e->incident.count = 1;
	bucket = bucket_of(t, f, key);
	e->bucket_next = *bucket;
	*bucket = e;
	touched_append(&t->touched, e);
	created_append(&t->created, e);
	if (t->live)
		untold_append(&t->fresh, e);
	t->open++;
	return &e->incident;
}

/*
 * By what it is and when it began, not by who saw it: no longer than `quiet`, so that the next one
 * about the same is another. JSON numbers are exact below 2^53.
 */
static uint64_t id_of(const struct incident_table *t, const struct incident *i, uint64_t key,
		      uint64_t place)
{
	uint64_t window = (uint64_t)(i->first / (t->quiet > 0 ? t->quiet : 1));
	uint64_t id = hash_u64(window, hash_u64(place, hash_u64(key, i->finding->sid)));

	return (id >> 11) | 1;
}

struct incident *incident_report_at(struct incident_table *t, const struct finding *f, uint64_t key,
				    uint64_t place, int64_t time, uint64_t frame)
{
	struct entry *base = place ? find(t, f, key) : NULL;
	uint32_t at = base ? place_index(&base->incident, place) : 0;
	uint64_t asked = key;
	struct incident *i;

	if (at == INCIDENT_PLACES) {
		base->incident.elsewhere++;
	} else if (at) {
		base->incident.place[at] = place;
		if (at == base->incident.places)
			base->incident.places++;
		key = key_at(key, place);
	}
	i = incident_report(t, f, key, time, frame);
	if (i && place) {
		i->place[0] = place;
		i->places = 1;
	}
	if (i && t->live)
		i->id = id_of(t, i, asked, place);
	return i;
}

void incident_newest(struct incident_table *t, uint32_t max,
		     void (*one)(void *user, struct incident *i), void *user)
{
	struct entry *e;

	for (e = t->created.tail; e && max; e = e->created.prev, max--)
		one(user, &e->incident);
}

static int by_first(const void *a, const void *b)
{
	const struct entry *x = *(struct entry *const *)a, *y = *(struct entry *const *)b;

	if (x->incident.first != y->incident.first)
		return x->incident.first < y->incident.first ? -1 : 1;
	return x->made < y->made ? -1 : 1;
}

/* What a flow did is known when it ends: incidents are not made in the order they began in. */
void incident_flush(struct incident_table *t)
{
	struct entry **open = t->open ? calloc(t->open, sizeof(struct entry *)) : NULL;
	uint32_t i, n = 0;
	struct entry *e;

	for (e = t->created.head; open && e; e = e->created.next)
		open[n++] = e;
	if (n)
		qsort(open, n, sizeof(struct entry *), by_first);
	for (i = 0; i < n; i++)
		close_entry(t, open[i]);
	free(open);
	while (t->created.head) /* memory is out: in the order they were made in */
		close_entry(t, t->created.head);
}

uint64_t incident_early(const struct incident_table *t)
{
	return t->early;
}

void incident_table_free(struct incident_table *t)
{
	uint32_t i;

	if (!t)
		return;
	for (i = 0; t->chunk && i < t->chunks; i++)
		free(t->chunk[i]);
	free(t->chunk);
	free(t->bucket);
	free(t);
}
