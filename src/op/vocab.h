/*
 * op/vocab.h - the words a protocol adds to the policy language.
 *
 * Policy knows ops, not protocols. What may be written under `modbus:` or `cip:` in a conduit is
 * therefore data that each dissector brings along: which keys there are, which part of an op each
 * one constrains, and the names of the protocol's codes. A key that is not in this table is an
 * error in the policy file, never ignored.
 */
#ifndef KIDOBAN_OP_VOCAB_H
#define KIDOBAN_OP_VOCAB_H

#include "op/op.h"

/* What a key constrains. `do`, `value`, `port` and `addresses` exist for every protocol and are
 * not listed. */
enum vocab_kind {
	VOCAB_UNIT,  /* op.unit, number ranges; arg 1: every op has one */
	VOCAB_CODE,  /* op.code, numbers, ranges or names of codes */
	VOCAB_SPACE, /* op.object.space == arg, and [first, first + count) within number ranges */
	VOCAB_PATH,  /* op.object.path[arg], number ranges */
	VOCAB_NAME,  /* op.object.name in space arg, patterns with * and ? */
	VOCAB_TOPIC, /* op.object.name in space arg, MQTT topic filters (MQTT 5, 4.7) */
	VOCAB_ACTOR  /* op.actor, patterns with * and ? */
};

/* How a user may write the numbers of a VOCAB_SPACE key besides 0-based protocol addresses. */
struct vocab_key {
	const char *name; /* as written in the policy; NULL ends the table */
	uint8_t kind;	  /* enum vocab_kind */
	uint8_t arg;	  /* enum op_space, or the index into path[] */
	uint8_t prefix;	  /* leading digit of 4xxxx notation: holding 4, input 3, ...; 0xff: none */
	uint32_t max;	  /* largest number that can occur on the wire; 0: there are no numbers */
};

struct vocab_code {
	const char *name; /* the standard's term, lower-case with dashes; NULL ends the table */
	uint32_t code;	  /* op.code */
	uint8_t cls;	  /* enum op_class */
};

/* One kind of op there can be, for whoever reasons about all of them. */
struct vocab_op {
	uint32_t code;
	uint8_t cls;   /* enum op_class; OP_CLASSES ends the table */
	uint8_t space; /* enum op_space of its object */
	bool mask;     /* its values are masks: intervals, not numbers (OP_V_MASK16) */
};

struct vocab {
	const char *proto;		/* equals op.proto, pointer and text */
	const struct vocab_key *keys;	/* ended by a NULL name */
	const struct vocab_code *codes; /* ended by a NULL name */
	const char
		*carrier; /* the protocol this one travels in ("enip" of "cip"), or NULL: who may
			     use this one may open sessions there, and who may discover may there */
	const struct vocab_op
		*ops;	   /* every op whose code is listed, also such as a policy has no
			      name for; NULL: any class may come with any code and object */
	uint16_t unlisted; /* with ops: classes of codes they do not list, bits */
	uint16_t port;	   /* the usual one, for examples; 0: there is none */
};

/* The vocabulary of a protocol; NULL when there is no dissector of that name. */
const struct vocab *vocab_find(const char *proto);

/* What the protocol calls op.unit: "unit", "slot". */
const char *vocab_unit_name(const char *proto);

/* The i-th vocabulary, NULL past the last. */
const struct vocab *vocab_at(unsigned i);

#endif
