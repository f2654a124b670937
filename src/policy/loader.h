/*
 * policy/loader.h - what the loading files share: places of mistakes, words, numbers.
 *
 * Loading goes on after a mistake, so that one run tells them all; every helper here adds the
 * error itself, with line, column and, for a misspelt name, the one that was probably meant.
 * Private to policy/, and to report/expect.c and run/config*.c, whose files are written in the same
 * words.
 */
#ifndef KIDOBAN_POLICY_LOADER_H
#define KIDOBAN_POLICY_LOADER_H

#include "base/yaml.h"
#include "policy/model.h"

/* In loader.ids: what the rest is the index of; neither: a zone. */
#define END_ASSET 0x80000000u
#define END_GROUP 0x40000000u

/* A file that was included; its name outlives the loading. */
struct loaded_file {
	const char *name;
	const struct loaded_file *next;
};

struct loader {
	struct policy *p;
	struct arena *a; /* the policy's */
	const char *file;
	struct diag *diag;
	struct loaded_file *files; /* beside file */
	struct imap ids;	   /* hashes of ids -> zone, END_ASSET | asset, END_GROUP | group */
	struct imap schedule_ids;  /* hashes of ids -> schedule */
	struct imap conduit_ids;   /* hashes of ids -> conduit */
	struct imap watch_ids;	   /* hashes of ids -> watch */
	uint32_t *inside;	   /* by zone: the zone it is carved out of, or POLICY_NONE */
	uint32_t *taken;	   /* by end: the id of the last list it was added to */
	uint32_t lists;		   /* lists of ends so far */
	uint32_t members;	   /* in all of them */
	unsigned depth;		   /* groups being resolved, one in the other */
};

__attribute__((format(printf, 3, 4))) void load_error(struct loader *l, const struct yaml_node *at,
						      const char *fmt, ...);
__attribute__((format(printf, 3, 4))) void
load_warning(struct loader *l, const struct yaml_node *at, const char *fmt, ...);

struct suggest;

/* The file a node stands in; lives as long as the policy. */
const char *load_file(struct loader *l, const struct yaml_node *at);

/* "line 12", or "cell.yaml line 12" when that is another file than the node's. */
const char *load_line(struct loader *l, const struct yaml_node *at, const char *file, int line);

/* A key of a map: who takes its value. */
struct field {
	const char *name; /* NULL ends the table */
	void (*set)(struct loader *l, const struct yaml_node *value, void *object);
	bool required;
};

/* Hands every key of the map to its field. what: "zone", for messages. */
void load_fields(struct loader *l, const struct yaml_node *map, const char *what,
		 const struct field *fields, void *object);

/*
 * The same where keys may also be words of another table: other() takes such a value, or returns
 * false; try_others() offers its words for a suggestion.
 */
void load_fields_or(struct loader *l, const struct yaml_node *map, const char *what,
		    const struct field *fields,
		    bool (*other)(struct loader *l, const struct yaml_node *value, void *object),
		    void (*try_others)(struct suggest *s), void *object);

/* True when it is of that kind; else an error. */
bool load_is(struct loader *l, const struct yaml_node *n, enum yaml_kind kind, const char *what);

/* The text of a scalar that is not empty, or NULL after an error. */
const char *load_text(struct loader *l, const struct yaml_node *n, const char *what);

/* An id: short, printable, without spaces. NULL after an error. */
const char *load_id(struct loader *l, const struct yaml_node *n, const char *what);

/* Which of the words (NULL-ended) it is; -1 after an error. */
int load_word(struct loader *l, const struct yaml_node *n, const char *what,
	      const char *const *words);

/* False after an error: a list without anything in it, where leaving it out means something. */
bool load_some(struct loader *l, const struct yaml_node *n, const char *what, const char *instead);

/* One scalar, or each scalar of a list. */
void load_each(struct loader *l, const struct yaml_node *n, const char *what,
	       void (*one)(struct loader *l, const struct yaml_node *n, void *object),
	       void *object);

/* The best guess at a misspelt word; filled by suggest_try(), read by suggest_text(). */
struct suggest {
	const char *word;
	const char *best;
	unsigned distance;
};

/* Looks for nothing once the errors are only counted: nobody reads the suggestion. */
struct suggest suggest_for(const struct loader *l, const char *word);
void suggest_try(struct suggest *s, const char *candidate);

/* "; did you mean \"x\"?", or "" when nothing comes near. */
const char *suggest_text(struct loader *l, const struct suggest *s);

/* Where numbers of a key go, and how they may be written. */
struct numbers {
	const char *what;	     /* the key */
	struct iset *set;	     /* sealed by the caller */
	uint64_t max;		     /* the largest that makes sense */
	enum notation notation;	     /* of object addresses; else NOTATION_0 */
	const struct vocab_key *key; /* of object addresses; else NULL */
};

void load_numbers(struct loader *l, const struct yaml_node *n, const struct numbers *to);

/* True when the text is numbers, not a name: begins with a digit. */
bool is_number(const char *text);

/* what: 0..1000, -5, [0, 1, 10..20] */
void load_values(struct loader *l, const struct yaml_node *n, const char *what, struct dset *set);

#define DURATION_MAX INT64_C(31622400000000000) /* ns, a leap year */

