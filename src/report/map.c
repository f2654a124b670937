#include "report/map.h"

#include "report/labels.h"
#include "report/xml.h"

#include <stdlib.h>

#define GRID	      16   /* between two ends at a box */
#define TRACK	      24   /* between two labels in a gap */
#define LINE	      18   /* of text in a box */
#define HEAD	      30   /* of a box, for its title */
#define LEFT	      144  /* for the names of the layers */
#define ROW_WIDE      1180 /* a longer row is broken */
#define BETWEEN	      32   /* boxes of a row */
#define ASSETS_SHOWN  8
#define STRANGERS     3
#define COLUMNS	      34 /* of text in a box */
#define LABEL_COLUMNS 26
#define BUNDLE_ABOVE  60 /* conduits: those of two zones and one state become one line */
#define EDGES_MAX     2000
#define NOWHERE	      UINT32_MAX

struct box {
	uint32_t zone;
	unsigned row;
	int x, w, y, h;
	unsigned ports[2]; /* how many ends at the top, at the bottom */
	unsigned lines;	   /* of text below the title */
};

enum edge_kind { EDGE_USED, EDGE_VIOLATED, EDGE_CLOSED, EDGE_UNUSED, EDGE_STRAY, EDGE_KINDS };

struct edge {
	uint32_t a, b; /* boxes */
	enum edge_kind kind;
	const char *label, *tip;
	int label_w;
	unsigned bundled;      /* conduits it stands for */
	int xa, xb;	       /* of the two ends */
	int side_a, side_b;    /* 0 top, 1 bottom of the box */
	unsigned gap[2];       /* of the end at a, and of the end at b */
	unsigned track[2];     /* in these gaps */
	unsigned lane;	       /* right of all boxes, from 1; 0: none */
	int left[2], right[2]; /* what it covers in its gaps */
};

struct map {
	struct report *r;
	FILE *out;
	struct box *box;
	uint32_t boxes;
	struct edge *edge;
	uint32_t edges, edge_cap;
	unsigned rows;
	int *row_y, *row_h;
	int *gap_y;	  /* gap g is below row g */
	unsigned *tracks; /* by gap */
	uint8_t *row_level;
	unsigned lanes;
	bool bundle;
	int right; /* of all boxes */
	int width, height;
};

/* Rows from the outside in; two levels may stand side by side. */
static const uint8_t order[LEVELS] = {
	[LEVEL_EXTERNAL] = 0,
	[LEVEL_INFORMATION] = 1,
	[LEVEL_DMZ] = 2,
	[LEVEL_IOT] = 2,
	[LEVEL_CONTROL_INFORMATION] = 3,
	[LEVEL_CONTROL] = 4,
	[LEVEL_FIELD] = 5,
	[LEVEL_SAFETY] = 5,
};

static const char *const layer_names[6][FINDING_LANGS][2] = {
	{{"External", ""}, {"外部", "ネットワーク"}},
	{{"Information", ""}, {"情報系", "ネットワーク"}},
	{{"DMZ, IoT", ""}, {"DMZ・IoT", ""}},
	{{"Control", "(information)"}, {"制御情報系", ""}},
	{{"Control", ""}, {"制御系", ""}},
	{{"Field, safety", ""}, {"フィールド・", "安全計装"}},
};

/* --- text --- */

static int columns(const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
	int n = 0;

	for (; *p; p++)
		n += *p < 0x80 ? 1 : *p >= 0xe3 ? 2 : *p >= 0xc0 ? 1 : 0;
	return n;
}

/* As much of the text as fits, with an ellipsis when it is cut. */
static const char *clip(struct map *m, const char *s, int max)
{
	size_t i;
	int n = 0;

	if (columns(s) <= max)
		return s;
	for (i = 0; s[i]; i++) {
		unsigned char c = (unsigned char)s[i];

		n += c < 0x80 ? 1 : c >= 0xe3 ? 2 : c >= 0xc0 ? 1 : 0;
		if (n > max - 1 && (c & 0xc0) != 0x80)
			break;
	}
	return arena_printf(&m->r->arena, "%.*s\xe2\x80\xa6", (int)i, s);
}

