#include "baseline/text.h"

#include "baseline/archive_impl.h"
#include "baseline/inside.h"
#include "baseline/permit.h"

#include <inttypes.h>
#include <stdlib.h>

#define VERSION	   1
#define RANK(a, b) ((a) > (b)) - ((a) < (b))

const char *baseline_mode_name(unsigned mode)
{
	static const char *const name[] = {"normal", "maintenance", "emergency", "analysis"};

	return mode < BASELINE_MODES ? name[mode] : NULL;
}

/* --- in the order of what they are --- */

static int channel_order(const void *a, const void *b)
{
	const struct channel *x = *(struct channel *const *)a, *y = *(struct channel *const *)b;
	int d = memcmp(x->client.b, y->client.b, sizeof(x->client.b));

	d = d ? d : memcmp(x->server.b, y->server.b, sizeof(x->server.b));
	d = d ? d : strcmp(x->proto, y->proto);
	return d ? d : RANK(x->unit, y->unit);
}

static int item_order(const void *a, const void *b)
{
	const struct item *x = *(struct item *const *)a, *y = *(struct item *const *)b;
	int d = RANK(x->code, y->code);
	unsigned i;

	d = d ? d : RANK(x->role, y->role);
	d = d ? d : RANK(x->from_server, y->from_server);
	d = d ? d : RANK(x->space, y->space);
	d = d ? d : RANK(x->npath, y->npath);
	for (i = 0; !d && i < x->npath; i++)
		d = RANK(x->path[i], y->path[i]);
	d = d ? d : strcmp(x->object ? x->object : "", y->object ? y->object : "");
	d = d ? d : RANK(x->first, y->first);
	return d ? d : RANK(x->count, y->count);
}

static int permit_order(const void *a, const void *b)
{
	const struct permit *x = *(struct permit *const *)a, *y = *(struct permit *const *)b;
	int d = strcmp(x->what, y->what);

	d = d ? d : RANK(x->has_values, y->has_values);
	d = d ? d : RANK(x->lo, y->lo);
	return d ? d : RANK(x->hi, y->hi);
}

static int source_order(const void *a, const void *b)
{
	const struct baseline_source *x = *(struct baseline_source *const *)a;
	const struct baseline_source *y = *(struct baseline_source *const *)b;
	int d = RANK(x->first, y->first);

	return d ? d : RANK(x->print, y->print);
}

/* Sorts a list by its `next`, through an array; without memory it stays as it is. */
#define SORT(type, head, order)                                                                    \
	do {                                                                                       \
		struct type *e_, **v_;                                                             \
		size_t n_ = 0, i_;                                                                 \
		for (e_ = (head); e_; e_ = e_->next)                                               \
			n_++;                                                                      \
		v_ = calloc(n_ + 1, sizeof(struct type *));                                        \
		for (n_ = 0, e_ = v_ ? (head) : NULL; e_; e_ = e_->next)                           \
			v_[n_++] = e_;                                                             \
		if (n_)                                                                            \
			qsort(v_, n_, sizeof(struct type *), order);                               \
		for (i_ = 0; i_ < n_; i_++)                                                        \
			v_[i_]->next = v_[i_ + 1];                                                 \
		if (n_)                                                                            \
			(head) = v_[0];                                                            \
		free(v_);                                                                          \
	} while (0)

static void sort_items(struct channel *c)
{
	struct item *i;
	uint32_t n = 0;

	SORT(item, c->items, item_order);
	for (i = c->items; i; i = i->next) {
		i->number = ++n;
		c->last_item = &i->next;
	}
}

static void sort_all(struct baseline *b)
{
	struct channel *c;
	unsigned m;

	for (m = 0; m < BASELINE_MODES; m++) {
		SORT(channel, b->norm[m].channels, channel_order);
		for (c = b->norm[m].channels; c; c = c->next) {
			sort_items(c);
			b->norm[m].last_channel = &c->next;
		}
	}
	SORT(permit, b->permits, permit_order);
	SORT(baseline_source, b->sources, source_order);
}

