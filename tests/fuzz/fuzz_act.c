/*
 * The input is a capture file: its packets pass the inline way, decoder, act, flows, dissectors,
 * policy, in mode enforce, with one rung of the ladder or another, and a policy that changes on the
 * way. What passes has the length it had, checksums that were right stay right, and nothing is
 * written outside of a frame.
 */
#include "capture/pcap_file.h"
#include "detect/act.h"
#include "detect/engine.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define POLICY(rung)                                                                               \
	"mode: enforce\nzones:\n"                                                                  \
	"  low: {level: control, networks: [0.0.0.0/1, '2000::/3']}\n"                             \
	"  high: {level: control-information, networks: [128.0.0.0/1, 'fc00::/6']}\n"              \
	"  esd: {level: safety, networks: [10.60.0.0/16], inside: low}\n"                          \
	"conduits:\n"                                                                              \
	"  - {id: a, from: low, to: low, reason: r, refs: ['ipa:ID8-1'], on-violation: " rung ","  \
	" allow: [{modbus: {do: read}}, {cip: {do: read}}, {mqtt: {do: [read, session]}}]}\n"      \
	"  - {id: b, from: high, to: high, reason: r, refs: ['ipa:ID8-1'], on-violation: " rung    \
	","                                                                                        \
	" allow: [{modbus: {do: read}}, {cip: {do: read}}, {mqtt: {do: write}}]}\n"                \
	"  - {id: c, from: high, to: low, reason: r, refs: ['ipa:ID8-1'], on-violation: " rung "," \
	" allow: [{tcp: 1-30000}]}\n"

static const char *const texts[] = {POLICY("degrade"), POLICY("drop"), POLICY("reject"),
				    POLICY("quarantine")};
static const struct catalogue *catalogue;
static const struct policy *policy[4];
static uint64_t sent;

static void start(void)
{
	struct diag diag = {.count = 0};
	unsigned i;

	catalogue = catalogue_builtin(&diag);
	for (i = 0; i < 4; i++)
		policy[i] = policy_load_buffer("p.yaml", texts[i], strlen(texts[i]), &diag);
	diag_print(&diag, stderr);
	if (!catalogue || !policy[0] || !policy[1] || !policy[2] || !policy[3])
		abort();
}

static bool on_send(void *user, unsigned iface, const void *frame, uint32_t len)
{
	uint8_t copy[1400];

	(void)user;
	(void)iface;
	if (len > sizeof(copy))
		abort();
	memcpy(copy, frame, len);
	sent += copy[len - 1] + 1u;
	return true;
}

struct world {
	struct packet_decoder *decoder;
	struct flow_tracker *tracker;
	struct engine *engine;
	struct act *act;
};

static void one(struct world *w, struct raw_packet *raw)
{
	uint8_t *copy = malloc(raw->caplen ? raw->caplen : 1);
	struct source_frame f = {.raw = *raw, .data = copy};
	struct packet p, again;
	bool bad;

	if (!copy)
		abort();
	memcpy(copy, raw->data, raw->caplen);
	f.raw.data = copy;
	f.raw.file = raw->frame & 1;
	packet_decode(w->decoder, &f.raw, &p);
	bad = p.checksum_bad;
	if (!act_begin(w->act, &f, &p)) {
		flow_tracker_packet(w->tracker, &p);
		engine_told(w->engine);
	}
	if (act_finish(w->act) != SOURCE_DROP && memcmp(copy, raw->data, raw->caplen) != 0) {
		struct packet_decoder *d = packet_decoder_new(NULL);

		packet_decode(d, &f.raw, &again);
		if (again.checksum_bad != bad || again.payload_len != p.payload_len ||
		    again.kind != p.kind)
			abort();
		packet_decoder_free(d);
	}
	act_tick(w->act, raw->time);
	free(copy);
}

static void run(struct world *w, const char *path, unsigned rung)
{
	struct engine_orders other = {.policy = policy[(rung + 1) % 4]};
	struct pcap_file *f;
	struct raw_packet raw;
	char err[256];

	f = pcap_file_open(path, err, sizeof(err));
	if (!f)
		return;
	while (pcap_file_next(f, &raw) > 0) {
		one(w, &raw);
		if (raw.frame % 64 == 0) {
			engine_obey(w->engine, &other);
			other.policy = policy[rung++ % 4];
		}
	}
	pcap_file_close(f);
	flow_tracker_flush(w->tracker);
	engine_flush(w->engine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct flow_config flows = {
		.flows_max = 32, .buffer_bytes_max = 1 << 18, .eager = true};
	const struct packet_config packets = {.fragments_max = 4};
	const struct act_config act = {.send = on_send, .linktype = 1};
	struct engine_config cfg = {.incident_quiet = 1000000000, .live = true};
	struct world w;
	char path[64];
	int fd;

	if (!catalogue)
		start();
	fd = memfd_create("capture", 0);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	w.decoder = packet_decoder_new(&packets);
	w.act = act_new(&act);
	cfg.catalogue = catalogue;
	cfg.policy = policy[size % 4];
	cfg.act = w.act;
	w.engine = w.act ? engine_new(&cfg) : NULL;
	w.tracker = w.engine ? flow_tracker_new(&flows, &engine_handlers, w.engine) : NULL;
	if (w.decoder && w.tracker) {
		act_tracker(w.act, w.tracker);
		run(&w, path, size % 4);
	}
	flow_tracker_free(w.tracker);
	engine_free(w.engine);
	act_free(w.act);
	packet_decoder_free(w.decoder);
	close(fd);
	return 0;
}
