/*
 * detect/endpoint.h - what devices told about themselves.
 *
 * Protocols let a device say who it is: Modbus device identification, the CIP identity object, an
 * MQTT client id. Dissectors pass such facts on as key and value; here they are kept per address,
 * so that an alert or a flow record about the device can name maker and model.
 *
 *      address -> [ key = value ] x ENDPOINT_FACTS, the last value told per key
 *
 * What it is not: an inventory. It holds only devices that introduced themselves, and it believes
 * them; a device may lie.
 *
 * Memory: one entry per device that told something, made when it does (a rare message), at most
 * ENDPOINTS_MAX; further devices are not remembered, and counted. Thread: one worker.
 */
#ifndef KIDOBAN_DETECT_ENDPOINT_H
#define KIDOBAN_DETECT_ENDPOINT_H

#include "base/addr.h"
#include "base/reader.h"

#include <stdbool.h>
#include <stdint.h>

#define ENDPOINTS_MAX  16384
#define ENDPOINT_FACTS 12
#define ENDPOINT_VALUE 64 /* bytes of a value with its NUL; longer ones are cut */

struct endpoint_fact {
	const char *key;	    /* static: "vendor", "product-name", ... */
	char value[ENDPOINT_VALUE]; /* UTF-8; control characters escaped */
};

struct endpoint {
	struct addr addr;
	uint32_t next;	/* index of the next entry in the bucket, or ENDPOINTS_MAX */
	uint32_t facts; /* how many of fact[] are used */
	struct endpoint_fact fact[ENDPOINT_FACTS];
};

struct endpoint_table;

/* NULL when memory is out. */
struct endpoint_table *endpoint_table_new(void);

/* Keeps a fact. False when it was known already, or there is no room. */
bool endpoint_learn(struct endpoint_table *t, const struct addr *a, const char *key,
		    struct slice value);

/* NULL when that device has told nothing. */
const struct endpoint *endpoint_find(const struct endpoint_table *t, const struct addr *a);

/* In the order in which they first told something; NULL past the last. */
const struct endpoint *endpoint_at(const struct endpoint_table *t, uint32_t i);

/* Devices and facts that found no room. */
uint64_t endpoint_refused(const struct endpoint_table *t);

/* Accepts NULL. */
void endpoint_table_free(struct endpoint_table *t);

#endif
