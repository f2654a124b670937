/* The life of flows: datagrams, other packets, names, timeouts, the clock, pressure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow_toy.h"

static void datagrams(void **state)
{
	struct packet p;

	(void)state;
	toy_start(&w, NULL);
	toy_udp(&w, 1, msg, make("Ra Rb"));
	toy_udp(&w, 0, msg, make("Qc"));
	p = toy_packet(&w, 0, PACKET_UDP);
	make("Qd");
	toy_send(&w, &p, msg, 5);
	p.frame = ++w.frame; /* the copy from the other mirror port */
	toy_send(&w, &p, msg, 5);
	toy_udp(&w, 0, msg, 4); /* short */
	toy_udp(&w, 0, msg, make("Qe"));
	assert_string_equal(toy_story(), "open:content:1 Ra@1< Rb@1< Qc@2 Qd@3 malformed@5 Qe@6 ");
	assert_int_equal(flow_tracker_stats(w.t)->retransmissions, 1);
	toy_end(&w);
	toy_start(&w, NULL);
	toy_udp(&w, 0, "junk", 4);
	toy_udp(&w, 0, msg, make("Na"));
	assert_string_equal(toy_end(&w), "open:port:0 Na@2 end:flushed ");
	toy_start(&w, NULL);
	w.port[1] = 9999;
	toy_udp(&w, 1, "junk", 4);
	assert_string_equal(toy_story(), "open:first:0 ");
	toy_end(&w);
}

static void other_packets(void **state)
{
	struct packet p;

	(void)state;
	toy_start(&w, NULL);
	p = toy_packet(&w, 0, PACKET_ARP);
	toy_send(&w, &p, NULL, 0);
	p = toy_packet(&w, 0, PACKET_BAD);
	p.anomalies = 1;
	p.anomaly[0] = (struct anomaly){.kind = ANOMALY_PACKET_MALFORMED, .frame = p.frame};
	toy_send(&w, &p, NULL, 0);
	p = toy_packet(&w, 0, PACKET_ICMP); /* echo request and its reply: one flow */
	p.sport = 8 << 8;
	p.dport = 99;
	toy_send(&w, &p, "ping", 4);
	p = toy_packet(&w, 1, PACKET_ICMP);
	p.sport = 0;
	p.dport = 99;
	toy_send(&w, &p, "ping", 4);
	p = toy_packet(&w, 1, PACKET_ICMP); /* destination unreachable: another */
	p.sport = 3 << 8 | 1;
	p.dport = 0;
	toy_send(&w, &p, "lost", 4);
	assert_string_equal(toy_story(), "link@1 -packet-malformed@2 open:first:0 open:first:0 ");
	assert_int_equal(flow_tracker_stats(w.t)->flows, 2);
	toy_end(&w);
}

/* Any packet of another flow lets time pass; it ends with the next one. */
static void wait_seconds(int64_t s)
{
	struct packet p;

	w.time += s * 1000000000;
	p = toy_packet(&w, 0, PACKET_BAD);
	toy_send(&w, &p, NULL, 0);
}

static void timeouts(void **state)
{
	uint16_t port;

	(void)state;
	toy_start(&w, NULL);
	toy_handshake(&w);
	send(0, "Qa");
	port = w.port[0]++;
	toy_udp(&w, 0, msg, make("Qb"));
	w.port[0]++;
	toy_tcp_at(&w, 0, PACKET_TCP_SYN, 1, 0, NULL, 0);
	toy_story();
	wait_seconds(59);
	assert_string_equal(toy_story(), "");
	wait_seconds(2); /* the connection that never came to be */
	assert_string_equal(toy_story(), "end:timeout ");
	wait_seconds(238);
	assert_string_equal(toy_story(), "");
	wait_seconds(2); /* the datagrams of a known protocol */
	assert_string_equal(toy_story(), "end:timeout ");
	wait_seconds(3200);
	w.port[0] = port;
	send(0, "Qc");
	wait_seconds(3599);
	assert_string_equal(toy_story(), "Qc@12 ");
	wait_seconds(2);
	assert_string_equal(toy_story(), "end:timeout ");
	toy_end(&w);
}

/* The same when no packet comes; and time that is over already changes nothing. */
static void timeouts_without_packets(void **state)
{
	int64_t begin;

	(void)state;
	toy_start(&w, NULL);
	w.port[1] = 9999;
	toy_udp(&w, 0, "junk", 4);
	toy_story();
	begin = w.time;
	flow_tracker_tick(w.t, begin + 59 * INT64_C(1000000000));
	flow_tracker_tick(w.t, begin - 1000 * INT64_C(1000000000));
	assert_string_equal(toy_story(), "");
	assert_int_equal(flow_tracker_stats(w.t)->timeouts, 0);
	flow_tracker_tick(w.t, begin + 62 * INT64_C(1000000000));
	assert_string_equal(toy_story(), "end:timeout ");
	assert_int_equal(flow_tracker_stats(w.t)->timeouts, 1);
	toy_end(&w);
}

