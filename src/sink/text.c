/*
 * One line per alert, for people:
 *
 *   2024-01-01 00:00:01.123456 HIGH   policy.value-out-of-range  hmi-1 (10.40.0.5) wrote 900 to
 *   holding register 116 (40117) of plc-1 (10.50.0.11), unit 1 (write-single-register); expected:
 *   conduit hmi-plc permits modbus write holding 100-119 value 0..1000 [would-degrade] x3
 *
 * Live a line comes when an incident begins, and another when it has ended, with the time of the
 * last occurrence: "ended, 3 times".
 *
 * The time is packet time in UTC. Colour only when a person looks: out is a terminal, NO_COLOR is
 * not set, TERM is not "dumb".
 */
#include "sink/sink.h"

#include "detect/incident.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)
#define RESET  "\033[0m"

struct text {
	struct sink sink;
	struct sink_put to;
	unsigned flags; /* SINK_TEXT_ */
	enum finding_lang lang;
};

/* Japanese words take two columns a character: padding counts columns, not bytes. */
static const struct {
	const char *word[FINDING_LANGS]; /* six columns */
	const char *colour;
} levels[] = {
	{{"HIGH  ", "高    "}, "\033[1;31m"},
	{{"MEDIUM", "中    "}, "\033[33m"},
	{{"LOW   ", "低    "}, "\033[36m"},
	{{"NOTICE", "通知  "}, "\033[2m"},
};

struct line {
	size_t used;
	char text[2048]; /* a line has two sentences of INCIDENT_TEXT and less than half that */
};
_Static_assert(sizeof(((struct line *)0)->text) >= 2 * INCIDENT_TEXT + 512, "a line fits");

__attribute__((format(printf, 2, 3))) static void add(struct line *l, const char *format, ...)
{
	size_t room = sizeof(l->text) - l->used;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(l->text + l->used, room, format, args);
	va_end(args);
	if (n > 0)
		l->used += (size_t)n < room ? (size_t)n : room - 1;
}

static const char *moment(int64_t ns, char out[32])
{
	time_t seconds = (time_t)(ns / SECOND);
	struct tm tm;

	if (!gmtime_r(&seconds, &tm))
		memset(&tm, 0, sizeof(tm));
	strftime(out, 32, "%Y-%m-%d %H:%M:%S", &tm);
	return out;
}

/* Of a deviation: what else belongs to the event. How often it was seen, its sentence says. */
static void add_norm(struct line *l, const struct incident_norm *n, bool ja)
{
	uint32_t k;

	for (k = 0; k < n->alsos; k++)
		add(l, "%s%s x%" PRIu64,
		    k	 ? ", "
		    : ja ? "、ほかに "
			 : ", also ",
		    n->also[k].finding, n->also[k].count);
}

static void on_alert(struct sink *s, const struct incident *i)
{
	struct text *t = (struct text *)s;
	unsigned level = (i->severity - 1u) % (sizeof(levels) / sizeof(*levels));
	bool ja = t->lang == FINDING_JA, colour = t->flags & SINK_TEXT_COLOUR,
	     over = i->phase == INCIDENT_ENDED;
	int64_t time = over ? i->last : i->first;
	struct line l = {.used = 0};
	char when[32];

	if (t->flags & SINK_TEXT_BARE)
		add(&l, "%s: ", i->finding->id);
	else
		add(&l, "%s.%06d %s%s%s %-27s ", moment(time, when), (int)(time % SECOND / 1000),
		    colour ? levels[level].colour : "", levels[level].word[t->lang],
		    colour ? RESET : "", i->finding->id);
	add(&l, "%s%s%s", i->observed,
	    !*i->expected ? ""
	    : ja	  ? "。想定: "
			  : "; expected: ",
	    i->expected);
	if (i->wanted)
		add(&l, ja ? " [%2$s の代わりに %1$s]" : " [%s instead of %s]", i->verdict,
		    i->wanted);
	else if (strcmp(i->verdict, "alert") != 0)
		add(&l, " [%s]", i->verdict);
	if (over)
		add(&l, ja ? " 終了、%" PRIu64 " 回" : " ended, %" PRIu64 " times", i->count);
	else if (i->count > 1)
		add(&l, " x%" PRIu64, i->count);
	if (i->elsewhere)
		add(&l,
		    ja ? "(うち別の対象・相手 %" PRIu64 ")" : " (%" PRIu64 " of them elsewhere)",
		    i->elsewhere);
	if (i->norm.detector)
		add_norm(&l, &i->norm, ja);
	l.text[l.used++] = '\n'; /* add() leaves room for the NUL */
	t->to.bytes(t->to.user, l.text, l.used);
}

static bool on_flush(struct sink *s)
{
	struct text *t = (struct text *)s;

	return !t->to.flush || t->to.flush(t->to.user);
}

static void on_free(struct sink *s)
{
	struct text *t = (struct text *)s;

	if (t->to.free)
		t->to.free(t->to.user);
	free(t);
}

static const struct sink_ops text_ops = {
	.alert = on_alert,
	.flush = on_flush,
	.free = on_free,
};

struct sink *sink_text_new(const struct sink_put *to, enum finding_lang lang, unsigned flags)
{
	struct text *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->sink.ops = &text_ops;
	t->to = *to;
	t->lang = lang;
	t->flags = flags;
	return &t->sink;
}

/* --- to a stream, for commands --- */

struct stream {
	FILE *out;
	int err; /* the first errno */
};

static void stream_note(struct stream *s, bool good)
{
	if (!good && !s->err)
		s->err = errno ? errno : EIO;
}

static void stream_bytes(void *user, const char *text, size_t len)
{
	struct stream *s = user;

	errno = 0;
	stream_note(s, fwrite(text, 1, len, s->out) == len);
}

static bool stream_flush(void *user)
{
	struct stream *s = user;

	errno = 0;
	stream_note(s, fflush(s->out) == 0 && !ferror(s->out));
	errno = s->err;
	return s->err == 0;
}

static bool wants_colour(FILE *out)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(fileno(out)) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

struct sink *sink_text_open(FILE *out, enum finding_lang lang)
{
	struct stream *stream = calloc(1, sizeof(*stream));
	const struct sink_put to = {stream_bytes, stream_flush, free, stream};
	struct sink *s;

	if (!stream)
		return NULL;
	stream->out = out;
	s = sink_text_new(&to, lang, wants_colour(out) ? SINK_TEXT_COLOUR : 0);
	if (!s)
		free(stream);
	return s;
}
