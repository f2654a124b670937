/*
 * Deviations from the baseline become events, few enough to be read.
 *
 *   deviations ──> event ──> incident      one incident per event, told by its most telling one
 *
 * One event is what deviates on the same channel within a minute of its begin, and goes on without
 * a pause of a minute (what else deviates there later is another event); what has the same cause;
 * and all that a host (or a pair of hosts) does that is itself told as new. The most telling is
 * hard before soft before early; then by what the op may do: control, program and firmware, then
 * writing, then looking; then by its score. The others are named in it, counted.
 *
 * Captures: the event is told when nothing was added to it for a minute. Live, something hard is
 * told at once (a host or link that is new after a few seconds, with what it did), something soft
 * when it has waited a minute for company; what then turns out graver than what was told is an
 * event of its own, for it must not wait until the first one ends.
 *
 * Addresses cost nothing: when so many hosts were told as new within minutes, others that are new
 * as well are counted in the last of those events that is as grave, with what they do.
 *
 * Severity: what may change the process (write, control, program, firmware, config, file) is high
 * when it is hard, at least medium when it is soft; what only looks is at most medium; the
 * criticality of the zones moves it a step, a safety zone makes it high; a warning is a notice.
 *
 * Where a conduit says `baseline: enforce`, something hard that may change the process is a
 * violation of that conduit, if somebody approved the baseline; never in a safety zone
 * (judge_verdict() and engine_do_op() see to that).
 *
 * Memory: EVENTS of them; of more the one that was quiet longest is told early.
 */
#include "detect/engine_impl.h"
#include "detect/fill.h"
#include "detect/words.h"

#include <stdlib.h>

#define EVENTS	 128
#define MINUTE	 (60 * ENGINE_SECOND)
#define CAUSE	 (5 * MINUTE)	     /* so long the same cause is the same event */
#define LONGEST	 (59 * MINUTE)	     /* an incident is open for an hour at most */
#define CROWD	 32		     /* events of new hosts */
#define CAUSES	 1024		     /* of a crowd, remembered */
#define PATIENCE (5 * ENGINE_SECOND) /* live: a new host is told with what it does first */

_Static_assert(BASELINE_FINDINGS <= 64, "struct event has a bit for each");
_Static_assert(INCIDENT_PERMIT >= BASELINE_TEXT, "an incident keeps the whole line");

enum scope { SCOPE_CHANNEL, SCOPE_LINK, SCOPE_HOST };

struct event {
	bool used, told;
	bool hard;		 /* its lead is */
	uint8_t scope;		 /* enum scope: what else belongs to it */
	bool crowd;		 /* it began when there were too many new hosts already */
	uint64_t cause, channel; /* 0: none */
	uint64_t kinds;		 /* bits of enum baseline_finding that are in it */
	struct addr client, server;
	uint64_t key, place;	    /* of its incident */
	enum baseline_finding what; /* its lead */
	unsigned rank;
	double score;
	int64_t first, last; /* ns, of all its deviations */
	uint64_t count;	     /* of its lead, while it waits */
	struct incident lead;
};

struct norm_events {
	struct event event[EVENTS];
	uint64_t crowd[CAUSES];	   /* causes, by their last bits: hosts that got no event */
	int64_t day;		   /* since 1970, of the last event */
	uint64_t today, yesterday; /* events */
};

struct norm_events *engine_norm_events_new(void)
{
	return calloc(1, sizeof(struct norm_events));
}

/* --- how telling, how grave --- */

static const uint8_t weight[OP_CLASSES] = {
	[OP_READ] = 1,	   [OP_WRITE] = 3,   [OP_CONTROL] = 4, [OP_PROGRAM] = 4,
	[OP_FIRMWARE] = 4, [OP_CONFIG] = 3,  [OP_FILE] = 3,    [OP_DIAGNOSE] = 1,
	[OP_DISCOVER] = 2, [OP_SESSION] = 1, [OP_ALARM] = 1,
};

static unsigned weight_of(const struct deviation *d)
{
	int cls = baseline_class(d);

	return cls < 0 ? 2 : weight[cls];
}

