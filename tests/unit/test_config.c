/* kidoban.yaml: what is loaded from it, and every mistake with its sentence and its place. */
#include "detect/engine.h"
#include "policy/policy.h"
#include "run/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECOND	 INT64_C(1000000000)
#define MEGABYTE (1u << 20)

/* What a file needs besides the section under test. */
#define S "sources:\n  - mirror: eth1\n"
#define O "outputs:\n  - file: eve.json\n"

static struct run_config *good(const char *name, const char *text)
{
	struct diag diag = {0};
	struct run_config *c = run_config_load_buffer(name, text, strlen(text), &diag);

	if (!c)
		diag_print(&diag, stderr);
	assert_non_null(c);
	assert_int_equal(diag.errors, 0);
	diag_free(&diag);
	return c;
}

static void defaults(void **state)
{
	struct run_config *c = good("/etc/kidoban/kidoban.yaml", S O);

	(void)state;
	assert_null(c->policy);
	assert_null(c->state);
	assert_null(c->spool_dir);
	assert_null(c->control_socket);
	assert_null(c->metrics_file);
	assert_null(c->metrics_host);
	assert_null(c->response_iface);
	assert_null(c->response_hook);
	assert_null(c->user);
	assert_int_equal(c->lang, FINDING_EN);
	assert_int_equal(c->stats_every, 60 * SECOND);
	assert_int_equal(c->quarantine, 3600 * SECOND);
	assert_int_equal(c->sources, 1);
	assert_int_equal(c->source[0].kind, RUN_MIRROR);
	assert_string_equal(c->source[0].ifaces[0], "eth1");
	assert_null(c->source[0].ifaces[1]);
	assert_int_equal(c->source[0].workers, 1);
	assert_int_equal(c->source[0].quiet, 60 * SECOND);
	assert_true(c->source[0].promiscuous);
	assert_true(c->source[0].one_way_told);
	assert_true(c->source[0].when_stopped_open);
	assert_false(c->source[0].immediate);
	assert_int_equal(c->source[0].line, 2);
	assert_int_equal(c->outputs, 1);
	assert_int_equal(c->output[0].kind, OUTPUT_FILE);
	assert_int_equal(c->output[0].format, OUTPUT_EVE);
	assert_int_equal(c->output[0].events, ENGINE_ALERT);
	assert_string_equal(c->output[0].path, "/etc/kidoban/eve.json");
	assert_int_equal(c->output[0].rotate_bytes, 0);
	assert_int_equal(c->output[0].rotate_keep, 5);
	assert_int_equal(c->output[0].spool_bytes, 100 * MEGABYTE);
	run_config_free(c);
	run_config_free(NULL);
}

