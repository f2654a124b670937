/*
 * sink/outputs.h - events on their way out, without ever holding up a packet.
 *
 *   worker 0 ──> ring ─┐                     ┌─> queue ─> writer thread: file
 *   worker 1 ──> ring ─┼─> dispatcher thread ┼─> queue ─> writer thread: syslog (TLS)
 *   main     ──> ring ─┘   joins, formats    └─> queue ─> writer thread: journal
 *
 * A worker puts an incident as it is (parcel.h), and every other event as a line of EVE, into its
 * own ring (one producer, one consumer, no lock). When a ring is half full only alerts are taken,
 * so floods of flow or op events cost alerts nothing.
 *
 * The dispatcher never waits for an output. Each output has a bounded queue and a writer of its
 * own; when it is full or the output is dead, alerts go to the output's spool on disk, in order,
 * and from there to the output when it is back. Other events are counted and given up. What the
 * spool cannot take either (full, disk full) is counted, and told.
 *
 * The same incident seen by two workers (same incident id) is told once: openings are joined, ends
 * added up (join.h). An alert is formatted once per format that some output wants (shape.h).
 *
 * Thread: outputs_new() before the workers start; sinks belong to their worker.
 */
#ifndef KIDOBAN_SINK_OUTPUTS_H
#define KIDOBAN_SINK_OUTPUTS_H

#include "sink/sink.h"

#define OUTPUTS_MAX 8

enum output_kind {
	OUTPUT_FILE,
	OUTPUT_UNIX,
	OUTPUT_SYSLOG_UDP,
	OUTPUT_SYSLOG_TCP,
	OUTPUT_SYSLOG_TLS,
	OUTPUT_JOURNAL
};
enum output_format { OUTPUT_EVE, OUTPUT_CEF, OUTPUT_TEXT };

struct output_config {
	enum output_kind kind;
	enum output_format format; /* default eve; of syslog and the journal text */
	unsigned events;	   /* bits of enum engine_event; default alert */
	const char *path;	   /* file, unix; "-" is standard output */
	const char *host;	   /* syslog */
	uint16_t port;		   /* syslog; 514, TLS 6514 */
	uint8_t facility;	   /* syslog, RFC 5424 table 1; default 13 (log audit) */
	const char *ca;		/* TLS: file of certificates that are trusted; NULL: the system's */
	const char *cert, *key; /* TLS: our own; NULL */
	uint64_t rotate_bytes;	/* file: 0 never */
	unsigned rotate_keep;	/* default 5 */
	uint64_t spool_bytes;	/* alerts kept on disk while it does not take them; 100 MiB */
	enum finding_lang lang;
	int line;
};

struct outputs;

/* The strings of list are not copied. spool_dir: NULL: alerts are not spooled. producers: how many
 * sinks will be asked for. NULL with a sentence in err. Files are opened (and appended to) now, so
 * that privileges may be dropped afterwards; syslog servers need not be there.
 */
struct outputs *outputs_new(const struct output_config *list, unsigned count, const char *spool_dir,
			    unsigned producers, char *err, size_t errlen);

/* The sink of a worker; owned by outputs. The events it wants are outputs_events(). */
struct sink *outputs_sink(struct outputs *o, unsigned producer);
unsigned outputs_events(const struct outputs *o); /* bits of enum engine_event */

/* Somebody else who hears of alerts, joined as outputs do; in the dispatcher's thread, where
 * nothing may wait. */
struct outputs_tap {
	bool (*wants)(void *user, const struct incident *i);
	void (*alert)(void *user, const char *eve, size_t len); /* a line of EVE */
	void *user;
	enum finding_lang lang;
};
/* Before the sinks are asked what they want. */
void outputs_tap(struct outputs *o, const struct outputs_tap *tap);

/* Starts the threads. After privileges are dropped. */
bool outputs_start(struct outputs *o, char *err, size_t errlen);

/* Files are opened anew at once (log rotation by others). Any thread, not a signal handler. */
void outputs_reopen(struct outputs *o);

struct output_stats {
	char name[128];	   /* "file /var/log/kidoban/eve.json", "syslog tls://10.0.0.5:6514" */
	uint64_t written;  /* events */
	uint64_t spooled;  /* alerts that went to the spool, in all */
	uint64_t waiting;  /* in queue and spool now */
	uint64_t lost;	   /* alerts nobody has any more */
	uint64_t given_up; /* other events */
	bool takes;	   /* the last write worked */
	char error[128];   /* of the last that did not */
};
/* Any thread. */
unsigned outputs_stats(struct outputs *o, struct output_stats *out, unsigned max);

/* Everything that waits is written, for at most that long; the rest is spooled. Producers must have
 * ended. */
void outputs_drain(struct outputs *o, int64_t ns);
void outputs_free(struct outputs *o);

#endif
