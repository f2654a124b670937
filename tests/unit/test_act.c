/* What is done about violations, inline: each rung of the ladder, and what falls from one to the
 * next. */
#include "act_world.h"

static void what_is_permitted_passes_as_it_is(void **state)
{
	struct act_world *w = world_new(WORLD_POLICY("enforce", "degrade"));
	struct wire c = wire_open(w, PLC, 40000);

	(void)state;
	assert_int_equal(wire_put(&c, 0, read_request, sizeof(read_request)), SOURCE_PASS);
	assert_memory_equal(w->out.b + w->payload, read_request, sizeof(read_request));
	assert_int_equal(wire_put(&c, 1, read_answer, sizeof(read_answer)), SOURCE_PASS);
	assert_int_equal(w->alerts + w->sent, 0);
	world_free(w);
}

static void a_forbidden_write_is_refused_by_the_device(void **state)
{
	struct act_world *w = world_new(WORLD_POLICY("enforce", "degrade"));
	struct wire c = wire_open(w, PLC, 40000);
	uint8_t answer[] = {0, 2, 0, 0, 0, 3, 1, 0, 1}, sent;

	(void)state;
	assert_int_equal(wire_put(&c, 0, write_request, sizeof(write_request)), SOURCE_PASS);
	sent = w->out.b[w->payload + FUNCTION];
	assert_int_not_equal(sent, 6);
	assert_true(world_sums_right(w));
	answer[FUNCTION] = sent | 0x80;
	assert_int_equal(wire_put(&c, 1, answer, sizeof(answer)), SOURCE_PASS);
	assert_int_equal(w->out.b[w->payload + FUNCTION], 0x86);
	assert_true(world_sums_right(w));
	assert_string_equal(world_told(w, "policy.op-denied", INCIDENT_OPENED)->verdict, "degrade");
	assert_int_equal(w->sent, 0);
	/* and the session lives */
	assert_int_equal(wire_put(&c, 0, read_request, sizeof(read_request)), SOURCE_PASS);
	assert_memory_equal(w->out.b + w->payload, read_request, sizeof(read_request));
	w->time += 10 * SECOND;
	act_tick(w->act, w->time);
	assert_int_equal(w->stubborn, 0);
	world_free(w);
}

static void it_is_refused_however_it_is_sent_again(void **state)
{
	struct act_world *w = world_new(WORLD_POLICY("enforce", "degrade"));
	struct wire c = wire_open(w, PLC, 40000);
	uint8_t two[2 * sizeof(write_request)];
	uint32_t seq = c.seq[0];
	uint8_t now;

	(void)state;
	memcpy(two, read_request, sizeof(read_request));
	memcpy(two + sizeof(read_request), write_request, sizeof(write_request));
	wire_put(&c, 0, read_request, sizeof(read_request));
	wire_put(&c, 0, write_request, sizeof(write_request));
	now = w->out.b[w->payload + FUNCTION];
	assert_int_not_equal(now, 6);
	/* whole */
	assert_int_equal(wire_at(&c, 0, seq + 12, write_request, 12), SOURCE_PASS);
	assert_int_equal(w->out.b[w->payload + FUNCTION], now);
	/* joined with what was before it */
	assert_int_equal(wire_at(&c, 0, seq, two, 24), SOURCE_PASS);
	assert_int_equal(w->out.b[w->payload + 12 + FUNCTION], now);
	assert_int_equal(w->out.b[w->payload + FUNCTION], 3);
	assert_true(world_sums_right(w));
	world_free(w);
}

static void a_dropped_message_never_gets_through(void **state)
{
	struct act_world *w = world_new(WORLD_POLICY("enforce", "drop"));
	struct wire c = wire_open(w, PLC, 40000);
	uint32_t seq = c.seq[0];
	unsigned k;

	(void)state;
	assert_int_equal(wire_put(&c, 0, write_request, 12), SOURCE_DROP);
	assert_int_equal(wire_at(&c, 0, seq, write_request, 12), SOURCE_DROP);
	for (k = 1; k < 12; k++) {
		assert_int_equal(wire_at(&c, 0, seq, write_request, k), SOURCE_DROP);
		assert_int_equal(wire_at(&c, 0, seq + k, write_request + k, 12 - k), SOURCE_DROP);
	}
	assert_int_equal(wire_put(&c, 0, read_request, 12), SOURCE_DROP);
	assert_int_equal(wire_put(&c, 0, NULL, 0), SOURCE_PASS);
	assert_int_equal(wire_put(&c, 1, NULL, 0), SOURCE_PASS);
	assert_int_equal(w->sent, 0);
	assert_string_equal(world_told(w, "policy.op-denied", INCIDENT_OPENED)->verdict, "drop");
	assert_int_equal(world_told(w, "policy.op-denied", INCIDENT_OPENED)->done, ACTION_DROP);
	world_free(w);
}

