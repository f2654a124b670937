/*
 * sink/eve_app.h - an op in the words Suricata has for its protocol.
 *
 * Readers of EVE know `modbus{request{unit_id function_raw ...}}`, `enip{...}` and `mqtt{...}`.
 * An op that belongs to one of these is written under those names too; every op is written in
 * ours, under kidoban.op. Thread: one.
 */
#ifndef KIDOBAN_SINK_EVE_APP_H
#define KIDOBAN_SINK_EVE_APP_H

#include "op/op.h"

#include <jansson.h>

/* The event_type of records of that op. */
const char *eve_app_event(const struct op *op);

/* Adds the object of the protocol to a record, if EVE has one. */
void eve_app_add(json_t *record, const struct op *op);

/* A string that may be missing: NULL adds nothing. */
static inline void eve_put(json_t *object, const char *key, const char *text)
{
	if (text)
		json_object_set_new(object, key, json_string(text));
}

static inline void eve_put_int(json_t *object, const char *key, uint64_t v)
{
	json_object_set_new(object, key, json_integer((json_int_t)v));
}

#endif
