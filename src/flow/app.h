/*
 * flow/app.h - names for flows that no dissector claims: the one adaptor to nDPI 4.2.
 *
 * nDPI sees the first payloads of such a flow, in order and each behind network and transport
 * headers made here, because that is the form it wants; the name is its master protocol in lower
 * case ("tls", "dns"). It is never asked to guess by port.
 *
 * Memory: flow states of nDPI for a bounded number of flows at a time; when none is left, a flow
 * stays without a name. What nDPI allocates inside is its own. Without nDPI all of this answers
 * "no". Thread: one worker owns one.
 */
#ifndef KIDOBAN_FLOW_APP_H
#define KIDOBAN_FLOW_APP_H

#include "flow/flow.h"

#define APP_FLOWS_MAX 1024 /* being named at a time */

struct app;
struct app_flow;

/* NULL when kidoban was built without nDPI, or memory is out. */
struct app *app_new(void);

/* NULL when APP_FLOWS_MAX are out. */
struct app_flow *app_flow_get(struct app *a);

/* Accepts NULL. */
void app_flow_put(struct app *a, struct app_flow *af);

/* One payload from side of f. The name, static, as soon as there is one. */
const char *app_packet(struct app *a, struct app_flow *af, const struct flow *f, unsigned side,
		       const uint8_t *p, uint32_t n, int64_t time);

/* Nothing more will come: the name, or NULL. */
const char *app_give_up(struct app *a, struct app_flow *af);

/* Accepts NULL. */
void app_free(struct app *a);

#endif
