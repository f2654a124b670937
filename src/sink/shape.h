/*
 * sink/shape.h - an event as the bytes that one output sends: a line, a syslog message, the
 * fields of a journal entry.
 *
 * The words of an event (EVE, CEF, text) are made once however many outputs want them.
 *
 * Thread: the dispatcher; a shape_text is its owner's.
 */
#ifndef KIDOBAN_SINK_SHAPE_H
#define KIDOBAN_SINK_SHAPE_H

#include "sink/outputs.h"

#include <stddef.h>

#define SHAPE_MAX 24576 /* bytes of an event in a format */

struct shape_text {
	size_t used;
	bool cut; /* it did not fit */
	char data[SHAPE_MAX];
};

static inline void shape_clear(struct shape_text *t)
{
	t->used = 0;
	t->cut = false;
}

/* For a struct sink_put with a struct shape_text as its user. */
void shape_bytes(void *user, const char *text, size_t len);

struct shape;

struct shape *shape_new(void);

/* Another event begins. */
void shape_next(struct shape *s);

/* Valid until the next call. Length 0: it cannot be shaped. */
const char *shape_alert(struct shape *s, const struct output_config *c, const struct incident *i,
			size_t *len);
/* eve: the event as a line of EVE. */
const char *shape_other(struct shape *s, const struct output_config *c, unsigned event,
			const char *eve, size_t n, size_t *len);

/* Accepts NULL. */
void shape_free(struct shape *s);

#endif
