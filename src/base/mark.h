/*
 * base/mark.h - what kidoban writes on packets and connections inside the kernel.
 *
 * Packet marks lead from the exported rules to a queue and back; connection marks say what is known
 * of a connection. Rules (policy/nft.h) and the queue (capture/queue.h) must mean the same.
 *
 *   packet      6b69 WW 01   to be inspected by worker WW; passes when nobody inspects
 *               6b69 WW 02   to be inspected by worker WW; does not pass then
 *               6b69 00 03   a packet of kidoban's own
 *               6b6b GGGG    inspected: the rest of its connection needs it no more
 *   connection  6b6a NNNN    opened by asset NNNN, known by its MAC alone
 *               6b6b GGGG    settled under the policy GGGG (policy_nft_generation())
 */
#ifndef KIDOBAN_BASE_MARK_H
#define KIDOBAN_BASE_MARK_H

#define MARK_OPEN    0x6b690001u /* | worker << 8 */
#define MARK_CLOSED  0x6b690002u
#define MARK_OWN     0x6b690003u
#define MARK_ASSET   0x6b6a0000u /* | index */
#define MARK_SETTLED 0x6b6b0000u /* | generation */
#define MARK_KIND    0xffff0000u /* of the last two */

#endif
