/*
 * The input is a capture file: through reader, decoder, flows, dissectors, policy, findings and
 * both sinks, as `kidoban replay` would. Small tables, so that their limits are reached.
 */
#include "capture/pcap_file.h"
#include "detect/engine.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static const struct catalogue *catalogue;
static const struct policy *policy;
static struct sink *sinks[3];

static void start(void)
{
	struct diag diag = {.count = 0};
	const char *path = getenv("KIDOBAN_FUZZ_POLICY");
	char err[256];

	catalogue = catalogue_builtin(&diag);
	policy = policy_load(path ? path : "zones/model1.yaml", &diag);
	sinks[0] = sink_eve_open("/dev/null", FINDING_EN, err, sizeof(err));
	sinks[1] = sink_text_open(fopen("/dev/null", "w"), FINDING_JA);
	diag_print(&diag, stderr);
	if (!catalogue || !policy || !sinks[0] || !sinks[1])
		abort();
}

static void replay(const char *path, struct packet_decoder *d, struct flow_tracker *t)
{
	struct raw_packet raw;
	struct packet packet;
	struct pcap_file *f;
	char err[256];

	f = pcap_file_open(path, err, sizeof(err));
	if (!f)
		return;
	while (pcap_file_next(f, &raw) > 0) {
		packet_decode(d, &raw, &packet);
		flow_tracker_packet(t, &packet);
	}
	pcap_file_close(f);
	flow_tracker_flush(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct flow_config flows = {.flows_max = 32, .buffer_bytes_max = 1 << 18};
	const struct packet_config packets = {.fragments_max = 4};
	struct engine_config cfg = {.sinks = sinks, .incident_quiet = 1000000000};
	struct packet_decoder *d;
	struct flow_tracker *t;
	struct engine *e;
	char path[64];
	int fd;

	if (!catalogue)
		start();
	cfg.catalogue = catalogue;
	cfg.policy = size & 1 ? policy : NULL;
	cfg.events = ENGINE_ALERT | ENGINE_FLOW | ENGINE_OP | ENGINE_ANOMALY;
	fd = memfd_create("capture", 0);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	d = packet_decoder_new(&packets);
	e = engine_new(&cfg);
	t = e ? flow_tracker_new(&flows, &engine_handlers, e) : NULL;
	if (d && t) {
		replay(path, d, t);
		engine_flush(e);
	}
	flow_tracker_free(t);
	engine_free(e);
	packet_decoder_free(d);
	close(fd);
	return 0;
}
