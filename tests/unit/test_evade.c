/*
 * Ways by which a client that knows what kidoban keeps in mind may try to bring a write past it, or
 * somebody else to bring down a connection that is permitted.
 */
#include "act_world.h"

#define URG 0x20

static const uint8_t junk[12] = {0x58, 0x58, 0x58, 0x58, 0x58, 0x58,
				 0x58, 0x58, 0x58, 0x58, 0x58, 0x58};

static void bare_acks(struct wire *c, unsigned n)
{
	while (n--)
		wire_put(c, 0, NULL, 0);
}

/* A connection is found unreadable; how much was said on it does not matter. */
static void nobody_hides_behind_bare_acknowledgements(void **state)
{
	struct act_world *w = world_new(WORLD_POLICY("enforce", "drop"));
	struct wire c = wire_open(w, PLC, 40000);
	unsigned k;

	(void)state;
	bare_acks(&c, 4000);
	for (k = 0; k < 250; k++)
		if (wire_put(&c, 0, junk, 12) == SOURCE_DROP)
			break;
	assert_int_equal(wire_put(&c, 0, write_request, 12), SOURCE_DROP);
	world_free(w);
}

static void single_bytes_are_something_said(void **state)
{
	struct act_world *w = world_new(WORLD_POLICY("enforce", "drop"));
	static uint8_t const one = 0x58;
	unsigned k;

	(void)state;
	for (k = 0; k < 5; k++)
		world_udp(w, HMI, 40000, PLC, 502, &one, 1);
	assert_int_equal(world_udp(w, HMI, 40000, PLC, 502, write_request, 12), SOURCE_DROP);
	world_free(w);
}

static void datagrams_that_nobody_reads_do_not_pass(void **state)
{
	struct act_world *w = world_new(WORLD_POLICY("enforce", "drop"));

	(void)state;
	assert_int_equal(world_udp(w, HMI, 40000, PLC, 502, junk, 12), SOURCE_DROP);
	assert_int_equal(world_udp(w, HMI, 40000, PLC, 502, write_request, 12), SOURCE_DROP);
	world_free(w);
}

static void the_first_message_is_judged(void **state)
{
	unsigned cut;

	(void)state;
	for (cut = 1; cut <= 12; cut++) {
		struct act_world *w = world_new(WORLD_POLICY("enforce", "drop"));
		struct wire c = wire_open(w, PLC, 40000);

		if (cut < 12)
			assert_int_equal(wire_put(&c, 0, write_request, cut), SOURCE_PASS);
		assert_int_equal(wire_put(&c, 0, write_request + (cut < 12 ? cut : 0),
					  cut < 12 ? 12 - cut : 12),
				 SOURCE_DROP);
		world_free(w);
	}
}

static struct wire middle(struct act_world *w)
{
	return (struct wire){.w = w, .server = PLC, .port = 40000, .seq = {1000000, 5000000}};
}

static void in_mid_stream_the_first_message_is_judged(void **state)
{
	unsigned cut;

	(void)state;
	for (cut = 1; cut <= 12; cut++) {
		struct act_world *w = world_new(WORLD_POLICY("enforce", "drop"));
		struct wire c = middle(w);
		enum source_do what;

		if (cut < 12)
			wire_put(&c, 0, write_request, cut);
		what = wire_put(&c, 0, write_request + (cut < 12 ? cut : 0),
				cut < 12 ? 12 - cut : 12);
		assert_int_equal(what, SOURCE_DROP);
		world_free(w);
	}
}

static void a_forged_syn_moves_nothing(void **state)
{
	static const int32_t off[] = {-100000, -12, 12, 100, 100000};
	unsigned k;

	(void)state;
	for (k = 0; k < 5; k++) {
		struct act_world *w = world_new(WORLD_POLICY("enforce", "drop"));
		struct wire c = wire_open(w, PLC, 40000);
		enum source_do what;

		wire_put(&c, 0, read_request, 12);
		wire_put(&c, 1, read_answer, 11);
		world_tcp(w, HMI, 40000, PLC, 502, c.seq[0] + (uint32_t)off[k], 0, SYN, NULL, 0);
		/* a challenge, RFC 5961 4.2 */
		wire_put(&c, 1, NULL, 0);
		what = wire_put(&c, 0, write_request, 12);
		assert_int_equal(what, SOURCE_DROP);
		world_free(w);
	}
}