/* Pixels of a text in the map's font, on the safe side. */
static int pixels(const char *s, double each)
{
	return (int)(columns(s) * each + 0.5);
}

static const char *asset_text(struct map *m, uint32_t asset)
{
	const struct policy_asset *a = policy_asset_at(m->r->record->policy, asset);

	if (strcmp(a->title, a->id) == 0)
		return clip(m, a->id, COLUMNS);
	return clip(m, arena_printf(&m->r->arena, "%s  %s", a->id, a->title), COLUMNS);
}

/* --- boxes --- */

static unsigned zone_assets(const struct map *m, uint32_t zone)
{
	const struct record *rec = m->r->record;
	unsigned n = 0;
	uint32_t i;

	for (i = 0; i < rec->assets; i++)
		n += policy_asset_at(rec->policy, i)->zone == zone;
	return n;
}

static unsigned zone_strangers(const struct map *m, uint32_t zone)
{
	const struct record *rec = m->r->record;
	unsigned n = 0;
	uint32_t i;

	for (i = 0; i < rec->strangers; i++)
		n += rec->stranger[i].zone == zone;
	return n;
}

static int widest(struct map *m, uint32_t zone)
{
	const struct record *rec = m->r->record;
	const struct policy_zone *z = policy_zone_at(rec->policy, zone);
	int w = pixels(clip(m, z->title, COLUMNS), 7.6), n;
	uint32_t i;

	if (strcmp(z->title, z->id) != 0)
		w += pixels(z->id, 6.4) + 12;
	for (i = 0; i < rec->assets; i++) {
		if (policy_asset_at(rec->policy, i)->zone != zone)
			continue;
		n = pixels(asset_text(m, i), 6.6) + 18;
		w = n > w ? n : w;
	}
	return w < 120 ? 120 : w;
}

static void size_box(struct map *m, struct box *b)
{
	unsigned assets = zone_assets(m, b->zone), strange = zone_strangers(m, b->zone);
	unsigned ports = b->ports[0] > b->ports[1] ? b->ports[0] : b->ports[1];
	int w = widest(m, b->zone) + 28;

	b->lines = (assets < ASSETS_SHOWN ? assets : ASSETS_SHOWN) + (assets > ASSETS_SHOWN) +
		   (strange < STRANGERS ? strange : STRANGERS) + (strange > STRANGERS);
	w = w > (int)(ports + 1) * GRID ? w : (int)(ports + 1) * GRID;
	b->w = (w + 2 * GRID - 1) / (2 * GRID) * (2 * GRID);
	b->h = HEAD + (int)b->lines * LINE + (b->lines ? 8 : 0);
}

static int by_layer(const void *x, const void *y)
{
	const struct box *a = x, *b = y;

	if (a->row != b->row)
		return a->row < b->row ? -1 : 1;
	return (a->zone > b->zone) - (a->zone < b->zone);
}

static uint32_t box_of(const struct map *m, uint32_t zone)
{
	uint32_t i;

	for (i = 0; i < m->boxes; i++)
		if (m->box[i].zone == zone)
			return i;
	return NOWHERE;
}

/* Rows of boxes: a new one for each layer, and where one gets too long. */
static void make_rows(struct map *m)
{
	unsigned layer = UINT32_MAX;
	int x = 0;
	uint32_t i;

	qsort(m->box, m->boxes, sizeof(*m->box), by_layer);
	for (i = 0; i < m->boxes; i++) {
		struct box *b = &m->box[i];

		size_box(m, b);
		if (b->row != layer || x + b->w > ROW_WIDE) {
			m->row_level[m->rows++] = (uint8_t)b->row;
			layer = b->row;
			x = 0;
		}
		b->x = x;
		x += b->w + BETWEEN;
		m->right = b->x + b->w > m->right ? b->x + b->w : m->right;
		b->row = m->rows - 1;
	}
	m->right = (m->right + GRID - 1) / GRID * GRID;
}