/* --- one item --- */

static void path_fields(struct archive *a, struct item *i)
{
	uint64_t path[3] = {0};
	uint32_t n = i->npath, k;

	for (k = 0; k < n; k++)
		path[k] = i->path[k];
	archive_counts(a, "path", path, &n, 3);
	for (k = 0; k < n; k++) {
		if (path[k] > UINT32_MAX)
			archive_wrong(a, "a number of \"path\" is at most %" PRIu32, UINT32_MAX);
		i->path[k] = (uint32_t)path[k];
	}
	i->npath = (uint8_t)n;
}

/* "objects: 0-9", or where an op does not say how many: "from: 4". */
static void object_fields(struct archive *a, struct item *i)
{
	uint64_t range[2] = {i->first, i->first + (i->count ? i->count - 1 : 0)};
	uint64_t from = i->first;
	uint32_t n = i->count && range[1] >= range[0];

	if (n)
		from = 0;
	archive_ranges(a, "objects", range, &n, 1);
	archive_count(a, "from", &from);
	if (!archive_reads(a))
		return;
	i->first = n ? range[0] : from;
	if (n && range[1] - range[0] >= UINT32_MAX)
		archive_wrong(a, "\"objects\" are at most %" PRIu32, UINT32_MAX - 1);
	else
		i->count = n ? (uint32_t)(range[1] - range[0]) + 1 : 0;
}

/* Who it is; what was learned of it comes behind. */
static void item_identity(struct archive *a, struct item *i)
{
	archive_count32(a, "id", &i->number);
	archive_text(a, "do", &i->name);
	archive_count32(a, "code", &i->code);
	archive_class(a, "class", &i->cls);
	archive_role(a, "role", &i->role);
	archive_flag(a, "from-server", &i->from_server);
	archive_space(a, "space", &i->space);
	path_fields(a, i);
	archive_text(a, "object", &i->object);
	object_fields(a, i);
}

static bool number_taken(const struct channel *c, const struct item *but)
{
	const struct item *i;

	for (i = c->items; i; i = i->next)
		if (i != but && i->number == but->number)
			return true;
	return false;
}

/* NULL: there is no such item; it was told. */
static struct item *read_item(struct archive *a, struct channel *c, uint32_t *highest)
{
	struct item what, *i;
	uint32_t before = c->item_count;

	memset(&what, 0, sizeof(what));
	item_identity(a, &what);
	if (!what.name || !what.number) {
		archive_wrong(a, "an item has an \"id\" from 1 and says what is done (\"do\")");
		return NULL;
	}
	if (what.role == OP_RESPONSE) {
		archive_wrong(a, "an item is a request or a publish");
		return NULL;
	}
	i = item_add(c, &what);
	if (!i || c->item_count == before) {
		archive_wrong(a, i ? "this item is there twice" : "too many items");
		return NULL;
	}
	i->number = what.number;
	if (i->number <= *highest && number_taken(c, i))
		archive_wrong(a, "another item has the \"id\" %" PRIu32, i->number);
	*highest = i->number > *highest ? i->number : *highest;
	return i;
}

static void item_fields(struct archive *a, struct channel *c)
{
	struct item *i = c->items;
	uint32_t highest = 0;

	if (!archive_list(a, "items", true, i != NULL))
		return;
	while (archive_next(a, i != NULL)) {
		if (archive_reads(a))
			i = read_item(a, c, &highest);
		else
			item_identity(a, i);
		if (i) {
			archive_tally(a, "seen", &i->seen);
			timing_item_fields(a, i);
		} else {
			archive_pass(a);
		}
		i = archive_reads(a) ? NULL : i->next;
	}
	archive_end(a);
}

/* --- one channel --- */

struct identity {
	struct addr client, server;
	const char *proto, *unit;
	char digits[16];
};

static void channel_identity(struct archive *a, struct identity *id)
{
	archive_addr(a, "client", &id->client);
	archive_addr(a, "server", &id->server);
	archive_proto(a, "protocol", &id->proto);
	archive_text(a, "unit", &id->unit);
}

