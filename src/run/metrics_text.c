#include "run/metrics_text.h"

#include "base/utf8.h"
#include "op/vocab.h"
#include "run/clock.h"
#include "run/totals.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* HELP and TYPE of a family; its samples follow. */
static void family(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP kidoban_%s %s\n# TYPE kidoban_%s %s\n", name, help, name, type);
}

/* A label's value: backslash, quote and line feed are escaped, what is no text is not shown. */
static void label(FILE *out, const char *key, const char *value)
{
	const char *p = utf8_printable(value) ? value : "?";

	fprintf(out, "%s=\"", key);
	for (; *p; p++) {
		if (*p == '\\' || *p == '"')
			fputc('\\', out);
		fputc(*p, out);
	}
	fputc('"', out);
}

static void plain(FILE *out, const char *name, const char *type, const char *help, uint64_t value)
{
	family(out, name, type, help);
	fprintf(out, "kidoban_%s %" PRIu64 "\n", name, value);
}

/* ns as seconds; no locale has a say in it. */
static void seconds(FILE *out, const char *name, uint64_t ns)
{
	fprintf(out, "kidoban_%s %" PRIu64 ".%09" PRIu64 "\n", name, ns / 1000000000,
		ns % 1000000000);
}

static void about_us(FILE *out, struct service *s, const struct totals *t)
{
	int64_t up = clock_wall() - service_started(s);

	family(out, "build_info", "gauge", "Which kidoban this is.");
	fputs("kidoban_build_info{version=\"" KIDOBAN_VERSION "\"} 1\n", out);
	family(out, "start_time_seconds", "gauge", "When the service was started, Unix time.");
	seconds(out, "start_time_seconds", (uint64_t)service_started(s));
	family(out, "uptime_seconds", "gauge", "How long the service has been running.");
	seconds(out, "uptime_seconds", up > 0 ? (uint64_t)up : 0);
	plain(out, "workers", "gauge", "Worker threads.", service_workers(s));
	plain(out, "decoded_packets_total", "counter", "Packets decoded.", t->packet.packets);
	plain(out, "decoded_bytes_total", "counter", "Bytes of these, as on the wire.",
	      t->packet.bytes);
	plain(out, "invalid_packets_total", "counter", "Packets that are malformed.",
	      t->packet.bad);
	plain(out, "flows_total", "counter", "Conversations begun.", t->flow.flows);
	plain(out, "flows_active", "gauge", "Conversations in the table now.", t->flow.active);
	plain(out, "flows_evicted_total", "counter",
	      "Conversations given up because the table was full.", t->flow.evicted);
	plain(out, "stream_gaps_total", "counter", "Holes in TCP streams that were never filled.",
	      t->flow.gaps);
}

/* Families of one number per interface. */
static const struct {
	const char *name, *type, *help;
	size_t at; /* in struct source_stats */
} by_iface[] = {
	{"packets_total", "counter", "Packets taken from the interface.",
	 offsetof(struct source_stats, packets)},
	{"bytes_total", "counter", "Bytes taken from the interface.",
	 offsetof(struct source_stats, bytes)},
	{"kernel_drops_total", "counter", "Packets lost because kidoban was too slow.",
	 offsetof(struct source_stats, kernel_drops)},
	{"interface_drops_total", "counter", "Packets lost by the interface or its driver.",
	 offsetof(struct source_stats, interface_drops)},
	{"sent_packets_total", "counter", "Packets passed on, and own ones.",
	 offsetof(struct source_stats, sent)},
	{"send_failed_packets_total", "counter", "Packets that could not be passed on.",
	 offsetof(struct source_stats, send_failed)},
	{"passed_unseen_packets_total", "counter",
	 "Packets the kernel let through without kidoban's look.",
	 offsetof(struct source_stats, unseen)},
	{"overloads_total", "counter",
	 "How often an overloaded bridge was left to the kernel for a while.",
	 offsetof(struct source_stats, overloads)},
};

static void iface_labels(FILE *out, const char *name, unsigned source, const char *iface)
{
	fprintf(out, "kidoban_%s{source=\"%u\",", name, source);
	label(out, "interface", iface);
	fputs("} ", out);
}