/* The ends of conduits are known: boxes may have to be wider, and stand in the middle. */
static void place_boxes(struct map *m)
{
	uint32_t i, k, first = 0;
	int x = 0;

	m->right = 0;
	for (i = 0; i <= m->boxes; i++) {
		if (i == m->boxes || m->box[i].row != m->box[first].row) {
			m->right = x - BETWEEN > m->right ? x - BETWEEN : m->right;
			first = i;
			x = 0;
		}
		if (i == m->boxes)
			break;
		size_box(m, &m->box[i]);
		m->box[i].x = x;
		x += m->box[i].w + BETWEEN;
		if (m->box[i].h > m->row_h[m->box[i].row])
			m->row_h[m->box[i].row] = m->box[i].h;
	}
	for (i = 0; i < m->boxes; i = k) {
		int spare;

		for (k = i; k < m->boxes && m->box[k].row == m->box[i].row; k++)
			x = m->box[k].x + m->box[k].w;
		spare = (m->right - x) / 2 / GRID * GRID;
		for (first = i; first < k; first++)
			m->box[first].x += LEFT + spare;
	}
	m->right += LEFT;
}

/* --- edges --- */

static void add_edge(struct map *m, uint32_t za, uint32_t zb, enum edge_kind kind, const char *name,
		     const char *tip)
{
	uint32_t a = box_of(m, za), b = box_of(m, zb), i;
	struct edge *e;

	if (a == NOWHERE || b == NOWHERE)
		return;
	for (i = 0; m->bundle && i < m->edges; i++) {
		e = &m->edge[i];
		if (e->a != a || e->b != b || e->kind != kind)
			continue;
		e->label = arena_printf(&m->r->arena, "%u \xc3\x97 %s", ++e->bundled,
					label(m->r->lang, L_CONDUIT));
		e->label_w = pixels(e->label, 6.6) + 16;
		if (e->bundled <= 20)
			e->tip = arena_printf(&m->r->arena, "%s\n%s", e->tip, tip);
		return;
	}
	if (m->edges == EDGES_MAX)
		return;
	m->edge = arena_grow(&m->r->arena, m->edge, m->edges, &m->edge_cap, sizeof(*e));
	e = &m->edge[m->edges++];
	*e = (struct edge){.a = a, .b = b, .kind = kind, .tip = tip, .bundled = 1};
	e->label = clip(m, name, LABEL_COLUMNS);
	e->label_w = pixels(e->label, 6.6) + 16;
}

static uint32_t end_zone_at(const struct map *m, uint32_t conduit, int side, uint32_t i)
{
	const struct policy *p = m->r->record->policy;
	uint32_t k;
	bool zone;
	const char *id = policy_end_at(p, conduit, side, i, &zone);

	if (!id)
		return NOWHERE;
	if (zone) {
		for (k = 0; policy_zone_at(p, k); k++)
			if (policy_zone_at(p, k)->id == id)
				return k;
		return NOWHERE;
	}
	for (k = 0; policy_asset_at(p, k); k++)
		if (policy_asset_at(p, k)->id == id)
			return policy_asset_at(p, k)->zone;
	return NOWHERE;
}

/* The zones of one side of a conduit, each once. */
static uint32_t side_zones(struct map *m, uint32_t conduit, int side, uint32_t *zone, uint32_t max)
{
	const struct policy *p = m->r->record->policy;
	uint32_t i, k, z, n = 0;
	bool is_zone;

	for (i = 0; n < max && policy_end_at(p, conduit, side, i, &is_zone); i++) {
		z = end_zone_at(m, conduit, side, i);
		for (k = 0; k < n && zone[k] != z; k++)
			;
		if (z != NOWHERE && k == n)
			zone[n++] = z;
	}
	return n;
}