static void everything(void **state)
{
	struct run_config *c = good(
		"kidoban.yaml",
		"policy: p.yaml\nstate: /s.db\nspool: /spool\nlanguage: ja\nflows: 1000\n"
		"stats-every: never\nquarantine: 1h30m\nuser: kidoban\n"
		"metrics: {file: m.prom, http: \"[::1]:99\"}\n"
		"control: {socket: c.sock, group: ops}\n"
		"response: {interface: eth9, hook: hook.sh}\n"
		"sources:\n"
		"  - mirror: [eth1, eth2]\n"
		"    workers: 2\n    filter: not port 22\n    snaplen: 128\n    buffer: 2 MiB\n"
		"    immediate: yes\n    promiscuous: no\n    timestamps: adapter-unsynced\n"
		"    quiet: 5s\n    one-way: expected\n"
		"  - {bridge: [eth3, eth4], when-stopped: closed}\n"
		"  - {queue: 8, workers: 3, length: 100}\n"
		"outputs:\n"
		"  - {file: e.json, events: [flow, op], rotate: {size: 1GB, keep: 9}}\n"
		"  - {unix: e.sock, events: stats, spool: 5MiB}\n"
		"  - {syslog: udp://log.example, facility: local7}\n"
		"  - {syslog: \"tcp://[fd00::1]:99\", format: cef}\n"
		"  - {syslog: tls://10.0.0.5, ca: a, cert: /b, key: c}\n"
		"  - {journal: yes}\n");

	const struct run_source *s = c->source;
	const struct output_config *o = c->output;

	(void)state;
	assert_string_equal(c->policy, "p.yaml");
	assert_string_equal(c->state, "/s.db");
	assert_string_equal(c->spool_dir, "/spool");
	assert_int_equal(c->lang, FINDING_JA);
	assert_int_equal(c->flows, 1000);
	assert_int_equal(c->stats_every, 0);
	assert_int_equal(c->quarantine, 5400 * SECOND);
	assert_string_equal(c->user, "kidoban");
	assert_string_equal(c->metrics_file, "m.prom");
	assert_string_equal(c->metrics_host, "::1");
	assert_int_equal(c->metrics_port, 99);
	assert_string_equal(c->control_socket, "c.sock");
	assert_string_equal(c->control_group, "ops");
	assert_string_equal(c->response_iface, "eth9");
	assert_string_equal(c->response_hook, "hook.sh");

	assert_int_equal(c->sources, 3);
	assert_string_equal(s[0].ifaces[1], "eth2");
	assert_int_equal(s[0].workers, 2);
	assert_string_equal(s[0].filter, "not port 22");
	assert_int_equal(s[0].snaplen, 128);
	assert_int_equal(s[0].buffer, 2 * MEGABYTE);
	assert_true(s[0].immediate);
	assert_false(s[0].promiscuous);
	assert_int_equal(s[0].timestamps, LIVE_TS_ADAPTER_UNSYNCED);
	assert_int_equal(s[0].quiet, 5 * SECOND);
	assert_false(s[0].one_way_told);
	assert_int_equal(s[1].kind, RUN_BRIDGE);
	assert_string_equal(s[1].ifaces[0], "eth3");
	assert_string_equal(s[1].ifaces[1], "eth4");
	assert_false(s[1].when_stopped_open);
	assert_int_equal(s[2].kind, RUN_QUEUE);
	assert_int_equal(s[2].number, 8);
	assert_int_equal(s[2].workers, 3);
	assert_int_equal(s[2].length, 100);
	assert_null(s[2].ifaces[0]);

	assert_int_equal(c->outputs, 6);
	assert_int_equal(o[0].events, ENGINE_FLOW | ENGINE_OP);
	assert_int_equal(o[0].rotate_bytes, 1000000000);
	assert_int_equal(o[0].rotate_keep, 9);
	assert_int_equal(o[0].lang, FINDING_JA);
	assert_int_equal(o[1].kind, OUTPUT_UNIX);
	assert_int_equal(o[1].events, ENGINE_STATS);
	assert_int_equal(o[1].spool_bytes, 5 * MEGABYTE);
	assert_int_equal(o[2].kind, OUTPUT_SYSLOG_UDP);
	assert_string_equal(o[2].host, "log.example");
	assert_int_equal(o[2].port, 514);
	assert_int_equal(o[2].facility, 23);
	assert_int_equal(o[2].format, OUTPUT_TEXT);
	assert_int_equal(o[3].kind, OUTPUT_SYSLOG_TCP);
	assert_string_equal(o[3].host, "fd00::1");
	assert_int_equal(o[3].port, 99);
	assert_int_equal(o[3].facility, 13);
	assert_int_equal(o[3].format, OUTPUT_CEF);
	assert_int_equal(o[4].kind, OUTPUT_SYSLOG_TLS);
	assert_int_equal(o[4].port, 6514);
	assert_string_equal(o[4].ca, "a");
	assert_string_equal(o[4].cert, "/b");
	assert_string_equal(o[4].key, "c");
	assert_int_equal(o[5].kind, OUTPUT_JOURNAL);
	assert_int_equal(o[5].format, OUTPUT_TEXT);
	run_config_free(c);
}