static bool unit_number(const char *text, int32_t *out)
{
	char *end;
	long n;

	*out = -1;
	if (!text)
		return true;
	n = *text >= '0' && *text <= '9' && strlen(text) < 11 ? strtol(text, &end, 10) : -1;
	if (n < 0 || n > INT32_MAX || *end)
		return false;
	*out = (int32_t)n;
	return true;
}

static struct channel *read_channel(struct archive *a, struct norm *n)
{
	struct identity id = {.proto = NULL};
	uint32_t before = n->channel_count;
	struct channel *c;
	int32_t unit;

	channel_identity(a, &id);
	if (!unit_number(id.unit, &unit)) {
		archive_wrong(a, "\"unit\" is a number from 0");
		return NULL;
	}
	if (!id.proto) {
		archive_wrong(a, "a channel has a \"client\", a \"server\" and a \"protocol\"");
		return NULL;
	}
	c = channel_get(n, &id.client, &id.server, id.proto, unit);
	if (!c || n->channel_count == before) {
		archive_wrong(a, c ? "this channel is there twice" : "too many channels");
		return NULL;
	}
	return c;
}

static void write_channel(struct archive *a, const struct channel *c)
{
	struct identity id = {.client = c->client, .server = c->server, .proto = c->proto};

	snprintf(id.digits, sizeof(id.digits), "%" PRId32, c->unit);
	id.unit = c->unit >= 0 ? id.digits : NULL;
	channel_identity(a, &id);
}

static void channel_fields(struct archive *a, struct norm *n)
{
	struct channel *c = n->channels;

	if (!archive_list(a, "channels", false, c != NULL))
		return;
	while (archive_next(a, c != NULL)) {
		if (archive_reads(a))
			c = read_channel(a, n);
		else
			write_channel(a, c);
		if (c) {
			archive_tally(a, "seen", &c->seen);
			set_channel_fields(a, c);
			item_fields(a, c);
			order_channel_fields(a, c);
		} else {
			archive_pass(a);
		}
		c = archive_reads(a) ? NULL : c->next;
	}
	archive_end(a);
}

/* --- the head --- */

static void source_fields(struct archive *a, struct baseline *b)
{
	struct baseline_source *s = b->sources, one = {.first = 0};

	if (!archive_list(a, "captures", true, s != NULL))
		return;
	while (archive_next(a, s != NULL)) {
		if (s)
			one = *s;
		archive_time(a, "first", &one.first);
		archive_count(a, "print", &one.print);
		if (archive_reads(a))
			baseline_source_note(b, one.first, one.print);
		else
			s = s->next;
	}
	archive_end(a);
}

static void learned_fields(struct archive *a, struct baseline *b)
{
	if (!archive_map(a, "learned", true))
		return;
	archive_time(a, "from", &b->from);
	archive_time(a, "to", &b->to);
	archive_count(a, "operations", &b->ops);
	archive_count(a, "conversations", &b->flows);
	archive_time(a, "last-news", &b->news);
	archive_count(a, "news", &b->novel);
	source_fields(a, b);
	archive_end(a);
}

static void frozen_fields(struct archive *a, struct baseline *b)
{
	if (!archive_map(a, "frozen", b->state == BASELINE_FROZEN))
		return;
	archive_time(a, "at", &b->frozen_at);
	archive_text(a, "by", &b->by);
	archive_text(a, "reason", &b->reason);
	archive_end(a);
}

/* Elements of a list that are about findings: which one this is; none is BASELINE_FINDINGS. */
static unsigned finding_field(struct archive *a, unsigned f)
{
	const char *id = NULL;

	if (!archive_reads(a))
		id = baseline_finding_id((enum baseline_finding)f);
	archive_text(a, "finding", &id);
	if (!archive_reads(a))
		return f;
	for (f = 0; id && f < BASELINE_FINDINGS; f++)
		if (strcmp(id, baseline_finding_id((enum baseline_finding)f)) == 0)
			return f;
	archive_wrong(a, "there is no finding \"%.60s\"", id ? id : "");
	archive_pass(a);
	return BASELINE_FINDINGS;
}

