#include "capture/bridge.h"
#include "capture/queue.h"
#include "policy/nft.h"
#include "run/service_impl.h"

#include <stdlib.h>
#include <unistd.h>

/* Workers that share interfaces share a group; no other process's is the same. */
static uint16_t group_of(unsigned source)
{
	return (uint16_t)(((unsigned)getpid() * RUN_SOURCES_MAX + source) & 0xffff);
}

static struct source *open_mirror(const struct run_source *r, unsigned source, unsigned worker,
				  char *err, size_t errlen)
{
	const struct live_config cfg = {.ifaces = r->ifaces,
					.filter = r->filter,
					.snaplen = r->snaplen,
					.buffer = r->buffer,
					.immediate = r->immediate,
					.promiscuous = r->promiscuous,
					.timestamps = r->timestamps,
					.workers = r->workers,
					.worker = worker,
					.group = group_of(source)};
	char notice[256] = "";
	struct source *s = live_open(&cfg, err, errlen, notice, sizeof(notice));

	if (s && *notice && worker == 0)
		fprintf(stderr, "kidoban run: %s\n", notice);
	return s;
}

/* What the kernel does in kidoban's place, as text for it; free() it. NULL: everything passes. */
static char *wire_of(const struct run_source *r, const struct policy *p)
{
	char *text = NULL, table[64];
	size_t len = 0;
	FILE *out = p ? open_memstream(&text, &len) : NULL;
	bool written;

	if (!out)
		return NULL;
	snprintf(table, sizeof(table), "kidoban_wire_%s", r->ifaces[0]);
	written = policy_nft_wire(p, r->ifaces[0], r->ifaces[1], table, out);
	if (fclose(out) == 0 && written)
		return text;
	free(text);
	return NULL;
}

static struct source *open_bridge(const struct run_source *r, unsigned source, unsigned worker,
				  const struct policy *p, char *err, size_t errlen)
{
	char *wire = wire_of(r, p);
	const struct bridge_config cfg = {.iface = {r->ifaces[0], r->ifaces[1]},
					  .wire = wire,
					  .when_stopped_open = r->when_stopped_open,
					  .buffer = r->buffer,
					  .workers = r->workers,
					  .worker = worker,
					  .group = group_of(source)};
	struct source *s = bridge_open(&cfg, err, errlen);

	free(wire);
	return s;
}

static struct source *open_queue(const struct run_source *r, unsigned worker, char *err,
				 size_t errlen)
{
	const struct queue_config cfg = {.number = r->number,
					 .workers = r->workers,
					 .worker = worker,
					 .length = r->length,
					 .buffer = r->buffer};

	return queue_open(&cfg, err, errlen);
}

bool sources_open(struct service *s, const struct policy *p, char *err, size_t errlen)
{
	unsigned source, worker;

	for (source = 0; source < s->cfg->sources; source++) {
		const struct run_source *r = &s->cfg->source[source];

		for (worker = 0; worker < r->workers; worker++) {
			struct source *one =
				r->kind == RUN_MIRROR ? open_mirror(r, source, worker, err, errlen)
				: r->kind == RUN_BRIDGE
					? open_bridge(r, source, worker, p, err, errlen)
					: open_queue(r, worker, err, errlen);

			if (!one)
				return false;
			s->source[s->opened] = one;
			s->opened_from[s->opened++] = (uint8_t)source;
		}
	}
	return true;
}

/* The first worker of a bridge keeps its wire. */
void sources_wire(struct service *s, struct diag *diag)
{
	unsigned i;

	for (i = 0; i < s->workers; i++) {
		unsigned source = worker_source_number(s->worker[i]);
		const struct run_source *r = &s->cfg->source[source];
		char err[256], *wire;

		if (r->kind != RUN_BRIDGE ||
		    (i && worker_source_number(s->worker[i - 1]) == source))
			continue;
		wire = wire_of(r, s->orders->policy);
		if (!bridge_wire(worker_source(s->worker[i]), wire, err, sizeof(err)))
			diag_add(diag, DIAG_WARNING, s->cfg->path, r->line, 0,
				 "without kidoban the kernel still cuts by the old policy: %s",
				 err);
		free(wire);
	}
}