/* The commented example: as it is installed, and with every setting in it switched on. */
static void example(void **state)
{
	struct diag diag = {0};
	struct run_config *c = run_config_load("systemd/kidoban.yaml", &diag);
	struct policy *p;
	char line[256], *text = NULL;
	size_t len = 0;
	FILE *in = fopen("systemd/kidoban.yaml", "r"), *out = open_memstream(&text, &len);

	(void)state;
	diag_print(&diag, stderr);
	assert_non_null(c);
	assert_int_equal(diag.count, 0);
	assert_int_equal(c->sources, 1);
	assert_int_equal(c->source[0].kind, RUN_MIRROR);
	assert_null(c->response_iface);
	assert_null(c->response_hook);
	run_config_free(c);
	p = policy_load("systemd/policy.yaml", &diag);
	diag_print(&diag, stderr);
	assert_non_null(p);
	assert_int_equal(policy_mode(p), MODE_DETECT);
	policy_free(p);

	assert_non_null(in);
	assert_non_null(out);
	while (fgets(line, sizeof(line), in)) {
		bool setting =
			line[0] == '#' && line[1] != '\n' && (line[1] != ' ' || line[2] == ' ');

		fputs(line + setting, out);
	}
	fclose(in);
	fclose(out);
	c = good("all", text);
	assert_int_equal(c->sources, 3);
	assert_int_equal(c->outputs, 4);
	assert_non_null(c->response_hook);
	run_config_free(c);
	free(text);
}

