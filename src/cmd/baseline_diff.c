/* kidoban baseline diff: what is new, gone and changed, in words. */
#include "baseline/text.h"
#include "cmd/baseline.h"
#include "cmd/baseline_tree.h"

#include <getopt.h>
#include <math.h>
#include <stdlib.h>

static const struct cmd_help help = {
	"baseline diff", "[--all] OLD NEW",
	"Says what is different in NEW: hosts, links, channels, operations, values that are new "
	"or\n"
	"gone, and what else is known of those that are in both. How often and when things were\n"
	"seen, and periods that differ by less than a tenth, are no difference.\n"
	"Exit code 1 when there is one.\n\n"
	"      --all  counts, times and thresholds too\n\n"
	"examples:\n"
	"  kidoban baseline diff plant.baseline new.baseline\n"
	"  git show HEAD~1:plant.baseline > old && kidoban baseline diff old plant.baseline\n"};

/* What is worth a line when it changed; the rest is counts and times. */
static const char *const facts[] = {
	"mac",	 "mac2",      "mac3",	   "mac4",     "outside", "ports", "app",
	"range", "objects",   "set",	   "as",       "every",	  "order", "irregular",
	"many",	 "fractions", "undecided", "written",  "regular", "state", "by",
	"score", "values",    "unlisted",  "gateways", "more",	  NULL};
static const char *const unseen[] = {"learned", "rehearsed", "thresholds",	    "steps",
				     "asks",	"in-state",  "one-after-the-other", NULL};

/* Names of elements. */
static const struct {
	const char *list, *one;
} names[] = {{"hosts", "host"},		 {"links", "link"},	{"channels", "channel"},
	     {"acts", "operation"},	 {"items", "item"},	{"values", "value"},
	     {"together", "pair"},	 {"permits", "permit"}, {"rates", "rate of"},
	     {"orders", "order of"},	 {"cycles", "cycle"},	{"intervals", "interval"},
	     {"thresholds", "threshold"}};

struct walk {
	bool all;
	unsigned differences;
	const char *mode;	/* the operating mode, "" at the top */
	const char *said;	/* the mode whose heading was printed */
	char where[TREE_ABOUT]; /* what the facts are about */
};

static bool in(const char *const *list, const char *word)
{
	while (*list && strcmp(*list, word) != 0)
		list++;
	return *list != NULL;
}

static const char *one_of(const char *list)
{
	unsigned i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(names[i].list, list) == 0)
			return names[i].one;
	return list;
}

static void begin_line(struct walk *w)
{
	w->differences++;
	if (*w->mode && w->said != w->mode)
		printf("operating mode %s:\n", w->mode);
	w->said = w->mode;
	fputs(*w->mode ? "  " : "", stdout);
}

/* "1.02 s" and "1 s": noise of measuring. */
static bool about_the_same(const char *a, const char *b)
{
	char *x_end, *y_end;
	double x = strtod(a, &x_end), y = strtod(b, &y_end);

	return x_end != a && y_end != b && strcmp(x_end, y_end) == 0 &&
	       fabs(x - y) <= 0.1 * fmax(fabs(x), fabs(y));
}

static void fact(struct walk *w, const char *key, const struct yaml_node *a,
		 const struct yaml_node *b)
{
	char x[300] = "", y[300] = "";

	if (!w->all && (!in(facts, key)))
		return;
	if (a)
		tree_words(a, x, sizeof(x));
	if (b)
		tree_words(b, y, sizeof(y));
	if (strcmp(x, y) == 0 || (!w->all && strcmp(key, "every") == 0 && about_the_same(x, y)))
		return;
	begin_line(w);
	printf("changed %s%s%s %s, now %s\n", w->where, *w->where ? ": " : "", key, a ? x : "none",
	       b ? y : "none");
}

/* --- lists of maps: sorted by what they are about, gone through together --- */

struct element {
	char *about;
	const struct yaml_node *node;
	uint32_t at;
};

static int by_about(const void *a, const void *b)
{
	const struct element *x = a, *y = b;
	int d = strcmp(x->about, y->about);

	return d ? d : (x->at > y->at) - (x->at < y->at);
}

static struct element *elements(const char *list, const struct yaml_node *n, uint32_t *count)
{
	struct element *e = calloc((n ? n->count : 0) + 1u, sizeof(*e));
	const struct yaml_node *c;
	char about[TREE_ABOUT];
	uint32_t i = 0;

	*count = 0;
	if (!e || !n)
		return e;
	yaml_each (c, n) {
		tree_about(list, c, about);
		e[i].about = strdup(about);
		e[i].node = c;
		e[i].at = i;
		i += e[i].about != NULL;
	}
	qsort(e, i, sizeof(*e), by_about);
	*count = i;
	return e;
}

