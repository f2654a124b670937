/* The tracker with a toy dissector: every case of a stream that a mirror port can show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow_toy.h"

#include <time.h>

static void in_order(void **state)
{
	(void)state;
	toy_start(&w, NULL);
	toy_handshake(&w);
	send(0, "Qa");
	send(1, "Ra");
	send(0, "Qb Qc");
	send(1, "Rb");
	send(1, "Rc");
	assert_string_equal(toy_story(), "open:syn:0 Qa@4 Ra@5< Qb@6 Qc@6 Rb@7< Rc@8< ");
	assert_string_equal(toy_end(&w), "end:flushed ");
}

static void across_segments(void **state)
{
	uint32_t n, base;

	(void)state;
	toy_start(&w, NULL);
	toy_handshake(&w);
	n = make("Qhello Qworld");
	base = w.seq[0];
	part(base, 0, 1);
	part(base, 1, 3);
	part(base, 3, 8);
	part(base, 8, 12); /* ends one, begins the next */
	part(base, 12, n);
	assert_string_equal(toy_end(&w), "open:syn:0 Qhello@7 Qworld@8 end:flushed ");
}

static void out_of_order(void **state)
{
	uint32_t n, base;

	(void)state;
	toy_start(&w, NULL);
	toy_handshake(&w);
	n = make("Qaa Qbb Qcc"); /* 6 bytes each */
	base = w.seq[0];
	part(base, 9, n); /* frame 4: second half of b, and c */
	part(base, 6, 9); /* frame 5 */
	assert_string_equal(toy_story(), "open:syn:0 ");
	part(base, 0, 6); /* frame 6 */
	/* b was complete with frame 5's bytes; c lay wholly in frame 4 */
	assert_string_equal(toy_story(), "Qaa@6 Qbb@5 Qcc@4 ");
	assert_string_equal(toy_end(&w), "end:flushed ");
}

static void spanning_fill(void **state)
{
	uint32_t n, base;

	(void)state;
	toy_start(&w, NULL);
	toy_handshake(&w);
	send(0, "Qx");
	n = make("Qaa Qbb");
	base = w.seq[0];
	part(base, 3, n); /* frame 5 */
	part(base, 0, 3); /* frame 6: completes a, which spans both */
	assert_string_equal(toy_end(&w), "open:syn:0 Qx@4 Qaa@6 Qbb@5 end:flushed ");
}

static void retransmission(void **state)
{
	uint32_t base;

	(void)state;
	toy_start(&w, NULL);
	toy_handshake(&w);
	base = w.seq[0];
	send(0, "Qaa");
	send(0, "Qbb");
	make("Qaa Qbb Qcc");
	part(base, 0, 6);
	part(base, 0, 12);
	part(base, 6, 18);  /* half old, half new */
	part(base, 17, 18); /* keep-alive: one byte before next */
	assert_string_equal(toy_story(), "open:syn:0 Qaa@4 Qbb@5 Qcc@8 ");
	assert_int_equal(flow_tracker_stats(w.t)->retransmissions, 3);
	assert_string_equal(toy_end(&w), "end:flushed ");
}

static void conflict_delivered(void **state)
{
	uint32_t base;

	(void)state;
	toy_start(&w, NULL);
	toy_handshake(&w);
	base = w.seq[0];
	send(0, "Qaa");
	make("Qzz");
	part(base, 0, 6);
	make("Qzz Qbb"); /* coalesced with new data */
	part(base, 0, 12);
	assert_string_equal(toy_end(&w), "open:syn:0 Qaa@4 stream-conflict@5 stream-conflict@6 "
					 "Qbb@6 end:flushed ");
}

static void overlap(enum flow_overlap policy, const char *story)
{
	struct flow_config cfg = {.flows_max = 8, .buffer_bytes_max = 4 << 20, .overlap = policy};
	uint32_t base;

	toy_start(&w, &cfg);
	toy_handshake(&w);
	base = w.seq[0];
	make("Qaa Qbb");
	part(base, 6, 12); /* frame 4 */
	make("Qaa Qzz");
	part(base, 8, 12); /* frame 5, differs */
	part(base, 0, 6);
	assert_string_equal(toy_end(&w), story);
}

static void overlap_first(void **state)
{
	(void)state;
	overlap(FLOW_OVERLAP_FIRST, "open:syn:0 stream-conflict@5 Qaa@6 Qbb@4 end:flushed ");
}