static void conduit_edges(struct map *m)
{
	static const enum edge_kind kinds[REPORT_STATES] = {EDGE_USED, EDGE_VIOLATED, EDGE_CLOSED,
							    EDGE_UNUSED};
	static const char *const marks[REPORT_STATES] = {"", "! ", "\xe2\x8f\xb8 ", ""};
	const struct record *rec = m->r->record;
	uint32_t i, f, t, from[8], to[8], nf, nt;

	for (i = 0; i < rec->conduits; i++) {
		const struct policy_conduit *c = policy_conduit_at(rec->policy, i);
		enum report_state s = report_state(m->r, i);
		const char *name = arena_printf(&m->r->arena, "%s%s", marks[s], c->id);
		const char *tip = arena_printf(&m->r->arena, "%s: %s", c->id, c->permits);

		nf = side_zones(m, i, 0, from, 8);
		nt = side_zones(m, i, 1, to, 8);
		for (f = 0; f < nf; f++)
			for (t = 0; t < nt; t++)
				add_edge(m, from[f], to[t], kinds[s], name, tip);
	}
}

static uint32_t zone_by_id(const struct map *m, const char *id)
{
	uint32_t i;

	for (i = 0; id && policy_zone_at(m->r->record->policy, i); i++)
		if (policy_zone_at(m->r->record->policy, i)->id == id)
			return i;
	return NOWHERE;
}

/* Violations of no conduit, one line per pair of zones and finding. */
static void stray_edges(struct map *m)
{
	const struct record *rec = m->r->record;
	uint32_t i, k;

	for (i = 0; i < rec->findings; i++) {
		const struct record_finding *f = &rec->finding[i];
		const char *short_id = strchr(f->finding->id, '.');
		uint64_t count = 0;

		if (f->conduit || !f->src_zone || !f->dst_zone || !report_blocked(f))
			continue;
		for (k = 0; k < rec->findings; k++) {
			const struct record_finding *g = &rec->finding[k];

			if (g->conduit || g->finding != f->finding || g->src_zone != f->src_zone ||
			    g->dst_zone != f->dst_zone)
				continue;
			if (k < i)
				break;
			count += g->count;
		}
		if (k < rec->findings)
			continue; /* an earlier one stands for it */
		add_edge(m, zone_by_id(m, f->src_zone), zone_by_id(m, f->dst_zone), EDGE_STRAY,
			 arena_printf(&m->r->arena, "\xc3\x97 %s",
				      short_id ? short_id + 1 : f->finding->id),
			 arena_printf(&m->r->arena, "%s x%llu: %s", f->finding->id,
				      (unsigned long long)count, f->observed));
	}
}

/* Which sides of their boxes the edges leave from, and through which gaps they run. */
static void route(struct map *m)
{
	uint32_t i;

	for (i = 0; i < m->edges; i++) {
		struct edge *e = &m->edge[i];
		unsigned ra = m->box[e->a].row, rb = m->box[e->b].row;

		e->side_a = ra <= rb;
		e->side_b = rb <= ra;
		e->gap[0] = ra <= rb ? ra : ra - 1;
		e->gap[1] = rb <= ra ? rb : rb - 1;
		if (e->gap[0] != e->gap[1])
			e->lane = ++m->lanes;
		m->box[e->a].ports[e->side_a]++;
		m->box[e->b].ports[e->side_b]++;
	}
}

static int middle(const struct map *m, uint32_t box)
{
	return m->box[box].x + m->box[box].w / 2;
}

/* An end at a box, and where its edge goes from there. */
struct port {
	uint32_t edge;
	bool at_b;
	int towards;
};

static int by_towards(const void *x, const void *y)
{
	const struct port *a = x, *b = y;

	if (a->towards != b->towards)
		return a->towards < b->towards ? -1 : 1;
	if (a->edge != b->edge)
		return a->edge < b->edge ? -1 : 1;
	return a->at_b - b->at_b;
}

/* Ends of one side of a box stand in the order of where they lead: fewer lines cross. */
static void place_ports(struct map *m, uint32_t box, int side, struct port *port)
{
	uint32_t i, n = 0;
	int x;

	for (i = 0; i < m->edges; i++) {
		struct edge *e = &m->edge[i];

		if (e->a == box && e->side_a == side)
			port[n++] = (struct port){
				i, false, e->lane ? m->right + (int)e->lane : middle(m, e->b)};
		if (e->b == box && e->side_b == side)
			port[n++] = (struct port){
				i, true, e->lane ? m->right + (int)e->lane : middle(m, e->a)};
	}
	qsort(port, n, sizeof(*port), by_towards);
	x = middle(m, box) - (int)(n - (n > 0)) * GRID / 2;
	/* lines from above and from below never share a column: that is what the half grid is for
	 */
	x = x / GRID * GRID + (side ? 0 : GRID / 2);
	for (i = 0; i < n; i++, x += GRID) {
		if (port[i].at_b)
			m->edge[port[i].edge].xb = x;
		else
			m->edge[port[i].edge].xa = x;
	}
}

