/* The engine and the baseline: what is learned, what is not, and deviations as events. */
#include "engine_norm_world.h"

/* --- with learning only, policy only, both --- */

static void without_a_policy_what_is_new_is_told(void **state)
{
	struct world *w = *state;
	struct baseline *b = baseline_new(NULL);
	const struct incident *i;

	begin(w, b, NULL, false);
	polls(w, BEGIN);
	engine_flush(w->e);
	assert_int_equal(w->memory.alerts, 0);
	freeze(b);
	begin(w, b, NULL, false);
	polls(w, BEGIN + HOUR);
	say(w, 6, OP_WRITE, 116, BEGIN + HOUR + 600 * SECOND);
	engine_flush(w->e);
	i = only(w, "baseline.new-op");
	assert_int_equal(i->severity, 1);
	assert_string_equal(i->norm.detector, "set");
	assert_true(i->norm.hard);
	assert_string_equal(i->norm.permit, "new-op 10.40.0.5 -> 10.50.0.11 modbus 1 "
					    "write-single-register holding 116");
	assert_true(*i->expected && *i->observed);
	assert_string_equal(i->verdict, "alert");
	assert_int_equal(i->flow_id, 42);
	engine_free(w->e);
	w->e = NULL;
	baseline_free(b);
}

static void with_a_policy_it_carries_its_zones(void **state)
{
	struct world *w = *state;
	struct baseline *b = baseline_new(NULL);
	const struct incident *i;

	fake.conduit = 0;
	begin(w, b, any_policy, false);
	polls(w, BEGIN);
	freeze(b);
	begin(w, b, any_policy, false);
	open_flow(w, BEGIN + HOUR);
	say(w, 6, OP_WRITE, 116, BEGIN + HOUR);
	engine_flush(w->e);
	i = only(w, "baseline.new-op");
	assert_string_equal(i->src_zone, "control-info");
	assert_string_equal(i->dst_asset, "plc-1");
	engine_free(w->e);
	w->e = NULL;
	baseline_free(b);
}

static void without_a_baseline_all_is_as_it_was(void **state)
{
	struct world *w = *state;

	begin(w, NULL, any_policy, false);
	polls(w, BEGIN);
	engine_flush(w->e);
	assert_int_equal(w->memory.alerts, 0);
}

/* --- an attack during learning --- */

static void what_the_policy_forbids_is_not_learned(void **state)
{
	struct world *w = *state;
	struct baseline *b = baseline_new(NULL);

	begin(w, b, any_policy, false);
	polls(w, BEGIN);
	fake.op = POLICY_OP_DENIED;
	say(w, 6, OP_WRITE, 116, BEGIN + 600 * SECOND);
	engine_flush(w->e);
	only(w, "policy.op-denied");
	freeze(b);
	/* as it was forbidden, so it is known to nobody when the policy has gone soft */
	fake.op = POLICY_ALLOW;
	begin(w, b, any_policy, false);
	open_flow(w, BEGIN + HOUR);
	say(w, 3, OP_READ, 0, BEGIN + HOUR);
	say(w, 6, OP_WRITE, 116, BEGIN + HOUR);
	engine_flush(w->e);
	only(w, "baseline.new-op");
	engine_free(w->e);
	w->e = NULL;
	baseline_free(b);
}

static void neither_its_link_nor_its_host(void **state)
{
	struct world *w = *state;
	struct baseline *b = baseline_new(NULL);
	struct baseline_progress p;

	begin(w, b, any_policy, false);
	fake.op = POLICY_OP_DENIED;
	open_flow(w, BEGIN);
	say(w, 6, OP_WRITE, 116, BEGIN);
	engine_handlers.closed(w->e, &w->flow, FLOW_END_CLOSED);
	baseline_progress(b, &p);
	assert_int_equal(p.channels, 0);
	assert_int_equal(p.hosts, 0);
	assert_int_equal(p.links, 0);
	fake.flow = POLICY_NO_CONDUIT;
	begin(w, b, any_policy, false);
	open_flow(w, BEGIN + SECOND);
	say(w, 6, OP_WRITE, 116, BEGIN + SECOND);
	engine_handlers.closed(w->e, &w->flow, FLOW_END_CLOSED);
	baseline_progress(b, &p);
	assert_int_equal(p.channels, 0);
	assert_int_equal(p.hosts, 0);
	assert_int_equal(p.links, 0);
	engine_free(w->e);
	w->e = NULL;
	baseline_free(b);
}

