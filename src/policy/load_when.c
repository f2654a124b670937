/* When conduits are open: the time zone, schedules, and `when`. */
#include "base/civil.h"
#include "policy/loader.h"

#include <stdarg.h>

#define DAY_MINUTES 1440
#define TEXT_MAX    160 /* of one schedule in words; longer ones end in "..." */
#define TEXTS_MAX   320 /* of all that a conduit names */
#define LONGEST	    (366 * CIVIL_DAY * CIVIL_NS)

/* --- the time zone --- */

void load_timezone(struct loader *l, const struct yaml_node *n)
{
	const char *name = load_text(l, n, "timezone"), *why = "";
	const struct tz *z = name ? tz_load(l->a, name, &why) : NULL;

	if (z)
		l->p->tz = z;
	else if (name)
		load_error(l, n, "there is no time zone \"%.80s\"; %s", name, why);
}

/* --- words in pieces --- */

struct text {
	char buf[TEXTS_MAX + 1];
	size_t len, max;
	bool full;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (t->full)
		return;
	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->len, t->max + 1 - t->len, fmt, ap);
	va_end(ap);
	t->full = n < 0 || t->len + (size_t)n > t->max;
	if (t->full)
		memcpy(t->buf + t->max - 3, "...", 4);
	else
		t->len += (size_t)n;
}

/* --- schedules --- */