static int lane_x(const struct map *m, const struct edge *e)
{
	return m->right + GRID + (int)e->lane * GRID;
}

/* What the edge covers in its gaps, its label included. */
static void extend(const struct map *m, struct edge *e)
{
	int x = e->lane ? lane_x(m, e) : e->xb, mid;

	e->left[0] = e->xa < x ? e->xa : x;
	e->right[0] = e->xa < x ? x : e->xa;
	mid = (e->left[0] + e->right[0]) / 2;
	if (mid - e->label_w / 2 < e->left[0])
		e->left[0] = mid - e->label_w / 2;
	if (mid + e->label_w / 2 > e->right[0])
		e->right[0] = mid + e->label_w / 2;
	e->left[1] = e->xb;
	e->right[1] = x;
}

/* A stretch of a gap that some edge needs. */
struct stretch {
	uint32_t edge;
	unsigned end;
	int left, right;
};

static int by_left(const void *x, const void *y)
{
	const struct stretch *a = x, *b = y;

	if (a->left != b->left)
		return a->left < b->left ? -1 : 1;
	if (a->edge != b->edge)
		return a->edge < b->edge ? -1 : 1;
	return (int)a->end - (int)b->end;
}

/* Every stretch gets the first track of the gap that is free there. */
static void fill_gap(struct map *m, unsigned gap, struct stretch *s, int *until)
{
	uint32_t i, n = 0;
	unsigned t;

	for (i = 0; i < m->edges; i++) {
		struct edge *e = &m->edge[i];

		if (e->gap[0] == gap)
			s[n++] = (struct stretch){i, 0, e->left[0], e->right[0]};
		if (e->lane && e->gap[1] == gap)
			s[n++] = (struct stretch){i, 1, e->left[1], e->right[1]};
	}
	qsort(s, n, sizeof(*s), by_left);
	for (i = 0; i < n; i++) {
		for (t = 0; t < m->tracks[gap] && until[t] > s[i].left - 10; t++)
			;
		if (t == m->tracks[gap])
			m->tracks[gap]++;
		until[t] = s[i].right;
		m->edge[s[i].edge].track[s[i].end] = t;
	}
}

static void layout(struct map *m)
{
	struct arena *a = &m->r->arena;
	struct port *port = arena_array(a, 2 * (size_t)m->edges + 1, sizeof(*port));
	struct stretch *s = arena_array(a, 2 * (size_t)m->edges + 1, sizeof(*s));
	int *until = arena_array(a, 2 * (size_t)m->edges + 1, sizeof(*until));
	uint32_t i;
	unsigned g;
	int y = 16;

	route(m);
	place_boxes(m);
	for (i = 0; i < m->boxes; i++) {
		place_ports(m, i, 0, port);
		place_ports(m, i, 1, port);
	}
	for (i = 0; i < m->edges; i++)
		extend(m, &m->edge[i]);
	for (g = 0; g < m->rows; g++) {
		fill_gap(m, g, s, until);
		m->row_y[g] = y;
		m->gap_y[g] = y + m->row_h[g] + TRACK;
		y = m->gap_y[g] + (int)m->tracks[g] * TRACK + (m->tracks[g] ? 6 : 0);
	}
	m->width = m->right + 2 * GRID + (int)(m->lanes + 1) * GRID;
	for (i = 0; i < m->edges; i++)
		if (m->edge[i].right[0] + GRID > m->width)
			m->width = m->edge[i].right[0] + GRID;
	m->height = y;
}

/* --- drawing --- */

