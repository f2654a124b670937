#include "run/health.h"

#include "base/hash.h"
#include "detect/incident.h"
#include "run/health_words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND	     INT64_C(1000000000)
#define CALM	     (60 * SECOND) /* nothing more lost for so long: it is over */
#define DOWN_TOLD    (2 * SECOND)  /* a link that is gone for less is not told */
#define UP_TOLD	     (10 * SECOND) /* one that flaps is told once */
#define REFUSED_TOLD (5 * SECOND)  /* an output that only connects anew is not told */
#define WINDOW	     (60 * SECOND) /* directions are compared in windows of this */
#define ENOUGH	     100	   /* segments in a window, to say that half is missing */
#define FEW	     20		   /* and to say that it is not */
#define ONE_SIDED    20		   /* one-way segments per segment heard both ways */
#define STEP	     (SECOND / 2)  /* slewing (adjtime) is at most 0.5 ms per second */
#define NAME_LEN     sizeof(((struct output_stats *)0)->name)

/* One thing that may be wrong, of one interface, one output, or the clock. */
struct trouble {
	bool on;
	uint64_t id;
	int64_t first;	  /* ns since 1970 UTC: when it began */
	int64_t since;	  /* ns, monotonic: when it began, or its cause did */
	int64_t last;	  /* ns, monotonic: when it was so last */
	uint64_t count;	  /* occurrences since it began */
	uint64_t base[2]; /* totals before it began */
	char now[INCIDENT_TEXT];
};

struct iface {
	bool known;
	struct source_stats seen; /* as shown last */
	int64_t moved;		  /* ns, monotonic: when a packet was seen last */
	int64_t down, up;	  /* ns, monotonic: since when it is so; 0: it is not */
	int64_t window;		  /* ns, monotonic: when it began */
	uint64_t in[2];		  /* totals when it began */
	struct trouble trouble[HEALTH_KINDS];
};

struct output {
	char name[NAME_LEN];
	uint64_t spooled, lost;
	int64_t refused; /* ns, monotonic: since when it takes nothing; 0: it does */
	bool used;
	struct trouble trouble;
};

struct health {
	struct health_config cfg;
	const struct finding *finding[HEALTH_KINDS];
	struct iface iface[RUN_SOURCES_MAX][SOURCE_IFACES_MAX];
	struct output output[OUTPUTS_MAX];
	struct trouble clock;
	bool clock_known;
	int64_t clock_offset; /* ns, wall clock minus monotonic, as seen last */
	int64_t mono;	      /* of the last health_clock() */
};

struct health *health_new(const struct health_config *cfg)
{
	struct health *h = calloc(1, sizeof(*h));
	unsigned k;

	if (!h)
		return NULL;
	h->cfg = *cfg;
	for (k = 0; k < HEALTH_KINDS; k++) {
		h->finding[k] = catalogue_find(cfg->catalogue, health_finding(k));
		if (!h->finding[k]) {
			free(h);
			return NULL;
		}
	}
	return h;
}

/* --- telling --- */

static void tell(struct health *h, enum health_kind kind, const struct trouble *t,
		 enum incident_phase phase, const struct health_facts *facts, int64_t wall)
{
	struct incident i = {
		.finding = h->finding[kind],
		.id = t->id,
		.phase = (uint8_t)phase,
		.severity = h->finding[kind]->severity,
		.verdict = "alert",
		.first = t->first,
		.last = wall,
		.count = t->count ? t->count : 1,
		.op_unit = -1,
	};

	health_say(kind, phase == INCIDENT_ENDED ? HEALTH_ENDED : HEALTH_BEGAN, h->cfg.lang, facts,
		   i.observed, sizeof(i.observed));
	health_say(kind, HEALTH_EXPECTED, h->cfg.lang, facts, i.expected, sizeof(i.expected));
	h->cfg.sink->ops->alert(h->cfg.sink, &i);
}

static void begin(struct health *h, enum health_kind kind, struct trouble *t,
		  const struct health_facts *facts, int64_t wall)
{
	uint64_t id = hash_u64((uint64_t)wall, h->finding[kind]->sid);

	if (facts->name)
		id = hash_bytes(facts->name, strlen(facts->name), id);
	t->on = true;
	t->id = (id & ((UINT64_C(1) << 53) - 1)) | 1;
	t->first = wall;
	tell(h, kind, t, INCIDENT_OPENED, facts, wall);
}

static void end(struct health *h, enum health_kind kind, struct trouble *t,
		const struct health_facts *facts, int64_t wall)
{
	tell(h, kind, t, INCIDENT_ENDED, facts, wall);
	memset(t, 0, sizeof(*t));
}

