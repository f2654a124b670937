/* Stats events: the numbers of all workers, under Suricata's names where it has one. */
#include "run/service_impl.h"
#include "run/totals.h"

void service_stats(struct service *s, const struct totals *t, int64_t wall)
{
	struct sink *sink = outputs_sink(s->outputs, s->planned);
	struct source_stats source;

	if (!s->cfg->stats_every || wall < s->stats_next || !sink->ops->stats)
		return;
	s->stats_next = wall + s->cfg->stats_every;
	source = totals_sources(t);
	const struct sink_stats list[] = {
		{"uptime", (uint64_t)((wall - s->started) / 1000000000)},
		{"capture.kernel_packets", source.packets + source.kernel_drops},
		{"capture.kernel_drops", source.kernel_drops},
		{"capture.kernel_ifdrops", source.interface_drops},
		{"capture.passed_unseen", source.unseen},
		{"capture.overloads", source.overloads},
		{"capture.sent", source.sent},
		{"capture.send_failed", source.send_failed},
		{"decoder.pkts", t->packet.packets},
		{"decoder.bytes", t->packet.bytes},
		{"decoder.invalid", t->packet.bad},
		{"decoder.checksum_bad", t->packet.checksum_bad},
		{"decoder.tunnels", t->packet.tunnels},
		{"defrag.fragments", t->packet.fragments},
		{"defrag.reassembled", t->packet.reassembled},
		{"defrag.dropped", t->packet.fragments_dropped},
		{"flow.total", t->flow.flows},
		{"flow.active", t->flow.active},
		{"flow.evicted", t->flow.evicted},
		{"tcp.midstream", t->flow.midstream},
		{"tcp.retransmissions", t->flow.retransmissions},
		{"tcp.gaps", t->flow.gaps},
		{"tcp.gap_bytes", t->flow.gap_bytes},
		{"tcp.segments_refused", t->flow.buffers_refused},
		{"app_layer.ops", t->flow.ops},
		{"ips.degraded", t->act.degraded},
		{"ips.blocked", t->act.dropped},
		{"ips.rejected", t->act.rejected},
		{"ips.quarantined", t->act.quarantined},
		{t->has_baseline ? "baseline.ops" : NULL, t->learned.ops},
		{"baseline.explained", t->learned.recent_explained},
		{"baseline.recent", t->learned.recent_ops},
		{"baseline.settled", t->learned.settled},
		{"baseline.channels", t->learned.channels},
		{"baseline.refused", t->learned.refused},
		{"baseline.events_today", t->events_today},
		{NULL, 0},
	};

	sink->ops->stats(sink, wall, list);
}
