/*
 * One line per alert, for people:
 *
 *   2024-01-01 00:00:01.123456 HIGH   policy.value-out-of-range  hmi-1 (10.40.0.5) wrote 900 to
 *   holding register 116 (40117) of plc-1 (10.50.0.11), unit 1 (write-single-register); expected:
 *   conduit hmi-plc permits modbus write holding 100-119 value 0..1000 [would-degrade] x3
 *
 * Live a line comes when an incident begins, and another when it has ended: "ended, 3 times".
 *
 * The time is packet time in UTC. Colour only when a person looks: out is a terminal, NO_COLOR is
 * not set, TERM is not "dumb".
 */
#include "sink/sink.h"

#include "detect/incident.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)
#define RESET  "\033[0m"

struct text {
	struct sink sink;
	FILE *out;
	bool colour;
	enum finding_lang lang;
	int err; /* the first errno */
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

static void on_alert(struct sink *s, const struct incident *i)
{
	struct text *t = (struct text *)s;
	unsigned level = (i->severity - 1u) % (sizeof(levels) / sizeof(*levels));
	time_t seconds = (time_t)(i->first / SECOND);
	const char *between = t->lang == FINDING_JA ? "。想定: " : "; expected: ";
	char when[32];
	struct tm tm;

	if (!gmtime_r(&seconds, &tm))
		memset(&tm, 0, sizeof(tm));
	strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	fprintf(t->out, "%s.%06d %s%s%s %-27s %s%s%s", when, (int)(i->first % SECOND / 1000),
		t->colour ? levels[level].colour : "", levels[level].word[t->lang],
		t->colour ? RESET : "", i->finding->id, i->observed, *i->expected ? between : "",
		i->expected);
	if (i->wanted)
		fprintf(t->out,
			t->lang == FINDING_JA ? " [%2$s の代わりに %1$s]" : " [%s instead of %s]",
			i->verdict, i->wanted);
	else if (strcmp(i->verdict, "alert") != 0)
		fprintf(t->out, " [%s]", i->verdict);
	if (i->phase == INCIDENT_ENDED)
		fprintf(t->out,
			t->lang == FINDING_JA ? " 終了、%" PRIu64 " 回"
					      : " ended, %" PRIu64 " times",
			i->count);
	else if (i->count > 1)
		fprintf(t->out, " x%" PRIu64, i->count);
	if (i->elsewhere)
		fprintf(t->out,
			t->lang == FINDING_JA ? "(うち別の対象・相手 %" PRIu64 ")"
					      : " (%" PRIu64 " of them elsewhere)",
			i->elsewhere);
	errno = 0;
	if (putc('\n', t->out) == EOF && !t->err)
		t->err = errno ? errno : EIO;
}

static bool on_flush(struct sink *s)
{
	struct text *t = (struct text *)s;

	errno = 0;
	if (fflush(t->out) != 0 && !t->err)
		t->err = errno ? errno : EIO;
	if (ferror(t->out) && !t->err)
		t->err = EIO;
	errno = t->err;
	return t->err == 0;
}

static void on_free(struct sink *s)
{
	free(s);
}

static const struct sink_ops text_ops = {
	.alert = on_alert,
	.flush = on_flush,
	.free = on_free,
};

static bool wants_colour(FILE *out)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(fileno(out)) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

struct sink *sink_text_open(FILE *out, enum finding_lang lang)
{
	struct text *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->sink.ops = &text_ops;
	t->out = out;
	t->lang = lang;
	t->colour = wants_colour(out);
	return &t->sink;
}