static void overlap_last(void **state)
{
	(void)state;
	overlap(FLOW_OVERLAP_LAST, "open:syn:0 stream-conflict@5 Qaa@6 Qzz@5 end:flushed ");
}

/* Frame 4 Qaa, (Qbb lost), frame 5 half of Qcc and Qdd. */
static void lose(void)
{
	uint32_t n, base;

	toy_start(&w, NULL);
	toy_handshake(&w);
	n = make("Qaa Qbb Qcc Qdd");
	base = w.seq[0];
	part(base, 0, 6);
	part(base, 14, n);
	w.seq[0] += n;
	assert_string_equal(toy_story(), "open:syn:0 Qaa@4 ");
}

static const char after_loss[] = "stream-gap@5 gap8@5/0 malformed@5 Qdd@5 ";

static void gap_acknowledged(void **state)
{
	(void)state;
	lose();
	toy_tcp(&w, 1, NULL, 0); /* the server has it all */
	assert_string_equal(toy_story(), "");
	toy_tcp(&w, 1, NULL, 0);
	assert_string_equal(toy_story(), after_loss);
	assert_int_equal(flow_tracker_stats(w.t)->gaps, 1);
	assert_int_equal(flow_tracker_stats(w.t)->gap_bytes, 8);
	toy_end(&w);
}

static void gap_answered(void **state)
{
	char story[128];

	(void)state;
	lose();
	send(1, "Rdd"); /* the request comes out before its response */
	snprintf(story, sizeof(story), "%sRdd@6< ", after_loss);
	assert_string_equal(toy_story(), story);
	toy_end(&w);
}

static void gap_known_before(void **state)
{
	(void)state;
	toy_start(&w, NULL);
	toy_handshake(&w);
	send(0, "Qaa");
	w.seq[0] += 6;	/* never seen */
	send(1, "Raa"); /* acknowledges it */
	send(0, "Qcc");
	assert_string_equal(toy_end(&w), "open:syn:0 Qaa@4 Raa@5< stream-gap@6 gap6@6/0 Qcc@6 "
					 "end:flushed ");
}

static void gap_at_end(void **state)
{
	char story[128];

	(void)state;
	lose();
	snprintf(story, sizeof(story), "%send:flushed ", after_loss);
	assert_string_equal(toy_end(&w), story);
}

static void gap_one_direction(void **state)
{
	uint32_t i;

	(void)state;
	toy_start(&w, NULL);
	make("Qaa");
	toy_tcp_at(&w, 0, 0, 1000, 0, msg, 6);
	toy_tcp_at(&w, 0, 0, 1012, 0, msg, 6); /* a hole, and no acknowledgement will ever come */
	assert_string_equal(toy_story(), "open:content:0 Qaa@1 ");
	w.time += 2000000000;
	toy_tcp_at(&w, 0, 0, 1018, 0, msg, 6);
	assert_string_equal(toy_story(), "stream-gap@2 gap6@2/0 Qaa@2 Qaa@3 ");
	for (i = 0; i < 65; i++) /* more than are held */
		toy_tcp_at(&w, 0, 0, 1030 + i * 6, 0, msg, 6);
	assert_non_null(strstr(toy_story(), "stream-gap@4 gap6@4/0 Qaa@4 Qaa@5 "));
	toy_end(&w);
}

static void gap_by_snap_length(void **state)
{
	struct packet p;

	(void)state;
	toy_start(&w, NULL);
	toy_handshake(&w);
	make("Qaa Qbb");
	p = toy_packet(&w, 0, PACKET_TCP);
	p.seq = w.seq[0];
	p.tcp_flags = PACKET_TCP_ACK;
	p.payload_missing = 4;
	toy_send(&w, &p, msg, 8);
	w.seq[0] += 12;
	send(0, "Qcc");
	assert_string_equal(toy_end(&w), "open:syn:0 Qaa@4 stream-gap@4 gap4@4/0 Qcc@5 "
					 "end:flushed ");
}

static void skipped_body(void **state)
{
	static const uint8_t body[100];

	(void)state;
	toy_start(&w, NULL);
	toy_handshake(&w);
	memcpy(msg,
	       "\xa5"
	       "B\x00\x96"
	       "head",
	       8); /* 150 bytes of body, 4 of them here */
	toy_tcp(&w, 0, msg, 8);
	toy_tcp(&w, 0, body, 100);
	w.seq[0] += 40; /* a hole within the body does no harm */
	toy_tcp(&w, 1, NULL, 0);
	memcpy(msg, body, 6);
	toy_make(msg + 6, 'Q', "aa");
	toy_tcp(&w, 0, msg, 12);
	assert_string_equal(toy_end(&w), "open:syn:0 Bhead@4 stream-gap@7 Qaa@7 end:flushed ");
}