static void a_forged_syn_ends_nothing(void **state)
{
	static const int32_t off[] = {-100000, -12, 12, 100, 100000, 1 << 30};
	unsigned k, m;

	(void)state;
	for (k = 0; k < 6; k++) {
		struct act_world *w = world_new(WORLD_POLICY("enforce", "drop"));
		struct wire c = wire_open(w, PLC, 40000);

		wire_put(&c, 0, read_request, 12);
		wire_put(&c, 1, read_answer, 11);
		world_tcp(w, HMI, 40000, PLC, 502, c.seq[0] + (uint32_t)off[k], 0, SYN, NULL, 0);
		wire_put(&c, 1, NULL, 0);
		for (m = 0; m < 4; m++) {
			enum source_do what = wire_put(&c, 0, read_request, 12);
			assert_int_equal(what, SOURCE_PASS);
			wire_put(&c, 1, read_answer, 11);
		}
		assert_int_equal(wire_put(&c, 0, write_request, 12), SOURCE_DROP);
		world_free(w);
	}
}

/* Segments from elsewhere in the space of numbers: their receiver ignores them. */
static void segments_from_elsewhere(struct act_world *w, struct wire *c, unsigned how)
{
	uint32_t n = c->seq[0];
	unsigned k;

	switch (how) {
	case 0: /* before the first byte */
		wire_at(c, 0, n - 50000, read_request, 12);
		break;
	case 1: /* far behind */
		for (k = 0; k < 6; k++)
			wire_at(c, 0, n - (1u << 25) + k * 12, read_request, 12);
		break;
	case 2: /* far ahead */
		for (k = 0; k < 80; k++)
			wire_at(c, 0, n + (1u << 25) + k * 12, read_request, 12);
		break;
	case 3: /* a little ahead: within what would be kept */
		for (k = 0; k < 80; k++)
			wire_at(c, 0, n + 200000 + k * 12, read_request, 12);
		break;
	}
	(void)w;
}

static void decoys_elsewhere_move_nothing(void **state)
{
	unsigned how, cut;

	(void)state;
	for (how = 0; how < 4; how++) {
		for (cut = 0; cut < 12; cut += 7) {
			struct act_world *w = world_new(WORLD_POLICY("enforce", "drop"));
			struct wire c = wire_open(w, PLC, 40000);
			enum source_do what;

			wire_put(&c, 0, read_request, 12);
			wire_put(&c, 1, read_answer, 11);
			if (cut)
				wire_put(&c, 0, write_request, cut);
			segments_from_elsewhere(w, &c, how);
			wire_put(&c, 1, NULL, 0); /* says again what it waits for */
			what = wire_put(&c, 0, write_request + cut, 12 - cut);
			assert_int_equal(what, SOURCE_DROP);
			world_free(w);
		}
	}
}

static void decoys_elsewhere_end_nothing(void **state)
{
	unsigned how, m;

	(void)state;
	for (how = 0; how < 3; how++) {
		struct act_world *w = world_new(WORLD_POLICY("enforce", "drop"));
		struct wire c = wire_open(w, PLC, 40000);

		wire_put(&c, 0, read_request, 12);
		wire_put(&c, 1, read_answer, 11);
		segments_from_elsewhere(w, &c, how);
		for (m = 0; m < 4; m++) {
			enum source_do what = wire_put(&c, 0, read_request, 12);

			assert_int_equal(what, SOURCE_PASS);
			wire_put(&c, 1, read_answer, 11);
		}
		world_free(w);
	}
}

/* Joined in mid-stream: the first segment heard was never taken by its receiver. */
static void a_decoy_at_the_start_of_mid_stream(void **state)
{
	static const int32_t off[] = {-500000, -30, 30, 500000};
	unsigned k;

	(void)state;
	for (k = 0; k < 4; k++) {
		struct act_world *w = world_new(WORLD_POLICY("enforce", "drop"));
		struct wire c = middle(w);
		enum source_do what;

		wire_at(&c, 0, c.seq[0] + (uint32_t)off[k], read_request, 12);
		what = wire_put(&c, 0, write_request, 12);
		assert_int_equal(what, SOURCE_DROP);
		world_free(w);
	}
}

static void urgent_bytes_do_not_shift_the_others(void **state)
{
	struct act_world *w = world_new(WORLD_POLICY("enforce", "drop"));
	struct wire c = wire_open(w, PLC, 40000);
	/* who takes the urgent byte (03) out reads a write */
	static const uint8_t two[] = {0, 1, 0, 0, 0, 6, 1, 3, 6, 0, 0, 0, 1};

	(void)state;
	wire_put(&c, 0, read_request, 12);
	assert_int_equal(world_tcp(w, HMI, 40000, PLC, 502, c.seq[0], c.seq[1], ACK | URG, two, 13),
			 SOURCE_DROP);
	world_free(w);
}

