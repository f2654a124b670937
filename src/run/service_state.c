#include "run/clock.h"
#include "run/service_impl.h"

/* Somebody gave a grant, or released a host, without asking the service. */
void service_look_at_state(struct service *s)
{
	int64_t now;
	char err[256];

	if (!s->state)
		return;
	now = state_foreign(s->state);
	if (now < 0 || now == s->state_seen) /* cannot be read now: the next time */
		return;
	s->state_seen = now;
	if (!service_state_changed(s, err, sizeof(err)))
		fprintf(stderr, "kidoban run: %s: %s; grants stay as they were\n", s->cfg->state,
			err);
}

/* A worker isolated it already; here it is written down, and all the others are told. */
void service_isolate(struct service *s, const struct act_quarantine *q, const char *reason)
{
	const struct state_actor who = {.time = clock_wall(), .os_user = "kidoban"};
	char host[ADDR_STRLEN], err[256] = "there is no state file";
	struct state_quarantine one = {.host = host,
				       .from = who.time,
				       .until = q->until,
				       .by = "kidoban",
				       .reason = reason};
	int64_t id;

	if (q->has_mac)
		mac_str(&q->mac, host);
	else
		addr_str(&q->addr, host);
	if (one.until <= one.from)
		return;
	if (s->state && !state_isolate(s->state, &who, &one, &id))
		snprintf(err, sizeof(err), "%s", state_error(s->state));
	else if (s->state && service_state_changed(s, err, sizeof(err)))
		return;
	fprintf(stderr, "kidoban run: the quarantine of %s is not kept: %s\n", host, err);
}

/* A device did not answer a degraded request: after a restart it need not be reset again. */
void service_stubborn(struct service *s, const struct addr *server, uint16_t port)
{
	char host[ADDR_STRLEN];
	const struct state_stubborn d = {
		.host = addr_str(server, host), .port = port, .since = clock_wall()};

	if (s->state && !state_stubborn_found(s->state, &d))
		fprintf(stderr, "kidoban run: %s: %s\n", s->cfg->state, state_error(s->state));
}

static void remember(void *user, const struct state_stubborn *d)
{
	struct service *s = user;
	struct addr server;
	unsigned i;

	for (i = 0; addr_parse(d->host, &server) && i < s->workers; i++)
		worker_stubborn(s->worker[i], &server, d->port);
}

void service_remember(struct service *s)
{
	if (s->state && !state_stubborn(s->state, remember, s))
		fprintf(stderr, "kidoban run: %s: %s\n", s->cfg->state, state_error(s->state));
}
