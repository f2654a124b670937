/* What outputs are made of: ring, parcel, joining, spool, CEF and syslog. */
#include "detect/incident.h"
#include "sink/join.h"
#include "sink/parcel.h"
#include "sink/ring.h"
#include "sink/sink.h"
#include "sink/spool.h"
#include "sink/syslog.h"

#include <fcntl.h>
#include <glob.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SECOND INT64_C(1000000000)
#define NOON   (INT64_C(1704110400) * SECOND) /* 2024-01-01 12:00:00 UTC */

/* --- ring --- */

#define RECORDS 300000u

static uint32_t next_random(uint32_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 17;
	*x ^= *x << 5;
	return *x;
}

static void fill(char *data, size_t len, uint32_t n)
{
	memset(data, (int)(n & 0xff), len);
}

static void *put_many(void *arg)
{
	struct ring *r = arg;
	uint32_t random = 12345, n;
	char data[1000];

	for (n = 0; n < RECORDS; n++) {
		size_t len = next_random(&random) % sizeof(data);

		fill(data, len, n);
		while (!ring_put(r, n, data, len, true))
			sched_yield();
	}
	return NULL;
}

static void a_ring_between_two_threads(void **state)
{
	struct bell bell;
	struct ring *r;
	uint32_t random = 12345, n, kind;
	char wanted[1000];
	pthread_t thread;
	size_t len;
	char *got;

	(void)state;
	assert_true(bell_make(&bell));
	r = ring_new(4096, &bell);
	assert_int_equal(pthread_create(&thread, NULL, put_many, r), 0);
	for (n = 0; n < RECORDS; n++) {
		size_t expected = next_random(&random) % sizeof(wanted);

		while (!(got = ring_peek(r, &kind, &len))) {
			bell_lie_down(&bell);
			if (!ring_used(r))
				sched_yield();
			bell_get_up(&bell);
		}
		fill(wanted, expected, n);
		assert_int_equal(kind, n);
		assert_int_equal(len, expected);
		assert_int_equal((uintptr_t)got % 8, 0);
		assert_memory_equal(got, wanted, expected);
		ring_release(r);
	}
	pthread_join(thread, NULL);
	assert_null(ring_peek(r, &kind, &len));
	assert_int_equal(ring_waiting(r), 0);
	ring_free(r);
	close(bell.fd);
}

static void half_a_ring_is_for_what_matters(void **state)
{
	struct ring *r = ring_new(4096, NULL);
	unsigned less = 0, more = 0;
	const char data[120] = "";

	(void)state;
	while (ring_put(r, 1, data, sizeof(data), false))
		less++;
	while (ring_put(r, 2, data, sizeof(data), true))
		more++;
	assert_int_equal(less, 16);
	assert_int_equal(more, 16);
	assert_int_equal(ring_waiting(r), 32);
	ring_free(r);
}

static void a_bell_rings_once_for_a_sleeper(void **state)
{
	struct bell b;
	uint64_t rings = 0;

	(void)state;
	assert_true(bell_make(&b));
	bell_ring(&b);
	assert_int_equal(read(b.fd, &rings, sizeof(rings)), -1); /* nobody sleeps */
	bell_lie_down(&b);
	bell_ring(&b);
	bell_ring(&b);
	assert_int_equal(read(b.fd, &rings, sizeof(rings)), sizeof(rings));
	assert_int_equal(rings, 1);
	close(b.fd);
}

/* --- incidents --- */

static const char *const attack[] = {"T0836", NULL};

static const struct finding finding = {
	.id = "policy.value-out-of-range",
	.sid = 9100006,
	.rev = 1,
	.severity = 2,
	.threat_class = "tampering",
	.category = "Policy violation",
	.text = {{"A|B\\C", "Meaning", "Next"}, {"値", "意味", "対応"}},
	.attack = attack,
};

static struct incident sample(uint64_t id, enum incident_phase phase, int64_t first, int64_t last,
			      uint64_t count)
{
	struct incident i = {
		.finding = &finding,
		.id = id,
		.phase = phase,
		.severity = 2,
		.verdict = "drop",
		.first = first,
		.last = last,
		.count = count,
		.has_addr = true,
		.sport = 40000,
		.dport = 502,
		.ip_proto = 6,
		.conduit = "a=b\\c|d",
		.src_zone = "\"z\"]\\",
		.observed = "one\ntwo=三",
	};

	assert_true(addr_parse("10.40.0.5", &i.src));
	assert_true(addr_parse("10.50.0.11", &i.dst));
	return i;
}

