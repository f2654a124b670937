/* Answers from aside: what a mirror showed has passed, and only its ends can be told. With it what
 * else act decides about whole conversations and frames: settled ones, and those that are no IP. */
#include "act_world.h"

/* A reset to `to` with that number; returns which of those sent it is. */
static unsigned find_reset(const struct act_world *w, const char *to, uint32_t seq)
{
	struct addr a;
	unsigned i;

	assert_true(addr_parse(to, &a));
	for (i = 0; i < w->sent && i < SENT; i++) {
		const uint8_t *b = w->frame_sent[i].b;

		if (b[23] == 6 && b[47] & RST && memcmp(b + 30, a.b + 12, 4) == 0 &&
		    be32(b + 38) == seq)
			return i;
	}
	fail_msg("no reset to %s with %u among %u", to, seq, w->sent);
	return 0;
}

static void a_rejected_message_resets_both_ends(void **state)
{
	struct act_world *w = world_new_as(WORLD_POLICY("enforce", "reject"), true);
	struct wire c = wire_open(w, PLC, 40000);
	const struct incident *i;

	(void)state;
	assert_int_equal(wire_put(&c, 0, read_request, 12), SOURCE_PASS);
	assert_int_equal(wire_put(&c, 1, read_answer, 11), SOURCE_PASS);
	assert_int_equal(w->sent, 0);
	assert_int_equal(wire_put(&c, 0, write_request, 12), SOURCE_PASS);
	assert_int_equal(w->sent, 2);
	/* the device has it already, and waits for what comes behind */
	find_reset(w, PLC, c.seq[0]);
	find_reset(w, HMI, c.seq[1]);
	i = world_told(w, "policy.op-denied", INCIDENT_OPENED);
	assert_string_equal(i->verdict, "reject");
	assert_null(i->wanted);
	/* it had answered before the reset came: the next numbers are tried */
	wire_put(&c, 1, write_request, 12);
	assert_int_equal(w->sent, 4);
	find_reset(w, HMI, c.seq[1]);
	find_reset(w, PLC, c.seq[0]);
	/* a reset, maybe our own that the mirror shows, is not answered */
	world_tcp(w, PLC, 502, HMI, 40000, c.seq[1], c.seq[0], RST | ACK, NULL, 0);
	assert_int_equal(w->sent, 4);
	assert_int_equal(act_stats(w->act)->dropped, 0);
	world_free(w);
}

/* Known to be a violation by its first packet. */
#define WEB(action)                                                                                \
	"mode: enforce\n" WORLD_ZONES "conduits:\n"                                                \
	"  - {id: web, from: hmi, to: plc, reason: r, refs: ['ipa:ID8-1'], allow: [{tcp: 8443}],"  \
	" on-violation: " action "}\n"

static void a_connection_that_may_not_be_is_refused(void **state)
{
	struct act_world *w = world_new_as(WEB("quarantine"), true);

	(void)state;
	assert_int_equal(world_tcp(w, HMI, 40000, PLC, 22, 77, 0, SYN, NULL, 0), SOURCE_PASS);
	assert_int_equal(w->sent, 1);
	find_reset(w, HMI, 0);
	assert_int_equal(w->isolated, 0); /* nobody is isolated from aside */
	assert_int_equal(world_tcp(w, HMI, 40000, PLC, 80, 77, 0, SYN, NULL, 0), SOURCE_PASS);
	assert_int_equal(w->sent, 2);
	world_free(w);
}

static void nothing_is_sent(const char *policy, const char *server)
{
	struct act_world *w = world_new_as(policy, true);
	struct wire c = wire_open(w, server, 40000);

	wire_put(&c, 0, write_request, 12);
	wire_put(&c, 0, write_request, 12);
	assert_int_equal(world_tcp(w, HMI, 40001, server, 22, 1, 0, SYN, NULL, 0), SOURCE_PASS);
	assert_true(w->alerts > 0);
	assert_int_equal(w->sent, 0);
	world_free(w);
}

static void gentler_verdicts_only_alert(void **state)
{
	(void)state;
	nothing_is_sent(WORLD_POLICY("enforce", "degrade"), PLC);
	nothing_is_sent(WORLD_POLICY("enforce", "drop"), PLC);
	nothing_is_sent(WORLD_POLICY("enforce", "alert"), PLC);
}

static void neither_in_detect_nor_to_safety(void **state)
{
	(void)state;
	nothing_is_sent(WORLD_POLICY("detect", "reject"), PLC);
	nothing_is_sent(WORLD_POLICY("enforce", "reject"), ESD);
	nothing_is_sent(WORLD_POLICY("enforce", "quarantine"), ESD);
}

static void what_was_not_sent_is_not_claimed(void **state)
{
	struct act_world *w = world_new_as(WORLD_POLICY("enforce", "drop"), true);
	struct wire c = wire_open(w, PLC, 40000);
	const struct incident *i;

	(void)state;
	wire_put(&c, 0, write_request, 12);
	i = world_told(w, "policy.op-denied", INCIDENT_OPENED);
	assert_string_equal(i->verdict, "alert");
	assert_string_equal(i->wanted, "drop");
	assert_int_equal(i->done, ACTION_ALERT);
	world_free(w);
}

