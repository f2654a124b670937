/*
 * baseline/archive_impl.h - what the ways of an archive share.
 *
 *   archive.c         the fields, each a kind of value
 *   archive_value.c   how a kind of value looks as a word: numbers, times, spans
 *   archive_yaml.c    text, out and in
 *   archive_bytes.c   the compiled form, out and in
 *
 * Private to the archive and text.c. Thread: one.
 */
#ifndef KIDOBAN_BASELINE_ARCHIVE_IMPL_H
#define KIDOBAN_BASELINE_ARCHIVE_IMPL_H

#include "base/reader.h"
#include "base/yaml.h"
#include "baseline/archive.h"

#include <stdio.h>

#define ARCHIVE_DEPTH 12
#define ARCHIVE_WORD  160 /* bytes of the longest value but a text, with its NUL */

/* A kind of value: fixed size, no pointers. */
struct archive_kind {
	const char *what; /* "a whole number from 0": for messages */
	size_t size;	  /* bytes in memory */
	bool bare;	  /* a list of one is written without brackets */
	/* never for none; the word needs quotes only as any other text */
	void (*write)(const struct archive_kind *k, const void *v, char buf[ARCHIVE_WORD]);
	bool (*read)(const struct archive_kind *k, const char *text, void *v);
	bool (*good)(const struct archive_kind *k, const void *v); /* NULL: any bytes are */
	const char *const *words;				   /* archive_word() */
};

/* A map or list that is open. */
struct archive_frame {
	const char *key;
	bool list;
	/* text out */
	bool opened;	 /* its key was written: there is something in it */
	bool flow;	 /* on one line */
	bool line;	 /* list: its elements are */
	bool element;	 /* list: one is open */
	uint32_t fields; /* written in the map or element */
	uint32_t count;	 /* list: elements written */
	unsigned indent; /* of its keys, or its dashes */
	/* text in */
	const struct yaml_node *node;	 /* map, or list */
	const struct yaml_node *current; /* list: the element */
	const struct yaml_node *hint;	 /* the key after the one found last */
	unsigned hint_at;
	uint64_t taken; /* children that a field asked for, bits */
	/* bytes out: where it begins, where its fields do; in: nothing */
	size_t begin, body;
};

struct archive {
	const struct archive_ops *ops;
	bool reads;
	struct arena *arena;
	unsigned depth; /* of the frame in use; 0: the root */
	struct archive_frame frame[ARCHIVE_DEPTH];
	bool bad; /* reading: refused */

	FILE *out; /* text out */

	struct diag *diag;	       /* text in */
	const struct yaml_node *place; /* the field read last, or the map it was not in */

	uint8_t *bytes; /* bytes out: owned by whoever began it */
	size_t len, cap;
	struct reader rd; /* bytes in */
};

struct archive_ops {
	/* One value that is not none; list: n of them. */
	void (*put)(struct archive *a, const char *key, const struct archive_kind *k,
		    const void *v);
	void (*put_list)(struct archive *a, const char *key, const struct archive_kind *k,
			 const void *v, uint32_t n);
	void (*put_text)(struct archive *a, const char *key, const char *text);
	/* False when it is not there, or wrong: v is as it was. */
	bool (*get)(struct archive *a, const char *key, const struct archive_kind *k, void *v);
	uint32_t (*get_list)(struct archive *a, const char *key, const struct archive_kind *k,
			     void *v, uint32_t max);
	const char *(*get_text)(struct archive *a, const char *key); /* NULL: not there */
	/* The frame in use is the new one; false (in) when it is not there. */
	bool (*open)(struct archive *a, struct archive_frame *f);
	bool (*next)(struct archive *a, struct archive_frame *f, bool more);
	void (*close)(struct archive *a, struct archive_frame *f);
	void (*wrong)(struct archive *a, const char *sentence);
};

/* Text out; ends with archive_yaml_done(). */
void archive_yaml_write(struct archive *a, FILE *out);
/* Text in: the root must be a map. */
bool archive_yaml_read(struct archive *a, const struct yaml_doc *doc, struct arena *arena,
		       struct diag *diag);
/* Unknown keys of the root; true when nothing was wrong. */
bool archive_yaml_done(struct archive *a);

/* Bytes out into a->bytes, which is to be freed; bytes in. */
void archive_bytes_write(struct archive *a);
void archive_bytes_read(struct archive *a, const uint8_t *p, uint32_t len, struct arena *arena);
/* True when nothing was wrong, and in: nothing is left. */
bool archive_bytes_done(struct archive *a);

/* Reading: the map or element is not looked at further. */
void archive_pass(struct archive *a);

/* --- text.c, for store.c --- */

struct baseline;
struct baseline_limits;

uint8_t *baseline_pack(struct baseline *b, size_t *len); /* free() it; NULL: memory is out */
struct baseline *baseline_unpack(const uint8_t *p, uint32_t len,
				 const struct baseline_limits *limits);

/* --- archive_value.c --- */

extern const struct archive_kind archive_kind_count, archive_kind_count32, archive_kind_int,
	archive_kind_number, archive_kind_flag, archive_kind_time, archive_kind_span,
	archive_kind_seconds, archive_kind_addr, archive_kind_mac, archive_kind_range,
	archive_kind_interval, archive_kind_tally, archive_kind_word;

#endif
