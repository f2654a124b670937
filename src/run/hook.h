/*
 * run/hook.h - a program of the administrator's that is run for each violation that is blocked, or
 * would be if it could: `response: {hook: PATH}`.
 *
 *   dispatcher ──> ring ──> hook thread ──> PATH, the alert as a line of EVE on its standard input
 *
 * Off unless configured. Only in mode enforce, only for what the policy wants more than an alert
 * about, once per incident when it begins; never about a safety zone.
 *
 * Nothing waits for the program: what the ring cannot take is skipped. At most HOOK_AT_ONCE run at
 * a time and HOOK_RATE are started in a second; one that takes longer than HOOK_TIME is killed. It
 * has no capabilities, an environment of PATH only, and the descriptors 0 (a file to be read), 1
 * and 2 (kidoban's). What failed and what was skipped is told on standard error, every ten seconds
 * at most.
 *
 * Thread: made and freed by the main thread, hook_wants() and hook_alert() by the dispatcher.
 */
#ifndef KIDOBAN_RUN_HOOK_H
#define KIDOBAN_RUN_HOOK_H

#include "detect/incident.h"

#include <stddef.h>

#define HOOK_AT_ONCE 4
#define HOOK_RATE    10			  /* a second, and at once */
#define HOOK_TIME    INT64_C(10000000000) /* ns */

struct hook;

/* The path is not copied. NULL with a sentence in err. */
struct hook *hook_new(const char *path, char *err, size_t errlen);

/* After the filter of system calls. */
bool hook_start(struct hook *h);

bool hook_wants(void *hook, const struct incident *i);
void hook_alert(void *hook, const char *eve, size_t len);

/* Waits two seconds for what is still to be run. Accepts NULL. */
void hook_free(struct hook *h);

#endif