/* What `status` shows meanwhile. */
static void keep(struct health *h, enum health_kind kind, struct trouble *t,
		 const struct health_facts *facts)
{
	health_say(kind, HEALTH_BEGAN, h->cfg.lang, facts, t->now, sizeof(t->now));
}

/* Two counts that should not grow: told when they do, over when they have not for a while. */
static void counted(struct health *h, enum health_kind kind, struct trouble *t,
		    struct health_facts f, const uint64_t was[2], const uint64_t is[2],
		    int64_t wall, int64_t mono)
{
	bool grew = is[0] > was[0] || is[1] > was[1];

	if (grew && !t->on) {
		t->base[0] = was[0];
		t->base[1] = was[1];
	}
	f.a = is[0] - t->base[0];
	f.b = is[1] - t->base[1];
	if (grew) {
		t->last = mono;
		t->count = f.a + f.b;
		if (!t->on)
			begin(h, kind, t, &f, wall);
		keep(h, kind, t, &f);
	} else if (t->on && mono - t->last >= CALM) {
		f.span = mono - t->last;
		end(h, kind, t, &f, wall);
	}
}

/* --- interfaces --- */

static void traffic(struct health *h, const struct run_source *r, struct iface *i,
		    const struct source_stats *st, struct health_facts f, int64_t wall,
		    int64_t mono)
{
	struct trouble *t = &i->trouble[HEALTH_NO_TRAFFIC];

	f.span = mono - i->moved;
	if (st->packets != i->seen.packets) {
		i->moved = mono;
		if (t->on)
			end(h, HEALTH_NO_TRAFFIC, t, &f, wall);
	} else if (!st->up && !t->on) {
		i->moved = mono; /* that it is down is told instead */
	} else if (r->quiet && f.span >= r->quiet) {
		if (!t->on)
			begin(h, HEALTH_NO_TRAFFIC, t, &f, wall);
		keep(h, HEALTH_NO_TRAFFIC, t, &f);
	}
}

static void directions(struct health *h, const struct run_source *r, struct iface *i,
		       const struct source_stats *st, struct health_facts f, int64_t wall,
		       int64_t mono)
{
	struct trouble *t = &i->trouble[HEALTH_ONE_DIRECTION];

	if (r->kind != RUN_MIRROR || !r->one_way_told || mono - i->window < WINDOW)
		return;
	f.b = st->in[0] - i->in[0];
	f.a = st->in[1] - i->in[1];
	f.span = mono - i->window;
	i->window = mono;
	memcpy(i->in, st->in, sizeof(i->in));
	if (f.a >= ENOUGH && f.a / ONE_SIDED > f.b) {
		t->count++;
		if (!t->on)
			begin(h, HEALTH_ONE_DIRECTION, t, &f, wall);
		keep(h, HEALTH_ONE_DIRECTION, t, &f);
	} else if (t->on && f.b >= FEW) {
		end(h, HEALTH_ONE_DIRECTION, t, &f, wall);
	}
}

static void carrier(struct health *h, struct iface *i, const struct source_stats *st,
		    struct health_facts f, int64_t wall, int64_t mono)
{
	struct trouble *t = &i->trouble[HEALTH_INTERFACE_DOWN];

	if (st->up) {
		i->up = i->up ? i->up : mono;
		if (t->on && mono - i->up >= UP_TOLD) {
			f.span = i->up - t->since;
			end(h, HEALTH_INTERFACE_DOWN, t, &f, wall);
		}
		if (!t->on)
			i->down = 0;
		return;
	}
	i->up = 0;
	i->down = i->down ? i->down : mono;
	if (t->on || mono - i->down < DOWN_TOLD)
		return;
	t->since = i->down;
	begin(h, HEALTH_INTERFACE_DOWN, t, &f, wall);
	keep(h, HEALTH_INTERFACE_DOWN, t, &f);
}

static void look(struct health *h, const struct run_source *r, struct iface *i,
		 const struct source_stats *st, int64_t wall, int64_t mono)
{
	const struct health_facts f = {.source = r->kind, .name = st->iface};
	const uint64_t lost[2][2] = {{i->seen.kernel_drops, i->seen.interface_drops},
				     {st->kernel_drops, st->interface_drops}};
	const uint64_t unseen[2][2] = {{i->seen.unseen, 0}, {st->unseen, 0}};
	const uint64_t overloads[2][2] = {{i->seen.overloads, 0}, {st->overloads, 0}};

	if (!i->known) {
		i->known = true;
		i->moved = i->window = mono;
		i->seen.packets = st->packets;
	}
	carrier(h, i, st, f, wall, mono);
	traffic(h, r, i, st, f, wall, mono);
	directions(h, r, i, st, f, wall, mono);
	counted(h, HEALTH_PACKETS_LOST, &i->trouble[HEALTH_PACKETS_LOST], f, lost[0], lost[1], wall,
		mono);
	counted(h, HEALTH_PASSED_UNSEEN, &i->trouble[HEALTH_PASSED_UNSEEN], f, unseen[0], unseen[1],
		wall, mono);
	counted(h, HEALTH_OVERLOADED, &i->trouble[HEALTH_OVERLOADED], f, overloads[0], overloads[1],
		wall, mono);
	i->seen = *st;
}