/* The next finding from f on that has a threshold and heeds it: what is hard does not. */
static unsigned next_threshold(const struct budget *b, unsigned f)
{
	while (f < BASELINE_FINDINGS &&
	       (b->threshold[f] == 0 ||
		baseline_detector_of((enum baseline_finding)f) == BASELINE_SET))
		f++;
	return f;
}

static void threshold_fields(struct archive *a, struct budget *b)
{
	unsigned f = next_threshold(b, 0);

	if (!archive_list(a, "thresholds", true, f < BASELINE_FINDINGS))
		return;
	while (archive_next(a, f < BASELINE_FINDINGS)) {
		f = finding_field(a, f);
		if (f == BASELINE_FINDINGS)
			continue;
		archive_number(a, "score", &b->threshold[f]);
		f = next_threshold(b, f + 1);
	}
	archive_end(a);
}

static unsigned next_rehearsed(const struct budget_part *p, unsigned f)
{
	while (f < BASELINE_FINDINGS && p->soft[f].highest == 0)
		f++;
	return f;
}

static void part_fields(struct archive *a, struct budget_part *p)
{
	unsigned f = next_rehearsed(p, 0);
	uint32_t n;

	archive_span(a, "watched", &p->watched);
	if (!archive_list(a, "scores", true, f < BASELINE_FINDINGS))
		return;
	while (archive_next(a, f < BASELINE_FINDINGS)) {
		f = finding_field(a, f);
		if (f == BASELINE_FINDINGS)
			continue;
		archive_number(a, "highest", &p->soft[f].highest);
		for (n = BUDGET_STEPS; n && !p->soft[f].events[n - 1]; n--)
			;
		archive_counts(a, "events", p->soft[f].events, &n, BUDGET_STEPS);
		f = next_rehearsed(p, f + 1);
	}
	archive_end(a);
}

static void budget_fields(struct archive *a, struct budget *b)
{
	unsigned i = 0;

	if (!archive_map(a, "budget", true))
		return;
	archive_number(a, "events-per-day", &b->per_day);
	archive_span(a, "learned", &b->learned);
	threshold_fields(a, b);
	if (archive_list(a, "rehearsed", false, b->learned != 0)) {
		while (archive_next(a, i < 2)) {
			if (i == 2) {
				archive_wrong(a, "there are two parts at most");
				archive_pass(a);
				continue;
			}
			part_fields(a, &b->part[i++]);
		}
		archive_end(a);
	}
	archive_end(a);
}

static void permit_fields(struct archive *a, struct baseline *b)
{
	struct permit *p = b->permits, one;

	if (!archive_list(a, "permits", true, p != NULL))
		return;
	while (archive_next(a, p != NULL)) {
		one = p ? *p : (struct permit){.next = NULL};
		archive_text(a, "permit", &one.what);
		archive_interval(a, "values", &one.has_values, &one.lo, &one.hi);
		archive_text(a, "by", &one.by);
		archive_time(a, "at", &one.at);
		archive_text(a, "reason", &one.reason);
		archive_text(a, "finding", &one.finding);
		if (!archive_reads(a))
			p = p->next;
		else if (!one.what || !one.by)
			archive_wrong(a, "a permit says what (\"permit\") and by whom (\"by\")");
		else if (!permit_add(b, &one))
			archive_wrong(a, "this permit is there twice");
	}
	archive_end(a);
}

static void norm_fields(struct archive *a, struct baseline *b)
{
	unsigned m;

	if (!archive_map(a, "modes", true))
		return;
	for (m = 0; m < BASELINE_MODES; m++) {
		struct norm *n = &b->norm[m];

		if (!archive_map(a, baseline_mode_name(m), true))
			continue;
		archive_tally(a, "seen", &n->seen);
		archive_count(a, "refused", &n->refused);
		set_norm_fields(a, n);
		channel_fields(a, n);
		value_norm_fields(a, n);
		timing_norm_fields(a, n);
		order_norm_fields(a, n);
		archive_end(a);
	}
	archive_end(a);
}

