#include "sink/flight.h"

#include <stdlib.h>
#include <string.h>

bool flight_add(struct flight *f, const struct flight_record *r)
{
	struct flight_record *to = flight_at(f, f->count);
	char *data = NULL;

	if (!r->spooled) {
		data = malloc(r->len ? r->len : 1);
		if (!data)
			return false;
		memcpy(data, r->data, r->len);
		f->bytes += r->len;
	}
	*to = *r;
	to->data = data;
	f->count++;
	return true;
}

static void drop(struct flight *f, struct flight_record *r)
{
	if (r->data)
		f->bytes -= r->len;
	free(r->data);
	r->data = NULL;
}

void flight_pop(struct flight *f)
{
	drop(f, flight_at(f, 0));
	f->first = (f->first + 1) % FLIGHT_MAX;
	f->count--;
	if (f->sent)
		f->sent--;
}

void flight_spooled(struct flight *f, unsigned n, const struct spool_place *at)
{
	struct flight_record *r = flight_at(f, n);

	drop(f, r);
	r->spooled = true;
	r->place = *at;
}

void flight_rewind(struct flight *f)
{
	unsigned n, kept = 0;

	for (n = 0; n < f->count; n++)
		if (!flight_at(f, n)->spooled)
			*flight_at(f, kept++) = *flight_at(f, n);
	f->count = kept;
	f->sent = 0;
}

void flight_clear(struct flight *f)
{
	while (f->count)
		flight_pop(f);
}
