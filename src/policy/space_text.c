/*
 * Texts that match these patterns and not those: the patterns are walked at once, breadth first,
 * one character (of a pattern) or level (of a topic filter) at a time, so that the shortest text
 * is found, or that there is none.
 *
 *     "gw-*" and not "gw-1*"       g w -            "gw-"
 *     "a/#"  and not "a/+"         a | a x x        "a"
 */
#include "base/glob.h"
#include "base/hash.h"
#include "policy/space_box.h"

#include <stdlib.h>

#define PATTERNS_MAX 48
#define BITS_MAX     2048 /* positions of all patterns together */
#define STATES_MAX   4000
#define SYMBOLS_MAX  96

struct pattern {
	struct slice text;
	uint32_t group; /* which need it is of */
	uint32_t at;	/* glob: its first position's bit; topics: its first level */
	uint32_t parts; /* characters, or levels */
	const struct slice *part;
};

struct walk {
	struct arena arena;
	const struct space_kind *kind;
	bool topics;
	struct pattern pattern[PATTERNS_MAX];
	uint32_t patterns;
	bool none[PATTERNS_MAX]; /* by group */
	uint32_t groups;
	struct slice symbol[SYMBOLS_MAX];
	uint32_t symbols;
	uint32_t deepest; /* topics: one more level than any filter has */
	uint32_t bytes;	  /* of a state */
	uint8_t *state;	  /* STATES_MAX of them */
	uint32_t *from;	  /* the state before */
	uint8_t *by;	  /* the symbol that led there */
	uint16_t *depth;  /* symbols so far */
	struct imap seen;
	uint32_t states;
	bool full;
};

enum { DEAD, ALIVE, SUNK }; /* a topic filter on its way */

static struct slice literal(const char *s)
{
	return slice_str(s);
}

static bool is(struct slice s, const char *text)
{
	return slice_eq(s, literal(text));
}

static uint32_t char_len(struct slice s, uint32_t at)
{
	uint32_t n = 1;

	if (s.p[at] >= 0xc0)
		while (n < 4 && at + n < s.len && (s.p[at + n] & 0xc0) == 0x80)
			n++;
	return n;
}

static uint32_t part_len(const struct walk *w, struct slice s, uint32_t at)
{
	uint32_t n = at;

	if (!w->topics)
		return char_len(s, at);
	while (n < s.len && s.p[n] != '/')
		n++;
	return n - at;
}

static void split(struct walk *w, struct pattern *p)
{
	uint32_t at = 0, n = 0;
	struct slice *part = arena_array(&w->arena, p->text.len + 1u, sizeof(*part));

	/* "a/" has two levels, and so has "/a"; a text of no characters has none */
	while (w->topics ? at <= p->text.len : at < p->text.len) {
		part[n] = slice_of(p->text.p + at, part_len(w, p->text, at));
		at += part[n++].len + w->topics;
	}
	p->part = part;
	p->parts = n;
}

static bool wild(const struct walk *w, struct slice s)
{
	return w->topics ? is(s, "+") || is(s, "#") : is(s, "*") || is(s, "?");
}

static bool add_symbol(struct walk *w, struct slice s)
{
	uint32_t i;

	for (i = 0; i < w->symbols; i++)
		if (slice_eq(w->symbol[i], s))
			return true;
	if (w->symbols == SYMBOLS_MAX)
		return false;
	w->symbol[w->symbols++] = s;
	return true;
}

/* What stands for all that no pattern names. */
static bool add_other(struct walk *w)
{
	static const char *const others[] = {"x", "0", "a", "1", "b", "2", "c", "z", "y", "9",
					     "q", "7", "j", "5", "k", "X", "_", "~", NULL};
	uint32_t i, k;

	for (i = 0; others[i]; i++) {
		for (k = 0; k < w->symbols && !is(w->symbol[k], others[i]); k++)
			;
		if (k == w->symbols)
			return add_symbol(w, literal(others[i]));
	}
	return false;
}

static bool symbols(struct walk *w)
{
	uint32_t i, k;

	for (i = 0; i < w->patterns; i++)
		for (k = 0; k < w->pattern[i].parts; k++)
			if (!wild(w, w->pattern[i].part[k]) &&
			    !add_symbol(w, w->pattern[i].part[k]))
				return false;
	if (!add_other(w))
		return false;
	if (!w->topics)
		return true;
	if (!add_symbol(w, literal("$x")))
		return false;
	return !w->kind->wildcards || (add_symbol(w, literal("+")) && add_symbol(w, literal("#")));
}

