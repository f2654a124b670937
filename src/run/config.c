/* kidoban.yaml: the top of the file, and what its sections must agree about. */
#include "run/config_load.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/un.h>

#define SECOND INT64_C(1000000000)

/* What is handed out, and the memory of its texts. */
struct held {
	struct run_config c; /* its first member */
	struct arena arena;
};

static void top_policy(struct loader *l, const struct yaml_node *n, void *object)
{
	((struct run_config *)object)->policy = config_path(l, n, "policy");
}

static void top_state(struct loader *l, const struct yaml_node *n, void *object)
{
	((struct run_config *)object)->state = config_written(l, n, "state");
}

static void top_spool(struct loader *l, const struct yaml_node *n, void *object)
{
	((struct run_config *)object)->spool_dir = config_written(l, n, "spool");
}

static void top_language(struct loader *l, const struct yaml_node *n, void *object)
{
	static const char *const words[] = {"en", "ja", NULL};
	int i = load_word(l, n, "language", words);

	if (i >= 0)
		((struct run_config *)object)->lang = (enum finding_lang)i;
}

static void top_flows(struct loader *l, const struct yaml_node *n, void *object)
{
	((struct run_config *)object)->flows = config_number(l, n, "flows", 64, 1u << 24);
}

static void top_stats_every(struct loader *l, const struct yaml_node *n, void *object)
{
	((struct run_config *)object)->stats_every = config_time(l, n, "stats-every");
}

static void top_quarantine(struct loader *l, const struct yaml_node *n, void *object)
{
	load_duration(l, n, "quarantine", &((struct run_config *)object)->quarantine);
}

static void top_user(struct loader *l, const struct yaml_node *n, void *object)
{
	((struct run_config *)object)->user = load_id(l, n, "user");
}

/* A reader of the numbers is on this machine, or comes through something that asks who it is. */
static void metrics_http(struct loader *l, const struct yaml_node *n, void *object)
{
	struct run_config *c = object;
	const char *s = load_text(l, n, "http"), *host = NULL;
	struct in6_addr v6;
	struct in_addr v4;
	bool loopback;

	if (!s)
		return;
	c->metrics_port = 9463;
	if (!config_host_port(l, s, &host, &c->metrics_port))
		host = "";
	loopback = (inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127) ||
		   (inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6));
	if (!loopback)
		load_error(l, n,
			   "http: \"%.80s\" must be a loopback address with a port, such as "
			   "127.0.0.1:9463 or \"[::1]:9463\": it asks nobody for a password",
			   s);
	c->metrics_host = host;
}

static void metrics_file(struct loader *l, const struct yaml_node *n, void *object)
{
	((struct run_config *)object)->metrics_file = config_written(l, n, "file");
}

static void top_metrics(struct loader *l, const struct yaml_node *n, void *object)
{
	static const struct field metrics_fields[] = {
		{"file", metrics_file, false},
		{"http", metrics_http, false},
		{NULL, NULL, false},
	};

	load_fields(l, n, "metrics", metrics_fields, object);
}