/* A reset of that connection, towards that end. */
static void assert_reset(const struct act_world *w, unsigned k, unsigned iface, const char *to,
			 uint32_t seq)
{
	const uint8_t *b = w->frame_sent[k].b;
	struct addr a;

	assert_true(addr_parse(to, &a));
	assert_int_equal(w->frame_sent[k].iface, iface);
	assert_memory_equal(b + 14 + 16, a.b + 12, 4);
	assert_true(b[14 + 20 + 13] & RST);
	assert_int_equal(be32(b + 14 + 20 + 4), seq);
}

static void rejecting_tells_both_ends_with_the_right_numbers(void **state)
{
	struct act_world *w = world_new(WORLD_POLICY("enforce", "reject"));
	struct wire c = wire_open(w, PLC, 40000);
	uint32_t seq = c.seq[0], ack = c.seq[1];

	(void)state;
	assert_int_equal(wire_put(&c, 0, write_request, 12), SOURCE_DROP);
	assert_int_equal(w->sent, 2);
	assert_reset(w, 0, 0, HMI, ack);
	assert_reset(w, 1, 1, PLC, seq);
	assert_int_equal(wire_put(&c, 1, read_answer, 11), SOURCE_DROP);
	assert_int_equal(wire_put(&c, 0, NULL, 0), SOURCE_DROP);
	assert_string_equal(world_told(w, "policy.op-denied", INCIDENT_OPENED)->verdict, "reject");
	/* and a new connection may begin */
	c = wire_open(w, PLC, 40001);
	assert_int_equal(wire_put(&c, 0, read_request, 12), SOURCE_PASS);
	world_free(w);
}

static void what_has_begun_to_pass_is_rejected_instead(void **state)
{
	struct act_world *w = world_new(WORLD_POLICY("enforce", "degrade"));
	struct wire c = wire_open(w, PLC, 40000);
	const struct incident *i;

	(void)state;
	wire_put(&c, 0, read_request, 12);
	assert_int_equal(wire_put(&c, 0, write_request, 9), SOURCE_PASS);
	assert_int_equal(wire_put(&c, 0, write_request + 9, 3), SOURCE_DROP);
	i = world_told(w, "policy.op-denied", INCIDENT_OPENED);
	assert_string_equal(i->verdict, "reject");
	assert_string_equal(i->wanted, "degrade");
	assert_int_equal(w->sent, 2);
	world_free(w);
}

static void the_code_may_be_in_the_last_segment(void **state)
{
	struct act_world *w = world_new(WORLD_POLICY("enforce", "degrade"));
	struct wire c = wire_open(w, PLC, 40000);
	uint32_t seq;

	(void)state;
	wire_put(&c, 0, read_request, 12);
	seq = c.seq[0];
	assert_int_equal(wire_put(&c, 0, write_request, FUNCTION), SOURCE_PASS);
	assert_int_equal(wire_put(&c, 0, write_request + FUNCTION, 12 - FUNCTION), SOURCE_PASS);
	assert_int_not_equal(w->out.b[w->payload], 6);
	/* joined when it is sent again */
	assert_int_equal(wire_at(&c, 0, seq, write_request, 12), SOURCE_PASS);
	assert_int_not_equal(w->out.b[w->payload + FUNCTION], 6);
	assert_true(world_sums_right(w));
	world_free(w);
}

