#include "run/clock.h"
#include "run/service_impl.h"

#include <string.h>
#include <sys/stat.h>

/* Changes with every commit of any process, whether it is in the file or still in its journal. */
static uint64_t looks(const char *path)
{
	static const char *const parts[] = {"", "-wal"};
	char name[4096];
	uint64_t sum = 0;
	struct stat st;
	unsigned i;

	for (i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "%s%s", path, parts[i]);
		if (stat(name, &st) < 0)
			continue;
		sum = sum * 31 + (uint64_t)st.st_size;
		sum = sum * 31 + (uint64_t)st.st_mtim.tv_sec * 1000000000 +
		      (uint64_t)st.st_mtim.tv_nsec;
	}
	return sum;
}

/* Somebody gave a grant, or released a host, without asking the service. */
void service_look_at_state(struct service *s)
{
	uint64_t now;
	char err[256];

	if (!s->state)
		return;
	now = looks(s->cfg->state);
	if (now == s->state_seen)
		return;
	s->state_seen = now;
	if (!service_state_changed(s, err, sizeof(err)))
		fprintf(stderr, "kidoban run: %s: %s; grants stay as they were\n", s->cfg->state,
			err);
}

void service_isolate(struct service *s, const struct act_quarantine *q, const char *reason)
{
	(void)s;
	(void)q;
	(void)reason;
}
