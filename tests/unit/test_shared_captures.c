/*
 * Every capture of ../shared/pcaps is opened and decoded, and what comes out keeps its promises.
 * Exits with 77 (skipped) where those captures are not there.
 */
#include "packet/packet.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#define FOLDER	  "../shared/pcaps" /* from the root of the repository */
#define FILES_MIN 900		    /* fewer would mean that something is wrong with the test */

static unsigned files, broken;
static uint64_t packets;

static void fail(const char *path, uint64_t frame, const char *why)
{
	printf("%s: packet %llu: %s\n", path, (unsigned long long)frame, why);
	broken++;
}

static void check(const char *path, const struct raw_packet *raw, const struct packet *p)
{
	uint64_t bytes = 0;
	uint32_t i;

	for (i = 0; i < p->payload_len; i++)
		bytes += p->payload[i]; /* the sanitizers look */
	if (bytes > (uint64_t)p->payload_len * 255)
		fail(path, p->frame, "impossible sum");
	if (p->frame != raw->frame || p->time != raw->time || p->wirelen != raw->wirelen)
		fail(path, raw->frame, "another packet came out");
	if (p->kind == PACKET_BAD && !p->anomalies)
		fail(path, p->frame, "bad without an anomaly");
	if (p->vlans > PACKET_VLANS_MAX || p->tunnels > PACKET_TUNNELS_MAX)
		fail(path, p->frame, "more headers than there is room");
	if (p->kind == PACKET_TCP && p->ip_proto != 6)
		fail(path, p->frame, "TCP in another protocol");
}

static int decode_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	const struct packet_config cfg = {.fragments_max = 64}; /* quick to set up */
	struct packet_decoder *d;
	struct raw_packet raw;
	struct pcap_file *f;
	char err[256] = "";
	struct packet p;
	int rc;

	(void)st;
	(void)ftw;
	if (type != FTW_F)
		return 0;
	f = pcap_file_open(path, err, sizeof(err));
	if (!f) {
		if (!err[0])
			fail(path, 0, "refused without a reason");
		return 0;
	}
	d = packet_decoder_new(&cfg);
	if (!d)
		abort();
	files++;
	while ((rc = pcap_file_next(f, &raw)) == 1) {
		packet_decode(d, &raw, &p);
		check(path, &raw, &p);
		packets++;
	}
	if (rc < 0 && !pcap_file_error(f)[0])
		fail(path, packets, "damaged without a reason");
	packet_decoder_free(d);
	pcap_file_close(f);
	return 0;
}

int main(void)
{
	if (nftw(FOLDER, decode_file, 16, FTW_PHYS) != 0) {
		printf("SKIP: no captures in %s\n", FOLDER);
		return 77;
	}
	printf("%u files, %llu packets, %u broken promises\n", files, (unsigned long long)packets,
	       broken);
	if (files < FILES_MIN)
		printf("there should be at least %d\n", FILES_MIN);
	return broken || files < FILES_MIN;
}
