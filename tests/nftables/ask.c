/*
 * What kidoban says of each conversation in a capture, one line per flow: the number of its first
 * frame, pass or drop or reject, why, and the conduit ("-": none). The capture goes through decoder
 * and tracker as in `replay`; the judge is asked as the engine asks it, but for flows that may be
 * older than the capture: the kernel has no such doubt.
 *
 *   ask policy.yaml [CONDUIT...] < packets.pcap        with grants for these conduits
 */
#include "detect/judge.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct asker {
	const struct policy *policy;
	struct policy_now *now;
};

static const char *permitted(uint8_t verdict)
{
	return verdict == POLICY_SAME_ZONE	 ? "inside"
	       : verdict == POLICY_DEFAULT_ALLOW ? "default"
						 : "permitted";
}

static void on_opened(void *user, struct flow *f)
{
	const struct asker *a = user;
	const struct policy *p = a->policy;
	struct flow_view *v = flow_view(f);
	const char *verdict = "pass";
	const struct policy_conduit *c;
	enum judge_finding what;
	char id[64];

	policy_now_at(a->now, f->first);
	what = judge_flow(a->now, f, v, false);
	c = policy_conduit_at(p, v->decision.conduit);
	if (what) {
		verdict = judge_verdict(p, MODE_ENFORCE, v->decision.conduit, false, v->safety);
		if (strcmp(verdict, "alert") == 0)
			verdict = "pass";
		else if (strcmp(verdict, "reject") != 0)
			verdict = "drop";
	}
	printf("%" PRIu64 "\t%s\t%s\t%s\n", f->first_frame, verdict,
	       what ? judge_finding_id(what, id, sizeof(id)) : permitted(v->decision.verdict),
	       c ? c->id : "-");
}

static bool give_grants(const struct asker *a, char **ids)
{
	struct policy_grant grant[16];
	uint32_t n = 0;

	for (; *ids && n < 16; ids++) {
		grant[n] = (struct policy_grant){.conduit = policy_conduit_find(a->policy, *ids),
						 .until = INT64_MAX};
		if (grant[n++].conduit == POLICY_NONE)
			return false;
	}
	return policy_now_grants(a->now, grant, n);
}

int main(int argc, char **argv)
{
	static const struct flow_handlers handlers = {.opened = on_opened};
	struct diag diag = {.count = 0};
	struct policy *policy = argc >= 2 ? policy_load(argv[1], &diag) : NULL;
	struct asker a = {policy, policy ? policy_now_new(policy) : NULL};
	struct packet_decoder *d = packet_decoder_new(NULL);
	struct flow_tracker *t = flow_tracker_new(NULL, &handlers, &a);
	char err[256] = "";
	struct pcap_file *f = pcap_file_open("-", err, sizeof(err));
	struct raw_packet raw;
	struct packet packet;

	diag_print(&diag, stderr);
	if (!policy || !a.now || !d || !t || !f || !give_grants(&a, argv + 2)) {
		fprintf(stderr, "usage: ask policy.yaml [CONDUIT...] < packets.pcap %s\n", err);
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
	policy_now_free(a.now);
	policy_free(policy);
	diag_free(&diag);
	return 0;
}
