/* `outputs` of kidoban.yaml: where events go. */
#include "run/config_load.h"

#include "detect/engine.h"

#define MEGABYTE (UINT64_C(1) << 20)
#define GIGABYTE (UINT64_C(1) << 30)

struct making {
	struct output_config *o;
	const struct yaml_node *kind; /* the value of file, unix, syslog or journal; NULL */
	bool has_format;
};

static bool is_kind(struct loader *l, const struct yaml_node *n, struct making *m)
{
	if (m->kind) {
		load_error(
			l, n->key,
			"an output is one of file, unix, syslog and journal; this one has \"%s\" "
			"in line %d",
			m->kind->key->text, m->kind->line);
		return false;
	}
	m->kind = n;
	return true;
}

static void set_file(struct loader *l, const struct yaml_node *n, void *object)
{
	struct making *m = object;

	if (!is_kind(l, n, m))
		return;
	m->o->kind = OUTPUT_FILE;
	m->o->path = yaml_is(n, "-") ? "-" : config_written(l, n, "file");
}

static void set_unix(struct loader *l, const struct yaml_node *n, void *object)
{
	struct making *m = object;

	if (!is_kind(l, n, m))
		return;
	m->o->kind = OUTPUT_UNIX;
	m->o->path = config_written(l, n, "unix");
}

/* RFC 5426 3.3, RFC 6587 has no port of its own, RFC 5425 4.1 */
static const struct {
	const char *scheme;
	enum output_kind kind;
	uint16_t port;
} schemes[] = {
	{"udp://", OUTPUT_SYSLOG_UDP, 514},
	{"tcp://", OUTPUT_SYSLOG_TCP, 514},
	{"tls://", OUTPUT_SYSLOG_TLS, 6514},
};

static void set_syslog(struct loader *l, const struct yaml_node *n, void *object)
{
	struct making *m = object;
	const char *s;
	unsigned i;

	if (!is_kind(l, n, m))
		return;
	m->o->kind = OUTPUT_SYSLOG_UDP;
	s = load_text(l, n, "syslog");
	for (i = 0; s && i < sizeof(schemes) / sizeof(*schemes); i++) {
		if (strncmp(s, schemes[i].scheme, 6) != 0)
			continue;
		m->o->kind = schemes[i].kind;
		m->o->port = schemes[i].port;
		if (config_host_port(l, s + 6, &m->o->host, &m->o->port))
			return;
	}
	if (s)
		load_error(l, n,
			   "syslog: \"%.80s\" must be udp://, tcp:// or tls:// with a host, and a "
			   "port where it is not the usual one, such as tls://10.0.0.5:6514",
			   s);
}

static void set_journal(struct loader *l, const struct yaml_node *n, void *object)
{
	struct making *m = object;

	if (!is_kind(l, n, m))
		return;
	m->o->kind = OUTPUT_JOURNAL;
	if (!yaml_is(n, "yes") && !yaml_is(n, "true"))
		load_error(l, n, "journal: yes; for an output that is not wanted write nothing");
}

static void set_format(struct loader *l, const struct yaml_node *n, void *object)
{
	static const char *const words[] = {"eve", "cef", "text", NULL};
	struct making *m = object;
	int i = load_word(l, n, "format", words);

	m->has_format = true;
	if (i >= 0)
		m->o->format = (enum output_format)i;
}

static void one_event(struct loader *l, const struct yaml_node *n, void *object)
{
	static const char *const words[] = {"alert", "flow", "op", "anomaly", "stats", NULL};
	struct making *m = object;
	int i = load_word(l, n, "events", words);

	if (i >= 0)
		m->o->events |= 1u << i; /* as enum engine_event */
}

static void set_events(struct loader *l, const struct yaml_node *n, void *object)
{
	struct making *m = object;

	m->o->events = 0;
	if (load_some(l, n, "events", "leave it out for alerts"))
		load_each(l, n, "events", one_event, object);
}

static void rotate_size(struct loader *l, const struct yaml_node *n, void *object)
{
	((struct making *)object)->o->rotate_bytes =
		config_size(l, n, "size", MEGABYTE / 16, 1024 * GIGABYTE);
}

static void rotate_keep(struct loader *l, const struct yaml_node *n, void *object)
{
	((struct making *)object)->o->rotate_keep = config_number(l, n, "keep", 1, 1000);
}

static void set_rotate(struct loader *l, const struct yaml_node *n, void *object)
{
	static const struct field rotate_fields[] = {
		{"size", rotate_size, true},
		{"keep", rotate_keep, false},
		{NULL, NULL, false},
	};

	load_fields(l, n, "rotate", rotate_fields, object);
}

static void set_facility(struct loader *l, const struct yaml_node *n, void *object)
{
	/* RFC 5424 table 1, by the names syslog daemons know */
	static const char *const words[] = {"kern",	"user",	  "mail",   "daemon", "auth",
					    "syslog",	"lpr",	  "news",   "uucp",   "cron",
					    "authpriv", "ftp",	  "ntp",    "audit",  "alert",
					    "clock",	"local0", "local1", "local2", "local3",
					    "local4",	"local5", "local6", "local7", NULL};
	int i = load_word(l, n, "facility", words);

	if (i >= 0)
		((struct making *)object)->o->facility = (uint8_t)i;
}

static void set_ca(struct loader *l, const struct yaml_node *n, void *object)
{
	((struct making *)object)->o->ca = config_path(l, n, "ca");
}

