/* What kidoban says about itself, from numbers made up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "detect/incident.h"
#include "run/health.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND INT64_C(1000000000)
#define EPOCH  (1700000000 * SECOND)

struct told {
	char finding[64], observed[INCIDENT_TEXT], expected[INCIDENT_TEXT];
	uint8_t phase;
	uint64_t id, count;
	int64_t first, last;
};

struct world {
	struct sink sink;
	struct catalogue *catalogue;
	struct run_config run;
	struct health *h;
	struct source_stats st[2];
	int64_t now; /* ns, monotonic */
	struct told told[32];
	unsigned n;
};

static void on_alert(struct sink *s, const struct incident *i)
{
	struct world *w = (struct world *)s;
	struct told *t = &w->told[w->n++];

	assert_in_range(w->n, 1, 31);
	assert_string_equal(i->verdict, "alert");
	assert_false(i->has_addr);
	snprintf(t->finding, sizeof(t->finding), "%s", i->finding->id);
	snprintf(t->observed, sizeof(t->observed), "%s", i->observed);
	snprintf(t->expected, sizeof(t->expected), "%s", i->expected);
	assert_true(*t->observed && *t->expected);
	assert_null(strchr(t->observed, '{'));
	assert_in_range(i->id, 1, (UINT64_C(1) << 53) - 1);
	t->phase = i->phase;
	t->id = i->id;
	t->count = i->count;
	t->first = i->first;
	t->last = i->last;
}

static const struct sink_ops sink_ops = {.alert = on_alert};

static void begin(struct world *w, enum finding_lang lang)
{
	const struct health_config cfg = {
		.run = &w->run, .catalogue = w->catalogue, .sink = &w->sink, .lang = lang};

	health_free(w->h);
	w->h = health_new(&cfg);
	assert_non_null(w->h);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct diag diag = {.count = 0};

	*state = w;
	w->sink.ops = &sink_ops;
	w->catalogue = catalogue_builtin(&diag);
	w->run.sources = 2;
	w->run.source[0] =
		(struct run_source){.kind = RUN_MIRROR, .quiet = 60 * SECOND, .one_way_told = true};
	w->run.source[1] = (struct run_source){.kind = RUN_BRIDGE};
	w->now = 1000 * SECOND;
	snprintf(w->st[0].iface, sizeof(w->st[0].iface), "eth1");
	snprintf(w->st[1].iface, sizeof(w->st[1].iface), "eth2");
	w->st[0].up = w->st[1].up = true;
	begin(w, FINDING_EN);
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	health_free(w->h);
	catalogue_free(w->catalogue);
	free(w);
	return 0;
}

/* So many seconds pass, in each of which so many packets come in at eth1. */
static void pass(struct world *w, unsigned seconds, uint64_t packets)
{
	for (; seconds; seconds--) {
		w->now += SECOND;
		w->st[0].packets += packets;
		assert_int_equal(health_clock(w->h, EPOCH + w->now, w->now), 0);
		health_source(w->h, 0, w->st, 1, EPOCH + w->now, w->now);
	}
}

static const struct told *last(struct world *w, unsigned n, const char *finding, uint8_t phase)
{
	assert_int_equal(w->n, n);
	assert_string_equal(w->told[n - 1].finding, finding);
	assert_int_equal(w->told[n - 1].phase, phase);
	return &w->told[n - 1];
}

static void collect(void *user, const char *finding, const char *sentence)
{
	char *all = user;
	size_t len = strlen(all);

	snprintf(all + len, 2048 - len, "%s: %s\n", finding, sentence);
}

static const char *now(struct world *w)
{
	static char all[2048];

	*all = '\0';
	health_each(w->h, collect, all);
	return all;
}

static void silence_is_told_once_and_its_end(void **state)
{
	struct world *w = *state;
	const struct told *t;

	pass(w, 100, 5);
	assert_int_equal(w->n, 0);
	pass(w, 59, 0);
	assert_int_equal(w->n, 0);
	pass(w, 200, 0);
	t = last(w, 1, "sensor.no-traffic", INCIDENT_OPENED);
	assert_string_equal(t->observed, "no packet has come from mirror port eth1 for 60 s");
	assert_non_null(strstr(now(w), "sensor.no-traffic: no packet has come"));
	assert_non_null(strstr(now(w), "for 4 minutes"));
	pass(w, 100, 1);
	t = last(w, 2, "sensor.no-traffic", INCIDENT_ENDED);
	assert_string_equal(
		t->observed,
		"packets come from mirror port eth1 again, after 4 minutes without any");
	assert_int_equal(t->id, w->told[0].id);
	assert_int_equal(t->first, w->told[0].first);
	assert_int_equal(t->last - t->first, 200 * SECOND);
	assert_string_equal(now(w), "");
	pass(w, 61, 0);
	t = last(w, 3, "sensor.no-traffic", INCIDENT_OPENED);
	assert_int_not_equal(t->id, w->told[0].id);
}