/* @ in the text stands for the place of the first mistake; part is in its sentence. */
static const struct mistake {
	const char *text;
	const char *part;
} mistakes[] = {
	{"@", "the file is empty"},
	{"@[]\n", "the configuration must be a map, not a list"},
	{"@policy: x\n" O, "the configuration has no \"sources\""},
	{"@policy: x\n" S, "the configuration has no \"outputs\""},
	{S O "@polcy: x\n",
	 "unknown key \"polcy\" under the configuration; did you mean \"policy\"?"},
	{S O "policy: @\"\"\n", "policy is empty"},
	{S O "policy: @[a]\n", "policy must be text, not a list"},
	{S O "language: @fr\n", "language must be one of en, ja"},
	{S O "flows: @many\n", "flows must be a number from 64 to 16777216"},
	{S O "flows: @1\n", "flows must be a number from 64"},
	{S O "flows: @1234567890123456789\n", "flows must be a number from 64"},
	{S O "stats-every: @0s\n", "stats-every must be a time such as 500ms"},
	{S O "quarantine: @never\n", "quarantine must be a time such as 500ms"},
	{S O "user: @\"a b\"\n", "has a space"},
	/* metrics, control */
	{S O "metrics: {@port: 1}\n", "unknown key \"port\" under metrics"},
	{S O "metrics: {http: @\"0.0.0.0:9463\"}\n", "must be a loopback address"},
	{S O "metrics: {http: @\"10.0.0.1:9463\"}\n", "must be a loopback address"},
	{S O "metrics: {http: @\"127.0.0.1:0\"}\n", "must be a loopback address with a port"},
	{S O "metrics: {http: @\"127.0.0.1:99999\"}\n", "must be a loopback address with a port"},
	{S O "metrics: {http: @\"[::2]:1\"}\n", "must be a loopback address"},
	{S O "metrics: {http: @localhost}\n", "must be a loopback address"},
	{S O "metrics: {file: @eve.json}\n", "line 4 writes to \"eve.json\" already (file)"},
	{S O "@control: {group: x}\n", "control has no \"socket\""},
	{S O "state: s\ncontrol: {socket: "
	     "@/a23456789/123456789/123456789/123456789/123456789/123456789/123456789/123456789/"
	     "123456789/123456789/123456789/x}\n",
	 "longer than the 107 bytes"},
	/* response */
	{"sources: [{bridge: [a, b]}]\n" O "@response: {interface: c}\n",
	 "response is for a mirror; a bridge and a queue act"},
	{S O "response: {interface: @eth1}\n", "\"eth1\" is read by the source in line 2"},
	{S O "response: {interface: @a/b}\n", "cannot be an interface's name"},
	/* sources */
	{"sources: @mirror\n" O, "sources must be a list, not text"},
	{"sources: @[]\n" O, "sources is an empty list; name one"},
	{"sources: [@eth1]\n" O, "a source must be a map, not text"},
	{"sources: [@{workers: 2}]\n" O, "a source needs one of mirror"},
	{"sources: [{mirror: a, @queue: 1}]\n" O, "this one is a mirror"},
	{"sources: [{mirror: @[]}]\n" O, "mirror is an empty list; name the interface"},
	{"sources: [{mirror: [a, @a]}]\n" O, "mirror: \"a\" is listed twice"},
	{"sources: [{mirror: @0123456789abcdef}]\n" O, "at most 15 bytes"},
	{"sources: [{mirror: @..}]\n" O, "cannot be an interface's name"},
	{"sources: [{mirror: [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, @q]}]\n" O,
	 "at most 16 interfaces"},
	{"sources: [{bridge: @a}]\n" O, "a bridge has two interfaces"},
	{"sources: [{bridge: @[a, b, c]}]\n" O, "a bridge has two interfaces"},
	{"sources: [{bridge: [a, @a]}]\n" O, "listed twice; a bridge has two"},
	{"sources: [{queue: @65536}]\n" O, "queue must be a number from 0 to 65535"},
	{"sources: [{queue: @65535}]\n" O, "none above 65535"},
	{"sources: [{queue: 0, workers: 2}, {queue: @3}]\n" O,
	 "queues 3 to 4 overlap those of the source in line 1, 0 to 3"},
	{"sources: [{mirror: a}, {bridge: @[b, a]}]\n" O,
	 "interface \"a\" is that of the source in line 1 already"},
	{"sources: [{mirror: a, workers: @0}]\n" O, "workers must be a number from 1 to 16"},
	{"sources: @[{mirror: a, workers: 9}, {mirror: b, workers: 8}]\n" O,
	 "all sources together have 17 workers, and 16 are possible"},
	{"sources: [{mirror: a}, {mirror: b}, {mirror: c}, {mirror: d}, {mirror: e}, {mirror: f}, "
	 "{mirror: g}, {mirror: h}, @{mirror: i}]\n" O,
	 "at most 8 sources"},
	{"sources: [{mirror: a, buffer: @1KiB}]\n" O,
	 "buffer must be a size such as 64MiB or 2GiB, from 1MiB to"},
	{"sources: [{mirror: a, buffer: @4GiB}]\n" O, "buffer must be a size"},
	{"sources: [{mirror: a, buffer: @64mb}]\n" O, "buffer must be a size"},
	{"sources: [{mirror: a, snaplen: @10}]\n" O, "snaplen must be a number from 64"},
	{"sources: [{mirror: a, immediate: @maybe}]\n" O, "must be one of yes, no, true, false"},
	{"sources: [{mirror: a, timestamps: @gps}]\n" O, "must be one of host, adapter"},
	{"sources: [{mirror: a, one-way: @no}]\n" O, "one-way must be one of tell, expected"},
	{"sources: [{mirror: a, @when-stopped: open}]\n" O,
	 "when-stopped is for a bridge, and this source is a mirror"},
	{"sources: [{mirror: a, @length: 16}]\n" O, "length is for a queue"},
	{"sources: [{bridge: [a, b], @filter: tcp}]\n" O, "filter is for a mirror"},
	{"sources: [{bridge: [a, b], when-stopped: @cut}]\n" O, "must be one of open, closed"},
	/* outputs */
	{S "outputs: @{}\n", "outputs must be a list, not a map"},
	{S "outputs: @[]\n", "outputs is an empty list; name one"},
	{S "outputs: [@{events: alert}]\n", "an output needs one of file: PATH"},
	{S "outputs: [{file: a, @journal: yes}]\n", "this one has \"file\" in line 3"},
	{S "outputs: [{file: a}, {file: @a}]\n", "line 3 writes to \"a\" already (file)"},
	{S "outputs: [{file: \"-\"}, {file: @\"-\"}]\n", "standard output is the output in line 3"},
	{S "outputs: [{journal: yes}, {journal: @yes}]\n", "the journal is the output in line 3"},
	{S "outputs: [{journal: @no}]\n", "for an output that is not wanted write nothing"},
	{S "outputs: [{syslog: tcp://a}, {syslog: @tcp://a:514}]\n", "that server is the output"},
	{S "outputs: [{syslog: @10.0.0.1}]\n", "must be udp://, tcp:// or tls:// with a host"},
	{S "outputs: [{syslog: @tls://}]\n", "must be udp://, tcp:// or tls:// with a host"},
	{S "outputs: [{syslog: @tls://a:x}]\n", "must be udp://"},
	{S "outputs: [{syslog: @\"tls://[fd00::1\"}]\n", "must be udp://"},
	{S "outputs: [{syslog: @tcp://a/b}]\n", "must be udp://"},
	{S "outputs: [{file: a, events: @alerts}]\n", "events must be one of alert, flow"},
	{S "outputs: [{file: a, events: @[]}]\n", "events is an empty list"},
	{S "outputs: [{file: a, format: @json}]\n", "format must be one of eve, cef, text"},
	{S "outputs: [{file: a, @rotate: {keep: 3}}]\n", "rotate has no \"size\""},
	{S "outputs: [{file: a, rotate: {size: @1}}]\n", "size must be a size such as 64MiB"},
	{S "outputs: [{file: \"-\", @rotate: {size: 1MiB}}]\n", "cannot be rotated"},
	{S "outputs: [{journal: yes, @rotate: {size: 1MiB}}]\n", "rotate is for a file"},
	{S "outputs: [{file: a, @facility: audit}]\n", "facility is for syslog"},
	{S "outputs: [{syslog: tcp://a, @ca: x}]\n", "ca is for syslog over tls://"},
	{S "outputs: [{syslog: udp://a, facility: @13}]\n", "facility must be one of kern, user"},
	{S "outputs: [@{syslog: tls://a, cert: x}]\n", "cert and key belong together; key is"},
	{S "outputs: [{file: a, @spool: 5MiB}]\n", "there is no spool; name its folder"},
	{S "outputs: [{unix: a}, {unix: b}, {unix: c}, {unix: d}, {unix: e}, {unix: f}, {unix: g}, "
	   "{unix: h}, @{unix: i}]\n",
	 "at most 8 outputs"},
};

