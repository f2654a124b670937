/* `sources` of kidoban.yaml: where frames come from. */
#include "run/config_load.h"

#include <pcap/pcap.h>

#define MEGABYTE (UINT64_C(1) << 20)

/* One under construction; which keys were given is asked of the map. */
struct making {
	struct run_source *s;
	const struct yaml_node *kind; /* the value of mirror, bridge or queue; NULL */
	unsigned ifaces;
};

static const char *const kind_words[] = {"mirror", "bridge", "queue"};

static void one_iface(struct loader *l, const struct yaml_node *n, void *object)
{
	struct making *m = object;
	const char *name = config_iface(l, n, kind_words[m->s->kind]);
	unsigned i;

	if (!name)
		return;
	for (i = 0; i < m->ifaces; i++)
		if (strcmp(m->s->ifaces[i], name) == 0) {
			load_error(l, n, "%s: \"%s\" is listed twice%s", kind_words[m->s->kind],
				   name,
				   m->s->kind == RUN_BRIDGE ? "; a bridge has two interfaces" : "");
			return;
		}
	if (m->ifaces == SOURCE_IFACES_MAX) {
		load_error(l, n, "a source has at most %d interfaces", SOURCE_IFACES_MAX);
		return;
	}
	m->s->ifaces[m->ifaces++] = name;
}

static bool is_kind(struct loader *l, const struct yaml_node *n, struct making *m,
		    enum run_source_kind kind)
{
	if (m->kind) {
		load_error(l, n->key,
			   "a source is one of mirror, bridge and queue; this one is a %s",
			   kind_words[m->s->kind]);
		return false;
	}
	m->kind = n;
	m->s->kind = kind;
	return true;
}

static void set_mirror(struct loader *l, const struct yaml_node *n, void *object)
{
	if (is_kind(l, n, object, RUN_MIRROR) &&
	    load_some(l, n, "mirror", "name the interface of the mirror port"))
		load_each(l, n, "mirror", one_iface, object);
}

static void set_bridge(struct loader *l, const struct yaml_node *n, void *object)
{
	struct making *m = object;
	unsigned errors = l->diag->errors;

	if (!is_kind(l, n, m, RUN_BRIDGE))
		return;
	load_each(l, n, "bridge", one_iface, m);
	if (m->ifaces != 2 && l->diag->errors == errors)
		load_error(l, n, "a bridge has two interfaces, such as [eth1, eth2]");
}

static void set_queue(struct loader *l, const struct yaml_node *n, void *object)
{
	struct making *m = object;

	if (is_kind(l, n, m, RUN_QUEUE))
		m->s->number = (uint16_t)config_number(l, n, "queue", 0, UINT16_MAX);
}

static void set_workers(struct loader *l, const struct yaml_node *n, void *object)
{
	struct making *m = object;

	m->s->workers = config_number(l, n, "workers", 1, RUN_WORKERS_MAX);
}

/* Compiled for Ethernet, which mirror ports are. Looks up the names of hosts in it. */
static void check_filter(struct loader *l, const struct yaml_node *n, const char *filter)
{
	pcap_t *p = pcap_open_dead(DLT_EN10MB, UINT16_MAX);
	struct bpf_program prog;

	if (!p)
		return;
	if (pcap_compile(p, &prog, filter, 1, PCAP_NETMASK_UNKNOWN) == 0)
		pcap_freecode(&prog);
	else
		load_error(l, n, "filter: %s; man pcap-filter has the language", pcap_geterr(p));
	pcap_close(p);
}

static void set_filter(struct loader *l, const struct yaml_node *n, void *object)
{
	struct making *m = object;

	m->s->filter = load_text(l, n, "filter");
	if (m->s->filter && !config_load_of(l)->from_memory)
		check_filter(l, n, m->s->filter);
}

static void set_snaplen(struct loader *l, const struct yaml_node *n, void *object)
{
	((struct making *)object)->s->snaplen = config_number(l, n, "snaplen", 64, 262144);
}

static void set_buffer(struct loader *l, const struct yaml_node *n, void *object)
{
	((struct making *)object)->s->buffer =
		(uint32_t)config_size(l, n, "buffer", MEGABYTE, 2048 * MEGABYTE - 1);
}

static void set_immediate(struct loader *l, const struct yaml_node *n, void *object)
{
	((struct making *)object)->s->immediate = config_yes(l, n, "immediate");
}

static void set_promiscuous(struct loader *l, const struct yaml_node *n, void *object)
{
	((struct making *)object)->s->promiscuous = config_yes(l, n, "promiscuous");
}

static void set_timestamps(struct loader *l, const struct yaml_node *n, void *object)
{
	static const char *const words[] = {"host", "adapter", "adapter-unsynced", NULL};
	int i = load_word(l, n, "timestamps", words);

	if (i >= 0)
		((struct making *)object)->s->timestamps = (enum live_timestamps)i;
}

static void set_quiet(struct loader *l, const struct yaml_node *n, void *object)
{
	((struct making *)object)->s->quiet = config_time(l, n, "quiet");
}

static void set_one_way(struct loader *l, const struct yaml_node *n, void *object)
{
	static const char *const words[] = {"tell", "expected", NULL};

	((struct making *)object)->s->one_way_told = load_word(l, n, "one-way", words) == 0;
}

