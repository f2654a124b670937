/*
 * proto/cip.h - what the files of the CIP dissector share. Nobody else includes it.
 *
 *   enip.c            encapsulation, common packet format, the dissector itself (and enip_find.c)
 *   cip_kept.c        what was asked, kept until the answer comes
 *   cip.c             CIP messages: heads, wrappers (Multiple Service Packet, Unconnected Send)
 *   cip_path.c        EPATH: where a request goes, as an op_object
 *   cip_service.c     the one table of services, status codes, data types
 *   cip_tag.c         Logix data access, assembly and identity data
 *   cip_connection.c  Forward Open and Close, the table of connections, implicit I/O
 *   pccc.c            PCCC inside Execute PCCC
 *   cip_refuse.c      requests that the target is made to refuse
 *
 * A CIP reply says nothing of what it answers but the service. All else (object, how to read the
 * data) is in the request, so the bytes of a request are kept and read again with the reply. Kept
 * bytes nest as the messages do: the reply to a Multiple Service Packet takes the kept request
 * apart in step with itself.
 *
 * Sources: CIP Networks Library volume 1 (CIP) and volume 2 (EtherNet/IP), ODVA; Logix 5000
 * Controllers Data Access, Rockwell 1756-PM020; DF1 Protocol and Command Set, 1770-6.5.16.
 */
#ifndef KIDOBAN_PROTO_CIP_H
#define KIDOBAN_PROTO_CIP_H

#include "proto/proto.h"

#define CIP_NAME_MAX	 256 /* bytes of an assembled tag name */
#define CIP_DEPTH_MAX	 4   /* messages inside messages */
#define CIP_SERVICES_MAX 200 /* requests inside one Multiple Service Packet */

enum {
	CIP_CLASS_IDENTITY = 0x01,
	CIP_CLASS_MESSAGE_ROUTER = 0x02,
	CIP_CLASS_ASSEMBLY = 0x04,
	CIP_CLASS_CONNECTION_MANAGER = 0x06,
	CIP_CLASS_PCCC = 0x67,
	CIP_CLASS_SYMBOL = 0x6b,
	CIP_CLASS_DATA_TABLE = 0x72,
	CIP_CLASS_ANY = 0xffffffff
};

enum {
	CIP_MULTIPLE_SERVICE_PACKET = 0x0a,
	CIP_EXECUTE_PCCC = 0x4b,
	CIP_FORWARD_CLOSE = 0x4e,
	CIP_UNCONNECTED_SEND = 0x52,
	CIP_FORWARD_OPEN = 0x54,
	CIP_LARGE_FORWARD_OPEN = 0x5b,
};

/* ---- cip_kept.c */

#define CIP_KEPT_REQUESTS 32   /* in flight per flow */
#define CIP_KEPT_BYTES	  8192 /* of them, a ring */
#define CIP_KEPT_MAX	  4096 /* of one */

struct cip_kept_request {
	uint64_t key;	  /* made by enip.c */
	uint64_t frame;	  /* its packet; 0: free */
	int64_t time;	  /* ns since 1970 UTC */
	uint64_t at;	  /* of its bytes, counted since the flow began */
	const void *conn; /* connection it came on, for comparing only; NULL: none or unknown */
	uint32_t len;	  /* bytes kept */
	bool refused;	  /* something in it was neutralised */
};

/*
 * Requests without an answer yet. Their bytes lie one behind the other in a ring; a request whose
 * bytes have been overwritten is forgotten. `lossy` says that one was forgotten unanswered.
 */
struct cip_kept {
	uint8_t oldest; /* first slot of the ring of requests */
	uint8_t used;	/* slots from there on; answered ones among them are free */
	bool lossy;
	uint64_t head; /* bytes written since the flow began, gaps at the ring's end included */
	/* from here on nothing need begin zeroed */
	struct cip_kept_request request[CIP_KEPT_REQUESTS];
	uint8_t bytes[CIP_KEPT_BYTES];
};

/* What was put stays where it is until the next put. */
struct cip_kept_request *cip_kept_put(struct cip_kept *k, const struct proto_ctx *c, uint64_t key,
				      const void *conn, struct slice bytes);

/* The oldest with that key that a reply with this service may answer; service < 0: any. */
struct cip_kept_request *cip_kept_find(struct cip_kept *k, uint64_t key, const void *conn,
				       int service);