static bool take(struct walk *w, const struct text_need *needs)
{
	const struct text_need *n;
	uint32_t i, at = 0;

	for (n = needs; n; n = n->next) {
		if (w->groups == PATTERNS_MAX)
			return false;
		w->none[w->groups] = n->none;
		for (i = 0; i < n->names->count; i++) {
			struct pattern *p = &w->pattern[w->patterns];

			if (w->patterns++ == PATTERNS_MAX)
				return false;
			*p = (struct pattern){
				.text = n->names->text[i], .group = w->groups, .at = at};
			split(w, p);
			at += w->topics ? 1 : p->parts + 1;
			if (p->parts >= w->deepest)
				w->deepest = p->parts + 1;
		}
		w->groups++;
	}
	w->bytes = w->topics ? at + 1 : (at + 7) / 8 + 1;
	return at <= BITS_MAX && (!w->topics || w->deepest <= UINT8_MAX);
}

/* --- the state: one bit per position of a glob, one byte per topic filter --- */

static bool bit(const uint8_t *s, uint32_t i)
{
	return s[i / 8] >> (i % 8) & 1;
}

static void set(uint8_t *s, uint32_t i)
{
	s[i / 8] |= (uint8_t)(1u << (i % 8));
}

/* A position, and those that * lets slip to. */
static void reach(const struct pattern *p, uint8_t *s, uint32_t i)
{
	set(s, p->at + i);
	while (i < p->parts && is(p->part[i], "*"))
		set(s, p->at + ++i);
}

static void step_glob(const struct pattern *p, const uint8_t *s, uint8_t *next, struct slice c)
{
	uint32_t i;

	for (i = 0; i < p->parts; i++) {
		if (!bit(s, p->at + i))
			continue;
		if (is(p->part[i], "*"))
			reach(p, next, i);
		else if (is(p->part[i], "?") || slice_eq(p->part[i], c))
			reach(p, next, i + 1);
	}
}

/* topic_covers() for one level. */
static uint8_t step_topic(const struct pattern *p, uint8_t state, uint32_t depth, struct slice l)
{
	bool dollar = depth == 0 && l.len && l.p[0] == '$';

	if (state != ALIVE)
		return state;
	if (depth >= p->parts)
		return DEAD;
	if (is(p->part[depth], "#"))
		return dollar ? DEAD : SUNK;
	if (is(p->part[depth], "+"))
		return is(l, "#") || dollar ? DEAD : ALIVE;
	return slice_eq(p->part[depth], l) ? ALIVE : DEAD;
}

static bool accepts(const struct walk *w, const struct pattern *p, const uint8_t *s, uint32_t depth)
{
	if (!w->topics)
		return bit(s, p->at + p->parts);
	if (s[p->at] != ALIVE)
		return s[p->at] == SUNK;
	return depth == p->parts || (depth + 1 == p->parts && is(p->part[depth], "#"));
}

static bool satisfied(const struct walk *w, uint32_t at)
{
	const uint8_t *s = w->state + (size_t)at * w->bytes;
	bool matched[PATTERNS_MAX] = {false};
	uint32_t i;

	/* a topic has a level */
	if (w->topics && w->depth[at] == 0)
		return false;
	for (i = 0; i < w->patterns; i++)
		if (accepts(w, &w->pattern[i], s, w->depth[at]))
			matched[w->pattern[i].group] = true;
	for (i = 0; i < w->groups; i++)
		if (matched[i] == w->none[i])
			return false;
	return true;
}

static bool hopeless(const struct walk *w, const uint8_t *s)
{
	bool alive[PATTERNS_MAX] = {false};
	uint32_t i, k;

	for (i = 0; i < w->patterns; i++) {
		const struct pattern *p = &w->pattern[i];

		for (k = 0; !w->topics && k <= p->parts; k++)
			alive[p->group] = alive[p->group] || bit(s, p->at + k);
		if (w->topics && s[p->at] != DEAD)
			alive[p->group] = true;
	}
	for (i = 0; i < w->groups; i++)
		if (!alive[i] && !w->none[i])
			return true;
	return false;
}

/* Keeps the state that was written behind the last one, if it is new. */
static void keep(struct walk *w, uint32_t from, uint32_t by, uint32_t depth)
{
	const uint8_t *s = w->state + (size_t)w->states * w->bytes;
	uint64_t key, again;
	uint32_t found;

	if (hopeless(w, s))
		return;
	for (again = 0;; again++) {
		key = hash_bytes(s, w->bytes, again);
		found = imap_find(&w->seen, key);
		if (found == IMAP_NONE)
			break;
		if (memcmp(w->state + (size_t)found * w->bytes, s, w->bytes) == 0)
			return;
	}
	if (w->states + 1 == STATES_MAX) {
		w->full = true;
		return;
	}
	imap_add(&w->seen, &w->arena, key, w->states);
	w->from[w->states] = from;
	w->by[w->states] = (uint8_t)by;
	w->depth[w->states] = (uint16_t)depth;
	w->states++;
}

