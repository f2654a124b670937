#include "sink/shape.h"

#include "detect/engine.h"
#include "sink/syslog.h"
#include "sink/wire.h"

#include <stdlib.h>
#include <string.h>

enum { FORMATS = 4, BARE_TEXT = 3 }; /* enum output_format, and text without a time */

struct words {
	struct sink *sink;
	struct shape_text text;
	bool made; /* of the event at hand */
};

struct shape {
	struct words words[FORMATS][FINDING_LANGS];
	char message[WIRE_RECORD]; /* with a header */
};

void shape_bytes(void *user, const char *text, size_t len)
{
	struct shape_text *t = user;

	if (t->cut || len > sizeof(t->data) - t->used) {
		t->cut = true;
		return;
	}
	memcpy(t->data + t->used, text, len);
	t->used += len;
}

static struct sink *make(unsigned format, enum finding_lang lang, struct shape_text *text)
{
	const struct sink_put to = {.bytes = shape_bytes, .user = text};

	switch (format) {
	case OUTPUT_EVE:
		return sink_eve_new(&to, lang);
	case OUTPUT_CEF:
		return sink_cef_new(&to, lang);
	case OUTPUT_TEXT:
		return sink_text_new(&to, lang, 0);
	default:
		return sink_text_new(&to, lang, SINK_TEXT_BARE);
	}
}

struct shape *shape_new(void)
{
	struct shape *s = calloc(1, sizeof(*s));
	unsigned f, l;

	for (f = 0; s && f < FORMATS; f++)
		for (l = 0; l < FINDING_LANGS; l++) {
			struct words *w = &s->words[f][l];

			w->sink = make(f, (enum finding_lang)l, &w->text);
			if (!w->sink) {
				shape_free(s);
				return NULL;
			}
		}
	return s;
}

void shape_next(struct shape *s)
{
	unsigned f, l;

	for (f = 0; f < FORMATS; f++)
		for (l = 0; l < FINDING_LANGS; l++)
			s->words[f][l].made = false;
}

static bool is_line(const struct output_config *c)
{
	return c->kind == OUTPUT_FILE || c->kind == OUTPUT_UNIX;
}

const char *shape_alert(struct shape *s, const struct output_config *c, const struct incident *i,
			size_t *len)
{
	unsigned format = c->format == OUTPUT_TEXT && !is_line(c) ? BARE_TEXT : c->format;
	struct words *w = &s->words[format][c->lang];
	const char *body = w->text.data;
	size_t n;

	if (!w->made) {
		shape_clear(&w->text);
		w->sink->ops->alert(w->sink, i);
		w->made = true;
	}
	*len = w->text.cut ? 0 : w->text.used;
	if (is_line(c) || !*len)
		return body;
	n = *len - 1; /* without its newline */
	if (c->kind == OUTPUT_JOURNAL)
		*len = journal_alert(s->message, sizeof(s->message), i, body, n);
	else
		*len = syslog_alert(s->message, sizeof(s->message), c->facility, i, body, n);
	return s->message;
}

const char *shape_other(struct shape *s, const struct output_config *c, unsigned event,
			const char *eve, size_t n, size_t *len)
{
	const char *word = event == ENGINE_FLOW	     ? "flow"
			   : event == ENGINE_OP	     ? "op"
			   : event == ENGINE_ANOMALY ? "anomaly"
						     : "stats";

	*len = n;
	if (is_line(c) || !n)
		return eve;
	if (c->kind == OUTPUT_JOURNAL)
		*len = journal_other(s->message, sizeof(s->message), word, eve, n - 1);
	else
		*len = syslog_other(s->message, sizeof(s->message), c->facility, word, eve, n - 1);
	return s->message;
}

void shape_free(struct shape *s)
{
	unsigned f, l;

	if (!s)
		return;
	for (f = 0; f < FORMATS; f++)
		for (l = 0; l < FINDING_LANGS; l++)
			if (s->words[f][l].sink)
				s->words[f][l].sink->ops->free(s->words[f][l].sink);
	free(s);
}