/* Valid until the next put. */
struct slice cip_kept_bytes(const struct cip_kept *k, const struct cip_kept_request *q);

void cip_kept_clear(struct cip_kept *k);

/* ---- cip_path.c */

/* A decoded EPATH. object.name points into name[]: do not copy the struct. */
struct cip_path {
	struct op_object object;
	int32_t slot;	    /* link address behind the last backplane port; -1: none */
	uint32_t cls;	    /* first class; SYMBOL for symbolic paths; ANY when there is none */
	uint32_t points[3]; /* connection points, in order */
	uint8_t npoints;
	bool cut;	   /* the name was longer than CIP_NAME_MAX */
	bool again;	   /* class, instance or attribute is named twice */
	const char *error; /* NULL, or what is wrong with it */
	uint32_t name_len;
	uint8_t name[CIP_NAME_MAX];
};

void cip_path_parse(struct slice bytes, struct cip_path *out);

/* ---- cip.c */

/* The head of a request: service, path, and what follows. */
struct cip_request {
	uint8_t service;
	struct cip_path path;
	struct slice data;
};

/* What surrounds one CIP message. */
struct cip_env {
	struct proto_ctx *c;
	struct cip_refused *refused;
	struct slice asked;    /* response: the kept request; empty when none was seen */
	uint64_t asked_frame;  /* its packet; 0: none */
	int64_t asked_time;    /* ns since 1970 UTC */
	uint64_t transaction;  /* for people */
	const uint8_t *origin; /* start of the encapsulation message: offsets count from here */
	int32_t unit;	       /* slot the message is for; -1 unknown or the device itself */
	uint8_t depth;	       /* messages around this one */
	bool guess;	       /* nobody promised that this is CIP: say nothing when it is not */
};

/* False when it does not read as a request; reported unless env->guess. */
bool cip_on_request(struct cip_env *env, struct slice msg);
bool cip_on_response(struct cip_env *env, struct slice msg);

/* True when a reply with this service may answer the kept request. */
bool cip_answers(struct slice asked, uint8_t service);

/* How much of a request has to be kept to read its reply. */
uint32_t cip_keep_len(struct slice msg);

/* at: where in the message, NULL for its start. */
void cip_malformed(struct cip_env *env, const char *reason, const uint8_t *at, uint32_t value);

/* Opens what wrappers carry. */
void cip_multiple_request(struct cip_env *env, const struct cip_request *q);
void cip_multiple_reply(struct cip_env *env, const struct cip_request *q, struct slice data);
void cip_unconnected_request(struct cip_env *env, const struct cip_request *q);

/* ---- cip_service.c */

/*
 * How a service reads its data. Any member may be NULL. fill completes the op before it goes out,
 * inside looks for more behind it. q is NULL in a reply whose request is not known.
 */
struct cip_codec {
	void (*ask)(struct cip_env *env, struct op *op, const struct cip_request *q);
	void (*ask_inside)(struct cip_env *env, const struct cip_request *q);
	void (*reply)(struct cip_env *env, struct op *op, const struct cip_request *q,
		      struct slice data);
	void (*reply_inside)(struct cip_env *env, const struct cip_request *q, struct slice data);
};

struct cip_service {
	uint32_t cls;  /* object class; CIP_CLASS_ANY: services common to all */
	uint32_t code; /* without the reply bit */
	const char *name;
	uint8_t op_class; /* enum op_class */
	const struct cip_codec *codec;
};

/* Never NULL; op_class is what the service is for on that object. */
const struct cip_service *cip_service_find(uint32_t cls, uint8_t code, uint8_t *op_class);

/* The standard assigns or frees the code that was looked for (volume 1, appendix A); false:
 * reserved. */
bool cip_service_assigned(const struct cip_service *found);

const char *cip_status_name(uint32_t status);
const char *cip_vendor_name(uint32_t vendor);

/* Elementary data types (volume 1, appendix C-6.1). size 0: none of them. */
uint8_t cip_type(uint16_t code, uint32_t *size);

extern const struct vocab cip_vocab;

/* ---- cip_tag.c */

