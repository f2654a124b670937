/*
 * policy/entry.h - one entry of allow by itself, as a question: which ops or flows does it mean?
 *
 * The words, checks and messages are those of a policy (zones/README.md, "Entries of allow"), so
 * that who can write a policy can write an expectation:
 *
 *   modbus write holding 105          tcp 502          {modbus: {do: write, holding: 100-119}}
 *
 * Where a permission must cover all of an op, a question is met by any element of it: a write of
 * 104-107 is a write of 105. Thread: immutable once loaded.
 */
#ifndef KIDOBAN_POLICY_ENTRY_H
#define KIDOBAN_POLICY_ENTRY_H

#include "base/yaml.h"
#include "policy/policy.h"

struct policy_entry;

/*
 * A map as under allow, or the same in plain words: protocol, class or code, then keys with their
 * values; a service and its ports. Object addresses are written as in p. NULL with diag filled.
 */
struct policy_entry *policy_entry_load(const struct policy *p, const struct yaml_node *n,
				       const char *file, struct diag *diag);

/* In the policy's words. */
const char *policy_entry_text(const struct policy_entry *e);
bool policy_entry_is_service(const struct policy_entry *e);

/* Does any part of the op belong to it? port is the server's. An op without values may have any. */
bool policy_entry_op(const struct policy_entry *e, const struct op *op, uint16_t port);

/* The same of a flow, for a service. port: as policy_flow() takes it. */
bool policy_entry_flow(const struct policy_entry *e, uint8_t ip_proto, uint16_t port);

/* Protocol and classes it means, bits of enum op_class; "" and 0 of a service. */
const char *policy_entry_proto(const struct policy_entry *e, uint16_t *classes);

/* Accepts NULL. */
void policy_entry_free(struct policy_entry *e);

#endif