static void who_has_no_conduit_is_told_so(void **state)
{
	struct act_world *w = world_new(WORLD_POLICY(
		"enforce", "reject") "  - {id: no, from: hmi, to: c, reason: r, refs: "
				     "['ipa:ID8-1'], allow: [{tcp: 80}], on-violation: reject}\n");

	(void)state;
	assert_int_equal(world_tcp(w, HMI, 40000, ELSE, 22, 77, 0, SYN, NULL, 0), SOURCE_DROP);
	assert_int_equal(w->sent, 1);
	assert_reset(w, 0, 0, HMI, 0);
	assert_int_equal(be32(w->frame_sent[0].b + 14 + 20 + 8), 78);
	assert_int_equal(world_tcp(w, HMI, 40000, ELSE, 22, 77, 0, SYN, NULL, 0), SOURCE_DROP);
	assert_int_equal(world_udp(w, HMI, 40000, ELSE, 161, "x", 1), SOURCE_DROP);
	assert_int_equal(w->frame_sent[w->sent - 1].b[14 + 9], 1); /* ICMP */
	assert_int_equal(w->frame_sent[w->sent - 1].b[14 + 20], 3);
	assert_int_equal(w->frame_sent[w->sent - 1].b[14 + 21], 13);
	world_free(w);
}

static void resets_are_not_sent_without_end(void **state)
{
	struct act_world *w = world_new(WORLD_POLICY(
		"enforce", "reject") "  - {id: no, from: hmi, to: c, reason: r, refs: "
				     "['ipa:ID8-1'], allow: [{tcp: 80}], on-violation: reject}\n");
	unsigned k;

	(void)state;
	for (k = 0; k < 1000; k++) {
		w->time = T0;
		assert_int_equal(
			world_tcp(w, HMI, (uint16_t)(20000 + k), ELSE, 22, 77, 0, SYN, NULL, 0),
			SOURCE_DROP);
	}
	assert_true(w->sent <= 200);
	world_free(w);
}

static void nothing_of_or_to_a_host_in_quarantine_passes(void **state)
{
	struct act_world *w = world_new(WORLD_POLICY("enforce", "quarantine"));
	struct wire c = wire_open(w, PLC, 40000), esd = wire_open(w, ESD, 40001);

	(void)state;
	assert_int_equal(wire_put(&c, 0, write_request, 12), SOURCE_DROP);
	assert_int_equal(w->isolated, 1);
	assert_string_equal(world_told(w, "policy.op-denied", INCIDENT_OPENED)->verdict,
			    "quarantine");
	assert_int_equal(world_udp(w, HMI, 1, PLC, 2, "x", 1), SOURCE_DROP);
	assert_int_equal(world_udp(w, PLC, 1, HMI, 2, "x", 1), SOURCE_DROP);
	/* but for what concerns safety */
	assert_int_equal(wire_put(&esd, 0, read_request, 12), SOURCE_PASS);
	/* until its time is over */
	w->time += 61 * SECOND;
	c = wire_open(w, PLC, 40002);
	assert_int_equal(wire_put(&c, 0, read_request, 12), SOURCE_PASS);
	world_free(w);
}

static void a_host_is_isolated_and_released_by_list(void **state)
{
	struct act_world *w = world_new(WORLD_POLICY("enforce", "drop"));
	struct wire c = wire_open(w, PLC, 40000);
	struct act_quarantine q[2] = {{.until = T0 + 3600 * SECOND},
				      {.has_mac = true, .until = T0 + 3600 * SECOND}};

	(void)state;
	assert_true(addr_parse("10.50.0.12", &q[0].addr));
	memcpy(q[1].mac.b, "\x02\x00\x00\x00\x00\x01", 6); /* the HMI's */
	act_quarantines(w->act, q, 1);
	assert_int_equal(wire_put(&c, 0, read_request, 12), SOURCE_PASS);
	act_quarantines(w->act, q, 2);
	assert_int_equal(wire_put(&c, 0, read_request, 12), SOURCE_DROP);
	assert_int_equal(wire_put(&c, 1, read_answer, 11), SOURCE_DROP);
	act_quarantines(w->act, NULL, 0);
	assert_int_equal(wire_put(&c, 0, NULL, 0), SOURCE_PASS);
	assert_true(addr_parse(HMI, &q[0].addr));
	act_quarantines(w->act, q, 1);
	assert_int_equal(wire_put(&c, 0, NULL, 0), SOURCE_DROP);
	world_free(w);
}

