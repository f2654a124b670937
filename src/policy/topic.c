/* MQTT topic filters (MQTT 5, 4.7) against topics and against other filters. */
#include "policy/model.h"

/* The level at the start of s; the rest moves behind its slash. more: there was a slash. */
static struct slice level(struct slice *s, bool *more)
{
	struct slice l = {s->p, 0};

	while (l.len < s->len && s->p[l.len] != '/')
		l.len++;
	*more = l.len < s->len;
	if (s->len) {
		s->len -= l.len + *more;
		s->p += l.len + *more;
	}
	return l;
}

static bool is(struct slice s, char c)
{
	return s.len == 1 && s.p[0] == (uint8_t)c;
}

/* MQTT 5, 4.8.2: $share/group/filter subscribes to filter. */
struct slice topic_unshared(struct slice name)
{
	struct slice rest = name;
	bool more;

	if (name.len < 7 || memcmp(name.p, "$share/", 7) != 0)
		return name;
	level(&rest, &more);
	level(&rest, &more);
	return more ? rest : name;
}

bool topic_covers(struct slice filter, struct slice name)
{
	bool fmore = true, nmore = true, first = true;
	struct slice f, n;

	name = topic_unshared(name);
	for (;; first = false) {
		if (!fmore)
			return !nmore;
		f = level(&filter, &fmore);
		/* 4.7.1.2: "sport/#" also matches "sport" */
		if (is(f, '#'))
			return !(first && name.len && name.p[0] == '$');
		if (!nmore)
			return false;
		n = level(&name, &nmore);
		if (is(f, '+')) {
			/* 4.7.2: wildcards do not match topics that begin with $ */
			if (is(n, '#') || (first && n.len && n.p[0] == '$'))
				return false;
		} else if (!slice_eq(f, n)) {
			return false;
		}
	}
}
