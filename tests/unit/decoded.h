/*
 * decoded.h - what tests of the decoder share: a frame under construction, the packet it decodes
 * to.
 */
#ifndef KIDOBAN_TESTS_UNIT_DECODED_H
#define KIDOBAN_TESTS_UNIT_DECODED_H

#include "packet/packet.h"

#include "frame.h"

#include <pcap/dlt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct packet_decoder *decoder;
static struct packet out;
static struct frame f;

static int setup(void **state)
{
	(void)state;
	decoder = packet_decoder_new(NULL);
	f.n = 0;
	return decoder ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	packet_decoder_free(decoder);
	return 0;
}

/* Decodes the first caplen bytes from memory of just that size. */
static void decode_cut(int linktype, uint32_t caplen, uint32_t wirelen)
{
	uint8_t *copy = malloc(caplen ? caplen : 1);
	struct raw_packet raw = {copy, caplen, wirelen, 5000, 9, linktype, 0};
	uint64_t bytes = 0;
	uint32_t i;

	memcpy(copy, f.b, caplen);
	memset(&out, 0xa5, sizeof(out)); /* nothing may be left as it was */
	packet_decode(decoder, &raw, &out);
	for (i = 0; i < out.payload_len; i++)
		bytes += out.payload[i];
	assert_true(bytes <= (uint64_t)out.payload_len * 255);
	assert_int_equal(out.frame, 9);
	assert_int_equal(out.time, 5000);
	assert_int_equal(out.wirelen, wirelen);
	assert_true(out.kind != PACKET_BAD || out.anomalies);
	if (out.payload_len && out.payload >= copy && out.payload < copy + caplen)
		out.payload = f.b + (out.payload - copy);
	free(copy);
}

static void decode(int linktype)
{
	decode_cut(linktype, f.n, f.n);
}

static inline void assert_payload(const char *text)
{
	assert_int_equal(out.payload_len, strlen(text));
	assert_memory_equal(out.payload, text, out.payload_len);
	assert_int_equal(out.payload_missing, 0);
}

static inline void assert_udp(const char *text)
{
	assert_int_equal(out.kind, PACKET_UDP);
	assert_int_equal(out.anomalies, 0);
	assert_false(out.checksum_bad);
	assert_int_equal(out.sport, 1000);
	assert_int_equal(out.dport, 2000);
	assert_payload(text);
}

#endif