static bool changes(unsigned w)
{
	return w >= 3;
}

static unsigned rank_of(const struct deviation *d)
{
	return 8 * (d->early ? 0 : d->hard ? 2 : 1) + weight_of(d);
}

static uint8_t severity_of(const struct deviation *d, uint8_t severity)
{
	bool grave = changes(weight_of(d));

	if (grave && d->hard)
		return 1;
	if (grave)
		return severity < 2 ? severity : 2;
	return baseline_class(d) >= 0 && severity < 2 ? 2 : severity;
}

static bool is_safety(const struct engine *e, const struct addr *a)
{
	struct policy_place place;

	if (!e->cfg.policy || !a)
		return false;
	place = policy_place(e->cfg.policy, a, NULL);
	return place.zone != POLICY_NONE &&
	       policy_zone_at(e->cfg.policy, place.zone)->level == LEVEL_SAFETY;
}

static void fill_norm(const struct engine *e, const struct deviation *d, struct incident_norm *n)
{
	n->detector = baseline_detector_name(d->detector);
	n->hard = d->hard;
	n->early = d->early;
	n->score = d->hard ? 0 : d->score;
	n->threshold = d->hard ? 0 : baseline_threshold(e->cfg.baseline, d->what);
	n->learned = d->learned.count;
	n->since = d->learned.first;
	n->until = d->learned.last;
	baseline_permit(d, n->permit);
}

/* --- what is done about it --- */

/* A conduit wants it treated as a violation. */
static bool is_violation(const struct engine *e, const struct deviation *d)
{
	const struct policy_conduit *c;

	if (!d->hard || !d->op || d->op->role == OP_RESPONSE || !e->cfg.policy || !e->norm_flow ||
	    !changes(weight_of(d)) || !baseline_approved(e->cfg.baseline))
		return false;
	c = e->permitted_by < e->conduits ? policy_conduit_at(e->cfg.policy, e->permitted_by)
					  : NULL;
	return c && c->baseline_enforced;
}

/* Several things may be new about one op: it is dealt with once. */
static void act_upon(struct engine *e, const struct deviation *d)
{
	if (!e->norm_did) {
		engine_do_op(e, e->norm_flow, d->op,
			     (enum judge_finding)(JUDGE_BASELINE + (int)d->what), e->permitted_by);
		e->norm_done = e->done;
		e->norm_did = true;
	}
	e->done = e->norm_done;
}

/* All an incident says of this deviation; what it has `also` stays. */
static void describe(struct engine *e, const struct deviation *d, struct incident *i)
{
	struct incident_norm norm = i->norm;
	struct flow *f = e->norm_flow;
	bool safety;

	memset(i, 0, sizeof(*i));
	i->norm = norm;
	i->finding = e->finding[JUDGE_BASELINE + (int)d->what];
	i->first_frame = d->frame;
	i->verdict = "alert";
	i->severity = severity_of(d, i->finding->severity);
	if (f)
		fill_flow(e->cfg.policy, i, f, d->op && d->op->from_server);
	else if (d->client)
		fill_addrs(e->cfg.policy, i, d->client, d->server);
	if (d->op)
		words_op(d->op, i);
	fill_norm(e, d, &i->norm);
	d->words(d, e->cfg.lang == FINDING_JA, i->expected, sizeof(i->expected), i->observed,
		 sizeof(i->observed));
	safety = f ? flow_view(f)->safety : is_safety(e, d->client) || is_safety(e, d->server);
	if (d->early)
		i->severity = safety ? 3 : 4;
	else if (safety)
		i->severity = 1;
	if (f && is_violation(e, d))
		engine_fill_verdict(e, i, flow_view(f), e->permitted_by, true);
}

/* --- which event --- */

static bool concerns(const struct deviation *d, const struct addr *a)
{
	return (d->client && addr_eq(d->client, a)) || (d->server && addr_eq(d->server, a));
}