#define FAILS(how)                                                                                 \
	"mode: enforce\n" WORLD_ZONES "conduits:\n"                                                \
	"  - {id: hmi-plc, from: hmi, to: plc, reason: r, refs: ['ipa:ID8-1'], fail: " how ","     \
	" allow: [{modbus: {do: read}}], on-violation: drop}\n"

/* Nothing is left to put messages together: the conduit says what that means. */
static void without_buffers(const char *policy, enum source_do what)
{
	struct act_world *w = world_new(policy);
	struct wire c = wire_open(w, PLC, 50000);
	unsigned k, m;

	wire_put(&c, 0, read_request, 12);
	for (k = 0; k < 200; k++) {
		struct wire x = wire_open(w, PLC, (uint16_t)(41000 + k));

		for (m = 0; m < 60; m++)
			wire_at(&x, 0, x.seq[0] + 1 + m * 101, write_request, 12);
	}
	assert_true(flow_tracker_stats(w->tracker)->buffers_refused > 0);
	assert_int_equal(wire_put(&c, 0, read_request, 12), SOURCE_PASS); /* needs none */
	w->sent = 0;
	assert_int_equal(wire_put(&c, 0, write_request, 7), what);
	assert_int_equal(wire_put(&c, 0, write_request + 7, 5), what);
	assert_int_equal(w->sent > 0, what == SOURCE_DROP);
	world_free(w);
}

static void without_buffers_the_conduit_decides(void **state)
{
	(void)state;
	without_buffers(FAILS("closed"), SOURCE_DROP);
	without_buffers(FAILS("open"), SOURCE_PASS);
}

/* So many connections that not all of them can be kept in mind. */
static void too_many(const char *policy, enum source_do what)
{
	const struct flow_config flows = {
		.flows_max = 8192, .buffer_bytes_max = 4 << 20, .eager = true, .two_sided = true};
	struct act_world *w = world_new(policy);
	struct wire c;
	unsigned k;

	flow_tracker_free(w->tracker);
	w->tracker = flow_tracker_new(&flows, &engine_handlers, w->engine);
	act_tracker(w->act, w->tracker);
	for (k = 0; k < 4096; k++) {
		struct wire x = wire_open(w, PLC, (uint16_t)(41000 + k));

		assert_int_equal(wire_put(&x, 0, read_request, 12), SOURCE_PASS);
		c = x;
	}
	/* the last of them is known, and what it said passes again */
	assert_int_equal(wire_at(&c, 0, c.seq[0] - 12, read_request, 12), SOURCE_PASS);
	c = wire_open(w, PLC, 50000);
	assert_int_equal(wire_put(&c, 0, read_request, 12), what);
	assert_int_equal(wire_at(&c, 0, c.seq[0] - 12, read_request, 12), what);
	assert_int_equal(wire_put(&c, 0, write_request, 12), SOURCE_DROP);
	world_free(w);
}

static void with_too_many_connections_the_conduit_decides(void **state)
{
	(void)state;
	too_many(FAILS("closed"), SOURCE_DROP);
	too_many(FAILS("open"), SOURCE_PASS);
}

/* The end of a message whose begin nobody has seen. */
static void in_mid_stream_the_conduit_decides(void **state)
{
	struct act_world *w = world_new(FAILS("closed"));
	struct wire c = middle(w);

	(void)state;
	assert_int_equal(wire_put(&c, 0, write_request + 7, 5), SOURCE_DROP);
	world_free(w);
	w = world_new(FAILS("open"));
	c = middle(w);
	assert_int_equal(wire_put(&c, 0, write_request + 7, 5), SOURCE_PASS);
	world_free(w);
}

/* What a client can make up about a connection that it has, before its server says a word. */
static void forge(struct act_world *w, struct wire *c, unsigned how, int32_t off)
{
	uint32_t at = c->seq[0] + (uint32_t)off;

	if (how & 1) /* as from the server, but from the client's side of the box */
		w->cross = true;
	if (how & 1)
		world_tcp(w, PLC, 502, HMI, 40000, c->seq[1], at, ACK, NULL, 0);
	if (how & 2)
		world_tcp(w, HMI, 40000, PLC, 502, at, c->seq[1], RST, NULL, 0);
	if (how & 4)
		world_tcp(w, HMI, 40000, PLC, 502, at - 1, 0, SYN, NULL, 0);
	w->cross = (how & 8) != 0;
	if (how & 8)
		world_tcp(w, PLC, 502, HMI, 40000, c->seq[1] + 7777, at, SYN | ACK, NULL, 0);
	w->cross = false;
	if (how & 16)
		wire_at(c, 0, at, read_request, 12);
	if (how & 32) /* a challenge of the real server */
		wire_put(c, 1, NULL, 0);
}