static void a_parcel_outlives_what_it_is_made_of(void **state)
{
	char zone[] = "control", ref[] = "ipa:ID8-1";
	const char *refs[] = {ref, "cpsf:CPS.AC-7", NULL};
	struct endpoint device = {.facts = 1, .fact = {{"vendor", "maker"}}};
	struct incident i = sample(7, INCIDENT_OPENED, NOON, NOON, 1), *copy;

	(void)state;
	i.dst_zone = zone;
	i.refs = refs;
	i.src_device = &device;
	copy = parcel_copy(&i);
	memset(zone, 'x', sizeof(zone) - 1);
	memset(ref, 'x', sizeof(ref) - 1);
	memset(&device, 0, sizeof(device));
	refs[0] = refs[1] = NULL;
	assert_string_equal(copy->dst_zone, "control");
	assert_string_equal(copy->refs[0], "ipa:ID8-1");
	assert_string_equal(copy->refs[1], "cpsf:CPS.AC-7");
	assert_null(copy->refs[2]);
	assert_int_equal(copy->src_device->facts, 1);
	assert_string_equal(copy->src_device->fact[0].value, "maker");
	assert_null(copy->dst_device);
	assert_null(copy->src_asset);
	assert_ptr_equal(copy->finding, &finding);
	free(copy);
}

static void a_parcel_leaves_out_what_has_no_room(void **state)
{
	static char text[100];
	const char *refs[400] = {NULL};
	struct incident i = sample(7, INCIDENT_OPENED, NOON, NOON, 1), *copy;
	unsigned n;

	(void)state;
	memset(text, 'r', sizeof(text) - 1);
	for (n = 0; n < 399; n++)
		refs[n] = text;
	i.refs = refs;
	copy = parcel_copy(&i);
	for (n = 0; copy->refs[n]; n++)
		assert_string_equal(copy->refs[n], text);
	assert_in_range(n, 50, 398);
	assert_string_equal(copy->conduit, "a=b\\c|d");
	free(copy);
}

struct told {
	unsigned count;
	struct incident last;
};

static void on_told(void *user, const struct incident *i)
{
	struct told *t = user;

	t->count++;
	t->last = *i;
}

static void take(struct join *j, uint64_t id, enum incident_phase phase, int64_t first,
		 int64_t last, uint64_t count, int64_t now)
{
	struct incident i = sample(id, phase, first, last, count);

	join_take(j, &i, now);
}

static void incidents_of_several_workers_are_joined(void **state)
{
	struct told t = {.count = 0};
	struct join *j = join_new(on_told, &t);

	(void)state;
	take(j, 1, INCIDENT_OPENED, NOON, NOON, 1, 0);
	assert_int_equal(t.count, 1);
	take(j, 1, INCIDENT_OPENED, NOON - SECOND, NOON - SECOND, 1, 0);
	assert_int_equal(t.count, 1); /* it is open already */
	take(j, 2, INCIDENT_OPENED, NOON, NOON, 1, 0);
	assert_int_equal(t.count, 2); /* another one */
	take(j, 1, INCIDENT_ENDED, NOON, NOON + 9 * SECOND, 5, SECOND);
	assert_int_equal(t.count, 2); /* the other worker goes on */
	take(j, 1, INCIDENT_ENDED, NOON - SECOND, NOON + 3 * SECOND, 4, SECOND);
	assert_int_equal(t.count, 3);
	assert_int_equal(t.last.count, 9);
	assert_int_equal(t.last.first, NOON - SECOND);
	assert_int_equal(t.last.last, NOON + 9 * SECOND);
	assert_int_equal(t.last.phase, INCIDENT_ENDED);
	take(j, 2, INCIDENT_ENDED, NOON, NOON, 2, SECOND); /* of one worker: as it is */
	assert_int_equal(t.count, 4);
	assert_int_equal(t.last.count, 2);
	take(j, 1, INCIDENT_OPENED, NOON + 60 * SECOND, NOON + 60 * SECOND, 1, SECOND);
	assert_int_equal(t.count, 5); /* a new one */
	take(j, 0, INCIDENT_WHOLE, NOON, NOON, 3, SECOND);
	take(j, 0, INCIDENT_WHOLE, NOON, NOON, 3, SECOND);
	assert_int_equal(t.count, 7); /* captures: nothing is joined */
	join_free(j);
}