static void draw_layers(struct map *m)
{
	unsigned g, i;

	for (g = 0; g < m->rows; g++) {
		const char *const *name = layer_names[m->row_level[g]][m->r->lang];

		fprintf(m->out,
			"<rect class=\"layer\" x=\"0\" y=\"%d\" width=\"%d\" height=\"%d\"/>\n",
			m->row_y[g] - 8, m->width, m->row_h[g] + 16);
		for (i = 0; i < 2 && *name[i]; i++) {
			fprintf(m->out, "<text class=\"layer\" x=\"12\" y=\"%d\">",
				m->row_y[g] + 20 + (int)i * 16);
			xml_text(m->out, name[i]);
			fputs("</text>\n", m->out);
		}
	}
}

static void draw_line(struct map *m, const struct box *b, unsigned line, const char *class_name,
		      const char *mark, const char *text)
{
	fprintf(m->out, "<text class=\"%s\" x=\"%d\" y=\"%d\">%s ", class_name, b->x + 12,
		m->row_y[b->row] + HEAD + 12 + (int)line * LINE, mark);
	xml_text(m->out, text);
	fputs("</text>\n", m->out);
}

/* Assets that spoke come first, so that they are among those shown. */
static unsigned draw_assets(struct map *m, const struct box *b)
{
	const struct record *rec = m->r->record;
	unsigned line = 0, all = zone_assets(m, b->zone);
	int seen;
	uint32_t i;

	for (seen = 1; seen >= 0; seen--)
		for (i = 0; i < rec->assets && line < ASSETS_SHOWN; i++)
			if (policy_asset_at(rec->policy, i)->zone == b->zone &&
			    rec->asset_seen[i] == seen)
				draw_line(m, b, line++, seen ? "asset" : "asset silent",
					  seen ? "\xe2\x97\x8f" : "\xe2\x97\x8b", asset_text(m, i));
	if (all > ASSETS_SHOWN)
		draw_line(m, b, line++, "asset silent", "",
			  arena_printf(&m->r->arena, "+ %u", all - ASSETS_SHOWN));
	return line;
}

static void draw_strangers(struct map *m, const struct box *b, unsigned line)
{
	const struct record *rec = m->r->record;
	unsigned all = zone_strangers(m, b->zone), n = 0;
	char text[ADDR_STRLEN];
	uint32_t i;

	for (i = 0; i < rec->strangers && n < STRANGERS; i++)
		if (rec->stranger[i].zone == b->zone) {
			draw_line(m, b, line++, "asset stranger", "?",
				  addr_str(&rec->stranger[i].addr, text));
			n++;
		}
	if (all > STRANGERS)
		draw_line(m, b, line, "asset stranger", "?",
			  arena_printf(&m->r->arena, "+ %u", all - STRANGERS));
}

static void draw_box(struct map *m, const struct box *b)
{
	const struct record *rec = m->r->record;
	const struct policy_zone *z = policy_zone_at(rec->policy, b->zone);
	int y = m->row_y[b->row];
	const char *title = clip(m, z->title, COLUMNS);

	fprintf(m->out,
		"<g><rect class=\"zone%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"6\"/>"
		"<text class=\"zone\" x=\"%d\" y=\"%d\">",
		rec->zone_seen[b->zone] ? "" : " silent", b->x, y, b->w, b->h, b->x + 12, y + 20);
	xml_text(m->out, title);
	fputs("</text>", m->out);
	if (strcmp(z->title, z->id) != 0) {
		fprintf(m->out, "<text class=\"id\" x=\"%d\" y=\"%d\">", b->x + b->w - 12, y + 20);
		xml_text(m->out, z->id);
		fputs("</text>", m->out);
	}
	fputc('\n', m->out);
	draw_strangers(m, b, draw_assets(m, b));
	fputs("</g>\n", m->out);
}

static int box_edge(const struct map *m, uint32_t box, int side)
{
	return m->row_y[m->box[box].row] + (side ? m->box[box].h : 0);
}

static const char *const edge_class[EDGE_KINDS] = {"used", "violated", "closed", "unused", "stray"};

