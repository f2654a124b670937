/*
 * learn/vendor.h - who made a device, by its MAC address.
 *
 * Reads a table that is installed on the machine anyway (Wireshark's manuf, nmap's MAC prefixes,
 * IEEE's oui.txt of Debian's ieee-data); none is part of kidoban. Prefixes of 24 bits only.
 * Thread: immutable once loaded.
 */
#ifndef KIDOBAN_LEARN_VENDOR_H
#define KIDOBAN_LEARN_VENDOR_H

#include "base/addr.h"

struct vendor_table;

/* path NULL: the first of the usual places that is there. NULL: there is none, or no memory. */
struct vendor_table *vendor_load(const char *path);

/* "" when nobody knows, also for locally administered addresses. */
const char *vendor_find(const struct vendor_table *t, const struct mac *m);

/* Accepts NULL. */
void vendor_free(struct vendor_table *t);

#endif
