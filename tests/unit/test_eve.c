/* EVE records to the byte, the line for people, and outputs that fail. */
#include "detect/incident.h"
#include "policy/policy.h"
#include "flow/flow.h"
#include "sink/sink.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)
#define NOON   (INT64_C(1704110400) * SECOND) /* 2024-01-01 12:00:00 UTC */

static const char *const attack[] = {"T0836", NULL};
static const char *const refs[] = {"iec62443:SR-3.5", NULL};
static const char *const own_refs[] = {"ipa:ID8-1", NULL};

static const struct finding finding = {
	.id = "policy.value-out-of-range",
	.sid = 9100006,
	.rev = 1,
	.severity = 1,
	.threat_class = "tampering",
	.category = "Policy violation",
	.text = {{"Value outside", "Meaning", "Next"}, {"値", "意味", "対応"}},
	.attack = attack,
	.attack_class = {[OP_WRITE] = attack},
	.refs = refs,
};

static struct addr ip(const char *s)
{
	struct addr a;

	assert_true(addr_parse(s, &a));
	return a;
}

static struct incident sample(void)
{
	struct incident i = {
		.finding = &finding,
		.severity = 1,
		.verdict = "would-degrade",
		.first = NOON + 123456789,
		.last = NOON + 5 * SECOND,
		.first_frame = 7,
		.count = 3,
		.flow_id = 42,
		.has_addr = true,
		.src = ip("10.40.0.5"),
		.dst = ip("10.50.0.11"),
		.sport = 40000,
		.dport = 502,
		.ip_proto = 6,
		.vlan = {100},
		.vlans = 1,
		.app = "modbus",
		.src_zone = "control-info",
		.dst_zone = "control",
		.src_asset = "hmi-1",
		.dst_asset = "plc-1",
		.conduit = "hmi-plc",
		.refs = own_refs,
		.has_op = true,
		.op_proto = "modbus",
		.op_name = "write-single-register",
		.op_space = "holding",
		.op_class = OP_WRITE,
		.op_code = 6,
		.op_unit = 1,
		.op_first = 116,
		.op_count = 1,
		.object = "116",
		.values = "900",
		.expected = "conduit hmi-plc permits value 0..450",
		.observed = "hmi-1 (10.40.0.5) wrote 900",
	};

	return i;
}

static struct flow conversation(void)
{
	struct flow f = {
		.id = 42,
		.addr = {ip("10.50.0.11"), ip("10.40.0.5")},
		.port = {502, 40000},
		.ip_proto = 6,
		.client = 1, /* the server was heard first */
		.client_by = FLOW_BY_CONTENT,
		.first_frame = 1,
		.first = NOON,
		.last = NOON + 90 * SECOND,
		.packets = {2, 3},
		.bytes = {200, 300},
		.tcp_flags = {0x12, 0x1b},
		.ops = 4,
		.app = "modbus",
	};

	return f;
}

/* A sink on a temporary file, and what was in it at the end. */
struct capture {
	char path[32];
	struct sink *s;
	char text[8192];
};

static int setup(void **state)
{
	struct capture *c = calloc(1, sizeof(*c));
	char err[100];
	int fd;

	memcpy(c->path, "/tmp/kidoban-eve-XXXXXX", 24);
	fd = mkstemp(c->path);
	assert_true(fd >= 0);
	close(fd);
	c->s = sink_eve_open(c->path, FINDING_EN, err, sizeof(err));
	assert_non_null(c->s);
	*state = c;
	return 0;
}

static int teardown(void **state)
{
	struct capture *c = *state;

	unlink(c->path);
	free(c);
	return 0;
}

static const char *written(struct capture *c)
{
	FILE *f = fopen(c->path, "r");
	size_t n;

	assert_true(c->s->ops->flush(c->s));
	c->s->ops->free(c->s);
	assert_non_null(f);
	n = fread(c->text, 1, sizeof(c->text) - 1, f);
	c->text[n] = '\0';
	fclose(f);
	return c->text;
}