static bool belongs(const struct event *v, const struct deviation *d)
{
	int64_t gap = d->time - v->last, limit = MINUTE;
	bool same = v->channel && v->channel == baseline_channel_key(d);

	if ((v->cause && v->cause == d->cause) ||
	    (v->scope == SCOPE_HOST && concerns(d, &v->client)) ||
	    (v->scope == SCOPE_LINK && concerns(d, &v->client) && concerns(d, &v->server))) {
		limit = CAUSE;
		same = true;
	} else if (!v->channel && !v->cause && !d->server && !v->scope) {
		same = d->client && !baseline_channel_key(d) && addr_eq(d->client, &v->client);
	} else if (d->time - v->first > MINUTE && !(v->kinds >> d->what & 1)) {
		return false; /* what goes on for long hides nothing else */
	}
	return same && gap <= limit && gap >= -limit && d->time - v->first <= LONGEST;
}

/* The most telling of those it belongs to; NULL: none. */
static struct event *find(struct norm_events *n, const struct deviation *d)
{
	struct event *best = NULL;
	unsigned i;

	for (i = 0; i < EVENTS; i++) {
		struct event *v = &n->event[i];

		if (v->used && belongs(v, d) && (!best || v->rank > best->rank))
			best = v;
	}
	return best;
}

#define STRANGERS (UINT64_C(1) << BASELINE_NEW_HOST | UINT64_C(1) << BASELINE_NEW_EXTERNAL)

static bool goes_on(const struct event *v, const struct deviation *d)
{
	int64_t gap = d->time - v->last;

	return v->used && gap <= CAUSE && gap >= -CAUSE && d->time - v->first <= LONGEST;
}

static unsigned strangers(const struct norm_events *n, const struct deviation *d)
{
	unsigned i, count = 0;

	for (i = 0; i < EVENTS; i++)
		count += goes_on(&n->event[i], d) && n->event[i].kinds & STRANGERS;
	return count;
}

/* It is by one new host too many. */
static bool is_of_crowd(struct norm_events *n, const struct deviation *d)
{
	uint64_t *at = &n->crowd[(d->cause >> 1) % CAUSES];

	if (!d->hard || !d->cause)
		return false;
	if (STRANGERS >> d->what & 1)
		*at = strangers(n, d) >= CROWD ? d->cause : *at == d->cause ? 0 : *at;
	return *at == d->cause;
}

/* The last event of new hosts that is as grave; NULL: there is none. */
static struct event *find_crowd(struct norm_events *n, const struct deviation *d)
{
	struct event *best = NULL;
	unsigned i, rank = rank_of(d);

	for (i = 0; i < EVENTS; i++) {
		struct event *v = &n->event[i];

		if (goes_on(v, d) && (v->crowd || v->kinds & STRANGERS) && v->rank >= rank &&
		    (!best || v->last > best->last))
			best = v;
	}
	return best;
}

/* What it deviates in, and where: the next one about the same is counted with it. */
static uint64_t place_of(const struct deviation *d)
{
	char text[BASELINE_TEXT];

	baseline_permit(d, text);
	return mix_text(0, text) | 1;
}

static uint64_t key_of(const struct deviation *d)
{
	uint64_t key = d->client ? mix_addr(1, d->client) : 1;

	if (d->cause)
		return d->cause;
	key = d->server ? mix_addr(key, d->server) : key;
	return mix(key, baseline_channel_key(d));
}

static void lead(struct engine *e, struct event *v, const struct deviation *d)
{
	v->what = d->what;
	v->rank = rank_of(d);
	v->score = d->score;
	v->hard = d->hard;
	v->key = key_of(d);
	v->place = place_of(d);
	v->count = 0;
	describe(e, d, &v->lead);
}

static void also(struct incident_norm *n, const struct finding *f, const char *detector,
		 uint64_t count)
{
	uint32_t i;

	for (i = 0; i < n->alsos && n->also[i].finding != f->id; i++)
		;
	if (i == INCIDENT_ALSO) {
		n->others += count;
		return;
	}
	n->alsos += i == n->alsos;
	n->also[i].finding = f->id;
	n->also[i].detector = detector;
	n->also[i].count += count;
}