static void too_long(void **state)
{
	uint8_t big[1400] = {0};
	uint32_t i;

	(void)state;
	toy_start(&w, NULL);
	toy_handshake(&w);
	memcpy(big,
	       "\xa5"
	       "Q\xff\xff",
	       4);
	for (i = 0; i < 50; i++) {
		toy_tcp(&w, 0, big, sizeof(big));
		memset(big, 0, 4);
	}
	assert_non_null(strstr(toy_story(), "limit-reached@50 gap65800@50/0 malformed@51 "));
	send(0, "Qaa");
	assert_string_equal(toy_end(&w), "Qaa@54 end:flushed ");
}

static void large_message(void **state)
{
	uint8_t big[1000] = {0};
	uint32_t i;

	(void)state;
	toy_start(&w, NULL);
	toy_handshake(&w);
	memcpy(big,
	       "\xa5"
	       "Q\xea\x60",
	       4); /* 60000 */
	for (i = 0; i < 60; i++) {
		toy_tcp(&w, 0, big, sizeof(big));
		memset(big, 0, 4);
	}
	memset(big, 0, 4);
	toy_make(big + 4, 'Q', "next");
	toy_tcp(&w, 0, big, 12);
	assert_string_equal(toy_end(&w), "open:syn:0 Q(60000)@64 Qnext@64 end:flushed ");
}

static void mid_stream(void **state)
{
	(void)state;
	toy_start(&w, NULL);
	send(1, "Raa"); /* the server speaks first: content tells */
	send(0, "Qbb");
	assert_string_equal(toy_story(), "open:content:1 Raa@1< Qbb@2 ");
	assert_int_equal(flow_tracker_stats(w.t)->midstream, 1);
	toy_end(&w);
}

static void mid_message(void **state)
{
	(void)state;
	toy_start(&w, NULL);
	toy_tcp(&w, 0, "rest of something", 17);
	toy_tcp(&w, 0, "and more", 8);
	send(0, "Qbb");
	assert_string_equal(toy_end(&w), "open:content:0 Qbb@3 end:flushed ");
}

static void direction_late(void **state)
{
	(void)state;
	toy_start(&w, NULL);
	send(1, "Na");
	send(1, "Nb");
	assert_string_equal(toy_story(), "");
	send(0, "Qc");
	assert_string_equal(toy_end(&w), "open:content:1 Na@1< Nb@2< Qc@3 end:flushed ");
}

static void direction_never(void **state)
{
	int i;

	(void)state;
	toy_start(&w, NULL);
	send(1, "Na"); /* the usual port is the sender's */
	assert_string_equal(toy_end(&w), "open:port:1 Na@1< end:flushed ");
	toy_start(&w, NULL);
	w.port[1] = 40001;
	for (i = 0; i < 20; i++)
		send(1, "Na");
	assert_non_null(strstr(toy_story(), "open:first:0 Na@1 Na@2 Na@3 "));
	toy_end(&w);
}

/* A flow whose client stays unknown is decided after a while, by what is there. */
static void direction_takes_long(void **state)
{
	(void)state;
	toy_start(&w, NULL);
	send(1, "Na");
	w.time += 6000000000;
	send(1, "Nb");
	assert_string_equal(toy_end(&w), "open:port:1 Na@1< Nb@2< end:flushed ");
}

static void probe_pieces(void **state)
{
	uint32_t base;

	(void)state;
	toy_start(&w, NULL);
	base = w.seq[0];
	make("Qhello");
	part(base, 0, 1);
	part(base, 1, 5);
	part(base, 5, 9);
	assert_string_equal(toy_end(&w), "open:content:0 Qhello@3 end:flushed ");
}