static void set_when_stopped(struct loader *l, const struct yaml_node *n, void *object)
{
	static const char *const words[] = {"open", "closed", NULL};

	((struct making *)object)->s->when_stopped_open =
		load_word(l, n, "when-stopped", words) == 0;
}

static void set_length(struct loader *l, const struct yaml_node *n, void *object)
{
	((struct making *)object)->s->length = config_number(l, n, "length", 16, 1u << 20);
}

static const struct field source_fields[] = {
	{"mirror", set_mirror, false},
	{"bridge", set_bridge, false},
	{"queue", set_queue, false},
	{"workers", set_workers, false},
	{"filter", set_filter, false},
	{"snaplen", set_snaplen, false},
	{"buffer", set_buffer, false},
	{"immediate", set_immediate, false},
	{"promiscuous", set_promiscuous, false},
	{"timestamps", set_timestamps, false},
	{"quiet", set_quiet, false},
	{"one-way", set_one_way, false},
	{"when-stopped", set_when_stopped, false},
	{"length", set_length, false},
	{NULL, NULL, false},
};

/* Keys that mean something to one kind only. */
static const struct {
	const char *key;
	enum run_source_kind kind;
} only[] = {
	{"filter", RUN_MIRROR},	      {"snaplen", RUN_MIRROR},	  {"immediate", RUN_MIRROR},
	{"promiscuous", RUN_MIRROR},  {"timestamps", RUN_MIRROR}, {"one-way", RUN_MIRROR},
	{"when-stopped", RUN_BRIDGE}, {"length", RUN_QUEUE},
};

static bool same_iface(const struct run_source *a, const char *name)
{
	unsigned i;

	for (i = 0; a->ifaces[i]; i++)
		if (strcmp(a->ifaces[i], name) == 0)
			return true;
	return false;
}

/* Both sides of an interface, or a queue, can be read by one source only. */
static void check_against(struct loader *l, const struct making *m, const struct run_source *other)
{
	unsigned i;

	for (i = 0; m->s->ifaces[i]; i++)
		if (same_iface(other, m->s->ifaces[i]))
			load_error(l, m->kind,
				   "interface \"%s\" is that of the source in line %d already",
				   m->s->ifaces[i], other->line);
	if (m->s->kind == RUN_QUEUE && other->kind == RUN_QUEUE &&
	    m->s->number < other->number + 2 * other->workers &&
	    other->number < m->s->number + 2 * m->s->workers)
		load_error(
			l, m->kind,
			"queues %u to %u overlap those of the source in line %d, %u to %u: every "
			"worker has two",
			m->s->number, m->s->number + 2 * m->s->workers - 1, other->line,
			other->number, other->number + 2 * other->workers - 1);
}

static void check_source(struct loader *l, const struct yaml_node *n, const struct making *m)
{
	const struct run_config *c = config_load_of(l)->c;
	const struct yaml_node *v;
	unsigned i;

	if (!m->kind) {
		load_error(l, n,
			   "a source needs one of mirror: IFACE, bridge: [IFACE, IFACE] and "
			   "queue: NUMBER");
		return;
	}
	for (i = 0; i < sizeof(only) / sizeof(*only); i++) {
		v = yaml_get(n, only[i].key);
		if (v && only[i].kind != m->s->kind)
			load_error(l, v->key, "%s is for a %s, and this source is a %s",
				   only[i].key, kind_words[only[i].kind], kind_words[m->s->kind]);
	}
	if (m->s->kind == RUN_QUEUE && m->s->number + 2 * m->s->workers > UINT16_MAX + 1u)
		load_error(l, m->kind, "every worker has two queues, and there are none above %d",
			   UINT16_MAX);
	for (i = 0; i < c->sources; i++)
		check_against(l, m, &c->source[i]);
}

static void one_source(struct loader *l, const struct yaml_node *n)
{
	struct run_config *c = config_load_of(l)->c;
	struct making m = {.s = &c->source[c->sources]};

	*m.s = (struct run_source){
		.workers = 1,
		.promiscuous = true,
		.quiet = INT64_C(60000000000),
		.one_way_told = true,
		.when_stopped_open = true,
		.line = n->line,
	};
	load_fields(l, n, "a source", source_fields, &m);
	if (n->kind != YAML_MAP)
		return;
	check_source(l, n, &m);
	c->sources++;
}

void config_sources(struct loader *l, const struct yaml_node *n, void *object)
{
	const struct run_config *c = config_load_of(l)->c;
	const struct yaml_node *child;
	unsigned i, workers = 0;

	(void)object;
	if (!load_is(l, n, YAML_LIST, "sources"))
		return;
	load_some(l, n, "sources", "name one, such as - mirror: eth1");
	yaml_each (child, n) {
		if (c->sources == RUN_SOURCES_MAX) {
			load_error(l, child, "there are at most %d sources", RUN_SOURCES_MAX);
			return;
		}
		one_source(l, child);
	}
	for (i = 0; i < c->sources; i++)
		workers += c->source[i].workers;
	if (workers > RUN_WORKERS_MAX)
		load_error(l, n, "all sources together have %u workers, and %d are possible",
			   workers, RUN_WORKERS_MAX);
}