static void sources(FILE *out, const struct totals *t)
{
	unsigned f, i, k;

	for (f = 0; f < sizeof(by_iface) / sizeof(*by_iface); f++) {
		family(out, by_iface[f].name, by_iface[f].type, by_iface[f].help);
		for (i = 0; i < RUN_SOURCES_MAX; i++)
			for (k = 0; k < t->ifaces[i]; k++) {
				const struct source_stats *from = &t->source[i][k];
				uint64_t n;

				memcpy(&n, (const char *)from + by_iface[f].at, sizeof(n));
				iface_labels(out, by_iface[f].name, i, from->iface);
				fprintf(out, "%" PRIu64 "\n", n);
			}
	}
	family(out, "interface_up", "gauge", "1: the interface has a carrier, the queue is bound.");
	for (i = 0; i < RUN_SOURCES_MAX; i++)
		for (k = 0; k < t->ifaces[i]; k++) {
			iface_labels(out, "interface_up", i, t->source[i][k].iface);
			fprintf(out, "%d\n", t->source[i][k].up);
		}
}

static void ops(FILE *out, const struct totals *t)
{
	const struct vocab *v;
	unsigned i;

	family(out, "ops_total", "counter", "Operations seen, by protocol.");
	for (i = 0; i < WORKER_PROTOS && (v = vocab_at(i)); i++)
		fprintf(out, "kidoban_ops_total{proto=\"%s\"} %" PRIu64 "\n", v->proto, t->ops[i]);
}

static void findings(FILE *out, struct service *s, const struct totals *t)
{
	static const char *const names[] = {"incidents_total", "occurrences_total"};
	const struct finding *f;
	unsigned k, i;

	for (k = 0; k < 2; k++) {
		family(out, names[k], "counter",
		       k ? "How often that was seen, repeats of an incident too."
			 : "Incidents begun, by finding.");
		for (i = 0; i < WORKER_FINDINGS && (f = catalogue_at(service_catalogue(s), i));
		     i++) {
			fprintf(out, "kidoban_%s{", names[k]);
			label(out, "finding", f->id);
			fprintf(out, ",severity=\"%s\"} %" PRIu64 "\n",
				finding_severity_name(f->severity),
				k ? t->occurrences[i] : t->incidents[i]);
		}
	}
}

static const struct {
	const char *name, *help;
	size_t at; /* in struct engine_conduit_count */
} by_conduit[] = {
	{"conduit_flows_total", "Conversations permitted by the conduit.",
	 offsetof(struct engine_conduit_count, flows)},
	{"conduit_ops_total", "Operations permitted by the conduit.",
	 offsetof(struct engine_conduit_count, ops)},
	{"conduit_violations_total", "Conversations and operations refused in its name.",
	 offsetof(struct engine_conduit_count, violations)},
	{"conduit_blocked_total", "Of the violations, those degraded, dropped or rejected.",
	 offsetof(struct engine_conduit_count, blocked)},
};

static void conduits(FILE *out, const struct policy *p, const struct totals *t)
{
	unsigned f;
	uint32_t i;

	for (f = 0; f < sizeof(by_conduit) / sizeof(*by_conduit); f++) {
		family(out, by_conduit[f].name, "counter", by_conduit[f].help);
		for (i = 0; i < t->conduits; i++) {
			uint64_t n;

			memcpy(&n, (const char *)&t->conduit[i] + by_conduit[f].at, sizeof(n));
			fprintf(out, "kidoban_%s{", by_conduit[f].name);
			label(out, "conduit", policy_conduit_at(p, i)->id);
			fprintf(out, "} %" PRIu64 "\n", n);
		}
	}
}

static const struct {
	const char *name, *type, *help;
	size_t at; /* in struct output_stats */
} by_output[] = {
	{"output_written_total", "counter", "Events written.",
	 offsetof(struct output_stats, written)},
	{"output_spooled_total", "counter", "Alerts that went to the spool.",
	 offsetof(struct output_stats, spooled)},
	{"output_lost_total", "counter", "Alerts nobody has any more.",
	 offsetof(struct output_stats, lost)},
	{"output_given_up_total", "counter", "Other events that were given up.",
	 offsetof(struct output_stats, given_up)},
	{"output_waiting", "gauge", "Events in queue and spool now.",
	 offsetof(struct output_stats, waiting)},
};

/* Two outputs may have one name; their numbers tell them apart. */
static void output_labels(FILE *out, const char *name, unsigned number, const char *output)
{
	fprintf(out, "kidoban_%s{number=\"%u\",", name, number);
	label(out, "output", output);
	fputs("} ", out);
}

