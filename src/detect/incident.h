/*
 * detect/incident.h - one event per incident.
 *
 * The same finding between the same ends about the same thing is one incident, however often it
 * repeats. An incident is told when it closes: when it has been quiet for a while, has been open
 * for long, or the input ends. It carries the first occurrence in full, and how often and until
 * when it was seen again.
 *
 * Memory: a fixed table; when it is full the incident quiet for longest is told early, counted.
 * Time is packet time. Thread: one worker.
 */
#ifndef KIDOBAN_DETECT_INCIDENT_H
#define KIDOBAN_DETECT_INCIDENT_H

#include "base/addr.h"
#include "detect/endpoint.h"
#include "detect/finding.h"
#include "op/op.h"

#include <stdbool.h>
#include <stdint.h>

#define INCIDENT_TEXT	512 /* longest expected or observed, bytes with NUL */
#define INCIDENT_PLACES 16  /* objects or servers told one by one, the rest is only counted */
#define INCIDENT_OBJECT 160
#define INCIDENT_VALUES 160
#define INCIDENT_PERMIT 200 /* bytes of the line that permits a deviation, with its NUL */
#define INCIDENT_ALSO	6   /* other deviations of the same event told one by one */
#define INCIDENT_MORE	3   /* other hard deviations of the same event whose permits are told */
#define INCIDENT_PROTOS 4   /* protocols followed on a flow that is a violation by itself */

/* Which word about an incident this is. */
enum incident_phase {
	INCIDENT_WHOLE,	 /* captures: the only one, when it is over */
	INCIDENT_OPENED, /* live: it has just begun */
	INCIDENT_ENDED,	 /* live: it is over, and was seen more than once */
	INCIDENT_OVER	 /* live: it is over, and there is nothing to add: for those who count */
};

/* A deviation from the baseline, as the incident of its event keeps it. */
struct incident_norm {
	const char *detector; /* static: "set", "value", "time", "order"; NULL: it is none */
	bool hard;	      /* no threshold applies; score and threshold are 0 */
	bool early;	      /* still inside, but on its way out: a warning */
	double score;	      /* 1 is the edge of what was learned */
	double threshold;     /* told from this score on */
	uint64_t learned;     /* how often what was expected was seen in learning; 0: never */
	int64_t since, until; /* ns since 1970 UTC, from when to when */
	char permit[INCIDENT_PERMIT]; /* `kidoban baseline approve` takes it */
	struct {
		const char *finding, *detector; /* static; of the catalogue */
		uint64_t count;
	} also[INCIDENT_ALSO];			   /* what else belongs to the event */
	uint32_t alsos;				   /* how many of also[] are used */
	uint64_t others;			   /* deviations of still other kinds */
	char more[INCIDENT_MORE][INCIDENT_PERMIT]; /* permits of other hard ones */
	uint32_t mores;				   /* how many of more[] are used */
};

/* One thing that happened, copied out of flow and op; what a sink gets. No pointers into packets.
 */
struct incident {
	const struct finding *finding;
	uint64_t id;	  /* live: the same in all workers and phases, below 2^53; 0 of captures */
	uint8_t phase;	  /* enum incident_phase */
	uint8_t severity; /* of the finding; 1 when it concerns a safety zone */
	const char *verdict;  /* static: "alert", "would-drop", "drop", ... */
	int64_t first, last;  /* ns since 1970 UTC, packet time */
	uint64_t first_frame; /* packet of the first occurrence */
	uint16_t file;	      /* which of the captures that packet is in, from 0 */
	uint64_t count;	      /* occurrences */

	uint64_t flow_id;     /* 0: it belongs to no flow */
	bool has_addr;	      /* the fields down to vlans are filled */
	struct addr src, dst; /* of the packet, as in EVE */
	uint16_t sport, dport;
	uint8_t ip_proto;
	uint16_t vlan[2];
	uint8_t vlans;
	const char *app; /* static; NULL: unknown */
	struct mac src_mac, dst_mac;
	bool has_mac;
	bool has_ether_type; /* it is about a frame that is no IP */
	uint16_t ether_type; /* as in struct packet */
	bool to_client;	     /* the packet went from server to client */

	const char *src_zone, *dst_zone;   /* of the policy; NULL: none */
	const char *src_asset, *dst_asset; /* likewise */
	const char *conduit;		   /* likewise */
	const char *watch;		   /* likewise: the entry of `watch` */
	const char *const *refs;	   /* of conduit or watch, NULL-ended; may be NULL */
	const char *const *asset_refs;	   /* likewise: threats that begin at src */
	const char *const *zone_refs;	   /* likewise: in its zone */