static void an_alert(void **state)
{
	struct capture *c = *state;
	struct incident i = sample();

	c->s->ops->alert(c->s, &i);
	assert_string_equal(
		written(c),
		"{\"timestamp\":\"2024-01-01T12:00:00.123456+0000\",\"flow_id\":42,\"pcap_cnt\":7,"
		"\"event_type\":\"alert\",\"vlan\":[100],\"src_ip\":\"10.40.0.5\","
		"\"src_port\":40000,\"dest_ip\":\"10.50.0.11\",\"dest_port\":502,\"proto\":\"TCP\","
		"\"community_id\":\"1:UvGXzaDS/l8l8b0LPQ79HAGKhYo=\",\"app_proto\":\"modbus\","
		"\"alert\":{\"action\":\"allowed\",\"gid\":1,\"signature_id\":9100006,\"rev\":1,"
		"\"signature\":\"Value outside\",\"category\":\"Policy violation\",\"severity\":1,"
		"\"metadata\":{\"mitre_technique_id\":[\"T0836\"],"
		"\"signature_severity\":[\"Major\"],\"threat_class\":[\"tampering\"]}},"
		"\"kidoban\":{\"version\":1,\"finding\":\"policy.value-out-of-range\","
		"\"verdict\":\"would-degrade\",\"reason\":\"Value outside\","
		"\"expected\":\"conduit hmi-plc permits value 0..450\","
		"\"observed\":\"hmi-1 (10.40.0.5) wrote 900\",\"next\":\"Next\","
		"\"src_zone\":\"control-info\",\"dest_zone\":\"control\",\"src_asset\":\"hmi-1\","
		"\"dest_asset\":\"plc-1\",\"conduit\":\"hmi-plc\",\"op\":{\"proto\":\"modbus\","
		"\"role\":\"request\",\"class\":\"write\",\"code\":6,"
		"\"name\":\"write-single-register\",\"unit\":1,\"space\":\"holding\",\"first\":116,"
		"\"count\":1,\"object\":\"116\",\"values\":\"900\"},\"count\":3,"
		"\"first\":\"2024-01-01T12:00:00.123456+0000\","
		"\"last\":\"2024-01-01T12:00:05.000000+0000\",\"threat_class\":\"tampering\","
		"\"refs\":[\"iec62443:SR-3.5\",\"ipa:ID8-1\"],\"attack\":[\"T0836\"]}}\n");
}

/* The word at that place of a record, "" when it has none. */
static const char *word(json_t *record, const char *object, const char *key)
{
	const char *text = json_string_value(json_object_get(json_object_get(record, object), key));

	return text ? text : "";
}

/* Captures tell an incident once; live it has a number, and is told twice. */
static void an_alert_live(void **state)
{
	static const struct {
		enum incident_phase phase;
		const char *verdict, *wanted;
		enum policy_action done;
		const char *action, *says;
	} cases[] = {
		{INCIDENT_OPENED, "drop", NULL, ACTION_DROP, "blocked", "opened"},
		{INCIDENT_ENDED, "reject", "degrade", ACTION_REJECT, "blocked", "ended"},
		{INCIDENT_OPENED, "alert", "reject", ACTION_ALERT, "allowed", "opened"},
		{INCIDENT_OPENED, "degrade", NULL, ACTION_DEGRADE, "blocked", "opened"},
	};
	struct capture *c = *state;
	char *line, *next = NULL;
	unsigned k;

	for (k = 0; k < 4; k++) {
		struct incident i = sample();

		i.id = (UINT64_C(1) << 53) - 1 - k;
		i.phase = (uint8_t)cases[k].phase;
		i.verdict = cases[k].verdict;
		i.wanted = cases[k].wanted;
		i.done = (uint8_t)cases[k].done;
		c->s->ops->alert(c->s, &i);
	}
	line = strtok_r((char *)(uintptr_t)written(c), "\n", &next);
	for (k = 0; k < 4; k++, line = strtok_r(NULL, "\n", &next)) {
		json_t *r = line ? json_loads(line, 0, NULL) : NULL;
		json_t *ours = json_object_get(r, "kidoban");

		assert_non_null(r);
		assert_int_equal(json_integer_value(json_object_get(ours, "incident")),
				 (INT64_C(1) << 53) - 1 - k);
		assert_string_equal(word(r, "kidoban", "phase"), cases[k].says);
		assert_string_equal(word(r, "kidoban", "verdict"), cases[k].verdict);
		assert_string_equal(word(r, "kidoban", "wanted"),
				    cases[k].wanted ? cases[k].wanted : "");
		assert_string_equal(word(r, "alert", "action"), cases[k].action);
		/* an end is an event of when it ended */
		assert_string_equal(json_string_value(json_object_get(r, "timestamp")),
				    cases[k].phase == INCIDENT_ENDED
					    ? "2024-01-01T12:00:05.000000+0000"
					    : "2024-01-01T12:00:00.123456+0000");
		json_decref(r);
	}
	assert_null(line);
}