/* A list from before may still come; one without the host, after one with it, is its release. */
static void a_host_isolated_here_is_released_at_once(void **state)
{
	struct act_world *w = world_new(WORLD_POLICY("enforce", "quarantine"));
	struct wire c = wire_open(w, PLC, 40000);
	struct act_quarantine q = {.until = T0 + 3600 * SECOND};

	(void)state;
	assert_true(addr_parse(HMI, &q.addr));
	assert_int_equal(wire_put(&c, 0, write_request, 12), SOURCE_DROP);
	assert_int_equal(w->isolated, 1);
	act_quarantines(w->act, NULL, 0);
	assert_int_equal(world_tcp(w, HMI, 41000, PLC, 502, 1, 0, SYN, NULL, 0), SOURCE_DROP);
	act_quarantines(w->act, &q, 1);
	assert_int_equal(world_tcp(w, HMI, 41000, PLC, 502, 1, 0, SYN, NULL, 0), SOURCE_DROP);
	act_quarantines(w->act, NULL, 0);
	assert_int_equal(world_tcp(w, HMI, 41000, PLC, 502, 1, 0, SYN, NULL, 0), SOURCE_PASS);
	world_free(w);
}

static void safety_is_never_blocked(void **state)
{
	static const char *const policy[] = {
		WORLD_POLICY("enforce", "degrade"), WORLD_POLICY("enforce", "drop"),
		WORLD_POLICY("enforce", "reject"), WORLD_POLICY("enforce", "quarantine")};
	unsigned k;

	(void)state;
	for (k = 0; k < 4; k++) {
		struct act_world *w = world_new(policy[k]);
		struct wire c = wire_open(w, ESD, 40000);

		assert_int_equal(wire_put(&c, 0, write_request, 12), SOURCE_PASS);
		assert_memory_equal(w->out.b + w->payload, write_request, 12);
		assert_int_equal(world_tcp(w, HMI, 1, ESD, 22, 1, 0, SYN, NULL, 0), SOURCE_PASS);
		assert_int_equal(w->sent + w->isolated, 0);
		assert_string_equal(world_told(w, "policy.op-denied", INCIDENT_OPENED)->verdict,
				    "alert");
		world_free(w);
	}
}

static void mode_detect_never_blocks(void **state)
{
	static const char *const policy[] = {WORLD_POLICY("detect", "degrade"),
					     WORLD_POLICY("detect", "drop"),
					     WORLD_POLICY("detect", "quarantine")};
	static const char *const verdict[] = {"would-degrade", "would-drop", "would-quarantine"};
	struct act_quarantine q = {.until = T0 + 3600 * SECOND};
	unsigned k;

	(void)state;
	assert_true(addr_parse(HMI, &q.addr));
	for (k = 0; k < 3; k++) {
		struct act_world *w = world_new(policy[k]);
		struct wire c = wire_open(w, PLC, 40000);

		act_quarantines(w->act, &q, 1);
		assert_int_equal(wire_put(&c, 0, write_request, 12), SOURCE_PASS);
		assert_memory_equal(w->out.b + w->payload, write_request, 12);
		w->spoiled = true;
		assert_int_equal(wire_put(&c, 0, read_request, 12), SOURCE_PASS);
		assert_int_equal(world_tcp(w, HMI, 1, ELSE, 22, 1, 0, SYN, NULL, 0), SOURCE_PASS);
		assert_int_equal(w->sent + w->isolated, 0);
		assert_string_equal(world_told(w, "policy.op-denied", INCIDENT_OPENED)->verdict,
				    verdict[k]);
		assert_int_equal(world_told(w, "policy.op-denied", INCIDENT_OPENED)->done, 0);
		world_free(w);
	}
}

static void a_device_that_does_not_answer_is_remembered(void **state)
{
	struct act_world *w = world_new(WORLD_POLICY("enforce", "degrade"));
	struct wire c = wire_open(w, PLC, 40000);

	(void)state;
	assert_int_equal(wire_put(&c, 0, write_request, 12), SOURCE_PASS);
	w->time += SECOND;
	act_tick(w->act, w->time);
	assert_int_equal(w->stubborn, 0);
	w->time += SECOND + MS;
	act_tick(w->act, w->time);
	assert_int_equal(w->stubborn, 1);
	assert_int_equal(w->sent, 2);
	assert_reset(w, 0, 0, HMI, c.seq[1]);
	assert_reset(w, 1, 1, PLC, c.seq[0]);
	act_tick(w->act, w->time + SECOND);
	assert_int_equal(w->sent, 2);
	assert_int_equal(wire_put(&c, 0, read_request, 12), SOURCE_DROP);
	/* from now on it is rejected at once */
	w->sent = 0;
	c = wire_open(w, PLC, 40001);
	assert_int_equal(wire_put(&c, 0, write_request, 12), SOURCE_DROP);
	assert_int_equal(w->sent, 2);
	world_free(w);
}

