#include "sink/join.h"

#include "sink/parcel.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS JOIN_MAX
#define NONE	UINT32_MAX

struct entry {
	uint64_t id;	    /* 0: free */
	int64_t first;	    /* packet time of the opening that was told */
	int64_t born, due;  /* ns, never stepped; due: when the sum is told; 0: it is not waited */
	uint32_t open;	    /* workers that opened it and have not said that it ended */
	bool joined;	    /* more openings than were told */
	bool told_end;	    /* the sum has been told once */
	uint64_t count;	    /* occurrences of those that ended */
	uint64_t elsewhere; /* likewise */
	struct incident *end;  /* what is told of the end; NULL: nothing to tell yet */
	uint32_t next;	       /* in the bucket; NONE */
	uint32_t older, newer; /* by birth; NONE */
};

struct join {
	void (*told)(void *user, const struct incident *i);
	void *user;
	uint32_t bucket[BUCKETS];
	uint32_t oldest, newest, unused;
	struct entry entry[JOIN_MAX];
};

struct join *join_new(void (*told)(void *user, const struct incident *i), void *user)
{
	struct join *j = calloc(1, sizeof(*j));
	uint32_t k;

	if (!j)
		return NULL;
	j->told = told;
	j->user = user;
	j->oldest = j->newest = NONE;
	for (k = 0; k < BUCKETS; k++)
		j->bucket[k] = NONE;
	for (k = 0; k < JOIN_MAX; k++)
		j->entry[k].next = k + 1 < JOIN_MAX ? k + 1 : NONE;
	return j;
}

static uint32_t *bucket_of(struct join *j, uint64_t id)
{
	return &j->bucket[(id * UINT64_C(0x9e3779b97f4a7c15)) >> 52 & (BUCKETS - 1)];
}

static struct entry *find(struct join *j, uint64_t id)
{
	uint32_t k = *bucket_of(j, id);

	while (k != NONE && j->entry[k].id != id)
		k = j->entry[k].next;
	return k == NONE ? NULL : &j->entry[k];
}

/* What is known of the end by now: those who have not ended saw it once, as far as we know. */
static void tell_end(struct join *j, struct entry *e)
{
	if (!e->end)
		return;
	e->end->count = e->count + e->open;
	e->end->elsewhere = e->elsewhere;
	j->told(j->user, e->end);
	e->told_end = true;
}

static void forget(struct join *j, struct entry *e)
{
	uint32_t k = (uint32_t)(e - j->entry), *at = bucket_of(j, e->id);

	while (*at != k)
		at = &j->entry[*at].next;
	*at = e->next;
	*(e->older == NONE ? &j->oldest : &j->entry[e->older].newer) = e->newer;
	*(e->newer == NONE ? &j->newest : &j->entry[e->newer].older) = e->older;
	free(e->end);
	memset(e, 0, sizeof(*e));
	e->next = j->unused;
	j->unused = k;
}

static struct entry *remember(struct join *j, const struct incident *i, int64_t now)
{
	uint32_t k, *at;
	struct entry *e;

	if (j->unused == NONE) {
		e = &j->entry[j->oldest];
		if (e->due)
			tell_end(j, e);
		forget(j, e);
	}
	k = j->unused;
	e = &j->entry[k];
	j->unused = e->next;
	at = bucket_of(j, i->id);
	*e = (struct entry){.id = i->id,
			    .first = i->first,
			    .born = now,
			    .open = 1,
			    .next = *at,
			    .older = j->newest,
			    .newer = NONE};
	*(j->newest == NONE ? &j->oldest : &j->entry[j->newest].newer) = k;
	*at = j->newest = k;
	return e;
}

static void merge(struct entry *e, const struct incident *i)
{
	struct incident *copy = parcel_copy(i);

	if (!copy)
		return;
	if (e->end) {
		if (e->end->first < copy->first)
			copy->first = e->end->first;
		if (e->end->last > copy->last)
			copy->last = e->end->last;
		copy->did_mask |= e->end->did_mask;
		free(e->end);
	}
	/* of the opening that was told nothing else is kept */
	if (e->first < copy->first)
		copy->first = e->first;
	if (e->first > copy->last)
		copy->last = e->first;
	copy->phase = INCIDENT_ENDED;
	e->end = copy;
}

static void opened(struct join *j, struct incident *i, int64_t now)
{
	struct entry *e = find(j, i->id);

	/* A worker that saw the one of before only once has not said that it is over: what begins
	 * when that would be over is another. */
	if (e && i->first - e->first < JOIN_QUIET && !e->told_end) {
		e->open++;
		e->joined = true;
		merge(e, i);
		if (!e->due)
			e->due = now + JOIN_LONG;
		return;
	}
	if (e) {
		if (e->due && !e->told_end)
			tell_end(j, e);
		forget(j, e);
	}
	remember(j, i, now);
	j->told(j->user, i);
}

static void ended(struct join *j, struct incident *i, int64_t now)
{
	struct entry *e = find(j, i->id);

	if (!e || (!e->joined && e->open <= 1)) {
		if (e)
			forget(j, e);
		j->told(j->user, i);
		return;
	}
	merge(e, i);
	e->count += i->count;
	e->elsewhere += i->elsewhere;
	if (e->open)
		e->open--;
	e->due = now + JOIN_QUIET;
	if (e->open)
		return;
	tell_end(j, e);
	forget(j, e);
}

void join_over(struct join *j, uint64_t id)
{
	struct entry *e = find(j, id);

	if (!e)
		return;
	e->count++;
	if (e->open)
		e->open--;
	if (e->open)
		return;
	tell_end(j, e); /* of a single one there is none */
	forget(j, e);
}

void join_take(struct join *j, struct incident *i, int64_t now)
{
	if (!i->id || i->phase == INCIDENT_WHOLE)
		j->told(j->user, i);
	else if (i->phase == INCIDENT_OPENED)
		opened(j, i, now);
	else
		ended(j, i, now);
}

void join_tick(struct join *j, int64_t now)
{
	uint32_t k, newer;

	for (k = j->oldest; k != NONE; k = newer) {
		struct entry *e = &j->entry[k];

		newer = e->newer;
		if (e->due && now >= e->due) {
			e->due = 0;
			tell_end(j, e);
		}
		if (now - e->born >= JOIN_LONG)
			forget(j, e);
	}
}

void join_flush(struct join *j)
{
	uint32_t k, newer;

	for (k = j->oldest; k != NONE; k = newer) {
		newer = j->entry[k].newer;
		if (j->entry[k].due)
			tell_end(j, &j->entry[k]);
		forget(j, &j->entry[k]);
	}
}

void join_free(struct join *j)
{
	uint32_t k;

	if (!j)
		return;
	for (k = 0; k < JOIN_MAX; k++)
		free(j->entry[k].end);
	free(j);
}
