/*
 * run/config.h - kidoban.yaml: how the service runs.
 *
 * What is permitted is the policy's matter (zones/README.md); this file says where frames come
 * from, where alerts go, and who may talk to the service. systemd/kidoban.yaml is the commented
 * example of every key. Loaded as a whole or not at all, all mistakes with line and column.
 * Whether interfaces, users and other files exist is not asked here: a file may be checked on
 * another machine (`kidoban run -c FILE --check`).
 *
 * Relative paths are relative to the file. Thread: loaded by the main thread, read by all.
 */
#ifndef KIDOBAN_RUN_CONFIG_H
#define KIDOBAN_RUN_CONFIG_H

#include "base/diag.h"
#include "capture/live.h"
#include "sink/outputs.h"

#define RUN_SOURCES_MAX 8
#define RUN_WORKERS_MAX 16

enum run_source_kind { RUN_MIRROR, RUN_BRIDGE, RUN_QUEUE };

struct run_source {
	enum run_source_kind kind;
	const char *ifaces[SOURCE_IFACES_MAX + 1]; /* NULL-ended; a bridge: two; a queue: none */
	unsigned workers;			   /* default 1 */
	uint32_t buffer;			   /* bytes; 0: the source's default */
	int64_t quiet; /* ns without a packet after which it is told; 0: never; 60 s */
	/* mirror */
	const char *filter;		 /* NULL */
	uint32_t snaplen;		 /* bytes; 0: the source's default */
	bool immediate, promiscuous;	 /* default no, yes */
	enum live_timestamps timestamps; /* default host */
	bool one_way_told;		 /* traffic in one direction only is told; default yes */
	/* bridge */
	bool when_stopped_open; /* default yes */
	/* queue */
	uint16_t number; /* of the first of two queues per worker */
	uint32_t length; /* packets the kernel keeps; 0: the source's default */
	int line;	 /* of the file */
};

struct run_config {
	const char *path;      /* of the file */
	const char *policy;    /* path; NULL: none */
	const char *state;     /* path of the SQLite file; NULL: none */
	const char *spool_dir; /* NULL: alerts are not spooled */
	enum finding_lang lang;
	struct run_source source[RUN_SOURCES_MAX];
	unsigned sources; /* at least one */
	struct output_config output[OUTPUTS_MAX];
	unsigned outputs;
	uint32_t flows;		    /* per worker; 0: 65536 */
	const char *control_socket; /* NULL: none */
	const char
		*control_group;	  /* who may change things besides root and kidoban; NULL: nobody */
	const char *metrics_file; /* NULL: none */
	const char *metrics_host; /* loopback address; NULL: none */
	uint16_t metrics_port;
	int64_t stats_every;	    /* ns; 0: no stats events; 60 s */
	const char *user;	    /* to run as; NULL: as started */
	const char *baseline;	    /* path; NULL: none */
	bool baseline_learn;	    /* it is being learned; else it is frozen, and compared with */
	double baseline_budget;	    /* events a day; 0: as the file says */
	int64_t quarantine;	    /* ns a quarantine lasts; 1 h */
	const char *response_iface; /* mirror: RST and ICMP leave by it; NULL: none, the default */
	const char *response_hook;  /* mirror: program run with the alert on its input; NULL */
};

/* NULL when there is any mistake; diag has all of them. */
struct run_config *run_config_load(const char *path, struct diag *diag);

/* The same from memory; name stands for the file. Nothing outside the text is looked at. */
struct run_config *run_config_load_buffer(const char *name, const char *text, size_t len,
					  struct diag *diag);

/* Accepts NULL. */
void run_config_free(struct run_config *c);

#endif
