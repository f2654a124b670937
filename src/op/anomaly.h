/*
 * op/anomaly.h - what the left half has to say besides ops.
 *
 * An anomaly is a fact about bytes, without any policy: this message contradicts its standard,
 * these segments disagree, this table was full. The right half turns it into a finding of the
 * catalogue, whose id is "decode." and the anomaly's name.
 */
#ifndef KIDOBAN_OP_ANOMALY_H
#define KIDOBAN_OP_ANOMALY_H

#include <stdint.h>

enum anomaly_kind {
	/* messages */
	ANOMALY_MALFORMED,   /* a message contradicts its standard; reason and offset say how */
	ANOMALY_UNSOLICITED, /* a response that answers no request */
	ANOMALY_RESERVED,    /* a code the standard reserves or does not assign */
	ANOMALY_UNDECODABLE, /* right, but its meaning was agreed where we did not listen */
	ANOMALY_LIMIT,	     /* a limit of ours was reached; something may be missing */
	/* streams */
	ANOMALY_STREAM_CONFLICT, /* overlapping segments with different content */
	ANOMALY_STREAM_GAP,	 /* bytes of a claimed stream were never seen */
	/* packets */
	ANOMALY_PACKET_TRUNCATED, /* a header says more than was captured or sent */
	ANOMALY_PACKET_MALFORMED, /* a header contradicts itself */
	ANOMALY_FRAGMENT_OVERLAP, /* overlapping fragments */
	ANOMALY_FRAGMENT_TINY,	  /* a first fragment that splits the transport header */
	ANOMALY_TUNNEL_DEPTH,	  /* more tunnels inside each other than we unwrap */
	ANOMALY_CHECKSUM,	  /* wrong checksum, where the configuration asks for it */
	ANOMALY_KINDS
};

struct anomaly {
	uint8_t kind;	   /* enum anomaly_kind */
	const char *proto; /* static: "modbus", "tcp", "ipv4", ... */
	const char
		*reason; /* static: a few words, "length 300 exceeds 254" style without numbers */
	uint32_t offset; /* bytes from the start of the message or packet, where it went wrong */
	uint32_t value;	 /* the offending number, 0 if there is none */
	uint64_t frame;	 /* packet number */
	int64_t time;	 /* ns since 1970 UTC */
};

/* "malformed", "stream-conflict", ... */
const char *anomaly_name(enum anomaly_kind k);

#endif
