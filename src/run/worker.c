#include "run/worker.h"

#include "capture/queue.h"
#include "policy/nft.h"
#include "run/clock.h"
#include "run/random.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MS	      50		    /* for frames; so often at least the loop goes round */
#define TICK_EVERY    INT64_C(100000000)    /* ns between two ticks and snapshots */
#define GRACE	      INT64_C(300000000)    /* ns behind the clock that a frame's time may be */
#define BLOCKS	      INT64_C(1500000000)   /* likewise of a mirror that comes in blocks */
#define FRAGMENTS     INT64_C(120000000000) /* ns that fragments are kept inline */
#define COPIED_INLINE 3000u		    /* items and objects: about 10 ms */
#define SAMPLE	      64u		    /* mirror: one in so many frames is timed */

struct worker {
	struct worker_config cfg;
	struct packet_decoder *decoder;
	struct flow_tracker *tracker;
	struct engine *engine;
	struct assets *assets; /* NULL: nobody keeps them */
	struct act *act;       /* NULL: a mirror that never answers */
	struct sink *sinks[2]; /* NULL-ended */
	bool inline_;	       /* frames wait for the verdict */
	int64_t last;	       /* ns, time of the newest frame */
	int64_t ticked;	       /* ns, wall clock */
	uint64_t unseen;       /* packets that passed without our look */
	uint64_t frames;
	uint64_t latency[WORKER_LATENCY_BUCKETS];
	uint64_t latency_sum;
	const struct orders *obeys;
	pthread_t thread;
	bool started, finished;
	struct baseline *baseline; /* NULL: none */
	atomic_bool copy_asked;
	_Atomic(struct baseline *) copied, given, old; /* as worker.h */
	atomic_bool stop, stepped;
	_Atomic(const struct orders *) orders; /* those to be taken */
	atomic_uint_fast64_t obeyed;	       /* number of those taken */
	atomic_uint_fast64_t loops;
	_Atomic(const char *) broken;
	char error[256];
	pthread_mutex_t lock; /* of counts, and of asset[] */
	struct worker_counts counts;
	struct asset_seen *asset; /* WORKER_ASSETS, to be fetched */
	unsigned asset_count;
};

static void timed(struct worker *w, int64_t arrived)
{
	int64_t spent = clock_wall() - arrived;
	unsigned bucket = 0;

	if (spent < 0)
		spent = 0;
	w->latency_sum += (uint64_t)spent;
	while (bucket < WORKER_LATENCY_BUCKETS - 1 && spent >= INT64_C(1000) << bucket)
		bucket++;
	w->latency[bucket]++;
}

static enum source_do on_frame(void *user, struct source_frame *f)
{
	struct worker *w = user;
	enum source_do what = SOURCE_PASS;
	struct packet p;

	f->raw.frame = ++w->frames;
	w->last = f->raw.time;
	packet_decode(w->decoder, &f->raw, &p);
	if (w->cfg.response && response_is_ours(w->cfg.response, &p))
		return what;
	if (w->assets)
		assets_packet(w->assets, &p);
	if (!w->act || !act_begin(w->act, f, &p)) {
		flow_tracker_packet(w->tracker, &p);
		engine_told(w->engine);
	}
	if (w->act)
		what = act_finish(w->act);
	if (w->inline_ || w->frames % SAMPLE == 0)
		timed(w, f->raw.time);
	return what;
}

static bool same_grants(const struct orders *a, const struct orders *b)
{
	return a->grant_count == b->grant_count &&
	       (!a->grant_count ||
		memcmp(a->grants, b->grants, a->grant_count * sizeof(*a->grants)) == 0);
}

/* A connection that needs no more verdict does so under these orders only. */
static void tell_queue(struct worker *w, const struct orders *o)
{
	const struct policy *p = o->policy;
	enum policy_operating_mode mode = o->operating_mode;

	if (w->cfg.run->source[w->cfg.source_number].kind != RUN_QUEUE)
		return;
	if (p && !o->has_mode)
		mode = policy_operating_mode(p);
	queue_generation(w->cfg.source, p ? policy_nft_generation(p, mode) : 0);
}

/* Another baseline; the one of before is for the main thread to free. */
static void take_baseline(struct worker *w)
{
	struct baseline *b = atomic_load(&w->old) ? NULL : atomic_exchange(&w->given, NULL);

	if (!b)
		return;
	engine_baseline(w->engine, b);
	atomic_store(&w->old, w->baseline);
	w->baseline = b;
}

/*
 * Costs about 3 microseconds per item and object it learned, in which no packet is looked at: where
 * frames wait for us, a large one is stored at the end only.
 */