static void unclaimed(void **state)
{
	(void)state;
	toy_start(&w, NULL);
	toy_handshake(&w);
	toy_tcp(&w, 0, "GET / HTTP/1.1\r\n", 16);
	send(0, "Qaa"); /* too late */
	assert_string_equal(toy_end(&w), "open:syn:0 end:flushed ");
	toy_start(&w, NULL);
	w.port[0] = 80;
	w.port[1] = 50000;
	toy_tcp(&w, 0, "HTTP/1.1 200 OK\r\n", 17);
	assert_string_equal(toy_end(&w), "open:port:1 end:flushed ");
	toy_start(&w, NULL);
	w.port[1] = 50000;
	toy_tcp(&w, 1, NULL, 0); /* only an acknowledgement */
	assert_string_equal(toy_end(&w), "open:first:0 end:flushed ");
}

/* The same conversation, each packet twice in a row. */
static void every_packet_twice(void **state)
{
	static const char *const say[] = {"Qa", "Ra", "Qb Qc", "Rb Rc"};
	int i, k;

	(void)state;
	toy_start(&w, NULL);
	for (k = 0; k < 2; k++)
		toy_tcp_at(&w, 0, PACKET_TCP_SYN, 1000, 0, NULL, 0);
	for (k = 0; k < 2; k++)
		toy_tcp_at(&w, 1, PACKET_TCP_SYN, 0xfffffff0u, 1001, NULL, 0);
	w.seq[0]++;
	w.seq[1]++;
	for (i = 0; i < 4; i++) {
		uint32_t n = make(say[i]);

		for (k = 0; k < 2; k++)
			toy_tcp_at(&w, i & 1, 0, w.seq[i & 1], w.seq[!(i & 1)], msg, n);
		w.seq[i & 1] += n;
	}
	toy_tcp_at(&w, 0, PACKET_TCP_SYN, 1000, 0, NULL, 0); /* a copy that is very late */
	assert_string_equal(toy_story(), "open:syn:0 Qa@5 Ra@7< Qb@9 Qc@9 Rb@11< Rc@11< ");
	assert_int_equal(flow_tracker_stats(w.t)->retransmissions, 4);
	assert_int_equal(flow_tracker_stats(w.t)->flows, 1);
	toy_end(&w);
}

static void last_unacknowledged(void **state)
{
	(void)state;
	toy_start(&w, NULL);
	toy_tcp_at(&w, 0, 0, 5, 0, msg, make("Qlast"));
	assert_string_equal(toy_end(&w), "open:content:0 Qlast@1 end:flushed ");
}

static void closed_and_reused(void **state)
{
	(void)state;
	toy_start(&w, NULL);
	toy_handshake(&w);
	send(0, "Qa");
	toy_tcp_at(&w, 0, PACKET_TCP_SYN, 777000, 0, NULL, 0);
	w.seq[0] = 777001;
	send(0, "Qb");
	assert_string_equal(toy_story(), "open:syn:0 Qa@4 end:reused open:syn:0 Qb@6 ");
	toy_tcp_at(&w, 0, PACKET_TCP_FIN, w.seq[0], 1, NULL, 0);
	toy_tcp_at(&w, 1, PACKET_TCP_FIN, w.seq[1], 1, NULL, 0);
	w.time += 20000000000;
	w.host[0] = 77;
	toy_tcp_at(&w, 0, PACKET_TCP_RST, 1, 0, NULL, 0);
	assert_string_equal(toy_story(), "end:closed ");
	assert_string_equal(toy_end(&w), "open:port:0 end:closed ");
}

/* Whoever begins anew with the numbers of before does not hide behind them: it is read again. */
static void reused_with_the_same_numbers(void **state)
{
	static const uint16_t ends[] = {PACKET_TCP_RST, PACKET_TCP_FIN};
	uint32_t first[2];
	unsigned i;

	(void)state;
	for (i = 0; i < 2; i++) {
		toy_start(&w, NULL);
		first[0] = w.seq[0];
		first[1] = w.seq[1];
		toy_handshake(&w);
		send(0, "Qa");
		toy_tcp_at(&w, 0, PACKET_TCP_SYN, first[0], 0, NULL,
			   0); /* late: nothing has ended */
		assert_string_equal(toy_story(), "open:syn:0 Qa@4 ");
		toy_tcp_at(&w, 0, ends[i], w.seq[0], w.seq[1], NULL, 0);
		if (ends[i] == PACKET_TCP_FIN)
			toy_tcp_at(&w, 1, PACKET_TCP_FIN, w.seq[1], w.seq[0] + 1, NULL, 0);
		w.seq[0] = first[0];
		w.seq[1] = first[1];
		toy_handshake(&w);
		send(0, "Qa");
		assert_string_equal(toy_story(), i ? "end:closed open:syn:0 Qa@11 "
						   : "end:closed open:syn:0 Qa@10 ");
		toy_end(&w);
	}
}