/* What else is new in the event, line by line: who reads of a scan wants to know of whom. */
static void more(struct incident_norm *n, bool hard, const char *permit)
{
	uint32_t k;

	if (!hard || n->mores == INCIDENT_MORE || strcmp(n->permit, permit) == 0)
		return;
	for (k = 0; k < n->mores; k++)
		if (strcmp(n->more[k], permit) == 0)
			return;
	snprintf(n->more[n->mores++], INCIDENT_PERMIT, "%s", permit);
}

static void more_of(struct incident_norm *n, const struct deviation *d)
{
	char text[BASELINE_TEXT];

	if (!d->hard || n->mores == INCIDENT_MORE)
		return;
	baseline_permit(d, text);
	more(n, true, text);
}

/* The lead is the lead's, and none beside it. */
static void not_also(struct incident_norm *n, const struct finding *f, uint64_t *count)
{
	uint32_t i;

	for (i = 0; i < n->alsos; i++) {
		if (n->also[i].finding != f->id)
			continue;
		*count += n->also[i].count;
		memmove(&n->also[i], &n->also[i + 1], (n->alsos - i - 1) * sizeof(*n->also));
		n->alsos--;
		memset(&n->also[n->alsos], 0, sizeof(*n->also));
	}
}

static void spent(struct norm_events *n, int64_t time)
{
	int64_t day = time / (24 * 60 * MINUTE);

	if (day != n->day) {
		n->yesterday = day == n->day + 1 ? n->today : 0;
		n->today = 0;
		n->day = day;
	}
	n->today++;
}

/* The event's incident is there for all to see, and is told when that is due. */
static void tell(struct engine *e, struct event *v)
{
	enum judge_finding what = (enum judge_finding)(JUDGE_BASELINE + (int)v->what);
	struct incident *i =
		engine_report(e, what, v->key, v->place, v->first, v->lead.first_frame);
	uint32_t k;

	e->count[what].occurrences--; /* counted when it came */
	v->told = true;
	if (i) {
		struct incident made = *i;

		*i = v->lead;
		i->id = made.id;
		i->phase = made.phase;
		memcpy(i->place, made.place, sizeof(i->place));
		i->places = made.places;
		i->first = v->first;
		i->last = v->last;
		i->count = v->count;
		spent(e->norm, v->first);
		return;
	}
	i = incident_keep_at(e->incidents, e->finding[what], v->key, v->place, v->last);
	if (!i)
		return;
	i->count += v->count - 1;
	for (k = 0; k < v->lead.norm.alsos; k++)
		for (unsigned j = 0; j < BASELINE_FINDINGS; j++)
			if (e->finding[JUDGE_BASELINE + j]->id == v->lead.norm.also[k].finding)
				also(&i->norm, e->finding[JUDGE_BASELINE + j],
				     v->lead.norm.also[k].detector, v->lead.norm.also[k].count);
}

static struct event *take(struct engine *e)
{
	struct event *oldest = &e->norm->event[0];
	unsigned i;

	for (i = 0; i < EVENTS; i++) {
		struct event *v = &e->norm->event[i];

		if (!v->used)
			return v;
		if (v->last < oldest->last)
			oldest = v;
	}
	if (!oldest->told)
		tell(e, oldest);
	return oldest;
}

static enum scope scope_of(const struct deviation *d)
{
	if (!d->hard || d->op || d->item || !d->client)
		return SCOPE_CHANNEL;
	return d->server ? SCOPE_LINK : SCOPE_HOST;
}

static struct event *begin(struct engine *e, const struct deviation *d)
{
	struct event *v = take(e);

	memset(v, 0, sizeof(*v));
	v->used = true;
	v->scope = (uint8_t)scope_of(d);
	v->cause = d->cause;
	v->channel = baseline_channel_key(d);
	if (d->client)
		v->client = *d->client;
	if (d->server)
		v->server = *d->server;
	v->first = v->last = d->time;
	lead(e, v, d);
	return v;
}

/* One more of an event that was told. False: its incident is over. */
static bool add(struct engine *e, struct event *v, const struct deviation *d)
{
	const struct finding *f = e->finding[JUDGE_BASELINE + (int)v->what];
	struct incident *i;

	i = incident_keep_at(e->incidents, f, v->key, v->place, d->time);
	if (!i)
		return false;
	more_of(&i->norm, d);
	if (d->what == v->what)
		i->count++;
	else
		also(&i->norm, e->finding[JUDGE_BASELINE + (int)d->what],
		     baseline_detector_name(d->detector), 1);
	return true;
}