static void who_saw_it_once_is_not_waited_for(void **state)
{
	struct told t = {.count = 0};
	struct join *j = join_new(on_told, &t);

	(void)state;
	take(j, 1, INCIDENT_OPENED, NOON, NOON, 1, 0);
	take(j, 1, INCIDENT_OPENED, NOON, NOON, 1, 0);
	take(j, 1, INCIDENT_ENDED, NOON, NOON, 5, SECOND);
	join_tick(j, JOIN_QUIET);
	assert_int_equal(t.count, 1);
	join_tick(j, JOIN_QUIET + SECOND);
	assert_int_equal(t.count, 2);
	assert_int_equal(t.last.count, 6);
	take(j, 1, INCIDENT_ENDED, NOON, NOON, 7, 2 * JOIN_QUIET); /* it had gone on after all */
	assert_int_equal(t.count, 3);
	assert_int_equal(t.last.count, 12);
	/* both saw it once: told when no incident can be open any more */
	take(j, 9, INCIDENT_OPENED, NOON, NOON, 1, 0);
	take(j, 9, INCIDENT_OPENED, NOON, NOON, 1, 0);
	join_tick(j, JOIN_LONG - 1);
	assert_int_equal(t.count, 4);
	join_tick(j, JOIN_LONG);
	assert_int_equal(t.count, 5);
	assert_int_equal(t.last.count, 2);
	/* quiet for long: what opens now is new, though nobody said that the old one ended */
	take(j, 5, INCIDENT_OPENED, NOON, NOON, 1, 0);
	take(j, 5, INCIDENT_OPENED, NOON + JOIN_QUIET, NOON + JOIN_QUIET, 1, 0);
	assert_int_equal(t.count, 7);
	/* at the end nothing is kept back */
	take(j, 6, INCIDENT_OPENED, NOON, NOON, 1, 0);
	take(j, 6, INCIDENT_OPENED, NOON, NOON, 1, 0);
	join_flush(j);
	assert_int_equal(t.count, 9);
	join_free(j);
}

static void all_who_saw_it_once_end_it_at_once(void **state)
{
	struct told t = {.count = 0};
	struct join *j = join_new(on_told, &t);

	(void)state;
	/* one worker, once: nothing to add, and it is known no more */
	take(j, 1, INCIDENT_OPENED, NOON, NOON, 1, 0);
	join_over(j, 1);
	join_flush(j);
	assert_int_equal(t.count, 1);
	/* two workers, once each */
	take(j, 2, INCIDENT_OPENED, NOON, NOON, 1, 0);
	take(j, 2, INCIDENT_OPENED, NOON - SECOND, NOON - SECOND, 1, 0);
	join_over(j, 2);
	assert_int_equal(t.count, 2);
	join_over(j, 2);
	assert_int_equal(t.count, 3);
	assert_int_equal(t.last.phase, INCIDENT_ENDED);
	assert_int_equal(t.last.count, 2);
	assert_true(t.last.first == NOON - SECOND && t.last.last == NOON);
	/* one of them five times, whoever is done first */
	take(j, 3, INCIDENT_OPENED, NOON, NOON, 1, 0);
	take(j, 3, INCIDENT_OPENED, NOON, NOON, 1, 0);
	take(j, 3, INCIDENT_ENDED, NOON, NOON + SECOND, 5, SECOND);
	assert_int_equal(t.count, 4);
	join_over(j, 3);
	assert_int_equal(t.count, 5);
	assert_int_equal(t.last.count, 6);
	take(j, 4, INCIDENT_OPENED, NOON, NOON, 1, 0);
	take(j, 4, INCIDENT_OPENED, NOON, NOON, 1, 0);
	join_over(j, 4);
	take(j, 4, INCIDENT_ENDED, NOON, NOON + SECOND, 5, SECOND);
	assert_int_equal(t.count, 7);
	assert_int_equal(t.last.count, 6);
	join_over(j, 5); /* forgotten, or never heard of */
	join_flush(j);
	assert_int_equal(t.count, 7);
	join_free(j);
}

static void the_table_of_joined_incidents_is_bounded(void **state)
{
	struct told t = {.count = 0};
	struct join *j = join_new(on_told, &t);
	uint64_t id;

	(void)state;
	for (id = 1; id <= 3 * JOIN_MAX; id++)
		take(j, id, INCIDENT_OPENED, NOON, NOON, 1, 0);
	assert_int_equal(t.count, 3 * JOIN_MAX);
	take(j, 3 * JOIN_MAX, INCIDENT_OPENED, NOON, NOON, 1, 0);
	assert_int_equal(t.count, 3 * JOIN_MAX); /* the newest are known */
	join_free(j);
}

/* --- spool --- */

struct folder {
	char path[32];
	char err[200];
};

static int setup(void **state)
{
	struct folder *f = calloc(1, sizeof(*f));

	memcpy(f->path, "/tmp/kidoban-spool-XXXXXX", 26);
	assert_non_null(mkdtemp(f->path));
	*state = f;
	return 0;
}

