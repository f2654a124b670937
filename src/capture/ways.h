/*
 * capture/ways.h - are conversations heard both ways?
 *
 * A mirror port that copies one direction only looks healthy by its packets. TCP tells: whoever
 * acknowledges has heard the other end, so a segment with ACK between two hosts of which only one
 * is ever heard means that half is missing. Everything else (UDP, multicast, a scan's SYNs that
 * nobody answers) says nothing and is not counted.
 *
 * Memory: one byte for each of 4096 slots; two pairs of hosts in one slot can only hide each
 * other. Each slot remembers which ends were heard in this and the last half minute of packet
 * time. Thread: one worker.
 */
#ifndef KIDOBAN_CAPTURE_WAYS_H
#define KIDOBAN_CAPTURE_WAYS_H

#include <stdint.h>

#define WAYS_SLOTS 4096

struct ways {
	uint8_t heard[WAYS_SLOTS]; /* bits 0, 1: which end, now; 2, 3: in the half minute before */
	int64_t turned;		   /* ns, packet time: when it became "now" */
	uint64_t both, one;	   /* segments whose two hosts were heard both, or one only */
};

/* An Ethernet frame. */
void ways_hear(struct ways *w, const uint8_t *frame, uint32_t len, int64_t time);

#endif