/* One more of an event that waits; it may be the more telling one. */
static void join(struct engine *e, struct event *v, const struct deviation *d)
{
	const struct finding *was = v->lead.finding,
			     *is = e->finding[JUDGE_BASELINE + (int)d->what];
	unsigned rank = rank_of(d);

	if (rank > v->rank || (rank == v->rank && !d->hard && d->score > v->score)) {
		char permit[INCIDENT_PERMIT];
		bool hard = v->hard;
		uint64_t count = v->count;

		memcpy(permit, v->lead.norm.permit, sizeof(permit));
		if (was != is) {
			also(&v->lead.norm, was, v->lead.norm.detector, count);
			count = 0;
			not_also(&v->lead.norm, is, &count);
		}
		lead(e, v, d);
		v->count = count + 1;
		more(&v->lead.norm, hard, permit);
		return;
	}
	more_of(&v->lead.norm, d);
	if (was == is) {
		v->count++;
	} else {
		also(&v->lead.norm, is, baseline_detector_name(d->detector), 1);
	}
}

static bool is_due(const struct engine *e, const struct event *v, int64_t time)
{
	int64_t age = time - v->first, gap = time - v->last;

	if (age < 0 || gap < 0) /* time was set back */
		return gap < -MINUTE;
	if (!e->cfg.live)
		return gap > MINUTE || age > LONGEST;
	return v->hard ? v->scope == SCOPE_CHANNEL || age >= PATIENCE : age >= MINUTE;
}

void engine_norm_told(void *user, const struct deviation *d)
{
	struct engine *e = user;
	struct event *v = find(e->norm, d);
	bool violation = is_violation(e, d), crowd = false;

	if (!v && !violation && !is_safety(e, d->client) && !is_safety(e, d->server)) {
		crowd = is_of_crowd(e->norm, d);
		v = crowd ? find_crowd(e->norm, d) : NULL;
	}
	if (violation)
		act_upon(e, d);
	e->count[JUDGE_BASELINE + (int)d->what].occurrences++;
	if (v && v->told && rank_of(d) > v->rank)
		v = NULL;
	if (v && v->told && !add(e, v, d)) {
		v->used = false;
		v = NULL;
	}
	if (!v) {
		v = begin(e, d);
		v->crowd = crowd;
		v->count = 1;
	} else if (!v->told) {
		join(e, v, d);
	}
	v->kinds |= UINT64_C(1) << d->what;
	if (d->time > v->last)
		v->last = d->time;
	if (d->time < v->first)
		v->first = d->time;
	if (!v->told && e->cfg.live && is_due(e, v, d->time))
		tell(e, v);
	if (violation)
		engine_noted(e, (enum judge_finding)(JUDGE_BASELINE + (int)v->what), v->key,
			     v->place);
}

void engine_norm_tick(struct engine *e, int64_t time)
{
	unsigned i;

	for (i = 0; i < EVENTS; i++) {
		struct event *v = &e->norm->event[i];

		if (v->used && !v->told && is_due(e, v, time))
			tell(e, v);
		if (v->used && v->told && (time - v->last > CAUSE || v->last - time > CAUSE))
			v->used = false;
	}
}

void engine_norm_flush(struct engine *e)
{
	unsigned i;

	for (i = 0; i < EVENTS; i++) {
		struct event *v = &e->norm->event[i];

		if (v->used && !v->told)
			tell(e, v);
		v->used = false;
	}
}

void engine_norm_spent(const struct engine *e, int64_t time, uint64_t *today, uint64_t *yesterday)
{
	const struct norm_events *n = e->norm;
	int64_t day = time / (24 * 60 * MINUTE);

	*today = n && n->day == day ? n->today : 0;
	*yesterday = !n ? 0 : n->day == day ? n->yesterday : n->day == day - 1 ? n->today : 0;
}
