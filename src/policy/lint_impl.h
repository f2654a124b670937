/*
 * policy/lint_impl.h - what the files of lint share.
 *
 * Each lint_*.c asks questions of one kind of the whole policy and adds its warnings; lint.c calls
 * them in turn, then sorts and marks what is accepted. Private to policy/.
 */
#ifndef KIDOBAN_POLICY_LINT_IMPL_H
#define KIDOBAN_POLICY_LINT_IMPL_H

#include "policy/lint.h"
#include "policy/model.h"

struct lint {
	const struct policy *p;
	struct lint_report *report;
	const struct lint_config *config;
	struct arena *a; /* the report's */
};

/* A place in the file; where nothing finer is known, that of the subject. */
struct lint_place {
	enum lint_subject subject;
	uint32_t index;
	int line, col; /* 0: that of the subject */
};

#define LINT_AT_CONDUIT(i)                                                                         \
	(struct lint_place)                                                                        \
	{                                                                                          \
		LINT_OF_CONDUIT, i, 0, 0                                                           \
	}
#define LINT_AT_ZONE(i)                                                                            \
	(struct lint_place)                                                                        \
	{                                                                                          \
		LINT_OF_ZONE, i, 0, 0                                                              \
	}

/* Adds a warning; its example is still empty. */
__attribute__((format(printf, 4, 5))) struct lint_warning *
lint_add(struct lint *l, enum lint_id id, struct lint_place at, const char *fmt, ...);

/* Bits of enum op_class. */
#define LINT_CHANGES                                                                               \
	(1u << OP_WRITE | 1u << OP_CONTROL | 1u << OP_PROGRAM | 1u << OP_FIRMWARE | 1u << OP_CONFIG)

/* Bits of enum policy_level. */
#define LINT_OUTSIDE (1u << LEVEL_EXTERNAL | 1u << LEVEL_INFORMATION | 1u << LEVEL_IOT)
#define LINT_INSIDE  (1u << LEVEL_CONTROL_INFORMATION | 1u << LEVEL_CONTROL | 1u << LEVEL_FIELD)
#define LINT_DEVICES (1u << LEVEL_CONTROL | 1u << LEVEL_FIELD) /* what moves things */

/* The first of the ends at one of these levels; POLICY_NONE: there is none. */
uint32_t lint_end_at(const struct policy *p, const uint32_t *end, uint32_t n, unsigned levels);

/* The first of the ends that is a whole zone, at one of these levels; POLICY_NONE. */
uint32_t lint_whole_at(const struct policy *p, const uint32_t *end, uint32_t n, unsigned levels);

static inline unsigned lint_level(const struct policy *p, uint32_t end)
{
	return p->zone[end_zone(p, end)].level;
}

/* "hmi-1 (control-information)", "zone office (information)". */
const char *lint_end_words(struct lint *l, uint32_t end);

/* "line 12", or "cell.yaml line 12" when that is another file than the one in hand. */
const char *lint_line(struct lint *l, const char *here, const char *file, int line);

/* True when the zone is where everything goes that has no other: networks: any. */
bool lint_catches_all(const struct policy *p, uint32_t zone);

/* What of the rule's classes its protocol has codes for. */
unsigned lint_classes(const struct rule *r);

/* True when the service leaves nothing closed: ip any, or all of TCP or UDP. */
bool lint_service_wide(const struct service *s);

/* True when what is said in the service may be anything that changes a device. */
bool lint_service_opaque(const struct conduit *c, const struct service *s);

/* True when nobody can use the conduit without somebody having opened it. */
bool lint_closed_at_rest(const struct policy *p, const struct conduit *c);

/* --- examples (lint_example.c); from and to are ends --- */

/* An op that the rule permits, of one of the classes. */
void lint_example_rule(struct lint *l, struct lint_example *x, uint32_t from, uint32_t to,
		       const struct rule *r, unsigned classes);

/* A packet that the service permits. */
void lint_example_service(struct lint *l, struct lint_example *x, uint32_t from, uint32_t to,
			  const struct service *s);

/* Anything the conduit permits, of one of the classes if there is such an op. */
void lint_example_conduit(struct lint *l, struct lint_example *x, uint32_t from, uint32_t to,
			  const struct conduit *c, unsigned classes);

/* False when no packet can go from one end to the other: one has no address, or they have none of
 * the same family. */
bool lint_example_ends(struct lint *l, struct lint_example *x, uint32_t from, uint32_t to);

/* --- topics --- */

void lint_never(struct lint *l);  /* what cannot match */
void lint_when(struct lint *l);	  /* grants and dates */
void lint_cover(struct lint *l);  /* what others make pointless */
void lint_watch(struct lint *l);  /* what is watched and limited in vain */
void lint_tenant(struct lint *l); /* who reaches another tenant */
void lint_wide(struct lint *l);	  /* what is wider than anybody wants */
void lint_paths(struct lint *l);  /* who reaches whom */
void lint_zones(struct lint *l);  /* zones, and what is missing on paper */

#endif