static void refused(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++) {
		const struct mistake *m = &mistakes[i];
		const char *at = strchr(m->text, '@'), *p;
		struct diag diag = {0};
		struct run_config *c;
		int line = 1, col = 1;
		char text[1024];

		for (p = m->text; p < at; p++) {
			col = *p == '\n' ? 1 : col + 1;
			line += *p == '\n';
		}
		snprintf(text, sizeof(text), "%.*s%s", (int)(at - m->text), m->text, at + 1);
		c = run_config_load_buffer("t", text, strlen(text), &diag);
		if (c || diag.errors != 1 || diag.entry[0].line != line ||
		    diag.entry[0].col != col || !strstr(diag.entry[0].text, m->part))
			fail_msg("%s: expected one mistake, %d:%d %s; got %u, %d:%d %s", text, line,
				 col, m->part, diag.errors, diag.count ? diag.entry[0].line : 0,
				 diag.count ? diag.entry[0].col : 0,
				 diag.count ? diag.entry[0].text : "nothing");
		diag_free(&diag);
	}
}

/* All mistakes of a file come at once. */
static void together(void **state)
{
	static const char text[] = "sources: [{mirror: a, workers: none, fliter: x}]\n"
				   "outputs: [{file: a, events: [alert, x]}]\nlanguage: de\n";
	struct diag diag = {0};

	(void)state;
	assert_null(run_config_load_buffer("t", text, strlen(text), &diag));
	assert_int_equal(diag.errors, 4);
	diag_free(&diag);
}

static void warned(void **state)
{
	static const char text[] = S O "control: {socket: s}\n";
	struct diag diag = {0};
	struct run_config *c = run_config_load_buffer("t", text, strlen(text), &diag);

	(void)state;
	assert_non_null(c);
	assert_int_equal(diag.count, 1);
	assert_non_null(strstr(diag.entry[0].text, "without state, grants"));
	run_config_free(c);
	diag_free(&diag);
}

static void from_file(void **state)
{
	static const char text[] = "sources:\n  - {mirror: a, filter: \"tcp prt 1\"}\n" O;
	struct diag diag = {0};
	char path[] = "/tmp/kidoban-config-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	close(fd);
	assert_null(run_config_load(path, &diag));
	assert_int_equal(diag.errors, 1);
	assert_int_equal(diag.entry[0].line, 2);
	assert_non_null(strstr(diag.entry[0].text, "filter: "));
	unlink(path);
	diag_free(&diag);
	diag = (struct diag){0};
	assert_null(run_config_load(path, &diag));
	assert_int_equal(diag.errors, 1);
	diag_free(&diag);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),  cmocka_unit_test(everything),
		cmocka_unit_test(example),   cmocka_unit_test(refused),
		cmocka_unit_test(together),  cmocka_unit_test(warned),
		cmocka_unit_test(from_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