static void a_flow_with_broken_messages_is_not_learned_from(void **state)
{
	const struct anomaly broken = {
		.kind = ANOMALY_MALFORMED, .proto = "modbus", .reason = "too long", .time = BEGIN};
	const struct anomaly gap = {
		.kind = ANOMALY_STREAM_GAP, .proto = "tcp", .reason = "lost", .time = BEGIN};
	struct world *w = *state;
	struct baseline *b = baseline_new(NULL);
	struct baseline_progress p;

	begin(w, b, NULL, false);
	open_flow(w, BEGIN);
	engine_handlers.anomaly(w->e, &w->flow, NULL, &gap);
	say(w, 3, OP_READ, 0, BEGIN);
	baseline_progress(b, &p);
	assert_int_equal(p.ops, 1);
	engine_handlers.anomaly(w->e, &w->flow, NULL, &broken);
	polls(w, BEGIN);
	baseline_progress(b, &p);
	assert_int_equal(p.ops, 1);
	engine_flush(w->e);
	assert_int_equal(told(w, "decode.malformed"), 1); /* told as ever */
	engine_free(w->e);
	w->e = NULL;
	baseline_free(b);
}

static void after_a_refused_function_learning_waits_for_good_answers(void **state)
{
	struct world *w = *state;
	struct baseline *b = baseline_new(NULL);
	struct baseline_progress p;

	begin(w, b, NULL, false);
	open_flow(w, BEGIN);
	answer(w, 90, 1, BEGIN);
	say(w, 90, OP_WRITE, 0, BEGIN);
	baseline_progress(b, &p);
	assert_int_equal(p.ops, 0);
	polls(w, BEGIN);
	baseline_progress(b, &p);
	assert_true(p.ops > 0);
	engine_free(w->e);
	w->e = NULL;
	baseline_free(b);
}

/* --- events; deviations are made up here --- */

static void words(const struct deviation *d, bool japanese, char *expected, size_t expected_size,
		  char *observed, size_t observed_size)
{
	(void)japanese;
	snprintf(expected, expected_size, "as ever");
	snprintf(observed, observed_size, "score %g", d->score);
}

static const struct addr hmi = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 40, 0, 5}};
static const struct addr plc = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 50, 0, 11}};
static const struct addr other = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 50, 0, 12}};

static struct deviation deviation(enum baseline_finding what, bool hard, double score,
				  const struct op *op, int64_t time)
{
	return (struct deviation){.what = what,
				  .detector = BASELINE_SET,
				  .hard = hard,
				  .score = score,
				  .time = time,
				  .frame = 7,
				  .client = &hmi,
				  .server = &plc,
				  .op = op,
				  .learned = {100, BEGIN, BEGIN + HOUR},
				  .words = words};
}

/* Two findings that here stand for a soft one and another. */
#define SOFT  BASELINE_NEW_OBJECT
#define OTHER BASELINE_NEW_UNIT

struct stage {
	struct world *w;
	struct baseline *b;
	struct op read, write;
};

static struct stage stage(void **state, bool live)
{
	struct stage s = {.w = *state, .b = baseline_new(NULL)};

	assert_non_null(s.b);
	freeze(s.b);
	begin(s.w, s.b, NULL, live);
	s.read = request(s.w, 3, OP_READ, 0, BEGIN);
	s.write = request(s.w, 6, OP_WRITE, 0, BEGIN);
	return s;
}

static void leave(struct stage *s)
{
	engine_free(s->w->e);
	s->w->e = NULL;
	baseline_free(s->b);
}

static void deviates(struct stage *s, enum baseline_finding what, bool hard, double score,
		     const struct op *op, int64_t time)
{
	const struct deviation d = deviation(what, hard, score, op, time);

	engine_norm_told(s->w->e, &d);
}

static void what_deviates_on_a_channel_in_a_minute_is_one_event(void **state)
{
	struct stage s = stage(state, false);
	const struct incident *i;
	int k;

	for (k = 0; k < 10; k++)
		deviates(&s, SOFT, false, 2 + k, &s.read, BEGIN + k * 5 * SECOND);
	deviates(&s, BASELINE_NEW_OP, true, 0, &s.write, BEGIN + 50 * SECOND);
	deviates(&s, OTHER, false, 3, &s.read, BEGIN + 51 * SECOND);
	engine_flush(s.w->e);
	i = only(s.w, "baseline.new-op");
	assert_int_equal(i->count, 1);
	assert_int_equal(i->first, BEGIN);
	assert_int_equal(i->last, BEGIN + 51 * SECOND);
	assert_int_equal(i->norm.alsos, 2);
	assert_string_equal(i->norm.also[0].finding, "baseline.new-object");
	assert_int_equal(i->norm.also[0].count, 10);
	assert_string_equal(i->norm.also[1].finding, "baseline.new-unit");
	assert_int_equal(i->norm.also[1].count, 1);
	assert_int_equal(i->norm.learned, 100);
	leave(&s);
}