	/* What the two ends told about themselves; filled when the incident is told, may be NULL.
	 */
	const struct endpoint *src_device, *dst_device;

	/* The objects of this and its sister incidents, as hashes; see places in detect/engine.c.
	 */
	uint64_t place[INCIDENT_PLACES];
	uint32_t places;    /* how many of place[] are used */
	uint64_t elsewhere; /* occurrences counted here that were about still others */

	/* A flow that is a violation by itself: what was spoken on it, and the classes of its ops
	 * (bits of enum op_class), in each protocol and in all. */
	const char *did; /* static, the last */
	struct {
		const char *proto; /* static */
		uint16_t classes;
	} said[INCIDENT_PROTOS];
	uint16_t did_mask;

	uint8_t done; /* enum policy_action: what was really done, the most of it; ACTION_ALERT of
			 captures and mirrors */
	const char
		*wanted; /* static: what the policy wanted, where something else was done; NULL */

	bool tried; /* a denied flow: told on its own, unless it is one try of a sweep */
	bool swept; /* it is: the sweep's incident tells of it, as long as nothing was done or said
		     */

	struct incident_norm norm;

	bool has_op;				   /* the fields below are filled */
	const char *op_proto, *op_name, *op_space; /* static */
	uint8_t op_role, op_class;		   /* enum op_role, enum op_class */
	uint8_t op_kind;			   /* enum op_space */
	uint8_t op_npath;			   /* as in struct op_object */
	uint32_t op_path[3];			   /* likewise */
	uint32_t op_code, op_status;
	int32_t op_unit; /* -1: none */
	uint64_t op_first;
	uint32_t op_count;
	char object[INCIDENT_OBJECT]; /* as op_object_str() */
	char values[INCIDENT_VALUES]; /* as op_values_str() */

	char expected[INCIDENT_TEXT]; /* in the language of the engine */
	char observed[INCIDENT_TEXT];
};

struct incident_table;

/*
 * At most max incidents are open at once (0: 16384). told() is called once per incident, in the
 * order in which they close, or live as above; it must not report. NULL only when memory is out.
 */
struct incident_table *incident_table_new(uint32_t max, int64_t quiet_ns, int64_t longest_ns,
					  void (*told)(void *user, const struct incident *i),
					  void *user);

/*
 * Told twice from now on, see above. patience: ns that one waits that may be part of a sweep. Call
 * it before the first report.
 */
void incident_live(struct incident_table *t, int64_t patience);

/* Live: tells those that began since the last call. Costs a comparison when there are none. */
void incident_begun(struct incident_table *t);

/*
 * Finds the open incident of that key, counts it, and returns NULL; or makes one and returns it,
 * with finding, first, last, first_frame and count set, to be filled by the caller.
 */
struct incident *incident_report(struct incident_table *t, const struct finding *f, uint64_t key,
				 int64_t time, uint64_t frame);

/*
 * Places: the same violation at another object, or against another server, is an incident of its
 * own, so that a second one is not hidden behind the first. A sweep over all of them must not
 * become a flood: after INCIDENT_PLACES the rest is counted into the first incident, `elsewhere`
 * too. place is a hash of the object or the ends; 0: only the key matters.
 */
struct incident *incident_report_at(struct incident_table *t, const struct finding *f, uint64_t key,
				    uint64_t place, int64_t time, uint64_t frame);

/* The open incident of that key and place, NULL if it has none of its own. */
struct incident *incident_find_at(struct incident_table *t, const struct finding *f, uint64_t key,
				  uint64_t place);

/* The same, and it goes on: it is not over for a while yet, though nothing is counted. */
struct incident *incident_keep_at(struct incident_table *t, const struct finding *f, uint64_t key,
				  uint64_t place, int64_t time);

/* Tells what has been quiet, or open, for long enough at that time; incident_report() does too.
 * Live also what has waited for long enough. */
void incident_tick(struct incident_table *t, int64_t time);

/* Shows the open incidents that were made last, max of them; one() may change them but not report.
 */
void incident_newest(struct incident_table *t, uint32_t max,
		     void (*one)(void *user, struct incident *i), void *user);

/* Tells every open incident, in the order of their first occurrence. */
void incident_flush(struct incident_table *t);

uint64_t incident_early(const struct incident_table *t); /* told early because the table was full */
void incident_table_free(struct incident_table *t);

#endif