static void a_jump_in_time_is_no_missing_answer(void **state)
{
	struct act_world *w = world_new(WORLD_POLICY("enforce", "degrade"));
	struct wire c = wire_open(w, PLC, 40000);

	(void)state;
	assert_int_equal(wire_put(&c, 0, write_request, 12), SOURCE_PASS);
	act_tick(w->act, w->time);
	act_tick(w->act, w->time + 3600 * SECOND);
	assert_int_equal(w->stubborn, 0);
	act_tick(w->act, w->time + 3601 * SECOND);
	act_tick(w->act, w->time + 3602 * SECOND + 10 * MS);
	assert_int_equal(w->stubborn, 1);
	world_free(w);
}

static void what_a_receiver_would_drop_is_not_judged(void **state)
{
	struct act_world *w = world_new(WORLD_POLICY("enforce", "drop"));
	struct wire c = wire_open(w, PLC, 40000);

	(void)state;
	w->spoiled = true;
	assert_int_equal(wire_at(&c, 0, c.seq[0], read_request, 12), SOURCE_DROP);
	assert_string_equal(world_told(w, "decode.checksum", INCIDENT_OPENED)->verdict, "drop");
	/* it was no decoy for this one */
	assert_int_equal(wire_put(&c, 0, write_request, 12), SOURCE_DROP);
	world_told(w, "policy.op-denied", INCIDENT_OPENED);
	/* one that hardware completes is right */
	c = wire_open(w, PLC, 40001);
	w->spoiled = w->partial = true;
	assert_int_equal(wire_put(&c, 0, read_request, 12), SOURCE_PASS);
	world_free(w);
}

static void other_bytes_than_those_judged_do_not_pass(void **state)
{
	struct act_world *w = world_new(WORLD_POLICY("enforce", "drop"));
	struct wire c = wire_open(w, PLC, 40000);
	uint32_t seq = c.seq[0];

	(void)state;
	assert_int_equal(wire_put(&c, 0, read_request, 12), SOURCE_PASS);
	assert_int_equal(wire_at(&c, 0, seq, write_request, 12), SOURCE_DROP);
	assert_int_equal(wire_at(&c, 0, seq, read_request, 12), SOURCE_PASS);
	assert_string_equal(world_told(w, "decode.stream-conflict", INCIDENT_OPENED)->verdict,
			    "drop");
	world_free(w);
}

/* One datagram in two fragments, from the HMI to where it may not go. */
static enum source_do fragment(struct act_world *w, unsigned id, unsigned place, uint32_t from,
			       uint32_t to)
{
	uint32_t ip = world_begin(w, HMI, ELSE, 17);
	uint8_t udp[40] = {0x9c, 0x40, 0, 161, 0, 40, 0, 0};

	frame_set16(&w->out, ip + 4, id);
	frame_set16(&w->out, ip + 6, place);
	frame_put(&w->out, udp + from, to - from);
	frame_ip4_end(&w->out, ip);
	return world_frame(w, 0);
}

static void the_fragment_that_completes_is_dropped_and_stays_so(void **state)
{
	struct act_world *w = world_new(WORLD_POLICY("enforce", "drop"));

	(void)state;
	assert_int_equal(fragment(w, 500, 0x2000, 0, 24), SOURCE_PASS);
	assert_int_equal(fragment(w, 500, 3, 24, 40), SOURCE_DROP);
	assert_int_equal(fragment(w, 500, 3, 24, 40), SOURCE_DROP);
	/* one that contradicts another, and the rest of its datagram */
	assert_int_equal(fragment(w, 501, 0x2000, 0, 24), SOURCE_PASS);
	assert_int_equal(fragment(w, 501, 0x2001, 0, 24), SOURCE_DROP);
	assert_int_equal(fragment(w, 501, 3, 24, 40), SOURCE_DROP);
	world_free(w);
}

/* Not only at its end. */
static void what_no_dissector_knows_is_judged_as_it_goes_on(void **state)
{
	struct act_world *w = world_new(WORLD_POLICY("enforce", "reject"));
	struct wire c = wire_open(w, PLC, 40000);
	unsigned k;

	(void)state;
	for (k = 0; k < 100; k++)
		if (wire_put(&c, 0, "GET / HTTP/1.1\r\n\r\n", 18) == SOURCE_DROP)
			break;
	assert_in_range(k, 0, 20);
	engine_tick(w->engine, w->time + 6 * SECOND); /* it might have been part of a sweep */
	assert_string_equal(world_told(w, "proto.unexpected-protocol", INCIDENT_OPENED)->verdict,
			    "reject");
	assert_int_equal(wire_put(&c, 0, read_request, 12), SOURCE_DROP);
	world_free(w);
}