static void the_most_telling_one_leads(void **state)
{
	struct stage s = stage(state, false);

	/* soft: the higher score; writing before reading; hard before soft */
	deviates(&s, SOFT, false, 2, &s.read, BEGIN);
	deviates(&s, SOFT, false, 5, &s.read, BEGIN + SECOND);
	deviates(&s, SOFT, false, 3, &s.read, BEGIN + 2 * SECOND);
	engine_flush(s.w->e);
	assert_string_equal(only(s.w, "baseline.new-object")->observed, "score 5");
	assert_int_equal(s.w->memory.alert[0].count, 3);
	s.w->memory.alerts = 0;
	deviates(&s, SOFT, false, 9, &s.read, BEGIN + HOUR);
	deviates(&s, OTHER, false, 2, &s.write, BEGIN + HOUR);
	engine_flush(s.w->e);
	assert_string_equal(only(s.w, "baseline.new-unit")->observed, "score 2");
	s.w->memory.alerts = 0;
	deviates(&s, OTHER, false, 9, &s.write, BEGIN + 2 * HOUR);
	deviates(&s, BASELINE_NEW_OP, true, 1, &s.read, BEGIN + 2 * HOUR);
	engine_flush(s.w->e);
	only(s.w, "baseline.new-op");
	leave(&s);
}

static void another_channel_and_another_minute_are_other_events(void **state)
{
	struct stage s = stage(state, false);
	struct deviation d = deviation(SOFT, false, 2, &s.read, BEGIN);

	deviates(&s, SOFT, false, 2, &s.read, BEGIN);
	d.server = &other;
	engine_norm_told(s.w->e, &d);
	deviates(&s, OTHER, false, 2, &s.write, BEGIN + 2 * MINUTE);
	engine_flush(s.w->e);
	assert_int_equal(s.w->memory.alerts, 3);
	leave(&s);
}

static void what_goes_on_for_long_hides_nothing_that_begins_later(void **state)
{
	struct stage s = stage(state, false);
	const struct incident *i;
	int k;

	for (k = 0; k < 600; k++) {
		deviates(&s, SOFT, false, 3, &s.read, BEGIN + k * SECOND);
		if (k == 300 || k == 330)
			deviates(&s, OTHER, false, 3, &s.read, BEGIN + k * SECOND);
	}
	engine_flush(s.w->e);
	assert_int_equal(s.w->memory.alerts, 2);
	i = s.w->memory.alert;
	i += strcmp(i->finding->id, "baseline.new-unit") != 0;
	assert_string_equal(i->finding->id, "baseline.new-unit");
	assert_int_equal(i->first, BEGIN + 300 * SECOND);
	assert_int_equal(i->count, 2);
	leave(&s);
}

static void the_same_cause_is_one_event_on_all_channels(void **state)
{
	struct stage s = stage(state, false);
	struct deviation d = deviation(SOFT, false, 2, NULL, BEGIN);

	d.cause = 12345;
	engine_norm_told(s.w->e, &d);
	d.server = &other;
	d.time += 2 * MINUTE;
	engine_norm_told(s.w->e, &d);
	engine_flush(s.w->e);
	assert_int_equal(only(s.w, "baseline.new-object")->count, 2);
	leave(&s);
}

static void a_new_host_is_the_cause_of_all_it_does(void **state)
{
	struct stage s = stage(state, false);
	struct deviation d = deviation(BASELINE_NEW_HOST, true, 0, NULL, BEGIN);
	int k;

	d.server = NULL;
	engine_norm_told(s.w->e, &d);
	for (k = 1; k < 100; k++) {
		deviates(&s, BASELINE_NEW_OP, true, 0, &s.read, BEGIN + k * SECOND);
		d = deviation(BASELINE_NEW_LINK, true, 0, NULL, BEGIN + k * SECOND);
		d.server = k % 2 ? &other : &plc;
		engine_norm_told(s.w->e, &d);
	}
	engine_flush(s.w->e);
	only(s.w, "baseline.new-host");
	assert_int_equal(s.w->memory.alert[0].norm.alsos, 2);
	leave(&s);
}

