#include "sink/wire.h"

#include <stdio.h>
#include <string.h>

bool wire_take(struct wire *w, const char *data, size_t len)
{
	char count[16];
	size_t n = w->counted ? (size_t)snprintf(count, sizeof(count), "%zu ", len) : 0;

	if (n + len > WIRE_BUFFER - w->used || (w->one_by_one && w->used))
		return false;
	memcpy(w->buffer + w->used, count, n);
	memcpy(w->buffer + w->used + n, data, len);
	w->used += n + len;
	w->offered += n + len;
	return true;
}

void wire_gone(struct wire *w, size_t n)
{
	memmove(w->buffer, w->buffer + n, w->used - n);
	w->used -= n;
}

enum wire_state wire_fail(struct wire *w, const char *what, int err)
{
	snprintf(w->error, sizeof(w->error), "%s: %s", what, strerror(err));
	return WIRE_DOWN;
}