static void silence_may_be_expected(void **state)
{
	struct world *w = *state;

	w->run.source[0].quiet = 0;
	pass(w, 500, 0);
	assert_int_equal(w->n, 0);
}

static void a_link_is_told_not_its_flapping_nor_its_silence(void **state)
{
	struct world *w = *state;
	unsigned i;

	pass(w, 10, 5);
	w->st[0].up = false;
	pass(w, 1, 0);
	w->st[0].up = true;
	pass(w, 10, 5);
	assert_int_equal(w->n, 0);
	for (i = 0; i < 10; i++) {
		w->st[0].up = false;
		pass(w, 5, 0);
		w->st[0].up = true;
		pass(w, 5, 5);
	}
	assert_string_equal(last(w, 1, "sensor.interface-down", INCIDENT_OPENED)->observed,
			    "mirror port eth1 has no link");
	w->st[0].up = false;
	pass(w, 300, 0);
	assert_int_equal(w->n, 1);
	w->st[0].up = true;
	pass(w, 11, 5);
	assert_string_equal(last(w, 2, "sensor.interface-down", INCIDENT_ENDED)->observed,
			    "mirror port eth1 has its link again, after 6 minutes without");
	w->st[0].up = false; /* the next one is another */
	pass(w, 10, 0);
	last(w, 3, "sensor.interface-down", INCIDENT_OPENED);
}

static void half_a_conversation_is_told(void **state)
{
	struct world *w = *state;

	w->st[0].in[0] = 1000000; /* before we looked */
	pass(w, 1, 1);
	w->st[0].in[1] += 1000;
	w->st[0].in[0] += 300;
	pass(w, 60, 1);
	assert_int_equal(w->n, 0);
	w->st[0].in[1] += 99; /* too few to say */
	pass(w, 60, 1);
	assert_int_equal(w->n, 0);
	w->st[0].in[1] += 4000;
	w->st[0].in[0] += 3;
	pass(w, 60, 1);
	assert_string_equal(last(w, 1, "sensor.one-direction", INCIDENT_OPENED)->observed,
			    "on mirror port eth1 conversations are heard in one direction only: of "
			    "the TCP traffic of the last 60 s, 4000 segments had no answer here "
			    "and 3 had");
	pass(w, 60, 1); /* nothing to go by */
	assert_int_equal(w->n, 1);
	w->st[0].in[0] += 500;
	w->st[0].in[1] += 20;
	pass(w, 60, 1);
	last(w, 2, "sensor.one-direction", INCIDENT_ENDED);
	w->run.source[0].one_way_told = false;
	w->st[0].in[1] += 4000;
	pass(w, 120, 1);
	assert_int_equal(w->n, 2);
}

static void losses_are_added_up(void **state)
{
	struct world *w = *state;
	const struct told *t;

	pass(w, 5, 1);
	w->st[0].kernel_drops = 40;
	pass(w, 1, 1);
	t = last(w, 1, "sensor.packets-lost", INCIDENT_OPENED);
	assert_int_equal(t->count, 40);
	w->st[0].interface_drops = 2;
	pass(w, 50, 1);
	w->st[0].kernel_drops = 60;
	pass(w, 59, 1);
	assert_int_equal(w->n, 1);
	assert_non_null(strstr(now(w), "60 because it could not keep up, 2 in the interface"));
	pass(w, 2, 1);
	t = last(w, 2, "sensor.packets-lost", INCIDENT_ENDED);
	assert_int_equal(t->count, 62);
	assert_string_equal(t->observed,
			    "no packet of mirror port eth1 has been lost for 60 s; in all 60 were "
			    "lost because kidoban could not keep up, 2 in the interface");
	w->st[0].kernel_drops = 61; /* counted anew */
	pass(w, 1, 1);
	assert_int_equal(last(w, 3, "sensor.packets-lost", INCIDENT_OPENED)->count, 1);
}

static void what_passed_unseen_is_told(void **state)
{
	struct world *w = *state;

	health_source(w->h, 1, w->st, 2, EPOCH, w->now);
	w->st[1].unseen = 7;
	health_source(w->h, 1, w->st, 2, EPOCH, w->now + SECOND);
	assert_string_equal(last(w, 1, "sensor.passed-unseen", INCIDENT_OPENED)->observed,
			    "the kernel let packets of bridge interface eth2 pass that kidoban did "
			    "not look at: 7 so far");
	health_source(w->h, 1, w->st, 2, EPOCH, w->now + 62 * SECOND);
	assert_int_equal(last(w, 2, "sensor.passed-unseen", INCIDENT_ENDED)->count, 7);
}