extern const struct cip_codec cip_codec_raw; /* data whose type the message does not say */
extern const struct cip_codec cip_codec_read_tag;
extern const struct cip_codec cip_codec_write_tag;
extern const struct cip_codec cip_codec_read_fragment;
extern const struct cip_codec cip_codec_write_fragment;
extern const struct cip_codec cip_codec_modify_tag;
extern const struct cip_codec cip_codec_data_table;
extern const struct cip_codec cip_codec_identity;

/* The Identity object's attributes 1-7 in order, as ListIdentity has them too. */
void cip_identity_read(struct proto_ctx *c, struct reader *r);

/* ---- cip_connection.c */

extern const struct cip_codec cip_codec_open;
extern const struct cip_codec cip_codec_open_large;
extern const struct cip_codec cip_codec_close;

/* One direction of a connection, as found by its id. */
struct cip_link {
	const struct cip_connection *conn; /* NULL: its opening was not seen */
	bool to_target;			   /* O->T */
	bool *told;			   /* said to be undecodable */
};

struct cip_connection {
	struct addr originator, target;
	uint32_t id[2];	   /* [0] O->T, [1] T->O */
	uint32_t owner;	   /* originator's serial number */
	uint32_t cls;	   /* of the connection path; ANY: none */
	uint32_t point[2]; /* connection point or instance, by direction */
	uint64_t serial;   /* connection serial number and originator's vendor; 0: free */
	int64_t used;	   /* ns since 1970 UTC, last message */
	int32_t slot;	   /* as in struct cip_path */
	uint8_t transport; /* class 0-6 */
};

#define CIP_WAYS	  4    /* entries per set */
#define CIP_CONN_SETS	  1024 /* 4096 connections */
#define CIP_LINK_SETS	  2048 /* two directions each */
#define CIP_STRANGER_SETS 256  /* ids whose opening was not seen */

struct cip_link_entry {
	struct addr sender;
	uint32_t id;
	uint32_t conn; /* index into conn[] + 1; 0: free */
	bool told;     /* as in struct cip_link */
};

struct cip_stranger {
	struct addr sender;
	uint32_t id;
	bool used, told;
	int64_t seen; /* ns since 1970 UTC */
};

/* What flows share: connections are opened on one and run on another. */
struct cip_connections {
	struct cip_connection conn[CIP_CONN_SETS][CIP_WAYS];
	struct cip_link_entry link[CIP_LINK_SETS][CIP_WAYS];
	struct cip_stranger stranger[CIP_STRANGER_SETS][CIP_WAYS];
};

/* Packets with connection id `id` in the direction of c. Always gives something. */
struct cip_link cip_link_find(struct proto_ctx *c, uint32_t id);

/* Who sends this id: 1 the originator, 0 the target, -1 not known. */
int cip_link_originator(const struct cip_connections *t, uint32_t id, const struct addr *sender);

/* Connected data of transport class 0 and 1. */
void cip_io(struct proto_ctx *c, uint32_t id, uint32_t sequence, struct slice data);

/* ---- cip_refuse.c */

#define CIP_REFUSED_MAX	 32   /* of one encapsulation message */
#define CIP_PCCC_REFUSED 0x0e /* a PCCC command that is none */

enum cip_what { CIP_NOTHING, CIP_A_SERVICE, CIP_A_COMMAND, CIP_A_FUNCTION };

/* What of the encapsulation message at hand goes on as something else. */
struct cip_refused {
	uint8_t what;			/* enum cip_what: the request whose op goes out */
	uint8_t count;			/* of mark[] */
	uint32_t at;			/* offset of its service, or of its PCCC command */
	uint32_t mark[CIP_REFUSED_MAX]; /* offsets of what is to be marked when it is kept */
};

/* As in struct dissector. */
bool cip_neutralise(struct proto_ctx *c, struct cip_refused *r, const struct op *op);

/* Marks what was changed in the kept bytes, the first of which is at offset origin. */
void cip_refused_mark(const struct cip_refused *r, uint32_t origin, uint8_t *kept, uint32_t len);

/* The service that a kept request went on with. */
uint8_t cip_sent_as(struct slice asked);

/* A service, or the STS of a PCCC request, as kept. */
bool cip_was_changed(uint8_t byte);

/* A byte of the reply at hand becomes the code that was asked for. */
void cip_restore(struct cip_env *env, const uint8_t *at, uint8_t code);

/* ---- pccc.c */

extern const struct cip_codec cip_codec_pccc;
extern const struct vocab pccc_vocab;

#endif