static void copy_baseline(struct worker *w)
{
	struct baseline_progress p;
	struct baseline *copy;

	if (!atomic_exchange(&w->copy_asked, false))
		return;
	baseline_progress(w->baseline, &p);
	if (w->inline_ && p.items + p.objects > COPIED_INLINE)
		return;
	copy = baseline_new(baseline_limits_of(w->baseline));
	if (copy && !baseline_merge(copy, w->baseline)) {
		baseline_free(copy);
		copy = NULL;
	}
	if (copy)
		baseline_free(atomic_exchange(&w->copied, copy));
	else
		atomic_store(&w->copy_asked, true);
}

/* What is not taken for want of memory is tried again at the next tick. */
static void obey(struct worker *w)
{
	const struct orders *o = atomic_load(&w->orders), *old = w->obeys;
	const struct engine_orders orders = {.policy = o->policy,
					     .board = o->board,
					     .has_mode = o->has_mode,
					     .operating_mode = o->operating_mode,
					     .grants = o->grants,
					     .grant_count = o->grant_count};

	if (o == old)
		return;
	if ((o->policy != old->policy || o->has_mode != old->has_mode ||
	     o->operating_mode != old->operating_mode || !same_grants(o, old)) &&
	    !engine_obey(w->engine, &orders))
		return;
	if (w->act)
		act_quarantines(w->act, o->quarantine, o->quarantine_count);
	tell_queue(w, o);
	w->obeys = o;
	atomic_store(&w->obeyed, o->number);
}

static void count_findings(const struct worker *w, struct worker_counts *c)
{
	unsigned i;

	for (i = 0; i < WORKER_FINDINGS && catalogue_at(w->cfg.catalogue, i); i++)
		engine_counts(w->engine, i, &c->incidents[i], &c->occurrences[i]);
	for (i = 0; i < WORKER_PROTOS && vocab_at(i); i++)
		c->ops[i] = engine_ops(w->engine, i);
}

static const struct endpoint *device(const void *user, const struct addr *a)
{
	const struct worker *w = user;

	return engine_device(w->engine, a);
}

/* What finds no place stays due, for the next time. */
static void tell_assets(struct worker *w)
{
	if (w->assets)
		w->asset_count +=
			assets_take(w->assets, w->obeys->policy, device, w,
				    w->asset + w->asset_count, WORKER_ASSETS - w->asset_count);
}

static void snapshot(struct worker *w, int64_t now)
{
	const struct engine_conduit_count *conduit;
	struct worker_counts *c = &w->counts;
	uint32_t conduits;

	pthread_mutex_lock(&w->lock);
	c->time = now;
	c->loops = atomic_load(&w->loops);
	c->orders = atomic_load(&w->obeyed);
	c->packet = *packet_decoder_stats(w->decoder);
	c->flow = *flow_tracker_stats(w->tracker);
	if (w->act)
		c->act = *act_stats(w->act);
	c->ifaces = w->cfg.source->ops->stats(w->cfg.source, c->source, SOURCE_IFACES_MAX);
	memcpy(c->latency, w->latency, sizeof(c->latency));
	c->latency_sum = w->latency_sum;
	count_findings(w, c);
	tell_assets(w);
	c->has_baseline = w->baseline != NULL;
	if (w->baseline) {
		baseline_progress(w->baseline, &c->learned);
		engine_norm_spent(w->engine, now, &c->events_today, &c->events_yesterday);
		c->budget = baseline_budget(w->baseline);
	}
	conduit = engine_conduit_counts(w->engine, &conduits);
	if (conduits != c->conduits) {
		free(c->conduit);
		c->conduit = malloc(conduits * sizeof(*conduit));
		c->conduits = c->conduit ? conduits : 0;
	}
	if (c->conduits)
		memcpy(c->conduit, conduit, conduits * sizeof(*conduit));
	pthread_mutex_unlock(&w->lock);
}

/* Of what snapshot() found. */
static void missed(struct worker *w)
{
	uint64_t unseen = 0;
	unsigned i;

	for (i = 0; i < w->counts.ifaces && i < SOURCE_IFACES_MAX; i++)
		unseen += w->counts.source[i].unseen + w->counts.source[i].kernel_drops;
	if (unseen != w->unseen && w->act)
		act_missed(w->act);
	if (unseen != w->unseen)
		engine_missed(w->engine, w->last);
	w->unseen = unseen;
}

/* Packets carry time on; where none come, the clock does, a little late so that none comes from
 * before. */
static void tick(struct worker *w)
{
	int64_t now = clock_wall(), grace = w->inline_ ? GRACE : BLOCKS;

	if (atomic_exchange(&w->stepped, false))
		engine_clock_stepped(w->engine, now);
	if (now - w->ticked < TICK_EVERY && now >= w->ticked)
		return;
	w->ticked = now;
	if (now - w->last > grace || w->last > now) {
		flow_tracker_tick(w->tracker, now - grace);
		engine_tick(w->engine, now - grace);
	} else {
		engine_tick(w->engine, w->last);
	}
	snapshot(w, now);
	missed(w);
	if (w->act)
		act_tick(w->act, now - w->last > grace ? now - grace : w->last);
}

