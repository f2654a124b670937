/* What alerts say of conduits that are closed. */
#include "base/civil.h"
#include "detect/phrase.h"

#include <stdarg.h>
#include <stdio.h>

#define add phrase_add

void phrase_add(struct phrase *p, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(p->buf + p->len, p->size - p->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		p->len += (size_t)n;
	if (p->len >= p->size)
		p->len = p->size - 1;
}

const struct policy_conduit *words_conduit(const struct words *w)
{
	uint32_t conduit = w->d ? w->d->conduit : w->view ? w->view->decision.conduit : POLICY_NONE;

	return w->policy && conduit != POLICY_NONE ? policy_conduit_at(w->policy, conduit) : NULL;
}

/* When it happened, on the clocks of the plant. */
static void add_time(struct phrase *p, const struct words *w)
{
	int64_t utc = civil_floor(w->time);
	struct civil c = civil_from(utc + tz_offset(policy_tz(w->policy), utc));
	char text[CIVIL_STRLEN];

	civil_str(&c, w->lang == FINDING_JA, text);
	add(p, LANG("; this was %s", "。発生は %s です"), text);
}

static void closed_grant(struct phrase *p, const struct words *w, const struct policy_conduit *c)
{
	add(p,
	    LANG("conduit %s is open only while a grant is active",
		 "コンジット %s は一時許可が有効な間だけ使用できます"),
	    c->id);
}

static void closed_schedule(struct phrase *p, const struct words *w, const struct policy_conduit *c)
{
	add(p,
	    LANG("conduit %s is open %s (%s)",
		 "コンジット %s を使用できるのは %s (%s) の間だけです"),
	    c->id, c->schedule, policy_tz(w->policy)->name);
	add_time(p, w);
}

static void closed_mode(struct phrase *p, const struct words *w, const struct policy_conduit *c)
{
	add(p,
	    LANG("conduit %s is open in operating mode %s only; the mode is %s",
		 "コンジット %s を使用できるのは運転モード %s の間だけです。現在の運転モードは %s "
		 "です"),
	    c->id, c->modes, policy_operating_name(w->mode));
}

static void closed_expired(struct phrase *p, const struct words *w, const struct policy_conduit *c)
{
	add(p, LANG("conduit %s was open until %s (%s)", "コンジット %s の期限は %s (%s) でした"),
	    c->id, c->until, policy_tz(w->policy)->name);
	add_time(p, w);
}

void words_closed(struct phrase *p, const struct words *w)
{
	static void (*const say[])(struct phrase * p, const struct words *w,
				   const struct policy_conduit *c) = {
		[POLICY_GRANT_MISSING] = closed_grant,
		[POLICY_OUTSIDE_SCHEDULE] = closed_schedule,
		[POLICY_WRONG_MODE] = closed_mode,
		[POLICY_EXPIRED] = closed_expired,
	};
	unsigned verdict = w->d ? w->d->verdict : w->view->decision.verdict;
	const struct policy_conduit *c = words_conduit(w);

	if (c && verdict < sizeof(say) / sizeof(*say) && say[verdict])
		say[verdict](p, w, c);
	else
		add(p, "%s", LANG("an open conduit", "開いているコンジットが必要です"));
}

void words_update(struct phrase *p, const struct words *w)
{
	const struct policy_conduit *c = words_conduit(w);

	add(p,
	    LANG("firmware and program of this device go through update conduits only, such as %s",
		 "この機器のファームウェアとプログラムの更新は、%s "
		 "などの更新用コンジットに限られます"),
	    c ? c->id : "?");
	if (c && *c->when)
		add(p, LANG(" (open %s)", " (使用可能な条件: %s)"), c->when);
}