static void each_segment(const struct folder *f, void (*one)(const char *path))
{
	char pattern[64];
	glob_t g;
	size_t n;

	snprintf(pattern, sizeof(pattern), "%s/out/*", f->path);
	assert_int_equal(glob(pattern, 0, NULL, &g), 0);
	for (n = 0; n < g.gl_pathc; n++)
		if (one)
			one(g.gl_pathv[n]);
	globfree(&g);
}

static void remove_one(const char *path)
{
	unlink(path);
}

static int teardown(void **state)
{
	struct folder *f = *state;
	char path[64];

	each_segment(f, remove_one);
	snprintf(path, sizeof(path), "%s/out", f->path);
	rmdir(path);
	rmdir(f->path);
	free(f);
	return 0;
}

static struct spool *open_spool(struct folder *f, uint64_t max)
{
	struct spool *s = spool_open(f->path, "out", max, f->err, sizeof(f->err));

	assert_non_null(s);
	return s;
}

static void put_number(struct spool *s, unsigned n)
{
	char text[2000];

	memset(text, '.', sizeof(text));
	snprintf(text, sizeof(text), "%u", n);
	assert_true(spool_append(s, text, 100 + n % 1900));
}

static unsigned get_number(struct spool *s, struct spool_place *after)
{
	char text[4096];
	size_t len;

	assert_true(spool_read(s, text, sizeof(text), &len, after));
	return (unsigned)strtoul(text, NULL, 10);
}

static void a_spool_keeps_order_over_segments_and_restarts(void **state)
{
	struct spool *s = open_spool(*state, 8 << 20);
	struct spool_place after = {0, 0};
	unsigned n;

	for (n = 0; n < 3000; n++)
		put_number(s, n);
	for (n = 0; n < 1000; n++) {
		assert_int_equal(get_number(s, &after), n);
		if (n < 700)
			spool_confirm(s, &after);
	}
	spool_rewind(s); /* the connection broke */
	assert_int_equal(get_number(s, &after), 700);
	spool_confirm(s, &after);
	assert_int_equal(spool_waiting(s), 2299);
	spool_close(s);
	s = open_spool(*state, 8 << 20);
	assert_int_equal(spool_waiting(s), 2299);
	put_number(s, 3000);
	for (n = 701; n <= 3000; n++) {
		assert_int_equal(get_number(s, &after), n);
		spool_confirm(s, &after);
	}
	assert_int_equal(spool_waiting(s), 0);
	assert_int_equal(spool_damaged(s), 0);
	spool_close(s);
	s = open_spool(*state, 8 << 20);
	assert_int_equal(spool_waiting(s), 0);
	put_number(s, 1);
	assert_int_equal(get_number(s, &after), 1);
	spool_close(s);
}

static void a_full_spool_refuses_and_takes_again(void **state)
{
	struct spool *s = open_spool(*state, 100000);
	struct spool_place after = {0, 0};
	unsigned n, wrote = 0, round;
	char text[1000] = "";

	while (spool_append(s, text, sizeof(text)))
		wrote++;
	assert_int_equal(wrote, 100000 / (1000 + 12));
	assert_non_null(strstr(spool_error(s), "full"));
	for (n = 0; n < wrote; n++) {
		get_number(s, &after);
		spool_confirm(s, &after);
	}
	for (round = 0; round < wrote; round++)
		assert_true(spool_append(s, text, sizeof(text)));
	assert_false(spool_append(s, text, sizeof(text)));
	spool_close(s);
}

static void tear(const char *path)
{
	struct stat st;

	if (!strstr(path, ".spool"))
		return;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size - 7), 0);
}

static void a_torn_record_ends_its_segment_only(void **state)
{
	struct spool *s = open_spool(*state, 8 << 20);
	struct spool_place after = {0, 0};
	unsigned n;

	for (n = 0; n < 10; n++)
		put_number(s, n);
	spool_close(s);
	each_segment(*state, tear);
	s = open_spool(*state, 8 << 20);
	assert_int_equal(spool_waiting(s), 9);
	assert_int_equal(spool_damaged(s), 1);
	put_number(s, 10);
	for (n = 0; n < 9; n++) {
		assert_int_equal(get_number(s, &after), n);
		spool_confirm(s, &after);
	}
	assert_int_equal(get_number(s, &after), 10);
	spool_confirm(s, &after);
	assert_int_equal(spool_waiting(s), 0);
	spool_close(s);
}

static void spoil(const char *path)
{
	int fd = open(path, O_WRONLY);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "!", 1, strstr(path, ".spool") ? 300 : 3), 1);
	close(fd);
}