static void severity_comes_from_what_it_may_do(void **state)
{
	const struct {
		bool hard, early;
		enum op_class cls;
		unsigned severity;
	} cases[] = {
		{true, false, OP_WRITE, 1},    {true, false, OP_CONTROL, 1},
		{true, false, OP_PROGRAM, 1},  {true, false, OP_FIRMWARE, 1},
		{true, false, OP_CONFIG, 1},   {true, false, OP_READ, 2},
		{true, false, OP_DIAGNOSE, 2}, {false, false, OP_WRITE, 2},
		{false, true, OP_WRITE, 4},    {false, true, OP_READ, 4},
	};
	struct stage s = stage(state, false);
	unsigned k;

	for (k = 0; k < sizeof(cases) / sizeof(*cases); k++) {
		struct op op = request(s.w, 3, cases[k].cls, 0, BEGIN);
		struct deviation d =
			deviation(BASELINE_NEW_OP, cases[k].hard, 2, &op, BEGIN + k * HOUR);

		d.early = cases[k].early;
		s.w->memory.alerts = 0;
		engine_norm_told(s.w->e, &d);
		engine_flush(s.w->e);
		assert_int_equal(only(s.w, "baseline.new-op")->severity, cases[k].severity);
	}
	leave(&s);
}

static void in_a_safety_zone_it_is_high(void **state)
{
	struct world *w = *state;
	struct baseline *b = baseline_new(NULL);
	struct deviation d;
	struct op op = request(w, 3, OP_READ, 0, BEGIN);

	zones[1].level = LEVEL_SAFETY;
	freeze(b);
	begin(w, b, any_policy, false);
	d = deviation(SOFT, false, 2, &op, BEGIN);
	engine_norm_told(w->e, &d);
	engine_flush(w->e);
	assert_int_equal(only(w, "baseline.new-object")->severity, 1);
	engine_free(w->e);
	w->e = NULL;
	baseline_free(b);
}

/* --- enforce --- */

struct enforcement {
	const char *by; /* who approved the baseline; NULL: nobody */
	bool enforce;	/* the conduit says so */
	enum policy_mode mode;
	uint32_t code;
	enum op_class cls;
	bool safety;
	const char *verdict;
};

static const struct enforcement enforcements[] = {
	{"tanaka", true, MODE_ENFORCE, 6, OP_WRITE, false, "degrade"},
	{"tanaka", true, MODE_ENFORCE, 6, OP_PROGRAM, false, "degrade"},
	{"tanaka", true, MODE_DETECT, 6, OP_WRITE, false, "would-degrade"},
	{"tanaka", false, MODE_ENFORCE, 6, OP_WRITE, false, "alert"},
	{NULL, true, MODE_ENFORCE, 6, OP_WRITE, false, "alert"},
	{"tanaka", true, MODE_ENFORCE, 4, OP_READ, false, "alert"},
	{"tanaka", true, MODE_ENFORCE, 6, OP_WRITE, true, "alert"},
};

static void only_an_approved_baseline_and_a_conduit_that_says_so_refuse(void **state)
{
	struct world *w = *state;
	unsigned k;

	fake.conduit = 0;
	for (k = 0; k < sizeof(enforcements) / sizeof(*enforcements); k++) {
		const struct enforcement *c = &enforcements[k];
		struct baseline *b = baseline_new(NULL);

		fake.mode = c->mode;
		conduit.baseline_enforced = c->enforce;
		zones[1].level = c->safety ? LEVEL_SAFETY : LEVEL_CONTROL;
		begin(w, b, any_policy, false);
		polls(w, BEGIN);
		assert_true(baseline_freeze(b, 5, c->by, c->by ? "seen" : NULL, BEGIN + HOUR));
		begin(w, b, any_policy, false);
		open_flow(w, BEGIN + HOUR);
		say(w, c->code, c->cls, 0, BEGIN + HOUR);
		engine_flush(w->e);
		assert_string_equal(only(w, "baseline.new-op")->verdict, c->verdict);
		if (strcmp(c->verdict, "alert") != 0)
			assert_string_equal(w->memory.alert[0].conduit, "hmi-plc");
		engine_free(w->e);
		w->e = NULL;
		baseline_free(b);
	}
}

