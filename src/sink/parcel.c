#include "sink/parcel.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct packer {
	char *base;
	size_t used; /* bytes; a multiple of 8 between two things */
};

/* Members that point at a text, at a list of texts, at a device. */
static const size_t texts[] = {
	offsetof(struct incident, app),	      offsetof(struct incident, src_zone),
	offsetof(struct incident, dst_zone),  offsetof(struct incident, src_asset),
	offsetof(struct incident, dst_asset), offsetof(struct incident, conduit),
	offsetof(struct incident, watch),
};
static const size_t lists[] = {
	offsetof(struct incident, refs),
	offsetof(struct incident, asset_refs),
	offsetof(struct incident, zone_refs),
};
static const size_t devices[] = {
	offsetof(struct incident, src_device),
	offsetof(struct incident, dst_device),
};

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* All pointers of an incident that travel, as numbers. */
static uintptr_t *member(struct incident *i, size_t at)
{
	return (uintptr_t *)((char *)i + at);
}

/* Offset of the copy; 0: there is no room. */
static size_t keep(struct packer *p, const void *data, size_t len)
{
	size_t at = p->used;

	if (len > PARCEL_MAX - at)
		return 0;
	memcpy(p->base + at, data, len);
	p->used = (at + len + 7) & ~(size_t)7;
	return at;
}

static size_t keep_text(struct packer *p, const char *text)
{
	return text ? keep(p, text, strlen(text) + 1) : 0;
}

static size_t keep_list(struct packer *p, const char *const *list)
{
	const char *none = NULL;
	size_t n = 0, k, at;

	if (!list || !*list)
		return 0;
	while (list[n])
		n++;
	at = keep(p, list, (n + 1) * sizeof(*list));
	for (k = 0; at && k < n; k++) {
		size_t text = keep_text(p, list[k]);

		memcpy(p->base + at + k * sizeof(text), &text, sizeof(text));
		if (!text)
			break;
	}
	if (at && k == n)
		memcpy(p->base + at + k * sizeof(none), &none, sizeof(none));
	return at;
}

static size_t keep_device(struct packer *p, const struct endpoint *e)
{
	return e ? keep(p, e, offsetof(struct endpoint, fact) + e->facts * sizeof(*e->fact)) : 0;
}

size_t parcel_pack(const struct incident *i, void *buf)
{
	struct packer p = {.base = buf};
	struct incident *copy = buf;
	size_t k;

	keep(&p, i, sizeof(*i));
	for (k = 0; k < COUNT(texts); k++)
		*member(copy, texts[k]) =
			keep_text(&p, *(const char *const *)((const char *)i + texts[k]));
	for (k = 0; k < COUNT(devices); k++)
		*member(copy, devices[k]) = keep_device(
			&p, *(const struct endpoint *const *)((const char *)i + devices[k]));
	for (k = 0; k < COUNT(lists); k++)
		*member(copy, lists[k]) =
			keep_list(&p, *(const char *const *const *)((const char *)i + lists[k]));
	return p.used < PARCEL_MAX ? p.used : PARCEL_MAX;
}

static void settle(char *base, uintptr_t *at)
{
	if (*at)
		*at += (uintptr_t)base;
}

struct incident *parcel_open(void *buf)
{
	struct incident *i = buf;
	uintptr_t *entry;
	size_t k;

	for (k = 0; k < COUNT(texts); k++)
		settle(buf, member(i, texts[k]));
	for (k = 0; k < COUNT(devices); k++)
		settle(buf, member(i, devices[k]));
	for (k = 0; k < COUNT(lists); k++) {
		settle(buf, member(i, lists[k]));
		for (entry = (uintptr_t *)*member(i, lists[k]); entry && *entry; entry++)
			settle(buf, entry);
	}
	return i;
}

struct incident *parcel_copy(const struct incident *i)
{
	_Alignas(8) char buf[PARCEL_MAX];
	size_t len = parcel_pack(i, buf);
	void *copy = malloc(len);

	if (!copy)
		return NULL;
	memcpy(copy, buf, len);
	return parcel_open(copy);
}