/* Half a message, a forged SYN, the other half: not silently nothing. */
static void syn_within_a_message(void **state)
{
	(void)state;
	toy_start(&w, NULL);
	toy_handshake(&w);
	send(0, "Qa");
	make("Qb");
	toy_tcp_at(&w, 0, 0, w.seq[0], 0, msg, 2);
	toy_tcp_at(&w, 0, PACKET_TCP_SYN, w.seq[0] + 500, 0, NULL, 0);
	toy_tcp_at(&w, 0, 0, w.seq[0] + 2, 0, msg + 2, 3);
	w.seq[0] += 5;
	send(0, "Qc");
	assert_string_equal(toy_story(),
			    "open:syn:0 Qa@4 stream-gap@5 end:reused open:syn:0 Qc@8 ");
	toy_end(&w);
}

/*
 * Numbers before those of the SYN: another connection on its ports, or the SYN was forged. Old
 * bytes of a known stream are only believed after a while, as is a forged segment far ahead.
 */
static void starts_afresh(void **state)
{
	uint32_t i;

	(void)state;
	toy_start(&w, NULL);
	toy_handshake(&w);
	send(0, "Qa");
	w.seq[0] -= 0x40000000;
	for (i = 0; i < 6; i++)
		send(0, "Qb");
	assert_string_equal(toy_story(), "open:syn:0 Qa@4 stream-gap@5 gap0@5/0 Qb@5 Qb@6 Qb@7 "
					 "Qb@8 Qb@9 Qb@10 ");
	toy_end(&w);
	toy_start(&w, NULL);
	make("Qx");
	toy_tcp_at(&w, 0, 0, 0x50000000, 0, msg, 5);
	for (i = 0; i < 6; i++)
		toy_tcp_at(&w, 0, 0, 0x10000000 + i * 5, 0, msg, 5);
	assert_string_equal(toy_story(),
			    "open:content:0 Qx@1 stream-gap@5 gap0@5/0 Qx@5 Qx@6 Qx@7 ");
	toy_end(&w);
	toy_start(&w, NULL);
	make("Qx");
	toy_tcp_at(&w, 0, 0, 1000, 0, msg, 5);
	toy_tcp_at(&w, 0, 0, 9000, 0, msg, 5);
	w.time += 3000000000;
	toy_tcp_at(&w, 0, 0, 9000, 0, msg, 5); /* believed after a while */
	for (i = 1; i < 7; i++)
		toy_tcp_at(&w, 0, 0, 1000 + i * 5, 0, msg, 5);
	assert_string_equal(toy_story(), "open:content:0 Qx@1 stream-gap@2 gap7995@2/0 Qx@2 "
					 "stream-gap@7 gap0@7/0 Qx@7 Qx@8 Qx@9 ");
	toy_end(&w);
}

/*
 * The twin of the whole way: messages are numbered; however they are cut, shuffled and repeated,
 * all come out once and in order. With losses, those that come out were sent, each once and in
 * order. The first segment always arrives: claiming needs the start of a message at the start of
 * a segment, which these cuts offer by chance only.
 */
static uint64_t rng;

static uint32_t pick(uint32_t n)
{
	rng = rng * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(rng >> 33) % n;
}

static long last_number, numbers_seen;

static void on_number(void *user, struct flow *f, const struct op *op)
{
	char text[16] = "";
	long number;

	(void)user;
	(void)f;
	assert_true(op->object.name.len >= 6);
	memcpy(text, op->object.name.p, 6);
	number = strtol(text, NULL, 10);
	assert_true(number > last_number);
	last_number = number;
	numbers_seen++;
}