static void an_overloaded_bridge_is_told(void **state)
{
	struct world *w = *state;

	health_source(w->h, 1, w->st, 2, EPOCH, w->now);
	w->st[0].overloads = 1;
	health_source(w->h, 1, w->st, 2, EPOCH, w->now + SECOND);
	assert_int_equal(last(w, 1, "sensor.overloaded", INCIDENT_OPENED)->count, 1);
	w->st[0].overloads = 2;
	health_source(w->h, 1, w->st, 2, EPOCH, w->now + 2 * SECOND);
	health_source(w->h, 1, w->st, 2, EPOCH, w->now + 63 * SECOND);
	assert_string_equal(last(w, 2, "sensor.overloaded", INCIDENT_ENDED)->observed,
			    "kidoban has kept up with bridge interface eth1 for 61 s; it was left "
			    "to the kernel 2 times");
}

static void the_clock_is_watched(void **state)
{
	struct world *w = *state;
	int64_t wall = EPOCH;
	unsigned i;

	assert_int_equal(health_clock(w->h, wall, w->now), 0);
	for (i = 0; i < 100; i++) /* slewing */
		assert_int_equal(health_clock(w->h, wall += SECOND + 500000, w->now += SECOND), 0);
	assert_int_equal(health_clock(w->h, wall += 3601 * SECOND, w->now += SECOND),
			 3600 * SECOND);
	assert_string_equal(last(w, 1, "sensor.clock-stepped", INCIDENT_OPENED)->observed,
			    "the clock of this machine was set forward by 60 minutes");
	for (i = 0; i < 61; i++)
		assert_int_equal(health_clock(w->h, wall += SECOND, w->now += SECOND), 0);
	assert_int_equal(w->n, 1); /* all is said */
	assert_string_equal(now(w), "");
	assert_int_equal(health_clock(w->h, wall -= 9 * SECOND, w->now += SECOND), -10 * SECOND);
	assert_string_equal(last(w, 2, "sensor.clock-stepped", INCIDENT_OPENED)->observed,
			    "the clock of this machine was set back by 10 s");
	assert_int_equal(health_clock(w->h, wall += 3 * SECOND, w->now += SECOND), 2 * SECOND);
	assert_int_equal(w->n, 2);
	for (i = 0; i < 61; i++)
		health_clock(w->h, wall += SECOND, w->now += SECOND);
	assert_string_equal(
		last(w, 3, "sensor.clock-stepped", INCIDENT_ENDED)->observed,
		"the clock of this machine runs steadily again; it was set 2 times, the "
		"last time forward by 2 s");
	assert_int_equal(w->told[2].count, 2);
}

static void output(struct world *w, unsigned seconds, uint64_t spooled, uint64_t lost, bool takes)
{
	for (; seconds; seconds--) {
		w->now += SECOND;
		health_clock(w->h, EPOCH + w->now, w->now);
		health_output(w->h, "file /a", 0, 0, true, EPOCH + w->now);
		health_output(w->h, "syslog b", spooled, lost, takes, EPOCH + w->now);
	}
}

static void an_output_that_takes_nothing_is_told(void **state)
{
	struct world *w = *state;
	const struct told *t;

	output(w, 10, 0, 0, true);
	output(w, 4, 0, 0, false); /* connects anew */
	output(w, 20, 0, 0, true);
	assert_int_equal(w->n, 0);
	output(w, 7, 0, 0, false);
	last(w, 1, "sensor.output-lost", INCIDENT_OPENED);
	output(w, 5, 12, 0, false);
	output(w, 5, 12, 3, true);
	assert_int_equal(w->n, 1);
	output(w, 10, 12, 3, true);
	t = last(w, 2, "sensor.output-lost", INCIDENT_ENDED);
	assert_string_equal(t->observed, "output syslog b takes events again; alerts that went to "
					 "the spool on disk meanwhile: 12, alerts lost: 3");
	assert_int_equal(t->count, 15);
	output(w, 1, 13, 3, true); /* at once when something is lost or waits */
	assert_string_equal(last(w, 3, "sensor.output-lost", INCIDENT_OPENED)->observed,
			    "output syslog b does not take events as they come; alerts that went "
			    "to the spool on disk: 1, alerts lost: 0");
}

static void japanese_too(void **state)
{
	struct world *w = *state;

	begin(w, FINDING_JA);
	pass(w, 62, 0);
	assert_string_equal(last(w, 1, "sensor.no-traffic", INCIDENT_OPENED)->observed,
			    "ミラーポート eth1 から 60 秒の間、パケットが一つも届いていません");
	pass(w, 1, 9);
	last(w, 2, "sensor.no-traffic", INCIDENT_ENDED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(silence_is_told_once_and_its_end, setup, teardown),
		cmocka_unit_test_setup_teardown(silence_may_be_expected, setup, teardown),
		cmocka_unit_test_setup_teardown(a_link_is_told_not_its_flapping_nor_its_silence,
						setup, teardown),
		cmocka_unit_test_setup_teardown(half_a_conversation_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(losses_are_added_up, setup, teardown),
		cmocka_unit_test_setup_teardown(what_passed_unseen_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(an_overloaded_bridge_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(the_clock_is_watched, setup, teardown),
		cmocka_unit_test_setup_teardown(an_output_that_takes_nothing_is_told, setup,
						teardown),
		cmocka_unit_test_setup_teardown(japanese_too, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