/* A request in a segment that its receiver never took, then another with the same numbers. */
static void what_was_not_read_does_not_pass(void **state)
{
	struct act_world *w = world_new(WORLD_POLICY("enforce", "drop"));
	struct wire c = wire_open(w, PLC, 40000);
	uint32_t seq = c.seq[0];
	unsigned k;

	(void)state;
	for (k = 0; k < 40; k++) /* more than the tracker remembers */
		assert_int_equal(wire_put(&c, 0, read_request, 12), SOURCE_PASS);
	assert_int_equal(wire_at(&c, 0, seq, write_request, 12), SOURCE_DROP);
	assert_int_equal(wire_at(&c, 0, seq + 6, write_request, 12), SOURCE_DROP);
	/* what was read passes in other pieces, too */
	assert_int_equal(wire_at(&c, 0, seq, read_request, 5), SOURCE_PASS);
	assert_int_equal(wire_at(&c, 0, seq + 5, read_request + 5, 7), SOURCE_PASS);
	world_told(w, "decode.stream-conflict", INCIDENT_OPENED);
	/* and what its receiver has, is of no use to anybody */
	c.seq[0] = seq + 40 * 12;
	assert_int_equal(wire_put(&c, 1, read_answer, 11), SOURCE_PASS);
	assert_int_equal(wire_at(&c, 0, seq, write_request, 12), SOURCE_PASS);
	world_free(w);
}

static void out_of_order_is_no_way_around(void **state)
{
	struct act_world *w = world_new(WORLD_POLICY("enforce", "drop"));
	struct wire c = wire_open(w, PLC, 40000);
	uint32_t seq = c.seq[0];
	unsigned k;

	(void)state;
	/* a forbidden message waits behind a hole, until the hole is given up */
	assert_int_equal(wire_at(&c, 0, seq + 12, write_request, 12), SOURCE_PASS);
	for (k = 1; k < 80; k++)
		wire_at(&c, 0, seq + 12 + k * 12, read_request, 12);
	/* nothing fills it any more */
	assert_int_equal(wire_at(&c, 0, seq, read_request, 12), SOURCE_DROP);
	world_free(w);
}

static void a_hole_that_is_filled_in_time_is_no_violation(void **state)
{
	struct act_world *w = world_new(WORLD_POLICY("enforce", "drop"));
	struct wire c = wire_open(w, PLC, 40000);
	uint32_t seq = c.seq[0];

	(void)state;
	assert_int_equal(wire_at(&c, 0, seq + 12, read_request, 12), SOURCE_PASS);
	assert_int_equal(wire_at(&c, 0, seq, read_request, 12), SOURCE_PASS);
	assert_int_equal(wire_at(&c, 0, seq, read_request, 12), SOURCE_PASS);
	assert_int_equal(wire_at(&c, 0, seq + 12, read_request, 12), SOURCE_PASS);
	c.seq[0] += 24;
	assert_int_equal(wire_put(&c, 0, read_request, 12), SOURCE_PASS);
	assert_int_equal(w->alerts, 0);
	world_free(w);
}

static void an_incident_is_told_as_it_begins_and_as_it_ends(void **state)
{
	struct act_world *w = world_new(WORLD_POLICY("detect", "drop"));
	struct wire c = wire_open(w, PLC, 40000);
	uint64_t id;

	(void)state;
	wire_put(&c, 0, write_request, 12);
	assert_int_equal(w->alerts, 1);
	assert_int_equal(w->alert[0].phase, INCIDENT_OPENED);
	assert_int_equal(w->alert[0].count, 1);
	id = w->alert[0].id;
	assert_in_range(id, 1, (UINT64_C(1) << 53) - 1);
	wire_put(&c, 0, write_request, 12);
	wire_put(&c, 0, write_request, 12);
	assert_int_equal(w->alerts, 1);
	engine_tick(w->engine, w->time + 301 * SECOND);
	assert_int_equal(w->alerts, 2);
	assert_int_equal(w->alert[1].phase, INCIDENT_ENDED);
	assert_int_equal(w->alert[1].count, 3);
	assert_int_equal(w->alert[1].id, id);
	/* the next one about the same is another; what was seen once has no end */
	w->time += 302 * SECOND;
	wire_put(&c, 0, write_request, 12);
	assert_int_equal(w->alerts, 3);
	assert_int_not_equal(w->alert[2].id, id);
	assert_int_equal(w->over, 0);
	engine_tick(w->engine, w->time + 301 * SECOND);
	assert_int_equal(w->alerts, 3);
	assert_int_equal(w->over, 1);
	world_free(w);
}