static void answers_are_bounded(void **state)
{
	struct act_world *w = world_new_as(WEB("reject"), true);
	unsigned k;

	(void)state;
	for (k = 0; k < 1000; k++) {
		world_tcp(w, HMI, (uint16_t)(20000 + k), PLC, 22, 1, 0, SYN, NULL, 0);
		w->time -= MS; /* all at once */
	}
	assert_in_range(w->sent, 1, 200);
	assert_int_equal(act_stats(w->act)->resets_sent, w->sent);
	world_free(w);
}

/* --- inline --- */

static void what_needs_no_more_verdict_is_settled(void **state)
{
	struct act_world *w = world_new(WEB("drop"));
	unsigned k, settled = 0;
	uint32_t seq = 1000;

	(void)state;
	assert_int_equal(world_tcp(w, HMI, 40000, PLC, 8443, seq++, 0, SYN, NULL, 0), SOURCE_PASS);
	assert_int_equal(world_tcp(w, PLC, 8443, HMI, 40000, 1, seq, SYN | ACK, NULL, 0),
			 SOURCE_PASS);
	/* as soon as no dissector can claim it any more */
	for (k = 0; k < 40; k++) {
		enum source_do what = world_tcp(w, HMI, 40000, PLC, 8443, seq, 2, ACK,
						"nothing known at all", 20);

		assert_int_not_equal(what, SOURCE_DROP);
		settled += what == SOURCE_SETTLE;
		seq += 20;
	}
	assert_true(settled > 0);
	assert_int_equal(w->alerts, 0);
	world_free(w);
	/* messages that are judged one by one are never settled */
	w = world_new(WORLD_POLICY("enforce", "drop"));
	{
		struct wire c = wire_open(w, PLC, 40000);

		for (k = 0; k < 40; k++)
			assert_int_equal(wire_put(&c, 0, read_request, 12), SOURCE_PASS);
	}
	world_free(w);
}

static enum source_do other_frame(struct act_world *w, unsigned type)
{
	w->out.n = 0;
	frame_eth(&w->out, type);
	frame_put(&w->out, "no packet of IP, but forty-six bytes are there", 46);
	return world_frame(w, 0);
}

#define STATIONS                                                                                   \
	"zones:\n"                                                                                 \
	"  ci: {level: control-information, networks: [10.40.0.0/24]}\n"                           \
	"  c: {level: control, networks: [10.50.0.0/24]}\n"                                        \
	"assets:\n"                                                                                \
	"  a: {zone: ci, mac: '02:00:00:00:00:01'}\n"                                              \
	"  b: {zone: c, mac: '02:00:00:00:00:02'}\n"

static void frames_that_are_no_ip_are_blocked(void **state)
{
	static const char form[] = "mode: %s\n" STATIONS "conduits:\n"
				   "  - {id: bus, from: a, to: b, reason: r, refs: ['ipa:ID8-1'],"
				   " allow: [{ethertype: ptp}], on-violation: %s}\n"
				   "  - {id: back, from: b, to: a, reason: r, refs: ['ipa:ID8-1'],"
				   " allow: [{ethertype: ptp}], on-violation: %s}\n";
	static const struct {
		const char *mode, *action, *verdict;
		enum source_do what;
		unsigned isolated;
	} cases[] = {
		{"detect", "drop", "would-drop", SOURCE_PASS, 0},
		{"enforce", "alert", "alert", SOURCE_PASS, 0},
		{"enforce", "drop", "drop", SOURCE_DROP, 0},
		{"enforce", "reject", "drop", SOURCE_DROP, 0}, /* nobody could be told */
		{"enforce", "quarantine", "quarantine", SOURCE_DROP, 1},
	};
	char policy[2048];
	unsigned k;

	(void)state;
	for (k = 0; k < sizeof(cases) / sizeof(*cases); k++) {
		const struct incident *i;
		struct act_world *w;

		snprintf(policy, sizeof(policy), form, cases[k].mode, cases[k].action,
			 cases[k].action);
		w = world_new(policy);
		assert_int_equal(other_frame(w, 0x88f7), SOURCE_PASS);
		assert_int_equal(w->alerts, 0);
		assert_int_equal(other_frame(w, 0x88b8), cases[k].what);
		i = world_told(w, "policy.ethertype-denied", INCIDENT_OPENED);
		assert_string_equal(i->verdict, cases[k].verdict);
		assert_int_equal(i->ether_type, 0x88b8);
		assert_int_equal(w->isolated, cases[k].isolated);
		assert_int_equal(w->sent, 0);
		/* of a station in quarantine nothing passes */
		assert_int_equal(other_frame(w, 0x88f7),
				 cases[k].isolated ? SOURCE_DROP : SOURCE_PASS);
		world_free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rejected_message_resets_both_ends),
		cmocka_unit_test(a_connection_that_may_not_be_is_refused),
		cmocka_unit_test(gentler_verdicts_only_alert),
		cmocka_unit_test(neither_in_detect_nor_to_safety),
		cmocka_unit_test(what_was_not_sent_is_not_claimed),
		cmocka_unit_test(answers_are_bounded),
		cmocka_unit_test(what_needs_no_more_verdict_is_settled),
		cmocka_unit_test(frames_that_are_no_ip_are_blocked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