static void *loop(void *user)
{
	struct worker *w = user;
	struct source *s = w->cfg.source;
	const struct source_handler handler = {on_frame, w};
	unsigned i;

	while (!atomic_load_explicit(&w->stop, memory_order_relaxed)) {
		if (s->ops->run(s, WAIT_MS, &handler) < 0) {
			snprintf(w->error, sizeof(w->error), "%s", s->ops->error(s));
			atomic_store(&w->broken, w->error);
			break;
		}
		atomic_fetch_add_explicit(&w->loops, 1, memory_order_relaxed);
		obey(w);
		if (w->baseline) {
			take_baseline(w);
			copy_baseline(w);
		}
		tick(w);
	}
	if (s->ops->aside && !atomic_load(&w->broken)) {
		s->ops->aside(s);
		while (s->ops->run(s, 0, &handler) > 0)
			continue;
	}
	for (i = 0; i < ASSETS_CALLS; i++)
		snapshot(w, clock_wall());
	return NULL;
}

static bool send_frame(void *user, unsigned iface, const void *frame, uint32_t len)
{
	struct worker *w = user;

	return w->cfg.source && w->cfg.source->ops->send &&
	       w->cfg.source->ops->send(w->cfg.source, iface, frame, len);
}

static bool send_aside(void *user, unsigned iface, const void *frame, uint32_t len)
{
	struct worker *w = user;

	(void)iface;
	return response_send(w->cfg.response, frame, len);
}

static void quarantined(void *user, const struct act_quarantine *q, const char *reason)
{
	struct worker *w = user;

	w->cfg.quarantined(w->cfg.user, q, reason);
}

static void stubborn(void *user, const struct addr *server, uint16_t port)
{
	struct worker *w = user;

	w->cfg.stubborn(w->cfg.user, server, port);
}

static bool begin(struct worker *w)
{
	const struct run_config *run = w->cfg.run;
	const struct orders *o = w->obeys;
	struct packet_config packet = {
		/* a receiver waits up to a minute for the rest of a datagram (RFC 1122, 3.3.2) */
		.fragment_timeout = w->inline_ ? FRAGMENTS : 0};
	struct flow_config flow = {.flows_max = run->flows,
				   .classify = true,
				   .eager = w->inline_,
				   .two_sided =
					   run->source[w->cfg.source_number].kind == RUN_BRIDGE,
				   .hash_key = random_key()};
	const bool answers = run->response_iface || run->response_hook;
	const struct act_config act = {.send = w->inline_	 ? send_frame
					       : w->cfg.response ? send_aside
								 : NULL,
				       .aside = !w->inline_,
				       .quarantined = quarantined,
				       .stubborn = stubborn,
				       .user = w,
				       .linktype = w->cfg.source->linktype,
				       .quarantine_time = run->quarantine};
	struct engine_config engine = {.policy = o->policy,
				       .board = o->board,
				       .catalogue = w->cfg.catalogue,
				       .events = w->cfg.events,
				       .lang = run->lang,
				       .has_mode = o->has_mode,
				       .operating_mode = o->operating_mode,
				       .grants = o->grants,
				       .grant_count = o->grant_count,
				       .live = true,
				       .baseline = w->baseline};

	if ((w->inline_ || answers) && !(w->act = act_new(&act)))
		return false;
	if (run->state) {
		w->assets = assets_new(flow.hash_key);
		w->asset = calloc(WORKER_ASSETS, sizeof(*w->asset));
		if (!w->assets || !w->asset)
			return false;
	}
	if (o->policy) {
		packet.verify_checksums = policy_checksums_verify(o->policy);
		flow.overlap =
			policy_overlap_last(o->policy) ? FLOW_OVERLAP_LAST : FLOW_OVERLAP_FIRST;
	}
	w->sinks[0] = w->cfg.sink;
	engine.sinks = w->sinks;
	engine.act = w->act;
	w->decoder = packet_decoder_new(&packet);
	w->engine = engine_new(&engine);
	w->tracker = w->engine ? flow_tracker_new(&flow, &engine_handlers, w->engine) : NULL;
	if (!w->decoder || !w->tracker)
		return false;
	if (w->act) {
		act_tracker(w->act, w->tracker);
		act_quarantines(w->act, o->quarantine, o->quarantine_count);
	}
	return true;
}

struct worker *worker_new(const struct worker_config *cfg, char *err, size_t errlen)
{
	struct worker *w = calloc(1, sizeof(*w));