static void a_sweep_is_told_instead_of_its_tries(void **state)
{
	struct act_world *w = world_new(WORLD_POLICY("detect", "drop"));
	char to[32];
	unsigned k;

	(void)state;
	for (k = 0; k < 30; k++) {
		snprintf(to, sizeof(to), "10.50.0.%u", 100 + k);
		world_tcp(w, HMI, 40000, to, 22, 1, 0, SYN, NULL, 0);
	}
	world_told(w, "detect.sweep", INCIDENT_OPENED);
	engine_tick(w->engine, w->time + 10 * SECOND);
	assert_int_equal(w->alerts, 1);
	engine_tick(w->engine, w->time + 400 * SECOND);
	assert_int_equal(world_told(w, "detect.sweep", INCIDENT_ENDED)->count, 30);
	assert_int_equal(w->alerts, 2);
	/* a single try waits for a moment only */
	w->time += 500 * SECOND;
	world_tcp(w, HMI, 40000, ELSE, 22, 1, 0, SYN, NULL, 0);
	assert_int_equal(w->alerts, 2);
	engine_tick(w->engine, w->time + 6 * SECOND);
	assert_int_equal(w->alerts, 3);
	world_free(w);
}

/* What the worker does when there is another policy; the old one is gone afterwards. */
static void obey(struct act_world *w, const char *policy)
{
	struct engine_orders o = {.policy = world_policy(policy)};

	assert_true(engine_obey(w->engine, &o));
	policy_free(w->policy);
	w->policy = (struct policy *)o.policy;
}

static void another_policy_holds_for_running_conversations(void **state)
{
	struct act_world *w = world_new(WORLD_POLICY("enforce", "drop"));
	struct wire c = wire_open(w, PLC, 40000);
	uint32_t n;

	(void)state;
	wire_put(&c, 0, read_request, 12);
	wire_put(&c, 1, read_answer, 11);
	/* more names, other numbers, and no conduit any more */
	obey(w, "mode: enforce\nzones:\n  z0: {level: information, networks: [10.1.0.0/16]}\n"
		"  c: {level: control, networks: [10.50.0.0/24]}\n"
		"  ci: {level: control-information, networks: [10.40.0.0/24]}\n"
		"conduits:\n  - {id: other, from: ci, to: z0, reason: r, refs: ['ipa:ID8-1'],"
		" allow: [{tcp: 80}]}\n");
	w->time += 2 * SECOND;
	assert_int_equal(wire_put(&c, 0, NULL, 0), SOURCE_PASS);
	assert_int_equal(wire_put(&c, 0, read_request, 12), SOURCE_DROP);
	assert_int_equal(wire_put(&c, 1, read_answer, 11), SOURCE_DROP);
	engine_tick(w->engine, w->time + 6 * SECOND);
	assert_string_equal(world_told(w, "policy.no-conduit", INCIDENT_OPENED)->verdict, "drop");
	/* and back: nobody has read what was sent meanwhile, so both begin anew */
	obey(w, WORLD_POLICY("enforce", "drop"));
	w->time += 2 * SECOND;
	w->sent = 0;
	assert_int_equal(wire_put(&c, 0, read_request, 12), SOURCE_DROP);
	assert_int_equal(w->sent, 2);
	c = wire_open(w, PLC, 40001);
	assert_int_equal(wire_put(&c, 0, read_request, 12), SOURCE_PASS);
	assert_non_null(engine_conduit_counts(w->engine, &n));
	assert_int_equal(n, 2);
	assert_int_equal(engine_conduit_counts(w->engine, &n)[0].flows, 1);
	assert_int_equal(engine_conduit_counts(w->engine, &n)[0].ops, 1);
	world_free(w);
}

