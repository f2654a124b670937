/*
 * detect/finding.h - the catalogue of findings, and the incidents made of them.
 *
 * The catalogue is data (rules/findings.yaml, built into the program): a stable id such as
 * "policy.op-denied", signature id, titles in English and Japanese, severity, threat class,
 * references, what it means and what to do next. Code names a finding by its id once, at start,
 * and keeps the pointer.
 */
#ifndef KIDOBAN_DETECT_FINDING_H
#define KIDOBAN_DETECT_FINDING_H

#include "base/diag.h"
#include "op/op.h"

#include <stdint.h>

enum finding_lang { FINDING_EN, FINDING_JA, FINDING_LANGS };

struct finding_text {
	const char *title;   /* a few words */
	const char *meaning; /* one or two sentences */
	const char *next;    /* what to do */
};

struct finding {
	const char *id;		  /* "policy.op-denied" */
	uint32_t sid;		  /* signature id in EVE, stable for ever */
	uint32_t rev;		  /* of the entry */
	uint8_t severity;	  /* 1 high, 2 medium, 3 low, 4 notice; as Suricata counts */
	const char *threat_class; /* "unauthorised-access", "tampering", ... design.md section 8 */
	const char *category;	  /* EVE alert.category, English */
	struct finding_text text[FINDING_LANGS];
	const char *const *attack; /* MITRE ATT&CK for ICS ids "T0855", NULL-ended */
	const char *const *attack_class[OP_CLASSES]; /* those for an op of that class; never NULL */
	const char *const *refs; /* "cpsf:CPS.AC-7", "iec62443:SR-5.2", ..., NULL-ended */
	unsigned index;		 /* position in the catalogue */
};

struct catalogue;

/* The one built into the program. NULL with diag filled when it is broken. */
struct catalogue *catalogue_builtin(struct diag *diag);
struct catalogue *catalogue_load_buffer(const char *name, const char *text, size_t len,
					struct diag *diag);
/* Accepts NULL. */
void catalogue_free(struct catalogue *c);

/* NULL when there is no such id. */
const struct finding *catalogue_find(const struct catalogue *c, const char *id);

/* In the order of the file; NULL past the last. */
const struct finding *catalogue_at(const struct catalogue *c, unsigned i);

/* "high", "medium", "low", "notice" for 1 to 4. */
const char *finding_severity_name(unsigned severity);

/* From "--lang" or the LANG environment: "ja", "ja_JP.UTF-8" is Japanese, everything else English.
 */
enum finding_lang finding_lang(const char *name);

#endif