static void a_soft_deviation_never_refuses_anything(void **state)
{
	struct world *w = *state;
	struct baseline *b = baseline_new(NULL);
	struct op op = request(w, 6, OP_WRITE, 0, BEGIN);
	struct deviation d = deviation(SOFT, false, 1000, &op, BEGIN);

	fake.conduit = 0;
	fake.mode = MODE_ENFORCE;
	conduit.baseline_enforced = true;
	assert_true(baseline_freeze(b, 5, "tanaka", "seen", BEGIN));
	begin(w, b, any_policy, false);
	w->e->norm_flow = &w->flow;
	w->e->permitted_by = 0;
	engine_norm_told(w->e, &d);
	w->e->norm_flow = NULL;
	engine_flush(w->e);
	assert_string_equal(only(w, "baseline.new-object")->verdict, "alert");
	engine_free(w->e);
	w->e = NULL;
	baseline_free(b);
}

/* --- live --- */

static void live_hard_is_told_at_once_and_soft_waits_for_company(void **state)
{
	struct stage s = stage(state, true);

	deviates(&s, SOFT, false, 2, &s.read, BEGIN);
	engine_told(s.w->e);
	engine_tick(s.w->e, BEGIN + 30 * SECOND);
	assert_int_equal(s.w->memory.alerts, 0);
	engine_tick(s.w->e, BEGIN + 61 * SECOND);
	assert_int_equal(s.w->memory.alerts, 1);
	deviates(&s, BASELINE_NEW_OP, true, 0, &s.write, BEGIN + HOUR);
	engine_told(s.w->e);
	assert_int_equal(told(s.w, "baseline.new-op"), 1);
	assert_int_equal(s.w->memory.alert[s.w->memory.alerts - 1].phase, INCIDENT_OPENED);
	leave(&s);
}

static void live_a_soft_one_in_waiting_goes_with_a_hard_one(void **state)
{
	struct stage s = stage(state, true);
	const struct incident *i;

	deviates(&s, SOFT, false, 2, &s.read, BEGIN);
	deviates(&s, BASELINE_NEW_OP, true, 0, &s.write, BEGIN + 10 * SECOND);
	engine_told(s.w->e);
	i = only(s.w, "baseline.new-op");
	assert_int_equal(i->norm.alsos, 1);
	/* what follows is the same event: heard of at its end */
	deviates(&s, SOFT, false, 2, &s.read, BEGIN + 20 * SECOND);
	deviates(&s, BASELINE_NEW_OP, true, 0, &s.write, BEGIN + 30 * SECOND);
	engine_told(s.w->e);
	assert_int_equal(s.w->memory.alerts, 1);
	engine_flush(s.w->e);
	assert_int_equal(s.w->memory.alerts, 2);
	i = &s.w->memory.alert[1];
	assert_int_equal(i->phase, INCIDENT_ENDED);
	assert_int_equal(i->id, s.w->memory.alert[0].id);
	assert_int_equal(i->count, 2);
	assert_int_equal(i->norm.also[0].count, 2);
	leave(&s);
}

static void live_what_turns_out_graver_does_not_wait(void **state)
{
	struct stage s = stage(state, true);

	deviates(&s, BASELINE_NEW_OP, true, 0, &s.read, BEGIN);
	engine_told(s.w->e);
	deviates(&s, BASELINE_NEW_WRITER, true, 0, &s.write, BEGIN + SECOND);
	engine_told(s.w->e);
	assert_int_equal(s.w->memory.alerts, 2);
	assert_int_equal(told(s.w, "baseline.new-writer"), 1);
	leave(&s);
}

static void a_new_host_is_told_live_with_what_it_does(void **state)
{
	struct stage s = stage(state, true);
	struct deviation d = deviation(BASELINE_NEW_HOST, true, 0, NULL, BEGIN);

	d.server = NULL;
	engine_norm_told(s.w->e, &d);
	engine_told(s.w->e);
	assert_int_equal(s.w->memory.alerts, 0);
	deviates(&s, BASELINE_NEW_OP, true, 0, &s.write, BEGIN + SECOND);
	engine_tick(s.w->e, BEGIN + 6 * SECOND);
	only(s.w, "baseline.new-op");
	assert_string_equal(s.w->memory.alert[0].norm.also[0].finding, "baseline.new-host");
	assert_int_equal(s.w->memory.alert[0].severity, 1);
	leave(&s);
}

static void events_of_a_day_are_counted(void **state)
{
	struct stage s = stage(state, true);
	uint64_t today, yesterday;
	int k;

	for (k = 0; k < 3; k++)
		deviates(&s, BASELINE_NEW_OP, true, 0, &s.write, BEGIN + k * HOUR / 4);
	engine_norm_spent(s.w->e, BEGIN, &today, &yesterday);
	assert_int_equal(today, 3);
	engine_norm_spent(s.w->e, BEGIN + 24 * HOUR, &today, &yesterday);
	assert_int_equal(today, 0);
	assert_int_equal(yesterday, 3);
	leave(&s);
}