static void what_is_permitted_now_goes_on(void **state)
{
	struct act_world *w = world_new(WORLD_POLICY("enforce", "drop"));

	(void)state;
	assert_int_equal(world_tcp(w, HMI, 40000, ELSE, 80, 1, 0, SYN, NULL, 0), SOURCE_DROP);
	obey(w, WORLD_POLICY("enforce", "drop") "  - {id: web, from: hmi, to: c, reason: r,"
						" refs: ['ipa:ID8-1'], allow: [{tcp: 80}]}\n");
	assert_int_equal(world_tcp(w, HMI, 40000, ELSE, 80, 1, 0, SYN, NULL, 0), SOURCE_DROP);
	assert_int_equal(world_tcp(w, HMI, 40001, ELSE, 80, 1, 0, SYN, NULL, 0), SOURCE_PASS);
	/* and detect frees everybody */
	obey(w, WORLD_POLICY("detect", "drop"));
	assert_int_equal(world_tcp(w, HMI, 40000, ELSE, 80, 1, 0, SYN, NULL, 0), SOURCE_PASS);
	world_free(w);
}

static void a_policy_that_comes_later_judges_what_runs(void **state)
{
	struct act_world *w = world_new(WORLD_POLICY("enforce", "drop"));
	struct engine_config cfg = {.events = ENGINE_ALERT, .live = true};
	struct engine_orders o = {.policy = w->policy};
	struct wire c;

	(void)state;
	flow_tracker_free(w->tracker);
	engine_free(w->engine);
	cfg.catalogue = w->catalogue;
	cfg.sinks = w->sinks;
	cfg.act = w->act;
	act_rules(w->act, NULL, false);
	w->engine = engine_new(&cfg);
	w->tracker = flow_tracker_new(NULL, &engine_handlers, w->engine);
	act_tracker(w->act, w->tracker);
	c = wire_open(w, PLC, 40000);
	assert_int_equal(wire_put(&c, 0, write_request, 12), SOURCE_PASS);
	assert_true(engine_obey(w->engine, &o));
	assert_int_equal(wire_put(&c, 0, read_request, 12), SOURCE_PASS);
	assert_int_equal(wire_put(&c, 0, write_request, 12), SOURCE_DROP);
	world_told(w, "policy.op-denied", INCIDENT_OPENED);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_permitted_passes_as_it_is),
		cmocka_unit_test(a_forbidden_write_is_refused_by_the_device),
		cmocka_unit_test(it_is_refused_however_it_is_sent_again),
		cmocka_unit_test(a_dropped_message_never_gets_through),
		cmocka_unit_test(rejecting_tells_both_ends_with_the_right_numbers),
		cmocka_unit_test(what_has_begun_to_pass_is_rejected_instead),
		cmocka_unit_test(the_code_may_be_in_the_last_segment),
		cmocka_unit_test(who_has_no_conduit_is_told_so),
		cmocka_unit_test(resets_are_not_sent_without_end),
		cmocka_unit_test(nothing_of_or_to_a_host_in_quarantine_passes),
		cmocka_unit_test(a_host_is_isolated_and_released_by_list),
		cmocka_unit_test(a_host_isolated_here_is_released_at_once),
		cmocka_unit_test(safety_is_never_blocked),
		cmocka_unit_test(mode_detect_never_blocks),
		cmocka_unit_test(a_device_that_does_not_answer_is_remembered),
		cmocka_unit_test(a_jump_in_time_is_no_missing_answer),
		cmocka_unit_test(what_a_receiver_would_drop_is_not_judged),
		cmocka_unit_test(other_bytes_than_those_judged_do_not_pass),
		cmocka_unit_test(the_fragment_that_completes_is_dropped_and_stays_so),
		cmocka_unit_test(what_no_dissector_knows_is_judged_as_it_goes_on),
		cmocka_unit_test(what_was_not_read_does_not_pass),
		cmocka_unit_test(out_of_order_is_no_way_around),
		cmocka_unit_test(a_hole_that_is_filled_in_time_is_no_violation),
		cmocka_unit_test(an_incident_is_told_as_it_begins_and_as_it_ends),
		cmocka_unit_test(a_sweep_is_told_instead_of_its_tries),
		cmocka_unit_test(another_policy_holds_for_running_conversations),
		cmocka_unit_test(what_is_permitted_now_goes_on),
		cmocka_unit_test(a_policy_that_comes_later_judges_what_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