static void a_flow_reads_from_its_client(void **state)
{
	struct capture *c = *state;
	const struct sink_names n = {
		.client_zone = "control-info", .client_asset = "hmi-1", .server_zone = "control"};
	struct flow f = conversation();

	c->s->ops->flow(c->s, &f, &n, FLOW_END_CLOSED);
	assert_string_equal(
		written(c),
		"{\"timestamp\":\"2024-01-01T12:01:30.000000+0000\",\"flow_id\":42,"
		"\"event_type\":\"flow\",\"src_ip\":\"10.40.0.5\",\"src_port\":40000,"
		"\"dest_ip\":\"10.50.0.11\",\"dest_port\":502,\"proto\":\"TCP\","
		"\"community_id\":\"1:UvGXzaDS/l8l8b0LPQ79HAGKhYo=\",\"app_proto\":\"modbus\","
		"\"flow\":{\"pkts_toserver\":3,\"pkts_toclient\":2,\"bytes_toserver\":300,"
		"\"bytes_toclient\":200,\"start\":\"2024-01-01T12:00:00.000000+0000\","
		"\"end\":\"2024-01-01T12:01:30.000000+0000\",\"age\":90,\"state\":\"closed\","
		"\"reason\":\"closed\"},\"tcp\":{\"tcp_flags\":\"1b\",\"tcp_flags_ts\":\"1b\","
		"\"tcp_flags_tc\":\"12\"},\"kidoban\":{\"version\":1,"
		"\"src_zone\":\"control-info\",\"dest_zone\":\"control\",\"src_asset\":\"hmi-1\","
		"\"client_by\":\"content\",\"first_frame\":1,\"ops\":4,\"gaps\":0,"
		"\"retransmissions\":0}}\n");
}

static void a_response(void **state)
{
	struct capture *c = *state;
	const struct sink_names n = {.client_zone = NULL};
	struct flow f = conversation();
	const struct op op = {
		.frame = 9,
		.time = NOON,
		.request_frame = 8,
		.rtt = 1500000,
		.proto = "modbus",
		.name = "read-holding-registers",
		.code = 3,
		.unit = 1,
		.role = OP_RESPONSE,
		.cls = OP_READ,
		.from_server = true,
		.transaction = 77,
		.object = {.space = OP_SPACE_HOLDING, .first = 10, .count = 2},
		.values = {slice_of("\0\1\0\2", 4), 2, OP_V_U16, true},
	};

	c->s->ops->op(c->s, &f, &n, &op);
	assert_string_equal(
		written(c),
		"{\"timestamp\":\"2024-01-01T12:00:00.000000+0000\",\"flow_id\":42,\"pcap_cnt\":9,"
		"\"event_type\":\"modbus\",\"src_ip\":\"10.50.0.11\",\"src_port\":502,"
		"\"dest_ip\":\"10.40.0.5\",\"dest_port\":40000,\"proto\":\"TCP\","
		"\"community_id\":\"1:UvGXzaDS/l8l8b0LPQ79HAGKhYo=\",\"app_proto\":\"modbus\","
		"\"modbus\":{\"response\":{\"transaction_id\":77,\"protocol_id\":0,\"unit_id\":1,"
		"\"function_raw\":3,\"function_code\":\"read-holding-registers\","
		"\"read\":{\"address\":10,\"quantity\":2,\"data\":\"1,2\"}}},"
		"\"kidoban\":{\"version\":1,\"op\":{\"proto\":\"modbus\",\"role\":\"response\","
		"\"class\":\"read\",\"code\":3,\"name\":\"read-holding-registers\",\"status\":0,"
		"\"unit\":1,\"space\":\"holding\",\"first\":10,\"count\":2,\"object\":\"10\","
		"\"values\":\"1,2\",\"request_frame\":8,\"rtt_us\":1500}}}\n");
}

static void cip_is_shown_inside_enip(void **state)
{
	struct capture *c = *state;
	const struct sink_names n = {.client_zone = NULL};
	struct flow f = conversation();
	const struct op op = {
		.frame = 9,
		.proto = "cip",
		.name = "get-attribute-single",
		.code = 14,
		.unit = -1,
		.object = {.space = OP_SPACE_OBJECT, .npath = 3, .path = {1, 1, 7}},
	};
	json_t *r, *cip;

	c->s->ops->op(c->s, &f, &n, &op);
	r = json_loads(written(c), 0, NULL);
	assert_string_equal(json_string_value(json_object_get(r, "event_type")), "enip");
	cip = json_object_get(json_object_get(json_object_get(r, "enip"), "request"), "cip");
	assert_int_equal(json_integer_value(json_object_get(cip, "class_id")), 1);
	assert_int_equal(json_integer_value(json_object_get(cip, "attribute")), 7);
	json_decref(r);
}

