/*
 * policy/mud.h - a Manufacturer Usage Description (RFC 8520) as conduits.
 *
 * The maker of a device says in a JSON file with whom it has to talk: access lists (RFC 8519) of
 * what comes from it and what goes to it. Conduits say the same, once: who opens, replies implied.
 *
 *   from-device  dst-dnsname cloud.example.com, tcp destination-port 443, initiated from-device
 *   to-device    src-dnsname cloud.example.com, tcp source-port 443, initiated from-device
 *   conduit      from: DEVICE, to: what --peer says cloud.example.com is, allow: [tcp: [443]]
 *
 * Names of hosts and abstractions such as my-controller are no ends of a policy: the caller says
 * which zone, asset or group each of them is, and every one that is missing is told. Nothing is
 * guessed wider than it is written: an entry that conduits cannot say is left out, with a warning.
 *
 * Input is hostile. Thread: pure function.
 */
#ifndef KIDOBAN_POLICY_MUD_H
#define KIDOBAN_POLICY_MUD_H

#include "base/diag.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* What a name of the file is in the policy. */
struct mud_peer {
	const char *name; /* "cloud.example.com", "my-controller", "192.0.2.0/24", ... */
	const char *end;  /* zone, asset or group */
};

struct mud_config {
	const char *asset; /* the device */
	const char *zone;  /* where it is; also what local-networks are unless a peer says so */
	const struct mud_peer *peer;
	size_t peers;
};

/*
 * Writes a file of conduits to out, to be included in a policy. file is its name, for messages.
 * False after an error, with diag filled; then what was written is of no use.
 */
bool mud_import(const struct mud_config *cfg, const char *file, const char *text, size_t len,
		struct diag *diag, FILE *out);

/* True for what can be an id of the policy: short, without spaces. */
bool mud_is_id(const char *s);

#endif
