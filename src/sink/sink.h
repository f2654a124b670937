/*
 * sink/sink.h - where events go: one file per output, all behind these few calls.
 *
 * A sink turns what the engine tells into bytes for somebody: EVE JSON lines, a line for a
 * terminal, CEF. It decides nothing. Records are valid during the call only.
 */
#ifndef KIDOBAN_SINK_SINK_H
#define KIDOBAN_SINK_SINK_H

#include "detect/finding.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct endpoint;
struct incident;
struct flow;
struct op;
struct packet;
struct anomaly;

/* How the ends of a flow are called by the policy and by themselves; any may be NULL. */
struct sink_names {
	const char *client_zone, *client_asset;
	const char *server_zone, *server_asset;
	const struct endpoint *client_device, *server_device;
};

struct sink_stats {	 /* one line of numbers, in the order to be shown */
	const char *key; /* "decoder.pkts"; NULL ends the list */
	uint64_t value;
};

struct sink;

struct sink_ops {
	void (*alert)(struct sink *s, const struct incident *i);
	/* live: it is over, and nothing has happened since alert() told that it began; may be NULL
	 */
	void (*over)(struct sink *s, const struct incident *i);
	void (*flow)(struct sink *s, const struct flow *f, const struct sink_names *n, int why);
	void (*op)(struct sink *s, const struct flow *f, const struct sink_names *n,
		   const struct op *op);
	/* f and p may be NULL */
	void (*anomaly)(struct sink *s, const struct flow *f, const struct packet *p,
			const struct anomaly *a);
	void (*stats)(struct sink *s, int64_t time, const struct sink_stats *list);
	/* False when something could not be written; errno says why. */
	bool (*flush)(struct sink *s);
	void (*free)(struct sink *s);
};

struct sink {
	const struct sink_ops *ops;
};

/*
 * Formats are sinks that make bytes; where the bytes go is a matter of its own. What one call of
 * bytes() gets is a piece of a record only: the record is whole when the sink's call returns.
 */
struct sink_put {
	void (*bytes)(void *user, const char *text, size_t len);
	bool (*flush)(void *user); /* as in sink_ops; may be NULL */
	void (*free)(void *user);  /* may be NULL */
	void *user;
};

/* NULL when memory is out; to stays the caller's then. */
struct sink *sink_eve_new(const struct sink_put *to, enum finding_lang lang);
struct sink *sink_cef_new(const struct sink_put *to, enum finding_lang lang);

enum { SINK_TEXT_COLOUR = 1, SINK_TEXT_BARE = 2 }; /* bare: without time and level */
struct sink *sink_text_new(const struct sink_put *to, enum finding_lang lang, unsigned flags);

/*
 * EVE JSON lines to a path, "-" for standard output, or "unix:PATH" for a Unix stream socket.
 * NULL on failure with a sentence in err.
 */
struct sink *sink_eve_open(const char *target, enum finding_lang lang, char *err, size_t errlen);

/* One line per alert, for people; colour when out is a terminal. out is not closed. */
struct sink *sink_text_open(FILE *out, enum finding_lang lang);

#endif