static void bytes_from_the_wire_are_escaped(void **state)
{
	struct capture *c = *state;
	const struct sink_names n = {.client_zone = NULL};
	struct flow f = conversation();
	const struct op op = {
		.frame = 9,
		.proto = "mqtt",
		.name = "publish",
		.code = 3,
		.unit = -1,
		.role = OP_PUBLISH,
		.actor = slice_of("a\"\n", 3),
		.object = {.space = OP_SPACE_TOPIC, .name = slice_of("t\xff\xe8\xa8\xad\0", 6)},
		.values = {slice_of("\x80{}", 3), 1, OP_V_TEXT, false},
	};
	json_t *r, *m;

	c->s->ops->op(c->s, &f, &n, &op);
	r = json_loads(written(c), 0, NULL);
	assert_non_null(r);
	m = json_object_get(json_object_get(r, "mqtt"), "publish");
	assert_string_equal(json_string_value(json_object_get(m, "client_id")), "a\"\\x0a");
	assert_string_equal(json_string_value(json_object_get(m, "topic")), "t\\xff設\\x00");
	assert_string_equal(json_string_value(json_object_get(m, "message")), "\\x80{}");
	json_decref(r);
}

static void icmp_has_no_ports(void **state)
{
	struct capture *c = *state;
	struct incident i = sample();
	json_t *r;

	i.ip_proto = 1;
	i.sport = 8 << 8;
	i.dport = 4711;
	i.src = ip("192.168.0.89");
	i.dst = ip("192.168.0.1");
	c->s->ops->alert(c->s, &i);
	r = json_loads(written(c), 0, NULL);
	assert_null(json_object_get(r, "src_port"));
	assert_int_equal(json_integer_value(json_object_get(r, "icmp_type")), 8);
	assert_string_equal(json_string_value(json_object_get(r, "community_id")),
			    "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=");
	json_decref(r);
}

static void an_anomaly_without_a_flow(void **state)
{
	struct capture *c = *state;
	const struct anomaly a = {.kind = ANOMALY_FRAGMENT_TINY,
				  .proto = "ipv4",
				  .reason = "short",
				  .frame = 3,
				  .time = NOON};
	const struct packet p = {
		.kind = PACKET_BAD, .ip_proto = 17, .src = ip("10.0.0.1"), .dst = ip("10.0.0.2")};
	json_t *r;

	c->s->ops->anomaly(c->s, NULL, &p, &a);
	r = json_loads(written(c), 0, NULL);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(r, "anomaly"), "type")),
		"decode");
	assert_string_equal(json_string_value(json_object_get(r, "src_ip")), "10.0.0.1");
	assert_null(json_object_get(r, "flow_id"));
	json_decref(r);
}

static void stats_are_nested(void **state)
{
	struct capture *c = *state;
	const struct sink_stats list[] = {
		{"decoder.pkts", 5}, {"flow.total", 2}, {"decoder.bytes", 300}, {NULL, 0}};

	c->s->ops->stats(c->s, NOON, list);
	assert_string_equal(written(c),
			    "{\"timestamp\":\"2024-01-01T12:00:00.000000+0000\","
			    "\"event_type\":\"stats\",\"stats\":{\"decoder\":{\"pkts\":5,"
			    "\"bytes\":300},\"flow\":{\"total\":2}}}\n");
}

static void much_output_arrives_whole(void **state)
{
	struct capture *c = *state;
	struct incident i = sample();
	long lines = 0;
	FILE *f;
	int k, ch;

	for (k = 0; k < 5000; k++)
		c->s->ops->alert(c->s, &i);
	written(c);
	f = fopen(c->path, "r");
	while ((ch = getc(f)) != EOF)
		lines += ch == '\n';
	fclose(f);
	assert_int_equal(lines, 5000);
}

static void outputs_that_cannot_be_opened(void **state)
{
	char err[100];

	(void)state;
	assert_null(sink_eve_open("/nonexistent/eve.json", FINDING_EN, err, sizeof(err)));
	assert_string_equal(err, "No such file or directory");
	assert_null(sink_eve_open("unix:/nonexistent/socket", FINDING_EN, err, sizeof(err)));
	assert_string_equal(err, "No such file or directory");
	assert_null(sink_eve_open(
		"unix:/"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		FINDING_EN, err, sizeof(err)));
	assert_string_equal(err, "File name too long");
}

