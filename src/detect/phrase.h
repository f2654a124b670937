/*
 * detect/phrase.h - a sentence under construction, shared by the files that word alerts.
 *
 * Text is added until the buffer is full; what comes behind is dropped, and words_fill() sees to it
 * that the last character is whole. Private to the wording (words*.c).
 */
#ifndef KIDOBAN_DETECT_PHRASE_H
#define KIDOBAN_DETECT_PHRASE_H

#include "detect/words.h"

/* One text of two, in the language of the words w at hand. */
#define LANG(en, ja) (w->lang == FINDING_JA ? (ja) : (en))

struct phrase {
	char *buf;
	size_t size, len;
};

__attribute__((format(printf, 2, 3))) void phrase_add(struct phrase *p, const char *fmt, ...);

/* Parts of sentences; the words' op is the one spoken of. */
void phrase_place(struct phrase *p, const struct words *w, const struct addr *a,
		  struct policy_place place); /* "hmi-1 (10.40.0.5)" */
void phrase_object(struct phrase *p, const struct words *w, uint64_t first,
		   uint32_t count);			   /* "input register 0 (30001)" */
void phrase_unit(struct phrase *p, const struct words *w); /* ", unit 1", or nothing */

/* The conduit that spoke; NULL if none. */
const struct policy_conduit *words_conduit(const struct words *w);

/* Expected, where a conduit was closed: when it is open, and when this was. */
void words_closed(struct phrase *p, const struct words *w);

/* Client (0) or server (1) of the flow: "hmi-1 (10.40.0.5)". */
void words_end(struct phrase *p, const struct words *w, int end, bool with_zone);

/* Sender (0) or receiver (1) of a frame that is no IP: "io-1 (00:80:f4:01:02:03)". */
void phrase_station(struct phrase *p, const struct words *w, int end, bool with_zone);

/* Observed: who sent whom what, where it is no IP. */
void words_frame(struct phrase *p, const struct words *w);

/* Which end of the flow the policy took for the client. */
static inline int words_client(const struct words *w)
{
	return w->view->reversed;
}

/* Expected of devices whatever conduits allow. */
void words_trust(struct phrase *p, const struct words *w);
void words_uplink(struct phrase *p, const struct words *w);
void words_tenant(struct phrase *p, const struct words *w);
void words_country(struct phrase *p, const struct words *w);
void words_ended(struct phrase *p, const struct words *w);
void words_unlisted(struct phrase *p, const struct words *w);

/* Expected, where an update came past the update conduits. */
void words_update(struct phrase *p, const struct words *w);

#endif