static void clock_steps(void **state)
{
	(void)state;
	toy_start(&w, NULL);
	w.port[1] = 9999;
	toy_udp(&w, 0, "junk", 4);
	w.time -= 86400ll * 1000000000; /* the next file is a day older */
	w.host[0]++;
	toy_udp(&w, 0, "junk", 4);
	assert_string_equal(toy_story(), "open:first:0 open:first:0 ");
	w.time += 61ll * 1000000000; /* both are idle now */
	w.host[0]++;
	toy_udp(&w, 0, "junk", 4);
	assert_string_equal(toy_story(), "end:timeout end:timeout open:first:0 ");
	assert_int_equal(flow_tracker_stats(w.t)->timeouts, 2);
	toy_end(&w);
}

/* What nobody can have meant: packet times at both ends of the scale. */
static void clock_extremes(void **state)
{
	static const int64_t when[] = {INT64_MIN, INT64_MAX - 2000000, 0, INT64_MAX - 2000000, -5};
	unsigned i;

	(void)state;
	toy_start(&w, NULL);
	for (i = 0; i < 5; i++) {
		w.time = when[i];
		toy_udp(&w, 0, msg, make("Qa"));
	}
	assert_int_equal(flow_tracker_stats(w.t)->ops, 5);
	toy_end(&w);
}

static const char *last_app;

static void keep_app(void *user, struct flow *f, enum flow_end_reason why)
{
	(void)user;
	(void)why;
	last_app = f->app;
}

/* nDPI names what the toy does not claim, TCP with the segments that waited included. */
static void named_by_ndpi(void **state)
{
	static const uint8_t query[] = "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
				       "\x03www\x07"
				       "example\x03org\x00\x00\x01\x00\x01";
	static const char get[] = "GET /index.html HTTP/1.1\r\nHost: plc.example\r\n"
				  "User-Agent: none\r\n\r\n";
	const struct flow_config cfg = {
		.flows_max = 8, .classify = true, .dissectors = toy_dissectors};
	const struct flow_handlers h = {.closed = keep_app};

	(void)state;
#ifndef HAVE_NDPI
	skip();
#endif
	toy_start(&w, NULL);
	flow_tracker_free(w.t);
	w.t = flow_tracker_new(&cfg, &h, NULL);
	w.port[1] = 53;
	toy_udp(&w, 0, query, sizeof(query) - 1);
	flow_tracker_flush(w.t);
	assert_non_null(last_app);
	assert_string_equal(last_app, "dns");
	w.port[1] = 8888;
	toy_handshake(&w);
	toy_tcp(&w, 0, get, sizeof(get) - 1);
	toy_tcp(&w, 1, "HTTP/1.1 200 OK\r\nServer: x\r\n\r\n", 30);
	flow_tracker_flush(w.t);
	assert_non_null(last_app);
	assert_string_equal(last_app, "http");
	w.port[1] = 9;
	toy_tcp(&w, 0, "??????????", 10);
	flow_tracker_flush(w.t);
	assert_null(last_app);
	flow_tracker_free(w.t);
}

/* Ids differ within a run, are the same in the next, and fit a JSON number. */
static uint64_t ids[2][100];
static unsigned id_run, id_count;

static void keep_id(void *user, struct flow *f)
{
	(void)user;
	ids[id_run][id_count++] = f->id;
}

static void flow_ids(void **state)
{
	const struct flow_config cfg = {.flows_max = 100, .dissectors = toy_dissectors};
	const struct flow_handlers h = {.opened = keep_id};
	unsigned i, k;

	(void)state;
	for (id_run = 0; id_run < 2; id_run++) {
		toy_start(&w, NULL);
		flow_tracker_free(w.t);
		w.t = flow_tracker_new(&cfg, &h, NULL);
		id_count = 0;
		for (i = 0; i < 100; i++) {
			w.port[0]++;
			toy_udp(&w, 0, msg, make("Qa"));
		}
		flow_tracker_free(w.t);
	}
	assert_memory_equal(ids[0], ids[1], sizeof(ids[0]));
	for (i = 0; i < 100; i++) {
		assert_true(ids[0][i] > 0 && ids[0][i] < 1ull << 53);
		for (k = 0; k < i; k++)
			assert_true(ids[0][i] != ids[0][k]);
	}
}

static void pressure(void **state)
{
	struct flow_config cfg = {.flows_max = 8};
	int i;

	(void)state;
	toy_start(&w, &cfg);
	toy_handshake(&w);
	send(0, "Qa"); /* claimed: stays */
	for (i = 0; i < 1000; i++) {
		w.port[0] = (uint16_t)(1024 + i);
		toy_tcp_at(&w, 0, PACKET_TCP_SYN, 1, 0, NULL, 0);
	}
	assert_int_equal(flow_tracker_stats(w.t)->active, 8);
	assert_int_equal(flow_tracker_stats(w.t)->evicted, 1000 - 7);
	toy_story();
	w.port[0] = 40000;
	send(0, "Qb");
	assert_string_equal(toy_story(), "Qb@1005 ");
	toy_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(datagrams),	 cmocka_unit_test(other_packets),
		cmocka_unit_test(timeouts),	 cmocka_unit_test(timeouts_without_packets),
		cmocka_unit_test(clock_steps),	 cmocka_unit_test(clock_extremes),
		cmocka_unit_test(named_by_ndpi), cmocka_unit_test(flow_ids),
		cmocka_unit_test(pressure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
