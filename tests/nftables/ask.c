/*
 * What kidoban says of each conversation in a capture, one line per flow: the number of its first
 * frame, pass or drop or reject, and the finding. The capture goes through decoder and tracker as
 * in `replay`; the judge is asked as the engine asks it, but for flows that may be older than the
 * capture: the kernel has no such doubt.
 *
 *   ask policy.yaml < packets.pcap
 */
#include "detect/judge.h"

#include <inttypes.h>
#include <stdio.h>

static void on_opened(void *user, struct flow *f)
{
	const struct policy *p = user;
	struct flow_view *v = flow_view(f);
	enum judge_finding what = judge_flow(policy_rest(p), f, v, false);
	const char *verdict = "pass";
	char id[64];

	if (what) {
		verdict = judge_verdict(p, MODE_ENFORCE, v->decision.conduit, false, v->safety);
		if (strcmp(verdict, "alert") == 0)
			verdict = "pass";
		else if (strcmp(verdict, "reject") != 0)
			verdict = "drop";
	}
	printf("%" PRIu64 " %s %s\n", f->first_frame, verdict,
	       what ? judge_finding_id(what, id, sizeof(id)) : "-");
}

int main(int argc, char **argv)
{
	static const struct flow_handlers handlers = {.opened = on_opened};
	struct diag diag = {.count = 0};
	struct policy *policy = argc == 2 ? policy_load(argv[1], &diag) : NULL;
	struct packet_decoder *d = packet_decoder_new(NULL);
	struct flow_tracker *t = flow_tracker_new(NULL, &handlers, policy);
	char err[256] = "";
	struct pcap_file *f = pcap_file_open("-", err, sizeof(err));
	struct raw_packet raw;
	struct packet packet;

	diag_print(&diag, stderr);
	if (!policy || !d || !t || !f) {
		fprintf(stderr, "usage: ask policy.yaml < packets.pcap %s\n", err);
		return 2;
	}
	while (pcap_file_next(f, &raw) > 0) {
		packet_decode(d, &raw, &packet);
		flow_tracker_packet(t, &packet);
	}
	flow_tracker_flush(t);
	pcap_file_close(f);
	flow_tracker_free(t);
	packet_decoder_free(d);
	policy_free(policy);
	diag_free(&diag);
	return 0;
}