static const char *const day_words[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun", NULL};

struct hours {
	int from, to; /* minutes since midnight; to < from: of the next day */
};

struct schedule_load {
	unsigned days; /* bits, from Monday */
	struct hours *hours;
	uint32_t nhours, hours_cap;
};

/* Which day begins here; len: its letters. */
static int day_of(const char *s, size_t len)
{
	int i;

	for (i = 0; day_words[i]; i++)
		if (len == 3 && memcmp(s, day_words[i], 3) == 0)
			return i;
	return -1;
}

static void days_one(struct loader *l, const struct yaml_node *n, void *object)
{
	struct schedule_load *s = object;
	const char *dash = strchr(n->text, '-');
	int a, b;

	if (strcmp(n->text, "any") == 0) {
		s->days = 0x7f;
		return;
	}
	a = day_of(n->text, dash ? (size_t)(dash - n->text) : n->len);
	b = dash ? day_of(dash + 1, strlen(dash + 1)) : a;
	if (a < 0 || b < 0) {
		load_error(l, n,
			   "\"%.40s\" is no day or range of days; write mon, tue, wed, thu, fri, "
			   "sat, sun, mon-fri, or any",
			   n->text);
		return;
	}
	for (;; a = (a + 1) % 7) {
		s->days |= 1u << a;
		if (a == b)
			break;
	}
}

/* What is left out is not narrowed; an empty list is neither. */
static void schedule_days(struct loader *l, const struct yaml_node *n, void *object)
{
	if (load_some(l, n, "days", "leave days out for every day"))
		load_each(l, n, "days", days_one, object);
}

static void hours_one(struct loader *l, const struct yaml_node *n, void *object)
{
	struct schedule_load *s = object;
	struct hours h;
	const char *end;

	if (!civil_clock(n->text, &h.from, &end) || *end != '-' ||
	    !civil_clock(end + 1, &h.to, &end) || *end || h.from == DAY_MINUTES) {
		load_error(
			l, n,
			"\"%.40s\" are no hours; write 08:00-17:00, with two digits, up to 24:00",
			n->text);
		return;
	}
	if (h.from == h.to) {
		load_error(l, n, "the hours %.40s are empty; the whole day is 00:00-24:00",
			   n->text);
		return;
	}
	s->hours = arena_grow(l->a, s->hours, s->nhours, &s->hours_cap, sizeof(h));
	s->hours[s->nhours++] = h;
}

static void schedule_hours(struct loader *l, const struct yaml_node *n, void *object)
{
	if (load_some(l, n, "hours", "leave hours out for the whole day"))
		load_each(l, n, "hours", hours_one, object);
}

/* "mon-fri, sun" */
static void put_days(struct text *t, unsigned days)
{
	const char *comma = "";
	int a, b;

	if (days == 0x7f) {
		put(t, "every day");
		return;
	}
	for (a = 0; a < 7; a = b + 1) {
		b = a;
		if (!(days >> a & 1))
			continue;
		while (b < 6 && days >> (b + 1) & 1)
			b++;
		put(t, b > a ? "%s%s-%s" : "%s%s", comma, day_words[a], day_words[b]);
		comma = ", ";
	}
}

static const char *schedule_text(struct loader *l, const struct schedule_load *s)
{
	struct text t = {.max = TEXT_MAX};
	uint32_t i;

	put_days(&t, s->days);
	for (i = 0; i < s->nhours; i++)
		put(&t, "%s%02d:%02d-%02d:%02d", i ? ", " : " ", s->hours[i].from / 60,
		    s->hours[i].from % 60, s->hours[i].to / 60, s->hours[i].to % 60);
	return arena_text(l->a, t.buf, strlen(t.buf));
}

/* [from, to) of the week; what runs over its end goes on at its begin. */
static void add_minutes(struct loader *l, struct iset *set, int from, int to)
{
	const int week = 7 * DAY_MINUTES;

	iset_add(set, l->a, (uint64_t)from, (uint64_t)(to < week ? to : week) - 1);
	if (to > week)
		iset_add(set, l->a, 0, (uint64_t)(to - week) - 1);
}

static void fill_minutes(struct loader *l, const struct schedule_load *s, struct iset *set)
{
	static const struct hours all_day = {0, DAY_MINUTES};
	uint32_t i, n = s->nhours ? s->nhours : 1;
	int day;

	for (day = 0; day < 7; day++) {
		if (!(s->days >> day & 1))
			continue;
		for (i = 0; i < n; i++) {
			const struct hours *h = s->nhours ? &s->hours[i] : &all_day;
			int begin = day * DAY_MINUTES;

			add_minutes(l, set, begin + h->from,
				    begin + h->to + (h->to < h->from ? DAY_MINUTES : 0));
		}
	}
	iset_seal(set);
}

/* {days: [mon-fri], hours: 08:00-17:00}; false after an error. */
static bool load_schedule(struct loader *l, const struct yaml_node *n, struct schedule *out)
{
	static const struct field fields[] = {
		{"days", schedule_days, false},
		{"hours", schedule_hours, false},
		{NULL, NULL, false},
	};
	struct schedule_load s = {0};
	unsigned errors = l->diag->errors;

	load_fields(l, n, "a schedule", fields, &s);
	if (l->diag->errors != errors)
		return false;
	if (!s.days && !s.nhours) {
		load_error(l, n, "a schedule needs days, hours, or both");
		return false;
	}
	s.days = s.days ? s.days : 0x7f;
	out->text = schedule_text(l, &s);
	out->line = n->line;
	fill_minutes(l, &s, &out->minutes);
	return true;
}

static const char *schedule_id(const struct policy *p, uint32_t i)
{
	return p->schedule[i].id;
}

static void named_schedule(struct loader *l, const struct yaml_node *n)
{
	const char *id = load_id(l, n->key, "schedule id");
	struct policy *p = l->p;
	struct schedule s = {.id = id};

	if (!id || !load_schedule(l, n, &s))
		return;
	p->schedule = arena_grow(l->a, p->schedule, p->schedules, &p->schedule_cap, sizeof(s));
	p->schedule[p->schedules] = s;
	ids_add(l, &l->schedule_ids, id, p->schedules++, schedule_id);
}

void load_schedules(struct loader *l, const struct yaml_node *n)
{
	const struct yaml_node *c;

	if (n->kind == YAML_SCALAR && n->len == 0)
		return;
	if (!load_is(l, n, YAML_MAP, "schedules"))
		return;
	yaml_each (c, n)
		named_schedule(l, c);
}

/* --- when --- */

struct when_load {
	struct conduit *c;
	const char **approvers; /* NULL-ended */
	uint32_t napprovers, approvers_cap;
	struct text schedule, modes;
	bool says;
};

static void approver(struct loader *l, const struct yaml_node *n, void *object)
{
	struct when_load *w = object;
	const char *s = load_id(l, n, "approvers");

	if (!s)
		return;
	w->approvers = arena_grow(l->a, w->approvers, w->napprovers + 1, &w->approvers_cap,
				  sizeof(*w->approvers));
	w->approvers[w->napprovers++] = s;
	w->approvers[w->napprovers] = NULL;
}

static void grant_approvers(struct loader *l, const struct yaml_node *n, void *object)
{
	struct when_load *w = object;
	unsigned errors = l->diag->errors;

	load_each(l, n, "approvers", approver, w);
	if (!w->napprovers && l->diag->errors == errors)
		load_error(l, n, "approvers names nobody: no grant could ever be given");
	w->c->pub.approvers = w->approvers;
}

static void grant_longest(struct loader *l, const struct yaml_node *n, void *object)
{
	const char *s = load_text(l, n, "longest");
	int64_t ns;

	if (!s)
		return;
	if (!civil_duration(s, &ns) || ns > LONGEST)
		load_error(l, n,
			   "longest: \"%.40s\" is no duration of up to a year; write 30m, 4h or 2d",
			   s);
	else
		((struct when_load *)object)->c->pub.grant_longest = ns;
}

static void when_grant(struct loader *l, const struct yaml_node *n, void *object)
{
	static const struct field fields[] = {
		{"longest", grant_longest, false},
		{"approvers", grant_approvers, false},
		{NULL, NULL, false},
	};
	struct when_load *w = object;

	w->says = true;
	w->c->pub.grant_required = true;
	if (n->kind == YAML_MAP)
		load_fields(l, n, "grant", fields, w);
	else if (!yaml_is(n, "required"))
		load_error(l, n,
			   "grant must be required, or a map such as {longest: 4h, approvers: "
			   "[tanaka]}");
}

static void use_schedule(struct loader *l, struct when_load *w, const struct schedule *s)
{
	struct when *when = &w->c->when;

	when->schedule = arena_grow(l->a, when->schedule, when->schedules, &when->schedule_cap,
				    sizeof(*when->schedule));
	when->schedule[when->schedules++] = s;
	put(&w->schedule, "%s%s", when->schedules > 1 ? " or " : "", s->text);
}

static void schedule_ref(struct loader *l, const struct yaml_node *n, void *object)
{
	const char *id = load_id(l, n, "schedule");
	struct suggest s;
	uint32_t i;

	if (!id)
		return;
	i = ids_get(l, &l->schedule_ids, id, schedule_id);
	if (i != IMAP_NONE) {
		use_schedule(l, object, &l->p->schedule[i]);
		return;
	}
	s = suggest_for(l, id);
	for (i = 0; s.word && i < l->p->schedules; i++)
		suggest_try(&s, l->p->schedule[i].id);
	load_error(l, n, "there is no schedule \"%s\"%s", id, suggest_text(l, &s));
}

static void when_schedule(struct loader *l, const struct yaml_node *n, void *object)
{
	struct when_load *w = object;
	struct schedule *s;
	unsigned errors = l->diag->errors;

	w->says = true;
	if (n->kind == YAML_MAP) {
		s = arena_alloc(l->a, sizeof(*s));
		if (load_schedule(l, n, s))
			use_schedule(l, w, s);
		return;
	}
	load_each(l, n, "schedule", schedule_ref, w);
	if (!w->c->when.schedules && l->diag->errors == errors)
		load_error(l, n, "schedule names none; the conduit would never open");
}

static void mode_one(struct loader *l, const struct yaml_node *n, void *object)
{
	struct when_load *w = object;
	int i = load_operating_mode(l, n);

	if (i < 0)
		return;
	if (!(w->c->when.modes >> i & 1))
		put(&w->modes, "%s%s", w->c->when.modes ? ", " : "",
		    policy_operating_name((enum policy_operating_mode)i));
	w->c->when.modes |= (uint16_t)(1u << i);
}

static void when_mode(struct loader *l, const struct yaml_node *n, void *object)
{
	struct when_load *w = object;
	unsigned errors = l->diag->errors;

	w->says = true;
	load_each(l, n, "operating-mode", mode_one, w);
	if (!w->c->when.modes && l->diag->errors == errors)
		load_error(l, n, "operating-mode names none; the conduit would never open");
}

const char *load_last(struct loader *l, const struct yaml_node *n, const char *what, int64_t *over)
{
	const char *s = load_text(l, n, what);
	struct civil c;
	bool has_time;
	int64_t local;

	if (!s)
		return NULL;
	if (!civil_parse(s, &c, &has_time) || c.year > 2200) {
		load_error(l, n,
			   "%s: \"%.40s\" is no date; write 2026-12-31 (that day still counts) "
			   "or \"2026-12-31T18:00\"",
			   what, s);
		return NULL;
	}
	local = civil_seconds(&c) + (has_time ? 0 : CIVIL_DAY);
	*over = tz_utc(l->p->tz, local, true) * CIVIL_NS;
	return s;
}

static void when_until(struct loader *l, const struct yaml_node *n, void *object)
{
	struct when_load *w = object;
	const char *s = load_last(l, n, "until", &w->c->when.until);

	w->says = true;
	if (!s)
		return;
	w->c->when.has_until = true;
	w->c->pub.until = s;
}

static void put_grant(struct text *t, const struct policy_conduit *c)
{
	const char *const *a;
	char buf[64];

	put(t, "a grant is active");
	if (c->grant_longest)
		put(t, ", at most %s", civil_duration_str(c->grant_longest, buf, sizeof(buf)));
	for (a = c->approvers; a && *a; a++)
		put(t, "%s%s", a == c->approvers ? ", given by " : " or ", *a);
}

/* All of it: what must hold, joined. */
static const char *when_text(struct loader *l, const struct when_load *w)
{
	const struct policy_conduit *c = &w->c->pub;
	struct text t = {.max = TEXTS_MAX};
	const char *and = "";

	if (*c->modes) {
		put(&t, "in operating mode %s", c->modes);
		and = "; ";
	}
	if (*c->until) {
		put(&t, "%suntil %s (%s)", and, c->until, l->p->tz->name);
		and = "; ";
	}
	if (*c->schedule) {
		put(&t, "%s%s (%s)", and, c->schedule, l->p->tz->name);
		and = "; ";
	}
	if (c->grant_required) {
		put(&t, "%swhile ", and);
		put_grant(&t, c);
	}
	return arena_text(l->a, t.buf, strlen(t.buf));
}

void load_when(struct loader *l, const struct yaml_node *n, struct conduit *c)
{
	static const struct field fields[] = {
		{"grant", when_grant, false},
		{"schedule", when_schedule, false},
		{"operating-mode", when_mode, false},
		{"until", when_until, false},
		{NULL, NULL, false},
	};
	struct when_load w = {.c = c, .schedule = {.max = TEXTS_MAX}, .modes = {.max = TEXTS_MAX}};
	unsigned errors = l->diag->errors;
	struct policy *p = l->p;

	if (n->kind != YAML_MAP) {
		load_error(l, n, "when must be a map, such as {grant: required}");
		return;
	}
	load_fields(l, n, "when", fields, &w);
	if (!w.says && l->diag->errors == errors)
		load_error(l, n->key,
			   "when says nothing; write grant, schedule, operating-mode or until");
	c->pub.schedule = arena_text(l->a, w.schedule.buf, strlen(w.schedule.buf));
	c->pub.modes = arena_text(l->a, w.modes.buf, strlen(w.modes.buf));
	c->pub.when = when_text(l, &w);
	p->timed = arena_grow(l->a, p->timed, p->ntimed, &p->timed_cap, sizeof(*p->timed));
	p->timed[p->ntimed++] = (uint32_t)(c - p->conduit);
}

int load_operating_mode(struct loader *l, const struct yaml_node *n)
{
	const char *words[OPERATING_ANALYSIS + 2];
	int i;

	for (i = 0; i <= OPERATING_ANALYSIS; i++)
		words[i] = policy_operating_name((enum policy_operating_mode)i);
	words[i] = NULL;
	return load_word(l, n, "operating-mode", words);
}