static void set_cert(struct loader *l, const struct yaml_node *n, void *object)
{
	((struct making *)object)->o->cert = config_path(l, n, "cert");
}

static void set_key(struct loader *l, const struct yaml_node *n, void *object)
{
	((struct making *)object)->o->key = config_path(l, n, "key");
}

static void set_spool(struct loader *l, const struct yaml_node *n, void *object)
{
	((struct making *)object)->o->spool_bytes =
		config_size(l, n, "spool", MEGABYTE, 1024 * GIGABYTE);
}

static const struct field output_fields[] = {
	{"file", set_file, false},     {"unix", set_unix, false},
	{"syslog", set_syslog, false}, {"journal", set_journal, false},
	{"format", set_format, false}, {"events", set_events, false},
	{"rotate", set_rotate, false}, {"facility", set_facility, false},
	{"ca", set_ca, false},	       {"cert", set_cert, false},
	{"key", set_key, false},       {"spool", set_spool, false},
	{NULL, NULL, false},
};

#define KIND(k) (1u << (k))

/* Keys that mean something to some kinds only. */
static const struct {
	const char *key;
	unsigned kinds;
	const char *words;
} only[] = {
	{"rotate", KIND(OUTPUT_FILE), "a file"},
	{"facility", KIND(OUTPUT_SYSLOG_UDP) | KIND(OUTPUT_SYSLOG_TCP) | KIND(OUTPUT_SYSLOG_TLS),
	 "syslog"},
	{"ca", KIND(OUTPUT_SYSLOG_TLS), "syslog over tls://"},
	{"cert", KIND(OUTPUT_SYSLOG_TLS), "syslog over tls://"},
	{"key", KIND(OUTPUT_SYSLOG_TLS), "syslog over tls://"},
};

static bool is_syslog(const struct output_config *o)
{
	return o->kind == OUTPUT_SYSLOG_UDP || o->kind == OUTPUT_SYSLOG_TCP ||
	       o->kind == OUTPUT_SYSLOG_TLS;
}

static void check_against(struct loader *l, const struct making *m, const struct output_config *o)
{
	if (m->o->kind == OUTPUT_JOURNAL && o->kind == OUTPUT_JOURNAL)
		load_error(l, m->kind, "the journal is the output in line %d already", o->line);
	if (m->o->path && o->path && strcmp(m->o->path, "-") == 0 && strcmp(o->path, "-") == 0)
		load_error(l, m->kind, "standard output is the output in line %d already", o->line);
	if (is_syslog(m->o) && m->o->kind == o->kind && m->o->host && o->host &&
	    m->o->port == o->port && strcmp(m->o->host, o->host) == 0)
		load_error(l, m->kind, "that server is the output in line %d already", o->line);
}

static void check_output(struct loader *l, const struct yaml_node *n, struct making *m)
{
	const struct run_config *c = config_load_of(l)->c;
	const struct yaml_node *v;
	unsigned i;

	if (!m->kind) {
		load_error(l, n,
			   "an output needs one of file: PATH, unix: PATH, syslog: "
			   "tls://HOST and journal: yes");
		return;
	}
	if (!m->has_format && (is_syslog(m->o) || m->o->kind == OUTPUT_JOURNAL))
		m->o->format = OUTPUT_TEXT;
	for (i = 0; i < sizeof(only) / sizeof(*only); i++) {
		v = yaml_get(n, only[i].key);
		if (v && !(only[i].kinds & KIND(m->o->kind)))
			load_error(l, v->key, "%s is for %s", only[i].key, only[i].words);
	}
	if (!m->o->cert != !m->o->key)
		load_error(l, n, "cert and key belong together; %s is missing",
			   m->o->cert ? "key" : "cert");
	v = yaml_get(n, "rotate");
	if (v && m->o->path && strcmp(m->o->path, "-") == 0)
		load_error(l, v->key, "standard output cannot be rotated");
	for (i = 0; i < c->outputs; i++)
		check_against(l, m, &c->output[i]);
}

void config_outputs(struct loader *l, const struct yaml_node *n, void *object)
{
	struct run_config *c = config_load_of(l)->c;
	const struct yaml_node *child;

	(void)object;
	if (!load_is(l, n, YAML_LIST, "outputs"))
		return;
	load_some(l, n, "outputs", "name one, such as - file: /var/log/kidoban/eve.json");
	yaml_each (child, n) {
		struct making m = {.o = &c->output[c->outputs]};

		if (c->outputs == OUTPUTS_MAX) {
			load_error(l, child, "there are at most %d outputs", OUTPUTS_MAX);
			return;
		}
		*m.o = (struct output_config){
			.events = ENGINE_ALERT,
			.facility = 13,
			.rotate_keep = 5,
			.spool_bytes = 100 * MEGABYTE,
			.line = child->line,
		};
		load_fields(l, child, "an output", output_fields, &m);
		if (child->kind != YAML_MAP)
			continue;
		check_output(l, child, &m);
		config_load_of(l)->output_node[c->outputs++] = child;
	}
}

void config_outputs_check(struct config_load *cl)
{
	struct run_config *c = cl->c;
	const struct yaml_node *v;
	unsigned i;

	for (i = 0; i < c->outputs; i++) {
		c->output[i].lang = c->lang;
		v = yaml_get(cl->output_node[i], "spool");
		if (v && !c->spool_dir)
			load_error(&cl->l, v->key,
				   "there is no spool; name its folder at the top of the file, "
				   "such as spool: /var/lib/kidoban/spool");
	}
}