static void nothing_forged_moves_a_connection(void **state)
{
	static const int32_t off[] = {-(1 << 28), -100000, -5, 12, 100000};
	unsigned how, k, cut;

	(void)state;
	for (how = 1; how < 64; how++) {
		for (k = how % 2; k < 5; k += 2) {
			for (cut = 0; cut < 12; cut += 7) {
				struct act_world *w = world_new(WORLD_POLICY("enforce", "drop"));
				struct wire c = wire_open(w, PLC, 40000);
				enum source_do what[2] = {SOURCE_PASS, SOURCE_PASS};

				wire_put(&c, 0, read_request, 12);
				wire_put(&c, 1, read_answer, 11);
				if (cut)
					what[0] = wire_put(&c, 0, write_request, cut);
				forge(w, &c, how, off[k]);
				what[1] = wire_put(&c, 0, write_request + cut, 12 - cut);
				if (what[0] != SOURCE_DROP && what[1] != SOURCE_DROP)
					fail_msg("how %u off %d cut %u", how, off[k], cut);
				world_free(w);
			}
		}
	}
}

static void open_again(struct wire *c, uint32_t isn, enum source_do what)
{
	struct act_world *w = c->w;

	c->seq[0] = isn;
	c->seq[1] = isn * 3;
	assert_int_equal(world_tcp(w, HMI, c->port, PLC, 502, c->seq[0]++, 0, SYN, NULL, 0), what);
	if (what != SOURCE_PASS)
		return;
	assert_int_equal(
		world_tcp(w, PLC, 502, HMI, c->port, c->seq[1]++, c->seq[0], SYN | ACK, NULL, 0),
		SOURCE_PASS);
	assert_int_equal(wire_put(c, 0, NULL, 0), SOURCE_PASS);
	assert_int_equal(wire_put(c, 0, read_request, 12), SOURCE_PASS);
	assert_int_equal(wire_put(c, 1, read_answer, 11), SOURCE_PASS);
	assert_int_equal(wire_put(c, 0, read_request, 12), SOURCE_PASS);
}

/* The same ports again: after an end, after a reject, after either end forgot the connection. */
static void ports_may_be_used_again(void **state)
{
	struct act_world *w = world_new(WORLD_POLICY("enforce", "reject"));
	struct wire c = wire_open(w, PLC, 40000);

	(void)state;
	wire_put(&c, 0, read_request, 12);
	open_again(&c, 77000, SOURCE_PASS); /* neither said a word about the end */
	/* the client has forgotten it, the server has not: RFC 9293, 3.5.1 */
	world_tcp(w, HMI, c.port, PLC, 502, 99000, 0, SYN, NULL, 0);
	assert_int_equal(wire_put(&c, 1, NULL, 0), SOURCE_PASS);
	assert_int_equal(world_tcp(w, HMI, c.port, PLC, 502, c.seq[0], 0, RST, NULL, 0),
			 SOURCE_PASS);
	open_again(&c, 99000, SOURCE_PASS);
	assert_int_equal(wire_put(&c, 0, write_request, 12), SOURCE_DROP);
	open_again(&c, 55000, SOURCE_PASS); /* rejected, and it begins anew */
	world_tcp(w, HMI, c.port, PLC, 502, c.seq[0]++, c.seq[1], FIN | ACK, NULL, 0);
	world_tcp(w, PLC, 502, HMI, c.port, c.seq[1]++, c.seq[0], FIN | ACK, NULL, 0);
	wire_put(&c, 0, NULL, 0);
	open_again(&c, 3000000000u, SOURCE_PASS);
	assert_int_equal(wire_put(&c, 0, write_request, 12), SOURCE_DROP);
	world_free(w);
}