static void step(struct walk *w, uint32_t at, uint32_t by)
{
	const uint8_t *s = w->state + (size_t)at * w->bytes;
	uint8_t *next = w->state + (size_t)w->states * w->bytes;
	struct slice c = w->symbol[by];
	uint32_t i, depth = w->depth[at];

	/* # ends a filter, $ begins a topic */
	if (w->topics && ((depth && is(w->symbol[w->by[at]], "#")) || (depth && is(c, "$x"))))
		return;
	memset(next, 0, w->bytes);
	/* how deep it is matters as long as some filter still goes on, and for $ */
	if (w->topics)
		next[w->bytes - 1] = (uint8_t)(depth < w->deepest ? depth + 1 : w->deepest);
	for (i = 0; i < w->patterns; i++) {
		const struct pattern *p = &w->pattern[i];

		if (w->topics)
			next[p->at] = step_topic(p, s[p->at], depth, c);
		else
			step_glob(p, s, next, c);
	}
	keep(w, at, by, depth + 1);
}

static bool spell(const struct walk *w, uint32_t at, char buf[SPACE_NAME_MAX], uint8_t *len)
{
	uint32_t n = w->depth[at], i, used = SPACE_NAME_MAX;
	char text[SPACE_NAME_MAX];

	for (i = 0; i < n; i++, at = w->from[at]) {
		struct slice s = w->symbol[w->by[at]];
		uint32_t slash = w->topics && i;

		if (s.len + slash > used)
			return false;
		used -= s.len + slash;
		memcpy(text + used, s.p, s.len);
		if (slash)
			text[used + s.len] = '/';
	}
	*len = (uint8_t)(SPACE_NAME_MAX - used);
	memcpy(buf, text + used, *len);
	return true;
}

static enum space_answer search(struct walk *w, char buf[SPACE_NAME_MAX], uint8_t *len)
{
	uint32_t at, i;

	w->state = arena_array(&w->arena, STATES_MAX, w->bytes);
	w->from = arena_array(&w->arena, STATES_MAX, sizeof(*w->from));
	w->by = arena_array(&w->arena, STATES_MAX, sizeof(*w->by));
	w->depth = arena_array(&w->arena, STATES_MAX, sizeof(*w->depth));
	for (i = 0; i < w->patterns; i++) {
		if (w->topics)
			w->state[w->pattern[i].at] = ALIVE;
		else
			reach(&w->pattern[i], w->state, 0);
	}
	keep(w, 0, 0, 0);
	for (at = 0; at < w->states; at++) {
		if (satisfied(w, at))
			return spell(w, at, buf, len) ? SPACE_YES : SPACE_UNSURE;
		for (i = 0; i < w->symbols; i++)
			step(w, at, i);
	}
	return w->full ? SPACE_UNSURE : SPACE_NO;
}

static bool matches(const struct text_need *n, bool topics, struct slice text)
{
	uint32_t i;

	for (; n; n = n->next) {
		for (i = 0; i < n->names->count; i++)
			if (topics ? topic_covers(n->names->text[i], text)
				   : glob_match(n->names->text[i], text))
				break;
		if ((i == n->names->count) != n->none)
			return false;
	}
	return true;
}

static bool plain(struct slice s)
{
	uint32_t i;

	for (i = 0; i < s.len; i++)
		if (memchr("*?+#", s.p[i], 4))
			return false;
	return s.len < SPACE_NAME_MAX;
}

/* A need that names texts outright, without wildcards, leaves only these to be tried. */
static bool try_plain(const struct text_need *needs, bool topics, char buf[SPACE_NAME_MAX],
		      uint8_t *len, enum space_answer *answer)
{
	const struct text_need *n;
	uint32_t i;
	bool all;

	for (n = needs; n; n = n->next) {
		all = !n->none;
		for (i = 0; !n->none && i < n->names->count; i++) {
			struct slice s = n->names->text[i];

			all = all && plain(s);
			if (!plain(s) || !matches(needs, topics, s))
				continue;
			memcpy(buf, s.p, s.len);
			*len = (uint8_t)s.len;
			*answer = SPACE_YES;
			return true;
		}
		if (all) {
			*answer = SPACE_NO;
			return true;
		}
	}
	return false;
}

enum space_answer space_text_find(const struct text_need *needs, const struct space_kind *k,
				  unsigned which, char buf[SPACE_NAME_MAX], uint8_t *len)
{
	bool topics = which == TEXT_NAME && k->topics;
	enum space_answer answer = SPACE_UNSURE;
	struct walk *w;

	if (try_plain(needs, topics, buf, len, &answer))
		return answer;
	w = calloc(1, sizeof(*w));
	if (!w)
		return SPACE_UNSURE;
	w->kind = k;
	w->topics = topics;
	if (take(w, needs) && symbols(w))
		answer = search(w, buf, len);
	arena_free(&w->arena);
	free(w);
	return answer;
}
