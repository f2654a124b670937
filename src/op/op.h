/*
 * op/op.h - the op: the narrow waist between bytes and meaning.
 *
 * An op says who asks whom to do what to which object, with which values. Everything left of it
 * (packet, flow, proto) knows bytes and no policy; everything right of it (policy, baseline,
 * rules, detect, sink) knows meaning and no bytes. A dissector fills an op on its stack and emits
 * it; receivers copy what they keep, because every slice in it dies with the call.
 *
 * Who and when (addresses, flow) come from the flow the op is emitted on; the op holds the rest.
 * One PDU may be several ops: Modbus function 23 is a write and a read, every request inside a
 * CIP Multiple Service Packet is an op of its own.
 *
 * Thread: the worker that owns the flow.
 */
#ifndef KIDOBAN_OP_OP_H
#define KIDOBAN_OP_OP_H

#include "base/reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum op_role {
	OP_REQUEST,  /* client to server */
	OP_RESPONSE, /* server to client, answering a request */
	OP_PUBLISH,  /* unsolicited or cyclic data, either way */
	OP_ROLES
};

/*
 * What an op is for. Policies and baselines are written in these words. Every code of every
 * protocol maps to exactly one class, in the one table of its dissector.
 */
enum op_class {
	OP_READ,     /* takes process values */
	OP_WRITE,    /* changes process values */
	OP_CONTROL,  /* start, stop, reset, mode change */
	OP_PROGRAM,  /* logic up- and download */
	OP_FIRMWARE, /* firmware of a device */
	OP_CONFIG,   /* changes how a device works */
	OP_FILE,     /* files and file records */
	OP_DIAGNOSE, /* counters, diagnostics, status */
	OP_DISCOVER, /* identity and scanning */
	OP_SESSION,  /* opening, keeping and closing of conversations */
	OP_ALARM,    /* alarms and events */
	OP_CLASSES
};

/* The kinds of objects ops act on. A new protocol adds its own at the end. */
enum op_space {
	OP_SPACE_NONE,
	OP_SPACE_COIL,		 /* Modbus, 1 bit, read/write */
	OP_SPACE_DISCRETE_INPUT, /* Modbus, 1 bit, read only */
	OP_SPACE_HOLDING,	 /* Modbus, 16 bits, read/write */
	OP_SPACE_INPUT,		 /* Modbus, 16 bits, read only */
	OP_SPACE_FILE_RECORD,	 /* Modbus 20/21: path[0] is the file, first the record */
	OP_SPACE_FIFO,		 /* Modbus 24: first is the pointer address */
	OP_SPACE_DIAGNOSTIC,	 /* Modbus 8: first is the sub-function */
	OP_SPACE_DEVICE_ID,	 /* Modbus 43/14: path[0] is the code, first the object id */
	OP_SPACE_OBJECT,	 /* CIP: path is class/instance/attribute, npath says how many */
	OP_SPACE_TAG,		 /* CIP symbol: name; first is the element, count the elements */
	OP_SPACE_IO,		 /* CIP implicit I/O: first is the connection id */
	OP_SPACE_DATA_FILE,	 /* PCCC: name is the address as "N7:0", count the elements */
	OP_SPACE_TOPIC,		 /* MQTT: name is the topic or topic filter */
	OP_SPACES
};

/* How the raw bytes of values are read. */
enum op_vtype {
	OP_V_NONE, /* no values */
	OP_V_RAW,  /* bytes whose type the protocol does not say */
	OP_V_BIT,  /* packed bits, least significant first */
	OP_V_U8,
	OP_V_I8,
	OP_V_U16,
	OP_V_I16,
	OP_V_U32,
	OP_V_I32,
	OP_V_U64,
	OP_V_I64,
	OP_V_F32,
	OP_V_F64,
	OP_V_MASK16, /* AND mask and OR mask, Modbus function 22 */
	OP_V_TEXT    /* text; a number when all of it is one decimal number */
};

struct op_values {
	struct slice raw; /* as on the wire, without counts and padding */
	uint32_t count;	  /* elements; 0 for RAW */
	uint8_t type;	  /* enum op_vtype */
	bool big_endian;  /* byte order of multi-byte elements */
};

struct op_object {
	uint8_t space;	   /* enum op_space */
	uint8_t npath;	   /* how many of path[] are present, 0-3 */
	uint32_t path[3];  /* class/instance/attribute, file number, ... as the space says */
	uint64_t first;	   /* first address, record or element */
	uint32_t count;	   /* how many from first; 0: the op does not say */
	struct slice name; /* tag, topic, ...; empty when the space is numeric */
};

struct op {
	uint64_t frame; /* number of the packet that completed the message, from 1 per file */
	int64_t time;	/* ns since 1970 UTC, of that packet */
	uint64_t request_frame; /* response: frame of the request it answers; 0: none was seen */
	int64_t rtt;		/* response: ns since that request; -1 when there is none */

	const char *proto; /* static: "modbus", "cip", "enip", "mqtt" */
	const char *name;  /* static: the standard's term for the code, lower-case with dashes */
	uint32_t code;	   /* the protocol's function / service / packet type code */
	uint32_t status;   /* response: the protocol's error code, 0 is good */
	int32_t unit;	   /* station, slave or slot behind the address; -1: none */
	uint8_t role;	   /* enum op_role */
	uint8_t cls;	   /* enum op_class */
	bool from_server;  /* the packet went from server to client */
	bool neutralised;  /* response: refuses a request that was changed on its way so that it
			      would */

	struct op_object object;
	struct op_values values;
	/* who acts, in the protocol's own terms: MQTT client id; may be empty. p NULL: not known */
	struct slice actor;
	uint64_t transaction; /* the protocol's own transaction id; for people, not for matching */
	const char *error; /* static: the standard's term for status; NULL when good or unknown */
};

/*
 * One value as an interval: lo == hi for a plain value. A mask write does not say its result,
 * only that it lies in [lo, hi]; whoever judges values must accept both ends.
 * 64-bit integers are exact up to 2^53.
 */
struct op_number {
	double lo;
	double hi;
};

/* Value i of v; false when i is out of range or the type has no numbers (RAW, words). */
bool op_number_at(const struct op_values *v, uint32_t i, struct op_number *out);

/*
 * The object's identity in text, as in the column `first`: "100", "4/100/3", "Tag[3]",
 * "plant/line1/temp". Control characters and non-UTF-8 are escaped. Always terminated,
 * and cut at a whole character when too long; returns the length that would have been written.
 */
size_t op_object_str(const struct op_object *o, char *buf, size_t size);

/* The values in text, separated by commas, at most `max` of them, "..." behind if cut. */
size_t op_values_str(const struct op_values *v, uint32_t max, char *buf, size_t size);

/* The space in words, as in the column `space`; for CIP objects "class", "class/instance", ... */
const char *op_object_space(const struct op_object *o);

const char *op_role_name(enum op_role r);
const char *op_class_name(enum op_class c);
const char *op_space_name(enum op_space s);

/* -1 when there is no such class. */
int op_class_find(const char *name, size_t len);

#endif