static void a_full_disk_is_told(void **state)
{
	struct incident i = sample();
	struct sink *s;
	char err[100];
	int k;

	(void)state;
	s = sink_eve_open("/dev/full", FINDING_EN, err, sizeof(err));
	if (!s)
		skip();
	for (k = 0; k < 1000; k++)
		s->ops->alert(s, &i);
	assert_false(s->ops->flush(s));
	assert_int_equal(errno, ENOSPC);
	assert_false(s->ops->flush(s));
	assert_int_equal(errno, ENOSPC);
	s->ops->free(s);
}

static void a_listener_on_a_unix_socket(void **state)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct incident i = sample();
	char err[100], target[128], got[16];
	struct sink *s;
	int fd, peer, k;

	(void)state;
	snprintf(un.sun_path, sizeof(un.sun_path), "/tmp/kidoban-eve-%d.sock", (int)getpid());
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(listen(fd, 1), 0);
	snprintf(target, sizeof(target), "unix:%s", un.sun_path);
	s = sink_eve_open(target, FINDING_EN, err, sizeof(err));
	assert_non_null(s);
	peer = accept(fd, NULL, NULL);
	s->ops->alert(s, &i);
	assert_true(s->ops->flush(s));
	assert_int_equal(read(peer, got, 12), 12);
	assert_memory_equal(got, "{\"timestamp\"", 12);
	close(peer); /* it goes away */
	for (k = 0; k < 1000; k++)
		s->ops->alert(s, &i);
	assert_false(s->ops->flush(s));
	assert_int_equal(errno, EPIPE);
	s->ops->free(s);
	close(fd);
	unlink(un.sun_path);
}

static void a_line_for_people(void **state)
{
	struct incident i = sample();
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	struct sink *s = sink_text_open(f, FINDING_EN);

	(void)state;
	s->ops->alert(s, &i);
	i.count = 1;
	i.verdict = "alert";
	i.expected[0] = '\0';
	s->ops->alert(s, &i);
	assert_true(s->ops->flush(s));
	s->ops->free(s);
	fclose(f);
	assert_string_equal(text,
			    "2024-01-01 12:00:00.123456 HIGH   policy.value-out-of-range   hmi-1 "
			    "(10.40.0.5) wrote 900; expected: conduit hmi-plc permits value 0..450 "
			    "[would-degrade] x3\n"
			    "2024-01-01 12:00:00.123456 HIGH   policy.value-out-of-range   hmi-1 "
			    "(10.40.0.5) wrote 900\n");
	free(text);
}

static void a_line_for_people_live(void **state)
{
	static const char *const want[] = {
		"2024-01-01 12:00:05.000000 HIGH   policy.value-out-of-range   hmi-1 (10.40.0.5) "
		"wrote 900; expected: conduit hmi-plc permits value 0..450 [reject instead of "
		"degrade] ended, 3 times\n",
		"2024-01-01 12:00:05.000000 高     policy.value-out-of-range   hmi-1 (10.40.0.5) "
		"wrote 900。想定: conduit hmi-plc permits value 0..450 [degrade の代わりに reject] "
		"終了、3 回\n"};
	unsigned lang;

	(void)state;
	for (lang = 0; lang < 2; lang++) {
		struct incident i = sample();
		char *text = NULL;
		size_t len = 0;
		FILE *f = open_memstream(&text, &len);
		struct sink *s = sink_text_open(f, lang ? FINDING_JA : FINDING_EN);

		i.phase = INCIDENT_ENDED;
		i.verdict = "reject";
		i.wanted = "degrade";
		s->ops->alert(s, &i);
		s->ops->free(s);
		fclose(f);
		assert_string_equal(text, want[lang]);
		free(text);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_alert),
		TEST(an_alert_live),
		TEST(a_flow_reads_from_its_client),
		TEST(a_response),
		TEST(cip_is_shown_inside_enip),
		TEST(bytes_from_the_wire_are_escaped),
		TEST(icmp_has_no_ports),
		TEST(an_anomaly_without_a_flow),
		TEST(stats_are_nested),
		TEST(much_output_arrives_whole),
		cmocka_unit_test(outputs_that_cannot_be_opened),
		cmocka_unit_test(a_full_disk_is_told),
		cmocka_unit_test(a_listener_on_a_unix_socket),
		cmocka_unit_test(a_line_for_people),
		cmocka_unit_test(a_line_for_people_live),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
