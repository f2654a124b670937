/*
 * Frames through the packet decoder: the input as one frame of every link type, then as a row of
 * raw IP packets (each behind two bytes of length), so that fragments meet. Every byte of a payload
 * that is handed out is read, for the sanitizer to see.
 */
#include "packet/packet.h"

#include <pcap/pcap.h>
#include <stdlib.h>

static volatile uint32_t sink;

static void decode(struct packet_decoder *d, const uint8_t *data, uint32_t len, int linktype,
		   uint64_t frame)
{
	const struct raw_packet raw = {.data = data,
				       .caplen = len,
				       .wirelen = len + (len & 7),
				       .time = (int64_t)frame * 1000000,
				       .frame = frame,
				       .linktype = linktype};
	struct packet p;
	uint32_t i, sum = 0;

	packet_decode(d, &raw, &p);
	for (i = 0; i < p.payload_len; i++)
		sum += p.payload[i];
	sink = sum;
	if (p.anomalies > PACKET_ANOMALIES_MAX || p.vlans > PACKET_VLANS_MAX ||
	    p.tunnels > PACKET_TUNNELS_MAX)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int links[] = {DLT_EN10MB, DLT_LINUX_SLL, DLT_LINUX_SLL2,
				    DLT_NULL,	DLT_LOOP,      DLT_RAW};
	const struct packet_config cfg = {.verify_checksums = size & 1, .fragments_max = 4};
	struct packet_decoder *d = packet_decoder_new(&cfg);
	uint64_t frame = 0;
	size_t i, len;

	if (!d)
		return 0;
	for (i = 0; i < sizeof(links) / sizeof(*links); i++)
		decode(d, data, (uint32_t)size, links[i], ++frame);
	for (i = 0; i + 2 <= size; i += len) {
		len = (size_t)(data[i] << 8 | data[i + 1]);
		i += 2;
		if (len > size - i)
			len = size - i;
		decode(d, data + i, (uint32_t)len, DLT_RAW, ++frame);
	}
	packet_decoder_free(d);
	return 0;
}