void health_source(struct health *h, unsigned source, const struct source_stats *stats,
		   unsigned ifaces, int64_t wall, int64_t mono)
{
	unsigned k;

	for (k = 0; k < ifaces && k < SOURCE_IFACES_MAX; k++)
		look(h, &h->cfg.run->source[source], &h->iface[source][k], &stats[k], wall, mono);
}

/* --- clock and outputs --- */

int64_t health_clock(struct health *h, int64_t wall, int64_t mono)
{
	struct trouble *t = &h->clock;
	int64_t offset = wall - mono, step = offset - h->clock_offset;
	struct health_facts f = {.span = step};

	if (!h->clock_known)
		step = 0;
	h->clock_known = true;
	h->clock_offset = offset;
	h->mono = mono;
	if (step < STEP && step > -STEP) {
		f.a = t->count;
		f.span = (int64_t)t->base[0];
		if (t->on && mono - t->last >= CALM && t->count > 1)
			end(h, HEALTH_CLOCK_STEPPED, t, &f, wall);
		else if (t->on && mono - t->last >= CALM)
			memset(t, 0,
			       sizeof(*t)); /* told when it happened; there is no more to it */
		return 0;
	}
	t->count++;
	t->last = mono;
	t->base[0] = (uint64_t)step;
	if (!t->on)
		begin(h, HEALTH_CLOCK_STEPPED, t, &f, wall);
	keep(h, HEALTH_CLOCK_STEPPED, t, &f);
	return step;
}

static struct output *output_of(struct health *h, const char *name)
{
	unsigned i;

	for (i = 0; i < OUTPUTS_MAX; i++) {
		struct output *o = &h->output[i];

		if (!o->used) {
			o->used = true;
			snprintf(o->name, sizeof(o->name), "%s", name);
		}
		if (strcmp(o->name, name) == 0)
			return o;
	}
	return NULL;
}

void health_output(struct health *h, const char *name, uint64_t spooled, uint64_t lost, bool takes,
		   int64_t wall)
{
	struct output *o = output_of(h, name);
	struct trouble *t = o ? &o->trouble : NULL;
	struct health_facts f = {.name = name};
	bool grew;

	if (!o)
		return;
	grew = spooled > o->spooled || lost > o->lost;
	if (!t->on) {
		t->base[0] = o->spooled;
		t->base[1] = o->lost;
	}
	o->spooled = spooled;
	o->lost = lost;
	f.a = spooled - t->base[0];
	f.b = lost - t->base[1];
	t->count = f.a + f.b;
	if (takes)
		o->refused = 0;
	else if (!o->refused)
		o->refused = h->mono;
	if (grew || (o->refused && h->mono - o->refused >= REFUSED_TOLD)) {
		t->last = h->mono;
		if (!t->on)
			begin(h, HEALTH_OUTPUT_LOST, t, &f, wall);
		keep(h, HEALTH_OUTPUT_LOST, t, &f);
	} else if (t->on && takes && h->mono - t->last >= UP_TOLD) {
		end(h, HEALTH_OUTPUT_LOST, t, &f, wall);
	}
}

/* --- status --- */

void health_each(const struct health *h,
		 void (*one)(void *user, const char *finding, const char *sentence), void *user)
{
	unsigned s, i, k;

	for (s = 0; s < RUN_SOURCES_MAX; s++)
		for (i = 0; i < SOURCE_IFACES_MAX; i++)
			for (k = 0; k < HEALTH_KINDS; k++)
				if (h->iface[s][i].trouble[k].on)
					one(user, health_finding(k), h->iface[s][i].trouble[k].now);
	if (h->clock.on)
		one(user, health_finding(HEALTH_CLOCK_STEPPED), h->clock.now);
	for (i = 0; i < OUTPUTS_MAX; i++)
		if (h->output[i].trouble.on)
			one(user, health_finding(HEALTH_OUTPUT_LOST), h->output[i].trouble.now);
}

void health_free(struct health *h)
{
	free(h);
}