static void bent(bool losses)
{
	static const struct flow_handlers h = {.op = on_number};
	static uint8_t bytes[100000];
	struct flow_config cfg = {
		.flows_max = 4, .buffer_bytes_max = 4 << 20, .dissectors = toy_dissectors};
	struct {
		uint32_t at, len;
	} seg[8];
	uint32_t n = 0, at = 0, count = 0, i, base = pick(2) ? 5 : 0u - pick(5000), all = 200;

	for (i = 1; i <= all; i++) {
		char body[400];
		int len = snprintf(body, sizeof(body), "%06u", i);

		memset(body + len, 'x', sizeof(body) - (size_t)len);
		body[len + (int)pick(pick(10) ? 20 : 390)] = '\0';
		n += toy_make(bytes + n, 'Q', body);
	}
	toy_start(&w, NULL);
	flow_tracker_free(w.t);
	cfg.overlap = pick(2) ? FLOW_OVERLAP_LAST : FLOW_OVERLAP_FIRST;
	w.t = flow_tracker_new(&cfg, &h, NULL);
	last_number = numbers_seen = 0;
	toy_tcp_at(&w, 0, PACKET_TCP_SYN, base - 1, 0, NULL, 0);
	while (at < n || count) {
		while (at < n && count < 8) { /* cut */
			uint32_t len = 1 + pick(pick(3) ? 60 : 600),
				 back = at && pick(6) == 0 ? pick(40) : 0;

			back = back < at ? back : at;
			if (len > n - at)
				len = n - at;
			seg[count].at = at - back;
			seg[count++].len = len + back;
			at += len;
		}
		i = pick(3) ? 0 : pick(count); /* shuffle */
		/* what is to be claimed needs its first message */
		if (!losses || seg[i].at < 400 || pick(20))
			toy_tcp_at(&w, 0, 0, base + seg[i].at, 0, bytes + seg[i].at, seg[i].len);
		else if (i == 0 && pick(2)) /* an honest receiver: all before it was sent */
			toy_tcp_at(&w, 1, 0, 1, base + seg[i].at + seg[i].len, NULL, 0);
		if (pick(5)) { /* else it comes again */
			memmove(seg + i, seg + i + 1, (--count - i) * sizeof(*seg));
		}
	}
	flow_tracker_flush(w.t);
	assert_true(losses ? numbers_seen > 20 : numbers_seen == (long)all);
	flow_tracker_free(w.t);
}

static void random_delivery(void **state)
{
	const char *again = getenv("TRACK_SEED"); /* repeats a run */
	uint64_t seed = again ? strtoull(again, NULL, 10) : (uint64_t)time(NULL);
	int i;

	(void)state;
	rng = seed;
	print_message("seed %llu\n", (unsigned long long)seed);
	for (i = 0; i < 400; i++)
		bent(i & 1);
}

/* Held segments of many flows exhaust the buffers; nothing breaks, and it is counted. */
static void buffers_run_out(void **state)
{
	struct flow_config cfg = {.flows_max = 256, .buffer_bytes_max = 1 << 20};
	static uint8_t big[60000];
	int i;

	(void)state;
	toy_start(&w, &cfg);
	for (i = 0; i < 100; i++) {
		w.port[0] = (uint16_t)(1024 + i);
		make("Qa");
		toy_tcp_at(&w, 0, 0, 1000, 0, msg, 5);
		toy_tcp_at(&w, 0, 0, 2000, 0, big, sizeof(big));
	}
	assert_true(flow_tracker_stats(w.t)->buffers_refused >= 80);
	toy_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_order),
		cmocka_unit_test(across_segments),
		cmocka_unit_test(out_of_order),
		cmocka_unit_test(spanning_fill),
		cmocka_unit_test(retransmission),
		cmocka_unit_test(conflict_delivered),
		cmocka_unit_test(overlap_first),
		cmocka_unit_test(overlap_last),
		cmocka_unit_test(gap_acknowledged),
		cmocka_unit_test(gap_answered),
		cmocka_unit_test(gap_known_before),
		cmocka_unit_test(gap_at_end),
		cmocka_unit_test(gap_one_direction),
		cmocka_unit_test(gap_by_snap_length),
		cmocka_unit_test(skipped_body),
		cmocka_unit_test(too_long),
		cmocka_unit_test(large_message),
		cmocka_unit_test(mid_stream),
		cmocka_unit_test(mid_message),
		cmocka_unit_test(direction_late),
		cmocka_unit_test(direction_never),
		cmocka_unit_test(probe_pieces),
		cmocka_unit_test(unclaimed),
		cmocka_unit_test(every_packet_twice),
		cmocka_unit_test(last_unacknowledged),
		cmocka_unit_test(closed_and_reused),
		cmocka_unit_test(reused_with_the_same_numbers),
		cmocka_unit_test(syn_within_a_message),
		cmocka_unit_test(starts_afresh),
		cmocka_unit_test(direction_takes_long),
		cmocka_unit_test(random_delivery),
		cmocka_unit_test(buffers_run_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