/* 500ms, 5s, 10m, 4h, 2d, as ns; false after an error. */
bool load_duration(struct loader *l, const struct yaml_node *n, const char *what, int64_t *ns);

/* 100/s, 20/m, 500/h; false after an error. */
bool load_rate(struct loader *l, const struct yaml_node *n, const char *what,
	       struct policy_rate *r);

/* The class of ops that a scalar names, a bit of enum op_class; `any`: all; 0 after an error. */
uint16_t load_class(struct loader *l, const struct yaml_node *n, const char *what);

/* The words of enum policy_level; NULL-ended. */
extern const char *const level_words[];

int load_notation(struct loader *l, const struct yaml_node *n);

/* The end of that name, or POLICY_NONE. Zones and assets must be complete. */
uint32_t load_find_end(const struct loader *l, const char *id);

/* The group of that name, or POLICY_NONE. */
uint32_t load_find_group(const struct loader *l, const char *id);

/* The zone of that name, written at n under `what`; POLICY_NONE after an error. */
uint32_t load_find_zone(struct loader *l, const struct yaml_node *n, const char *id,
			const char *what);

/* Ends of a conduit, each once, in the order written. */
struct ends {
	uint32_t id;	/* of this list, in loader.taken */
	uint32_t lists; /* loader.lists when taken was last true of it */
	uint32_t *end;	/* zones, then assets */
	uint32_t count, cap;
	bool grouped;	   /* a group was named, and a group may have no members */
	const char *words; /* "zone office, group screens (hmi-1, hmi-2)" */
	const char **parts;
	uint32_t nparts, parts_cap;
};

/* An empty list. Zones and assets must be complete. */
struct ends load_ends_none(struct loader *l);

/* A zone, asset, group or role, or a list of those, as under from and to. */
void load_ends(struct loader *l, const struct yaml_node *n, const char *what, struct ends *to);

/* Keeps an id -> value; returns IMAP_NONE or the value it already has. id_of gives the text back.
 */
uint32_t ids_add(struct loader *l, struct imap *ids, const char *id, uint32_t value,
		 const char *(*id_of)(const struct policy *p, uint32_t value));

/* The value of an id, or IMAP_NONE. */
uint32_t ids_get(const struct loader *l, const struct imap *ids, const char *id,
		 const char *(*id_of)(const struct policy *p, uint32_t value));

/* Takes an id for a zone, asset or group, or says who has it. */
void load_take_id(struct loader *l, const struct yaml_node *at, const char *id, uint32_t value);

/* load_when.c: a last day, or moment: over is when it has passed, ns since 1970 UTC. Returns the
 * text, or NULL after an error. */
const char *load_last(struct loader *l, const struct yaml_node *n, const char *what, int64_t *over);

/* load_trust.c: keys that zones and assets share. */
uint8_t load_trust(struct loader *l, const struct yaml_node *n); /* enum policy_trust */
uint64_t load_tenants(struct loader *l, const struct yaml_node *n);

/* load_refs.c: namespace:id, or a list of them; NULL-ended, NULL when there is none. */
const char *const *load_refs(struct loader *l, const struct yaml_node *n);
void load_criticality(struct loader *l, const struct yaml_node *n, struct policy_zone *zone);

/* What is so when the file says nothing of tiers and layers. */
void load_trust_defaults(struct policy *p);

/* Keys of the top. */
void load_trust_tiers(struct loader *l, const struct yaml_node *n, void *object);
void load_layers(struct loader *l, const struct yaml_node *n, void *object);

/* load_geo.c: the databases, a key of the top; and what a zone asks of its peers. */
void load_geo(struct loader *l, const struct yaml_node *n, void *object);
void load_countries(struct loader *l, const struct yaml_node *n, struct policy_zone *z);
void load_asns(struct loader *l, const struct yaml_node *n, struct policy_zone *z);
void load_organisations(struct loader *l, const struct yaml_node *n, struct policy_zone *z);

/* true or false. */
bool load_yes(struct loader *l, const struct yaml_node *n, const char *what);

void load_zones(struct loader *l, const struct yaml_node *n);
void load_assets(struct loader *l, const struct yaml_node *n);
void load_groups(struct loader *l, const struct yaml_node *n);
void load_conduits(struct loader *l, const struct yaml_node *n);
void load_watches(struct loader *l, const struct yaml_node *n);

/* The value of limit: {ops: 100/s, flows: 20/m} into a struct policy_conduit. */
void load_limit(struct loader *l, const struct yaml_node *n, struct policy_conduit *c);

/* One rule of that protocol, without what it is carried in; r is zero but for its conduit. */
void load_rule(struct loader *l, const struct yaml_node *n, const struct vocab *vocab,
	       struct rule *r);

/* The warnings of lint that are accepted for subject (enum lint_subject) index. */
void load_accept(struct loader *l, const struct yaml_node *n, unsigned subject, uint32_t index);

/* timezone, schedules, and `when` of a conduit. */
void load_timezone(struct loader *l, const struct yaml_node *n);
void load_schedules(struct loader *l, const struct yaml_node *n);
void load_when(struct loader *l, const struct yaml_node *n, struct conduit *c);

/* Which operating mode the word is; -1 after an error. */
int load_operating_mode(struct loader *l, const struct yaml_node *n);

/* One entry of `allow`. */
void load_allow(struct loader *l, const struct yaml_node *n, void *conduit);

#endif