static void control_socket(struct loader *l, const struct yaml_node *n, void *object)
{
	const char *s = config_written(l, n, "socket");

	if (s && strlen(s) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		load_error(l, n, "socket: the path is longer than the %zu bytes of a Unix socket",
			   sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1);
	((struct run_config *)object)->control_socket = s;
}

static void control_group(struct loader *l, const struct yaml_node *n, void *object)
{
	((struct run_config *)object)->control_group = load_id(l, n, "group");
}

static void top_control(struct loader *l, const struct yaml_node *n, void *object)
{
	static const struct field control_fields[] = {
		{"socket", control_socket, true},
		{"group", control_group, false},
		{NULL, NULL, false},
	};

	load_fields(l, n, "control", control_fields, object);
}

static void response_interface(struct loader *l, const struct yaml_node *n, void *object)
{
	((struct run_config *)object)->response_iface = config_iface(l, n, "interface");
}

static void response_hook(struct loader *l, const struct yaml_node *n, void *object)
{
	((struct run_config *)object)->response_hook = config_path(l, n, "hook");
}

static void top_response(struct loader *l, const struct yaml_node *n, void *object)
{
	static const struct field response_fields[] = {
		{"interface", response_interface, false},
		{"hook", response_hook, false},
		{NULL, NULL, false},
	};

	load_fields(l, n, "response", response_fields, object);
}

static void baseline_file(struct loader *l, const struct yaml_node *n, void *object)
{
	((struct run_config *)object)->baseline = config_written(l, n, "file");
}

static void baseline_learn(struct loader *l, const struct yaml_node *n, void *object)
{
	((struct run_config *)object)->baseline_learn = config_yes(l, n, "learn");
}

static void baseline_budget(struct loader *l, const struct yaml_node *n, void *object)
{
	((struct run_config *)object)->baseline_budget = config_number(l, n, "budget", 1, 10000);
}

static void top_baseline(struct loader *l, const struct yaml_node *n, void *object)
{
	static const struct field baseline_fields[] = {
		{"file", baseline_file, true},
		{"learn", baseline_learn, false},
		{"budget", baseline_budget, false},
		{NULL, NULL, false},
	};
	const struct run_config *c = object;

	load_fields(l, n, "baseline", baseline_fields, object);
	if (c->baseline_learn && c->baseline_budget > 0)
		load_warning(l, yaml_get(n, "budget"),
			     "budget: it is for a baseline that is compared with; while it is "
			     "learned nothing is told");
}

static const struct field top_fields[] = {
	{"policy", top_policy, false},
	{"state", top_state, false},
	{"spool", top_spool, false},
	{"language", top_language, false},
	{"sources", config_sources, true},
	{"outputs", config_outputs, true},
	{"flows", top_flows, false},
	{"stats-every", top_stats_every, false},
	{"metrics", top_metrics, false},
	{"control", top_control, false},
	{"response", top_response, false},
	{"quarantine", top_quarantine, false},
	{"user", top_user, false},
	{"baseline", top_baseline, false},
	{NULL, NULL, false},
};

/* Answers that go out to the very cable they were heard on would be heard again, or not leave. */
static void check_response(struct loader *l, const struct run_config *c, const struct yaml_node *n)
{
	unsigned i, k, mirrors = 0;

	for (i = 0; i < c->sources; i++) {
		mirrors += c->source[i].kind == RUN_MIRROR;
		for (k = 0; c->response_iface && c->source[i].ifaces[k]; k++)
			if (strcmp(c->source[i].ifaces[k], c->response_iface) == 0)
				load_error(l, yaml_get(n, "interface"),
					   "response: \"%s\" is read by the source in line %d; "
					   "answers leave by an interface of their own",
					   c->response_iface, c->source[i].line);
	}
	if (!mirrors)
		load_error(l, n->key,
			   "response is for a mirror; a bridge and a queue act on the "
			   "packets themselves");
}

static void check(struct config_load *cl, const struct yaml_node *root)
{
	const struct yaml_node *n = yaml_get(root, "response");
	struct run_config *c = cl->c;

	config_outputs_check(cl);
	if (n)
		check_response(&cl->l, c, n);
	n = yaml_get(root, "control");
	if (n && !c->state)
		load_warning(&cl->l, n->key,
			     "without state, grants and quarantine end with the service; name its "
			     "file at the top, such as state: /var/lib/kidoban/state.db");
}

static struct run_config *load(struct yaml_doc *doc, const char *name, bool from_memory,
			       struct diag *diag, unsigned errors)
{
	struct held *h = doc->complete ? calloc(1, sizeof(*h)) : NULL;
	struct config_load cl = {
		.l = {.file = name, .diag = diag}, .from_memory = from_memory, .folder = ""};
	const char *slash = strrchr(name, '/');

	if (h) {
		h->c.stats_every = 60 * SECOND;
		h->c.quarantine = 3600 * SECOND;
		cl.c = &h->c;
		cl.l.a = &h->arena;
		h->c.path = cl.l.file = arena_text(cl.l.a, name, strlen(name));
		if (slash)
			cl.folder = arena_text(cl.l.a, name, (size_t)(slash - name) + 1);
		load_fields(&cl.l, doc->root, "the configuration", top_fields, cl.c);
		check(&cl, doc->root);
	} else if (doc->complete) {
		diag_add(diag, DIAG_ERROR, name, 0, 0, "out of memory");
	}
	yaml_doc_free(doc);
	if (diag->errors == errors && h)
		return &h->c;
	run_config_free(h ? &h->c : NULL);
	return NULL;
}

struct run_config *run_config_load(const char *path, struct diag *diag)
{
	unsigned errors = diag->errors;
	struct yaml_doc doc;

	yaml_load_file(&doc, path, diag);
	return load(&doc, path, false, diag, errors);
}

struct run_config *run_config_load_buffer(const char *name, const char *text, size_t len,
					  struct diag *diag)
{
	unsigned errors = diag->errors;
	struct yaml_doc doc;

	yaml_load_buffer(&doc, name, text, len, diag);
	return load(&doc, name, true, diag, errors);
}

void run_config_free(struct run_config *c)
{
	struct held *h = (struct held *)c;

	if (h)
		arena_free(&h->arena);
	free(h);
}
