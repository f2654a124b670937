/*
 * What the stand-in of a bridge is to do with each frame of a capture, one line each: pass or cut.
 * Asked of the policy as plainly as can be, conduit by conduit, whereas the ruleset has sets.
 *
 *   wire_ask policy.yaml < packets.pcap
 */
#include "packet/packet.h"
#include "policy/model.h"

#include <stdio.h>

static bool stands_in(const uint32_t *end, uint32_t n, const struct policy *p,
		      struct policy_place at)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		if (end[i] == at.zone || (at.asset != POLICY_NONE && end[i] == p->zones + at.asset))
			return true;
	return false;
}

static bool joins(const struct policy *p, const struct conduit *c, struct policy_place a,
		  struct policy_place b)
{
	return stands_in(c->from, c->nfrom, p, a) && stands_in(c->to, c->nto, p, b);
}

static bool is_outside(const struct policy *p, struct policy_place a)
{
	return p->zone[a.zone].level == LEVEL_EXTERNAL || p->zone[a.zone].level == LEVEL_IOT;
}

static bool by_mac_alone(const struct policy *p, const struct mac *m)
{
	uint32_t i;

	for (i = 0; i < p->assets; i++)
		if (p->asset[i].has_mac && !p->asset[i].has_address &&
		    memcmp(p->asset[i].mac.b, m->b, sizeof(m->b)) == 0)
			return true;
	return false;
}

static const char *fate(const struct policy *p, const struct packet *k)
{
	struct policy_place a, b;
	bool joined = false;
	uint32_t i;

	if (policy_mode(p) != MODE_ENFORCE || k->kind == PACKET_OTHER || k->kind == PACKET_ARP)
		return "pass";
	a = policy_place(p, &k->src, NULL);
	b = policy_place(p, &k->dst, NULL);
	if (by_mac_alone(p, &k->src_mac) || by_mac_alone(p, &k->dst_mac) || a.zone == POLICY_NONE ||
	    b.zone == POLICY_NONE || p->zone[a.zone].level == LEVEL_SAFETY ||
	    p->zone[b.zone].level == LEVEL_SAFETY)
		return "pass";
	for (i = 0; i < p->conduits; i++) {
		const struct conduit *c = &p->conduit[i];

		if (!joins(p, c, a, b) && !joins(p, c, b, a))
			continue;
		if (c->pub.fail_open)
			return "pass";
		joined = true;
	}
	if (joined)
		return "cut";
	return !p->default_allow && a.zone != b.zone && (is_outside(p, a) || is_outside(p, b))
		       ? "cut"
		       : "pass";
}

int main(int argc, char **argv)
{
	struct diag diag = {.count = 0};
	struct policy *policy = argc == 2 ? policy_load(argv[1], &diag) : NULL;
	struct packet_decoder *d = packet_decoder_new(NULL);
	char err[256] = "";
	struct pcap_file *f = pcap_file_open("-", err, sizeof(err));
	struct raw_packet raw;
	struct packet packet;

	diag_print(&diag, stderr);
	if (!policy || !d || !f) {
		fprintf(stderr, "usage: wire_ask policy.yaml < packets.pcap %s\n", err);
		return 2;
	}
	while (pcap_file_next(f, &raw) > 0) {
		packet_decode(d, &raw, &packet);
		puts(fate(policy, &packet));
	}
	pcap_file_close(f);
	packet_decoder_free(d);
	policy_free(policy);
	diag_free(&diag);
	return 0;
}