static void outputs(FILE *out, struct service *s)
{
	struct output_stats list[OUTPUTS_MAX];
	unsigned n = outputs_stats(service_outputs(s), list, OUTPUTS_MAX), f, i;

	for (f = 0; f < sizeof(by_output) / sizeof(*by_output); f++) {
		family(out, by_output[f].name, by_output[f].type, by_output[f].help);
		for (i = 0; i < n; i++) {
			uint64_t v;

			memcpy(&v, (const char *)&list[i] + by_output[f].at, sizeof(v));
			output_labels(out, by_output[f].name, i, list[i].name);
			fprintf(out, "%" PRIu64 "\n", v);
		}
	}
	family(out, "output_takes", "gauge", "1: the last write worked.");
	for (i = 0; i < n; i++) {
		output_labels(out, "output_takes", i, list[i].name);
		fprintf(out, "%d\n", list[i].takes);
	}
}

static void acts(FILE *out, const struct totals *t)
{
	const struct {
		const char *act;
		uint64_t n;
	} list[] = {{"degraded", t->act.degraded},
		    {"dropped", t->act.dropped},
		    {"rejected", t->act.rejected},
		    {"quarantined", t->act.quarantined}};
	unsigned i;

	family(out, "acts_total", "counter", "Packets by what was done to them.");
	for (i = 0; i < sizeof(list) / sizeof(*list); i++)
		fprintf(out, "kidoban_acts_total{act=\"%s\"} %" PRIu64 "\n", list[i].act,
			list[i].n);
	plain(out, "stubborn_devices_total", "counter", "Devices found that cannot be degraded.",
	      t->act.stubborn);
	plain(out, "resets_sent_total", "counter", "RST and ICMP sent.", t->act.resets_sent);
	plain(out, "act_table_full_total", "counter",
	      "Packets dropped instead of a gentler verdict, for a table was full.", t->act.full);
}

static void latency(FILE *out, const struct totals *t)
{
	uint64_t below = 0, us = 1;
	unsigned i;

	family(out, "latency_seconds", "histogram",
	       "From a frame's arrival to its verdict; of a mirror one in 64 frames.");
	for (i = 0; i < WORKER_LATENCY_BUCKETS - 1; i++, us *= 2) {
		below += t->latency[i];
		fprintf(out,
			"kidoban_latency_seconds_bucket{le=\"%" PRIu64 ".%06" PRIu64 "\"} %" PRIu64
			"\n",
			us / 1000000, us % 1000000, below);
	}
	below += t->latency[i];
	fprintf(out, "kidoban_latency_seconds_bucket{le=\"+Inf\"} %" PRIu64 "\n", below);
	seconds(out, "latency_seconds_sum", t->latency_sum);
	fprintf(out, "kidoban_latency_seconds_count %" PRIu64 "\n", below);
}

static void baseline(FILE *out, const struct totals *t)
{
	const struct baseline_progress *p = &t->learned;

	if (!t->has_baseline)
		return;
	plain(out, "baseline_ops_total", "counter", "Messages the baseline was learned from.",
	      p->ops);
	plain(out, "baseline_recent_ops", "gauge", "Of them those of the last hour.",
	      p->recent_ops);
	plain(out, "baseline_explained_ops", "gauge",
	      "Of those the ones that were normal already when they came.", p->recent_explained);
	plain(out, "baseline_settled", "gauge", "1: learning shows nothing new any more.",
	      p->settled);
	plain(out, "baseline_channels", "gauge", "Channels that the baseline knows.", p->channels);
	plain(out, "baseline_refused_total", "counter", "What was beyond the baseline's limits.",
	      p->refused);
	plain(out, "baseline_bytes", "gauge", "Memory of the baseline.", p->bytes);
	plain(out, "baseline_events_today", "gauge",
	      "Events of this day (UTC) about what is not as it was learned.", t->events_today);
}

static void count_problem(void *user, const char *finding, const char *sentence)
{
	(void)finding;
	(void)sentence;
	*(uint64_t *)user += 1;
}

static void write_all(FILE *out, struct service *s, const struct totals *t)
{
	uint64_t problems = 0;

	health_each(service_health(s), count_problem, &problems);
	about_us(out, s, t);
	plain(out, "problems", "gauge", "What is wrong with kidoban now; kidoban status says what.",
	      problems);
	sources(out, t);
	ops(out, t);
	findings(out, s, t);
	conduits(out, service_policy(s), t);
	outputs(out, s);
	acts(out, t);
	baseline(out, t);
	latency(out, t);
}

char *metrics_text(struct service *s, size_t *len)
{
	struct totals *t = totals_take(s);
	char *text = NULL;
	FILE *out = t ? open_memstream(&text, len) : NULL;
	bool ok = out != NULL;

	if (ok) {
		write_all(out, s, t);
		ok = !ferror(out);
		ok = fclose(out) == 0 && ok;
	}
	totals_free(t);
	if (ok)
		return text;
	free(text);
	return NULL;
}
