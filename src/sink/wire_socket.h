/*
 * sink/wire_socket.h - a connected socket, as wires to servers share it.
 *
 * UDP (RFC 5426) has no answer but "port unreachable": after it came up one record goes out alone,
 * and when nobody has refused it for a tenth of a second the others follow. TCP (RFC 6587) tells
 * what the other end's kernel has acknowledged; a Unix stream what its program has read.
 */
#ifndef KIDOBAN_SINK_WIRE_SOCKET_H
#define KIDOBAN_SINK_WIRE_SOCKET_H

#include "sink/resolve.h"
#include "sink/wire.h"

struct wire_socket {
	struct wire wire;
	int type;	  /* SOCK_STREAM, SOCK_DGRAM */
	const char *path; /* of a Unix socket; NULL: host and port of the configuration */
	struct resolve *names;
	unsigned next; /* which of its addresses is tried next */
	bool connected;
	int64_t attempt; /* ns, never stepped: when that one began */
	int64_t probe;	 /* datagrams: until then the first one may be refused; 0: none was sent */
	int64_t ending;	 /* ns, never stepped: when the other end said that it ends; 0 */
	uint64_t pushed; /* bytes given to the kernel */
};

enum wire_state wire_socket_open(struct wire *w);
enum wire_state wire_socket_come(struct wire *w);
void wire_socket_close(struct wire *w);

/*
 * The other end has said that it ends. What is on its way is confirmed, or refused, in a moment:
 * WIRE_BUSY until then, so that it is known what has to be sent again.
 */
enum wire_state wire_socket_ending(struct wire *w);

/* UDP, TCP, unix, journal. NULL when memory is out. */
struct wire *wire_socket_new(const struct output_config *cfg);

#endif