static bool head_fields(struct archive *a)
{
	uint32_t version = VERSION;

	archive_count32(a, "baseline", &version);
	if (version == VERSION)
		return true;
	archive_wrong(a, "this program reads \"baseline: %d\"", VERSION);
	return false;
}

static void fields(struct archive *a, struct baseline *b)
{
	static const char *const states[] = {"", "learning", "frozen", NULL};
	uint8_t state = (uint8_t)(b->state + 1);

	archive_word(a, "state", states, &state);
	b->state = state == 2 ? BASELINE_FROZEN : BASELINE_LEARNING;
	learned_fields(a, b);
	frozen_fields(a, b);
	budget_fields(a, &b->budget);
	permit_fields(a, b);
	norm_fields(a, b);
}

/* --- out --- */

static const char head[] =
	"# What is normal here, as kidoban learned it: who speaks with whom, what about, with\n"
	"# which values, when and in which order. What is not so is told.\n"
	"#\n"
	"# It may be edited: delete a line and it is no longer known; what is left out is 0, "
	"empty\n"
	"# or no. 'kidoban baseline show' sums it up, 'diff' compares two, 'freeze' ends the\n"
	"# learning, 'approve' permits what an alert was about. Times are UTC; how often and when\n"
	"# something was seen is \"seen\".\n";

bool baseline_save(struct baseline *b, FILE *out)
{
	struct archive a;

	sort_all(b);
	fputs(head, out);
	archive_yaml_write(&a, out);
	if (head_fields(&a))
		fields(&a, b);
	return archive_yaml_done(&a) && fflush(out) == 0 && !ferror(out);
}

uint8_t *baseline_pack(struct baseline *b, size_t *len)
{
	struct archive a;

	sort_all(b);
	archive_bytes_write(&a);
	if (head_fields(&a))
		fields(&a, b);
	*len = a.len;
	if (archive_bytes_done(&a))
		return a.bytes;
	free(a.bytes);
	return NULL;
}

/* --- in --- */

/* All was read: what is derived from it is derived. */
static void ready(struct baseline *b)
{
	unsigned m;

	for (m = 0; m < BASELINE_MODES; m++) {
		value_link(&b->norm[m]);
		if (b->state != BASELINE_FROZEN)
			continue;
		value_settle(&b->norm[m]);
		timing_settle(&b->norm[m]);
		order_settle(&b->norm[m]);
	}
}

struct baseline *baseline_load_text(const char *name, const char *text, size_t len,
				    const struct baseline_limits *limits, struct diag *diag)
{
	static const struct yaml_limits most = {UINT32_MAX - 1, SIZE_MAX / 4};
	struct baseline *b = baseline_new(limits);
	struct yaml_doc doc;
	struct archive a;
	bool good;

	if (!b) {
		diag_add(diag, DIAG_ERROR, name, 0, 0, "out of memory");
		return NULL;
	}
	good = yaml_load_limited(&doc, name, text, len, &most, diag) &&
	       archive_yaml_read(&a, &doc, &b->arena, diag) && head_fields(&a);
	if (good) {
		fields(&a, b);
		good = archive_yaml_done(&a);
	}
	yaml_doc_free(&doc);
	if (good) {
		ready(b);
		return b;
	}
	baseline_free(b);
	return NULL;
}

struct baseline *baseline_unpack(const uint8_t *p, uint32_t len,
				 const struct baseline_limits *limits)
{
	struct baseline *b = baseline_new(limits);
	struct archive a;

	if (!b)
		return NULL;
	archive_bytes_read(&a, p, len, &b->arena);
	if (head_fields(&a))
		fields(&a, b);
	if (archive_bytes_done(&a)) {
		ready(b);
		return b;
	}
	baseline_free(b);
	return NULL;
}