/* Sent before kidoban was there, lost, and sent again behind what is newer. */
static void what_was_lost_before_the_start_comes_again(void **state)
{
	struct act_world *w = world_new(WORLD_POLICY("enforce", "drop"));
	struct wire c = middle(w);
	uint32_t seq = c.seq[0];

	(void)state;
	assert_int_equal(wire_at(&c, 0, seq + 12, read_request, 12), SOURCE_PASS);
	assert_int_equal(wire_put(&c, 1, NULL, 0), SOURCE_PASS);
	assert_int_equal(wire_at(&c, 0, seq, read_request, 12), SOURCE_PASS);
	assert_int_equal(wire_at(&c, 0, seq + 12, read_request, 12), SOURCE_PASS);
	c.seq[0] += 24;
	assert_int_equal(wire_put(&c, 1, read_answer, 11), SOURCE_PASS);
	assert_int_equal(wire_put(&c, 0, read_request, 12), SOURCE_PASS);
	assert_int_equal(wire_put(&c, 0, write_request, 12), SOURCE_DROP);
	world_free(w);
}

/* The byte of a probe that nobody says anything with, on a silent connection. */
static void keep_alives_pass(void **state)
{
	struct act_world *w = world_new(WORLD_POLICY("enforce", "drop"));
	struct wire c = wire_open(w, PLC, 40000), m = middle(w);
	unsigned k;

	(void)state;
	m.port = 40001;
	for (k = 0; k < 5; k++) {
		assert_int_equal(wire_at(&c, 0, c.seq[0] - 1, "", 1), SOURCE_PASS);
		assert_int_equal(wire_put(&c, 1, NULL, 0), SOURCE_PASS);
		assert_int_equal(wire_at(&m, 0, m.seq[0] - 1, "", 1), SOURCE_PASS);
		assert_int_equal(wire_put(&m, 1, NULL, 0), SOURCE_PASS);
	}
	assert_int_equal(wire_put(&c, 0, read_request, 12), SOURCE_PASS);
	assert_int_equal(wire_put(&m, 0, read_request, 12), SOURCE_PASS);
	assert_int_equal(wire_put(&c, 1, read_answer, 11), SOURCE_PASS);
	for (k = 0; k < 5; k++) {
		assert_int_equal(wire_at(&c, 0, c.seq[0] - 1, "", 1), SOURCE_PASS);
		assert_int_equal(wire_put(&c, 1, NULL, 0), SOURCE_PASS);
	}
	assert_int_equal(wire_put(&c, 0, write_request, 12), SOURCE_DROP);
	assert_int_equal(wire_put(&m, 0, write_request, 12), SOURCE_DROP);
	world_free(w);
}

/* Headers that some device does not look at closely. */
static void what_is_no_message_does_not_pass(void **state)
{
	static const unsigned at[] = {2, 3, 4, 5};
	unsigned k, v;

	(void)state;
	for (k = 0; k < 4; k++) {
		for (v = 0; v < 256; v += v < 12 ? 1 : 61) {
			struct act_world *w = world_new(WORLD_POLICY("enforce", "drop"));
			struct wire c = wire_open(w, PLC, 40000);
			uint8_t odd[12];

			memcpy(odd, write_request, 12);
			odd[at[k]] = (uint8_t)v;
			wire_put(&c, 0, read_request, 12);
			assert_int_equal(wire_put(&c, 0, odd, 12), SOURCE_DROP);
			world_free(w);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_hides_behind_bare_acknowledgements),
		cmocka_unit_test(single_bytes_are_something_said),
		cmocka_unit_test(datagrams_that_nobody_reads_do_not_pass),
		cmocka_unit_test(the_first_message_is_judged),
		cmocka_unit_test(in_mid_stream_the_first_message_is_judged),
		cmocka_unit_test(a_forged_syn_moves_nothing),
		cmocka_unit_test(a_forged_syn_ends_nothing),
		cmocka_unit_test(decoys_elsewhere_move_nothing),
		cmocka_unit_test(decoys_elsewhere_end_nothing),
		cmocka_unit_test(a_decoy_at_the_start_of_mid_stream),
		cmocka_unit_test(urgent_bytes_do_not_shift_the_others),
		cmocka_unit_test(nothing_forged_moves_a_connection),
		cmocka_unit_test(ports_may_be_used_again),
		cmocka_unit_test(what_was_lost_before_the_start_comes_again),
		cmocka_unit_test(keep_alives_pass),
		cmocka_unit_test(what_is_no_message_does_not_pass),
		cmocka_unit_test(without_buffers_the_conduit_decides),
		cmocka_unit_test(with_too_many_connections_the_conduit_decides),
		cmocka_unit_test(in_mid_stream_the_conduit_decides),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