static void a_flood_is_no_flood_of_events(void **state)
{
	struct stage s = stage(state, false);
	struct addr from = hmi;
	struct deviation d;
	uint64_t incidents, occurrences;
	int k;

	for (k = 0; k < 20000; k++) {
		from.b[14] = (uint8_t)(k % 500 >> 8);
		from.b[15] = (uint8_t)(k % 500);
		d = deviation(SOFT, false, 2, &s.read, BEGIN + k * SECOND / 1000);
		d.client = &from;
		engine_norm_told(s.w->e, &d);
	}
	engine_flush(s.w->e);
	assert_true(s.w->memory.alerts <= 500);
	engine_counts(s.w->e, catalogue_find(s.w->catalogue, "baseline.new-object")->index,
		      &incidents, &occurrences);
	assert_int_equal(occurrences, 20000);
	assert_int_equal(incidents, s.w->memory.alerts);
	leave(&s);
}

/* Who invents addresses gets a page of alerts, not a book; what is graver is told all the same. */
static void a_crowd_of_new_hosts_is_not_an_event_each(void **state)
{
	struct world *w = *state;
	struct baseline *b = baseline_new(NULL);
	struct addr panel;
	unsigned i, before;

	begin(w, b, NULL, false);
	polls(w, BEGIN);
	panel = w->flow.addr[0];
	freeze(b);
	begin(w, b, NULL, false);
	for (i = 0; i < 5000; i++) {
		memset(w->flow.user, 0, sizeof(w->flow.user));
		w->flow.addr[0] = panel;
		w->flow.addr[0].b[13] = 99;
		w->flow.addr[0].b[14] = (uint8_t)(i >> 8);
		w->flow.addr[0].b[15] = (uint8_t)i;
		open_flow(w, BEGIN + HOUR + i * SECOND / 1000);
		say(w, 3, OP_READ, 0, BEGIN + HOUR + i * SECOND / 1000);
	}
	memset(w->flow.user, 0, sizeof(w->flow.user));
	say(w, 6, OP_WRITE, 116, BEGIN + HOUR + 6 * SECOND);
	memset(w->flow.user, 0, sizeof(w->flow.user));
	w->flow.addr[0] = panel;
	open_flow(w, BEGIN + HOUR + 7 * SECOND);
	say(w, 6, OP_WRITE, 117, BEGIN + HOUR + 7 * SECOND);
	engine_flush(w->e);
	before = told(w, "baseline.new-host");
	assert_in_range(before, 32, 33);
	assert_int_equal(told(w, "baseline.new-op"), 2); /* a stranger's, and the panel's */
	assert_int_equal(w->memory.alerts, before + 2);
	engine_free(w->e);
	w->e = NULL;
	baseline_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_a_policy_what_is_new_is_told),
		TEST(with_a_policy_it_carries_its_zones),
		TEST(without_a_baseline_all_is_as_it_was),
		TEST(what_the_policy_forbids_is_not_learned),
		TEST(neither_its_link_nor_its_host),
		TEST(a_flow_with_broken_messages_is_not_learned_from),
		TEST(after_a_refused_function_learning_waits_for_good_answers),
		TEST(what_deviates_on_a_channel_in_a_minute_is_one_event),
		TEST(the_most_telling_one_leads),
		TEST(another_channel_and_another_minute_are_other_events),
		TEST(what_goes_on_for_long_hides_nothing_that_begins_later),
		TEST(the_same_cause_is_one_event_on_all_channels),
		TEST(a_new_host_is_the_cause_of_all_it_does),
		TEST(severity_comes_from_what_it_may_do),
		TEST(in_a_safety_zone_it_is_high),
		TEST(only_an_approved_baseline_and_a_conduit_that_says_so_refuse),
		TEST(a_soft_deviation_never_refuses_anything),
		TEST(live_hard_is_told_at_once_and_soft_waits_for_company),
		TEST(live_a_soft_one_in_waiting_goes_with_a_hard_one),
		TEST(live_what_turns_out_graver_does_not_wait),
		TEST(a_new_host_is_told_live_with_what_it_does),
		TEST(events_of_a_day_are_counted),
		TEST(a_flood_is_no_flood_of_events),
		TEST(a_crowd_of_new_hosts_is_not_an_event_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