static void free_elements(struct element *e, uint32_t n)
{
	while (e && n)
		free(e[--n].about);
	free(e);
}

static void maps(struct walk *w, const struct yaml_node *a, const struct yaml_node *b);

static void only(struct walk *w, const char *what, const char *list, const struct element *e)
{
	begin_line(w);
	printf("%s %s%s%s %s\n", what, w->where, *w->where ? ": " : "", one_of(list), e->about);
}

static void both(struct walk *w, const struct element *x, const struct element *y)
{
	char before[TREE_ABOUT];
	size_t used = strlen(w->where);

	memcpy(before, w->where, sizeof(before));
	if (*x->about)
		snprintf(w->where + used, sizeof(w->where) - used, "%s%s", used ? ": " : "",
			 x->about);
	maps(w, x->node, y->node);
	memcpy(w->where, before, sizeof(before));
}

static void lists(struct walk *w, const char *key, const struct yaml_node *a,
		  const struct yaml_node *b)
{
	uint32_t n, m, i = 0, k = 0;
	struct element *x = elements(key, a, &n), *y = elements(key, b, &m);
	int d;

	while (x && y && (i < n || k < m)) {
		d = i == n ? 1 : k == m ? -1 : strcmp(x[i].about, y[k].about);
		if (d < 0)
			only(w, "gone", key, &x[i++]);
		else if (d > 0)
			only(w, "new", key, &y[k++]);
		else
			both(w, &x[i++], &y[k++]);
	}
	free_elements(x, n);
	free_elements(y, m);
}

static void pair(struct walk *w, const char *key, const struct yaml_node *a,
		 const struct yaml_node *b)
{
	static const struct yaml_node none = {.kind = YAML_MAP, .text = ""};

	if (!w->all && in(unseen, key))
		return;
	if (tree_is_list(a) || tree_is_list(b))
		lists(w, key, tree_is_list(a) ? a : NULL, tree_is_list(b) ? b : NULL);
	else if ((a && a->kind == YAML_MAP) || (b && b->kind == YAML_MAP))
		maps(w, a && a->kind == YAML_MAP ? a : &none, b && b->kind == YAML_MAP ? b : &none);
	else
		fact(w, key, a, b);
}

static void maps(struct walk *w, const struct yaml_node *a, const struct yaml_node *b)
{
	const struct yaml_node *n;

	yaml_each (n, a)
		if (strcmp(n->key->text, "modes") != 0)
			pair(w, n->key->text, n, yaml_get(b, n->key->text));
	yaml_each (n, b)
		if (strcmp(n->key->text, "modes") != 0 && !yaml_get(a, n->key->text))
			pair(w, n->key->text, NULL, n);
}

static void modes(struct walk *w, const struct yaml_node *a, const struct yaml_node *b)
{
	static const struct yaml_node none = {.kind = YAML_MAP, .text = ""};
	const struct yaml_node *x, *y;
	unsigned m;

	a = yaml_get(a, "modes");
	b = yaml_get(b, "modes");
	for (m = 0; (w->mode = baseline_mode_name(m)); m++) {
		x = a ? yaml_get(a, w->mode) : NULL;
		y = b ? yaml_get(b, w->mode) : NULL;
		maps(w, x ? x : &none, y ? y : &none);
	}
}

int cmd_baseline_diff(int argc, char **argv)
{
	static const struct option options[] = {{"all", no_argument, NULL, 'a'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	struct baseline *b[2] = {NULL, NULL};
	struct walk w = {.mode = ""};
	struct tree t[2] = {{.text = NULL}, {.text = NULL}};
	int c, i, code = CMD_USAGE;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (c == 'h')
			return cmd_show_help(&help);
		if (c != 'a')
			return cmd_option_error(&help, c, argv[optind - 1]);
		w.all = true;
	}
	if (optind != argc - 2)
		return cmd_usage_error(&help, "which two baselines?");
	for (i = 0; i < 2; i++)
		b[i] = cmd_baseline_load(argv[optind + i]);
	if (b[0] && b[1] && tree_of(&t[0], b[0]) && tree_of(&t[1], b[1])) {
		maps(&w, t[0].doc.root, t[1].doc.root);
		modes(&w, t[0].doc.root, t[1].doc.root);
		if (!w.differences)
			printf("no difference\n");
		code = w.differences ? CMD_UNEXPECTED : CMD_OK;
	}
	for (i = 0; i < 2; i++) {
		tree_free(&t[i]);
		baseline_free(b[i]);
	}
	return code;
}