	if (!w) {
		snprintf(err, errlen, "out of memory");
		return NULL;
	}
	w->cfg = *cfg;
	w->inline_ = cfg->run->source[cfg->source_number].kind != RUN_MIRROR;
	w->baseline = cfg->baseline;
	w->obeys = cfg->orders;
	atomic_store(&w->orders, cfg->orders);
	atomic_store(&w->obeyed, cfg->orders->number);
	pthread_mutex_init(&w->lock, NULL);
	if (begin(w)) {
		tell_queue(w, w->obeys);
		snapshot(w, clock_wall());
		return w;
	}
	snprintf(err, errlen, "out of memory for %u flows; set fewer with 'flows:'",
		 cfg->run->flows);
	w->cfg.source = NULL; /* stays the caller's */
	worker_free(w);
	return NULL;
}

void worker_stubborn(struct worker *w, const struct addr *server, uint16_t port)
{
	if (w->act)
		act_stubborn(w->act, server, port);
}

bool worker_start(struct worker *w)
{
	w->started = pthread_create(&w->thread, NULL, loop, w) == 0;
	return w->started;
}

void worker_orders(struct worker *w, const struct orders *o)
{
	atomic_store(&w->orders, o);
}

uint64_t worker_obeys(const struct worker *w)
{
	return atomic_load(&w->obeyed);
}

uint64_t worker_loops(const struct worker *w)
{
	return atomic_load(&w->loops);
}

struct source *worker_source(const struct worker *w)
{
	return w->cfg.source;
}

unsigned worker_source_number(const struct worker *w)
{
	return w->cfg.source_number;
}

void worker_clock_stepped(struct worker *w)
{
	atomic_store(&w->stepped, true);
}

unsigned worker_assets(struct worker *w, struct asset_seen **list,
		       char ifaces[WORKER_ASSETS][SOURCE_IFACE_LEN])
{
	struct asset_seen *out;
	unsigned n, i;

	if (!w->assets)
		return 0;

	pthread_mutex_lock(&w->lock);
	out = w->asset;
	n = w->asset_count;
	w->asset = *list;
	w->asset_count = 0;
	for (i = 0; i < n; i++) {
		memset(ifaces[i], 0, SOURCE_IFACE_LEN);
		if (out[i].iface < w->counts.ifaces)
			memcpy(ifaces[i], w->counts.source[out[i].iface].iface,
			       SOURCE_IFACE_LEN - 1);
	}
	pthread_mutex_unlock(&w->lock);
	*list = out;
	return n;
}

void worker_counts(struct worker *w, struct worker_counts *out)
{
	pthread_mutex_lock(&w->lock);
	*out = w->counts;
	out->conduit = NULL;
	if (out->conduits) {
		out->conduit = malloc(out->conduits * sizeof(*out->conduit));
		if (out->conduit)
			memcpy(out->conduit, w->counts.conduit,
			       out->conduits * sizeof(*out->conduit));
		else
			out->conduits = 0;
	}
	pthread_mutex_unlock(&w->lock);
}

const char *worker_broken(const struct worker *w)
{
	return atomic_load(&w->broken);
}

void worker_stop(struct worker *w)
{
	atomic_store(&w->stop, true);
}

void worker_close(struct worker *w)
{
	worker_stop(w);
	if (w->started)
		pthread_join(w->thread, NULL);
	w->started = false;
	if (w->cfg.source)
		w->cfg.source->ops->close(w->cfg.source);
	w->cfg.source = NULL;
}

void worker_finish(struct worker *w)
{
	/* frames go on over the source's stand-in while what is open is told */
	worker_close(w);
	if (w->finished)
		return;
	w->finished = true;
	if (w->tracker)
		flow_tracker_flush(w->tracker);
	if (w->engine)
		engine_flush(w->engine);
}

void worker_baseline_ask(struct worker *w)
{
	atomic_store(&w->copy_asked, true);
}

struct baseline *worker_baseline_copy(struct worker *w)
{
	return atomic_exchange(&w->copied, NULL);
}

void worker_baseline_give(struct worker *w, struct baseline *b)
{
	baseline_free(atomic_exchange(&w->given, b));
}

struct baseline *worker_baseline_old(struct worker *w)
{
	return atomic_exchange(&w->old, NULL);
}

struct baseline *worker_baseline(struct worker *w)
{
	return w->baseline;
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	worker_finish(w);
	flow_tracker_free(w->tracker);
	engine_free(w->engine);
	baseline_free(w->baseline);
	baseline_free(atomic_load(&w->copied));
	baseline_free(atomic_load(&w->given));
	baseline_free(atomic_load(&w->old));
	act_free(w->act);
	packet_decoder_free(w->decoder);
	assets_free(w->assets);
	free(w->asset);
	free(w->counts.conduit);
	pthread_mutex_destroy(&w->lock);
	free(w);
}
