/*
 * A client that does what it can to get a write past: any order, any pieces, other bytes with the
 * same numbers, segments that never arrive. Whatever its server makes of what passes, by the first
 * or the last copy of a byte, no message of it may be a write.
 */
#include "act_world.h"

#define MESSAGE	 12u
#define MESSAGES 40u
#define BYTES	 (MESSAGE * MESSAGES)
#define ROUNDS	 400
#define STEPS	 250

static uint64_t dice_state;

static uint32_t dice(uint32_t sides)
{
	dice_state ^= dice_state >> 12;
	dice_state ^= dice_state << 25;
	dice_state ^= dice_state >> 27;
	return (uint32_t)((dice_state * 0x2545f4914f6cdd1du) >> 33) % sides;
}

/* A server that knows no kidoban. */
struct server {
	uint8_t byte[BYTES];
	bool has[BYTES];
	uint32_t next; /* read so far */
	bool last;     /* of two copies of what it has not read yet, the last wins */
	bool reset;
};

static void receive(struct server *s, uint32_t at, const uint8_t *p, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++) {
		if (at + i < s->next || (s->has[at + i] && !s->last))
			continue;
		s->byte[at + i] = p[i];
		s->has[at + i] = true;
	}
	while (s->next < BYTES && s->has[s->next])
		s->next++;
}

static void assert_no_write(const struct server *s)
{
	uint32_t m;

	for (m = 0; m + MESSAGE <= s->next; m += MESSAGE)
		if (s->byte[m + FUNCTION] == 6)
			fail_msg("message %u is a write", m / MESSAGE);
}

/* The two versions of the stream that the client has: reads, and here and there writes. */
static void plan(uint8_t version[2][BYTES])
{
	uint32_t m, v;

	for (v = 0; v < 2; v++) {
		for (m = 0; m < MESSAGES; m++) {
			bool writes = m && dice(v ? 3 : 12) == 0;
			uint8_t *at = version[v] + m * MESSAGE;

			memcpy(at, writes ? write_request : read_request, MESSAGE);
			at[1] = (uint8_t)m;
		}
	}
}

static void one(struct wire *c, struct server *s, uint8_t version[2][BYTES], uint32_t *sent)
{
	uint32_t begin = c->seq[0], from = *sent, n = 1 + dice(3 * MESSAGE);
	enum source_do what;

	if (dice(3) == 0)
		from = dice(*sent + 2 * MESSAGE);
	else if (dice(2) == 0)
		n = MESSAGE;
	from = from < BYTES ? from : BYTES - 1;
	n = n < BYTES - from ? n : BYTES - from;
	what = wire_at(c, 0, begin + from, version[dice(5) == 0] + from, n);
	if (from + n > *sent)
		*sent = from + n;
	if (what == SOURCE_DROP || dice(4) == 0)
		return;
	receive(s, from, c->w->out.b + c->w->payload, n);
}

static void try(const char *policy, bool last)
{
	struct act_world *w = world_new(policy);
	struct wire c = wire_open(w, PLC, 40000);
	uint8_t version[2][BYTES];
	struct server s = {.last = last};
	uint32_t begin = c.seq[0], sent = 0;
	unsigned k;

	plan(version);
	for (k = 0; k < STEPS && !w->sent; k++) {
		one(&c, &s, version, &sent);
		assert_no_write(&s);
		if (dice(2) == 0) {
			c.seq[0] = begin + s.next;
			wire_put(&c, 1, NULL, 0);
			c.seq[0] = begin;
		}
	}
	world_free(w);
}

static void no_write_gets_past(void **state)
{
	static const char *const policy[] = {WORLD_POLICY("enforce", "degrade"),
					     WORLD_POLICY("enforce", "drop"),
					     WORLD_POLICY("enforce", "reject")};
	unsigned k;

	(void)state;
	for (k = 0; k < ROUNDS; k++) {
		dice_state = k * 0x9e3779b97f4a7c15u | 1;
		try(policy[k % 3], k & 1);
	}
}

/* It is no proof if nothing passes: a client that means no harm gets everything through. */
static void an_honest_client_is_not_disturbed(void **state)
{
	unsigned k, m;

	(void)state;
	for (k = 0; k < 50; k++) {
		struct act_world *w = world_new(WORLD_POLICY("enforce", "reject"));
		struct wire c = wire_open(w, PLC, 40000);
		struct server s = {.last = k & 1};
		uint32_t begin = c.seq[0];
		uint8_t bytes[BYTES];

		dice_state = k * 0x9e3779b97f4a7c15u | 1;
		for (m = 0; m < MESSAGES; m++)
			memcpy(bytes + m * MESSAGE, read_request, MESSAGE);
		for (m = 0; m < 2000 && s.next < BYTES; m++) {
			uint32_t from = s.next + (dice(4) == 0 ? dice(40) : 0), n = 1 + dice(30);

			from = from < BYTES ? from : BYTES - 1;
			n = n < BYTES - from ? n : BYTES - from;
			assert_int_equal(wire_at(&c, 0, begin + from, bytes + from, n),
					 SOURCE_PASS);
			if (dice(4))
				receive(&s, from, w->out.b + w->payload, n);
			c.seq[0] = begin + s.next;
			wire_put(&c, 1, NULL, 0);
			c.seq[0] = begin;
		}
		assert_int_equal(s.next, BYTES);
		assert_memory_equal(s.byte, bytes, BYTES);
		for (m = 0; m < w->alerts; m++) /* nobody answers: that is told */
			assert_string_equal(w->alert[m].finding->id, "decode.limit-reached");
		world_free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_write_gets_past),
		cmocka_unit_test(an_honest_client_is_not_disturbed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