static void draw_edge(struct map *m, const struct edge *e)
{
	int ya = box_edge(m, e->a, e->side_a), yb = box_edge(m, e->b, e->side_b);
	int t0 = m->gap_y[e->gap[0]] + (int)e->track[0] * TRACK;
	int t1 = m->gap_y[e->gap[1]] + (int)e->track[1] * TRACK;

	yb += e->side_b ? 2 : -2; /* the tip of the arrow */
	fprintf(m->out, "<path class=\"e %s\" marker-end=\"url(#%s)\" d=\"M%d %dV%d",
		edge_class[e->kind], edge_class[e->kind], e->xa, ya, t0);
	if (e->lane)
		fprintf(m->out, "H%dV%d", lane_x(m, e), t1);
	fprintf(m->out, "H%dV%d\"/>\n", e->xb, yb);
}

static void draw_label(struct map *m, const struct edge *e)
{
	int x = e->lane ? lane_x(m, e) : e->xb, mid = (e->xa + x) / 2;
	int y = m->gap_y[e->gap[0]] + (int)e->track[0] * TRACK;

	fprintf(m->out, "<g class=\"l %s\"><title>", edge_class[e->kind]);
	xml_text(m->out, e->tip);
	fprintf(m->out,
		"</title><rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"18\" rx=\"9\"/>"
		"<text x=\"%d\" y=\"%d\">",
		mid - e->label_w / 2, y - 9, e->label_w, mid, y + 4);
	xml_text(m->out, e->label);
	fputs("</text></g>\n", m->out);
}

static void draw(struct map *m)
{
	uint32_t i;
	int k;

	fprintf(m->out,
		"<svg class=\"map\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
		"role=\"img\">\n<title>",
		m->width, m->height, m->width, m->height);
	xml_text(m->out, label(m->r->lang, L_ZONE_MAP));
	fputs("</title>\n<defs>\n", m->out);
	for (k = 0; k < EDGE_KINDS; k++)
		fprintf(m->out,
			"<marker id=\"%s\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" "
			"markerWidth=\"8\" markerHeight=\"8\" markerUnits=\"userSpaceOnUse\" "
			"orient=\"auto\"><path class=\"%s\" d=\"M0 0L8 4L0 8z\"/></marker>\n",
			edge_class[k], edge_class[k]);
	fputs("</defs>\n", m->out);
	draw_layers(m);
	/* what matters lies on top */
	for (k = EDGE_UNUSED; k >= EDGE_USED; k--)
		for (i = 0; i < m->edges; i++)
			if ((int)m->edge[i].kind == k)
				draw_edge(m, &m->edge[i]);
	for (i = 0; i < m->edges; i++)
		if (m->edge[i].kind == EDGE_STRAY)
			draw_edge(m, &m->edge[i]);
	for (i = 0; i < m->boxes; i++)
		draw_box(m, &m->box[i]);
	for (i = 0; i < m->edges; i++)
		draw_label(m, &m->edge[i]);
	fputs("</svg>\n", m->out);
}

void report_map(struct report *r, FILE *out)
{
	struct map m = {.r = r, .out = out};
	const struct record *rec = r->record;
	uint32_t i;

	m.box = arena_array(&r->arena, rec->zones + 1, sizeof(*m.box));
	m.row_level = arena_array(&r->arena, rec->zones + 1, 1);
	m.row_y = arena_array(&r->arena, rec->zones + 1, sizeof(int));
	m.row_h = arena_array(&r->arena, rec->zones + 1, sizeof(int));
	m.gap_y = arena_array(&r->arena, rec->zones + 1, sizeof(int));
	m.tracks = arena_array(&r->arena, rec->zones + 1, sizeof(unsigned));
	for (i = 0; i < rec->zones; i++)
		m.box[m.boxes++] = (struct box){
			.zone = i, .row = order[policy_zone_at(rec->policy, i)->level]};
	m.bundle = rec->conduits > BUNDLE_ABOVE;
	make_rows(&m);
	conduit_edges(&m);
	stray_edges(&m);
	layout(&m);
	draw(&m);
}
