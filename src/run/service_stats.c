/* Stats events: the numbers of all workers, under Suricata's names where it has one. */
#include "run/clock.h"
#include "run/service_impl.h"

#include <stdlib.h>

struct sums {
	struct packet_stats packet;
	struct flow_stats flow;
	struct act_stats act;
	struct source_stats source;
};

static void add(struct sums *a, const struct worker_counts *c)
{
	unsigned i;

	a->packet.packets += c->packet.packets;
	a->packet.bytes += c->packet.bytes;
	a->packet.bad += c->packet.bad;
	a->packet.checksum_bad += c->packet.checksum_bad;
	a->packet.tunnels += c->packet.tunnels;
	a->packet.fragments += c->packet.fragments;
	a->packet.reassembled += c->packet.reassembled;
	a->packet.fragments_dropped += c->packet.fragments_dropped;
	a->flow.flows += c->flow.flows;
	a->flow.active += c->flow.active;
	a->flow.evicted += c->flow.evicted;
	a->flow.midstream += c->flow.midstream;
	a->flow.retransmissions += c->flow.retransmissions;
	a->flow.gaps += c->flow.gaps;
	a->flow.gap_bytes += c->flow.gap_bytes;
	a->flow.buffers_refused += c->flow.buffers_refused;
	a->flow.ops += c->flow.ops;
	a->act.degraded += c->act.degraded;
	a->act.dropped += c->act.dropped;
	a->act.rejected += c->act.rejected;
	a->act.quarantined += c->act.quarantined;
	for (i = 0; i < c->ifaces; i++)
		sources_add(&a->source, &c->source[i]);
}

void service_stats(struct service *s, int64_t wall)
{
	struct sink *sink = outputs_sink(s->outputs, s->planned);
	struct sums a = {.packet = {.packets = 0}};
	unsigned i;

	if (!s->cfg->stats_every || wall < s->stats_next || !sink->ops->stats)
		return;
	s->stats_next = wall + s->cfg->stats_every;
	for (i = 0; i < s->workers; i++) {
		worker_counts(s->worker[i], &s->counts);
		add(&a, &s->counts);
		free(s->counts.conduit);
	}
	const struct sink_stats list[] = {
		{"uptime", (uint64_t)((wall - s->started) / 1000000000)},
		{"capture.kernel_packets", a.source.packets + a.source.kernel_drops},
		{"capture.kernel_drops", a.source.kernel_drops},
		{"capture.kernel_ifdrops", a.source.interface_drops},
		{"capture.passed_unseen", a.source.unseen},
		{"capture.sent", a.source.sent},
		{"capture.send_failed", a.source.send_failed},
		{"decoder.pkts", a.packet.packets},
		{"decoder.bytes", a.packet.bytes},
		{"decoder.invalid", a.packet.bad},
		{"decoder.checksum_bad", a.packet.checksum_bad},
		{"decoder.tunnels", a.packet.tunnels},
		{"defrag.fragments", a.packet.fragments},
		{"defrag.reassembled", a.packet.reassembled},
		{"defrag.dropped", a.packet.fragments_dropped},
		{"flow.total", a.flow.flows},
		{"flow.active", a.flow.active},
		{"flow.evicted", a.flow.evicted},
		{"tcp.midstream", a.flow.midstream},
		{"tcp.retransmissions", a.flow.retransmissions},
		{"tcp.gaps", a.flow.gaps},
		{"tcp.gap_bytes", a.flow.gap_bytes},
		{"tcp.segments_refused", a.flow.buffers_refused},
		{"app_layer.ops", a.flow.ops},
		{"ips.degraded", a.act.degraded},
		{"ips.blocked", a.act.dropped},
		{"ips.rejected", a.act.rejected},
		{"ips.quarantined", a.act.quarantined},
		{NULL, 0},
	};

	sink->ops->stats(sink, wall, list);
}
