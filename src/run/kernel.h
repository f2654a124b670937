/*
 * run/kernel.h - what the service tells the exported ruleset while that is loaded.
 *
 * `kidoban export nftables` writes a table with sets for what changes at run time: hosts in
 * quarantine, and grants of conduits. Whoever isolates a host or gives a grant tells the kernel
 * too, so that it holds for connections kidoban never sees. Elements have timeouts: the kernel
 * forgets them by itself, also when kidoban is gone.
 *
 * Without the table, and without the right to change it, nothing happens: a mirror port, a bridge.
 * A table that is loaded anew is empty: kernel_quarantine() and kernel_grant() are to be called
 * again every now and then for what still holds; called for what is there already they only set the
 * time anew.
 *
 * Thread: any. A call is a system call or two, far from any packet.
 */
#ifndef KIDOBAN_RUN_KERNEL_H
#define KIDOBAN_RUN_KERNEL_H

#include "detect/act.h"
#include "policy/policy.h"

struct kernel;

/* table: NULL for "kidoban". NULL only where there is no netlink; all calls accept that. */
struct kernel *kernel_new(const char *table);

/* Until q->until; now: ns since 1970 UTC. True when the kernel has it. */
bool kernel_quarantine(struct kernel *k, const struct act_quarantine *q, int64_t now);
bool kernel_release(struct kernel *k, const struct act_quarantine *q);

/* Opens the conduit until then, ns since 1970 UTC; revoke closes it. True when the kernel has it.
 */
bool kernel_grant(struct kernel *k, const struct policy *p, uint32_t conduit, int64_t until,
		  int64_t now);
bool kernel_revoke(struct kernel *k, const struct policy *p, uint32_t conduit);

/* Accepts NULL. */
void kernel_free(struct kernel *k);

#endif