static void damage_is_counted_and_passed(void **state)
{
	struct spool *s = open_spool(*state, 8 << 20);
	struct spool_place after = {0, 0};
	unsigned n;

	for (n = 0; n < 10; n++)
		put_number(s, n);
	assert_int_equal(get_number(s, &after), 0);
	spool_confirm(s, &after);
	spool_close(s);
	each_segment(*state, spoil); /* the note of what was confirmed too: it is sent again */
	s = open_spool(*state, 8 << 20);
	assert_int_equal(spool_damaged(s), 1);
	assert_int_equal(spool_waiting(s), 2);
	assert_int_equal(get_number(s, &after), 0);
	assert_int_equal(get_number(s, &after), 1);
	spool_close(s);
}

/* --- formats --- */

static void collect(void *user, const char *text, size_t len)
{
	char *out = user;
	size_t used = strlen(out);

	memcpy(out + used, text, len);
	out[used + len] = '\0';
}

static void cef_is_escaped(void **state)
{
	struct incident i = sample(7, INCIDENT_ENDED, NOON, NOON + 5 * SECOND, 3);
	char text[4096] = "";
	const struct sink_put to = {.bytes = collect, .user = text};
	struct sink *s = sink_cef_new(&to, FINDING_EN);

	(void)state;
	s->ops->alert(s, &i);
	s->ops->free(s);
	assert_memory_equal(text, "CEF:0|kidoban|kidoban|", 22);
	assert_string_equal(
		strchr(text + 22, '|'),
		"|9100006|A\\|B\\\\C|5|"
		"rt=1704110405000 start=1704110400000 end=1704110405000 cnt=3 cat=Policy violation "
		"act=drop src=10.40.0.5 dst=10.50.0.11 spt=40000 dpt=502 proto=TCP externalId=7 "
		"cs1=policy.value-out-of-range cs1Label=finding cs2=a\\=b\\\\c|d cs2Label=conduit "
		"cs3=\"z\"]\\\\ cs3Label=source zone flexString1=ended flexString1Label=phase "
		"msg=one\\ntwo\\=三\n");
}

static void a_syslog_message(void **state)
{
	struct incident i = sample(7, INCIDENT_OPENED, NOON + 123456789, NOON + 123456789, 1);
	char text[4096], host[256], wanted[4096];
	size_t n;

	(void)state;
	n = syslog_alert(text, sizeof(text), 13, &i, "what", 4);
	assert_int_equal(gethostname(host, sizeof(host)), 0);
	snprintf(wanted, sizeof(wanted),
		 "<108>1 2024-01-01T12:00:00.123456Z %s kidoban %d policy.value-out-of-range "
		 "[kidoban@32473 finding=\"policy.value-out-of-range\" sid=\"9100006\" "
		 "severity=\"medium\" verdict=\"drop\" incident=\"7\" phase=\"opened\" count=\"1\" "
		 "srcZone=\"\\\"z\\\"\\]\\\\\" conduit=\"a=b\\\\c|d\"] \xef\xbb\xbfwhat",
		 host, (int)getpid());
	assert_int_equal(n, strlen(wanted));
	assert_memory_equal(text, wanted, n);
	assert_int_equal(syslog_alert(text, 100, 13, &i, "what", 4), 0);
	n = syslog_other(text, sizeof(text), 4, "flow",
			 "{\"timestamp\":\"2024-01-01T12:00:00.000001+0000\"}", 46);
	text[n] = '\0';
	assert_memory_equal(text, "<38>1 2024-01-01T12:00:00.000001Z ", 34);
	assert_non_null(strstr(text, " flow - \xef\xbb\xbf{\"timestamp\""));
}

#define SPOOL(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ring_between_two_threads),
		cmocka_unit_test(half_a_ring_is_for_what_matters),
		cmocka_unit_test(a_bell_rings_once_for_a_sleeper),
		cmocka_unit_test(a_parcel_outlives_what_it_is_made_of),
		cmocka_unit_test(a_parcel_leaves_out_what_has_no_room),
		cmocka_unit_test(incidents_of_several_workers_are_joined),
		cmocka_unit_test(who_saw_it_once_is_not_waited_for),
		cmocka_unit_test(all_who_saw_it_once_end_it_at_once),
		cmocka_unit_test(the_table_of_joined_incidents_is_bounded),
		SPOOL(a_spool_keeps_order_over_segments_and_restarts),
		SPOOL(a_full_spool_refuses_and_takes_again),
		SPOOL(a_torn_record_ends_its_segment_only),
		SPOOL(damage_is_counted_and_passed),
		cmocka_unit_test(cef_is_escaped),
		cmocka_unit_test(a_syslog_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
