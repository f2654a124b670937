#include "cmd/state.h"

#include "base/utf8.h"
#include "run/orders.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void name_of(uid_t uid, char *buf, size_t size)
{
	const struct passwd *pw = getpwuid(uid);

	if (pw)
		snprintf(buf, size, "%.60s", pw->pw_name);
	else
		snprintf(buf, size, "uid %lu", (unsigned long)uid);
}

/* Who logged in, as the kernel remembers through su and sudo; false when nobody did. */
static bool login_uid(uid_t *uid)
{
	char text[32] = "", *end;
	FILE *f = fopen("/proc/self/loginuid", "re");
	unsigned long n;

	if (!f)
		return false;
	n = fgets(text, sizeof(text), f) ? strtoul(text, &end, 10) : UINT32_MAX;
	fclose(f);
	*uid = (uid_t)n;
	return n < UINT32_MAX;
}

void cmd_actor(struct cmd_actor *a)
{
	struct timespec t = {0, 0};
	uid_t login, uid = getuid();
	char user[80], who[80];

	clock_gettime(CLOCK_REALTIME, &t);
	a->actor.time = (int64_t)t.tv_sec * CIVIL_NS + t.tv_nsec;
	name_of(uid, user, sizeof(user));
	if (login_uid(&login) && login != uid) {
		name_of(login, who, sizeof(who));
		snprintf(a->name, sizeof(a->name), "%s (login %s)", user, who);
	} else {
		snprintf(a->name, sizeof(a->name), "%s", user);
	}
	a->actor.os_user = a->name;
}

struct state *cmd_state_open(const struct cmd_help *h, const char *path, enum state_access access)
{
	char err[320];
	struct state *s = state_open(path, access, err, sizeof(err));

	if (!s)
		fprintf(stderr, "kidoban %s: %s: %s\n", h->name, path, err);
	return s;
}

int cmd_state_error(const struct cmd_help *h, const char *path, const struct state *s)
{
	fprintf(stderr, "kidoban %s: %s: %s\n", h->name, path, state_error(s));
	return CMD_INPUT;
}

bool cmd_text_ok(const struct cmd_help *h, const char *what, const char *text)
{
	if (strlen(text) <= STATE_TEXT_MAX && utf8_printable(text))
		return true;
	cmd_usage_error(h, "%s must be printable text of up to %d bytes", what, STATE_TEXT_MAX);
	return false;
}

const char *cmd_time_str(const struct tz *z, int64_t ns, char buf[CIVIL_STRLEN])
{
	int64_t utc = civil_floor(ns);
	struct civil c = civil_from(utc + tz_offset(z, utc));

	snprintf(buf, CIVIL_STRLEN, "%04d-%02d-%02d %02d:%02d:%02d", c.year, c.month, c.day, c.hour,
		 c.minute, c.second);
	return buf;
}

bool cmd_state_grants(const struct cmd_help *h, const char *path, const struct policy *p,
		      struct policy_grant **out, uint32_t *count)
{
	struct state *s = cmd_state_open(h, path, STATE_READ);
	bool ok = s && orders_grants(s, p, out, count);

	if (s && !ok)
		cmd_state_error(h, path, s);
	state_close(s);
	return ok;
}
