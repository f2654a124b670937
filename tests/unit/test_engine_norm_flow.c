/* The engine and the baseline: conversations in their middle, and after a while of quiet. */
#include "engine_norm_world.h"

static void packet(struct world *w, int64_t time)
{
	const struct packet p = {.time = time, .frame = 9, .kind = PACKET_TCP};

	w->flow.last = time;
	engine_handlers.packet(w->e, &w->flow, &p, 0);
}

/* A baseline that knows what is in `learn`; the engine is ready to compare with it. */
static struct baseline *frozen_after(struct world *w, void (*learn)(struct world *w))
{
	struct baseline *b = baseline_new(NULL);

	begin(w, b, NULL, false);
	learn(w);
	engine_flush(w->e);
	freeze(b);
	begin(w, b, NULL, false);
	return b;
}

static void polls_once(struct world *w)
{
	polls(w, BEGIN);
}

static void another_pair_polls(struct world *w)
{
	struct addr server = w->flow.addr[1];

	w->flow.addr[1] = ip("10.50.0.12");
	polls(w, BEGIN);
	w->flow.addr[1] = server;
	memset(w->flow.user, 0, sizeof(w->flow.user));
	polls(w, BEGIN);
	w->flow.addr[1] = ip("10.50.0.12");
	w->flow.port[1] = 102;
}

static void a_new_conversation_that_goes_on_after_quiet_is_told_again(void **state)
{
	struct world *w = *state;
	struct baseline *b = frozen_after(w, another_pair_polls);
	int64_t t = BEGIN + HOUR;
	int i;

	open_flow(w, t);
	for (i = 0; i < 60; i++)
		packet(w, t + i * SECOND);
	engine_flush(w->e);
	assert_int_equal(told(w, "baseline.new-service"), 1);
	packet(w, t + 20 * MINUTE);
	packet(w, t + 20 * MINUTE + SECOND);
	engine_flush(w->e);
	assert_int_equal(told(w, "baseline.new-service"), 2);
	engine_free(w->e);
	w->e = NULL;
	baseline_free(b);
}

static void a_known_one_that_goes_on_after_quiet_is_no_news(void **state)
{
	struct world *w = *state;
	struct baseline *b = frozen_after(w, another_pair_polls);
	int64_t t = BEGIN + HOUR;

	w->flow.port[1] = 502;
	open_flow(w, t);
	packet(w, t);
	packet(w, t + 20 * MINUTE);
	engine_flush(w->e);
	assert_int_equal(told(w, "baseline.new-service") + told(w, "baseline.new-link"), 0);
	engine_free(w->e);
	w->e = NULL;
	baseline_free(b);
}

static void who_speaks_with_whom_does_not_wait_for_the_client_to_be_known(void **state)
{
	struct world *w = *state;
	struct baseline *b = frozen_after(w, another_pair_polls);
	int64_t t = BEGIN + HOUR;

	w->flow.client = 0xff;
	w->flow.first = t;
	memset(w->flow.packets, 0, sizeof(w->flow.packets));
	packet(w, t);
	packet(w, t + SECOND / 100);
	engine_flush(w->e);
	assert_int_equal(w->memory.alerts, 0);
	packet(w, t + 3 * SECOND);
	packet(w, t + 4 * SECOND);
	engine_flush(w->e);
	assert_int_equal(told(w, "baseline.new-service"), 1);
	engine_free(w->e);
	w->e = NULL;
	baseline_free(b);
}

static void another_link_of_the_same_client_is_named_in_the_event(void **state)
{
	struct world *w = *state;
	struct baseline *b = frozen_after(w, another_pair_polls);
	const struct incident *i;
	unsigned n;

	w->flow.addr[0] = ip("10.50.0.12");
	for (n = 0; n < 3; n++) {
		w->flow.addr[1] = ip(n ? "10.50.0.11" : "10.40.0.5");
		memset(w->flow.user, 0, sizeof(w->flow.user));
		open_flow(w, BEGIN + HOUR + (int64_t)n * SECOND);
	}
	engine_flush(w->e);
	assert_int_equal(told(w, "baseline.new-link"), 1);
	for (n = 0; strcmp(w->memory.alert[n].finding->id, "baseline.new-link") != 0; n++)
		;
	i = &w->memory.alert[n];
	assert_int_equal(i->count, 3);
	assert_string_equal(i->norm.permit, "new-link 10.50.0.12 -> 10.40.0.5");
	assert_int_equal(i->norm.mores, 1);
	assert_string_equal(i->norm.more[0], "new-link 10.50.0.12 -> 10.50.0.11");
	engine_free(w->e);
	w->e = NULL;
	baseline_free(b);
}

/* Who is the client is a guess where nothing tells; a SYN does. */
static void only_a_guess_may_be_the_wrong_way_round(void **state)
{
	struct world *w = *state;
	struct baseline *b = frozen_after(w, polls_once);
	struct addr server = w->flow.addr[1];
	enum flow_client_by by[] = {FLOW_BY_FIRST, FLOW_BY_SYN};
	unsigned i;

	w->flow.addr[1] = w->flow.addr[0];
	w->flow.addr[0] = server;
	w->flow.port[0] = 502;
	w->flow.port[1] = 40000;
	for (i = 0; i < 2; i++) {
		w->flow.client_by = (uint8_t)by[i];
		memset(w->flow.user, 0, sizeof(w->flow.user));
		open_flow(w, BEGIN + HOUR + (int64_t)i * SECOND);
		engine_flush(w->e);
		assert_int_equal(told(w, "baseline.new-link"), i);
	}
	engine_free(w->e);
	w->e = NULL;
	baseline_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_conversation_that_goes_on_after_quiet_is_told_again),
		TEST(a_known_one_that_goes_on_after_quiet_is_no_news),
		TEST(who_speaks_with_whom_does_not_wait_for_the_client_to_be_known),
		TEST(another_link_of_the_same_client_is_named_in_the_event),
		TEST(only_a_guess_may_be_the_wrong_way_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
