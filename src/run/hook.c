#include "run/hook.h"

#include "detect/engine.h"
#include "sink/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define SECOND	   INT64_C(1000000000)
#define RING_BYTES (1u << 20)
#define LOOK_MS	   20 /* while programs run */
#define TELL_EVERY (10 * SECOND)
#define END_TIME   (2 * SECOND)

struct child {
	pid_t pid;     /* 0: none */
	int64_t since; /* ns, never stepped */
};

struct hook {
	const char *path;
	struct ring *ring;
	struct bell bell;
	pthread_t thread;
	bool started;
	atomic_bool ending;
	atomic_uint_fast64_t skipped; /* the ring had no room */
	/* the thread's own */
	struct child child[HOOK_AT_ONCE];
	unsigned running;
	unsigned starts; /* that are left in this second */
	int64_t second;	 /* ns, when it began */
	uint64_t failed, failed_told, skipped_told;
	int64_t told; /* ns; 0: never */
	char why[128];
};

struct hook *hook_new(const char *path, char *err, size_t errlen)
{
	struct hook *h = calloc(1, sizeof(*h));
	struct stat st;

	if (stat(path, &st) != 0 || access(path, X_OK) != 0) {
		snprintf(err, errlen, "response hook %s: %s", path, strerror(errno));
	} else if (!S_ISREG(st.st_mode)) {
		snprintf(err, errlen, "response hook %s is no program", path);
	} else if (h) {
		h->path = path;
		h->bell.fd = -1;
		if (bell_make(&h->bell) && (h->ring = ring_new(RING_BYTES, &h->bell)))
			return h;
		snprintf(err, errlen, "response hook: out of memory or descriptors");
	} else {
		snprintf(err, errlen, "out of memory");
	}
	hook_free(h);
	return NULL;
}

bool hook_wants(void *hook, const struct incident *i)
{
	(void)hook;
	return i->phase != INCIDENT_ENDED && (i->wanted || i->done > ACTION_ALERT);
}

void hook_alert(void *hook, const char *eve, size_t len)
{
	struct hook *h = hook;

	if (!ring_put(h->ring, ENGINE_ALERT, eve, len, true))
		atomic_fetch_add(&h->skipped, 1);
}

static void fail(struct hook *h, const char *what, int number)
{
	h->failed++;
	snprintf(h->why, sizeof(h->why), "%s %d", what, number);
}

/* A file and no pipe: nobody waits for a program that does not read. */
static int input_of(const void *data, size_t len)
{
	int fd = memfd_create("alert", MFD_CLOEXEC);

	if (fd < 0)
		return -1;
	if (write(fd, data, len) == (ssize_t)len && lseek(fd, 0, SEEK_SET) == 0)
		return fd;
	close(fd);
	return -1;
}

static int spawn(const struct hook *h, int input, pid_t *pid)
{
	static char search[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	char *const argv[] = {(char *)(uintptr_t)h->path, NULL}, *const env[] = {search, NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, usual;
	int rc;

	sigemptyset(&none);
	sigemptyset(&usual);
	sigaddset(&usual, SIGPIPE);
	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
						POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &usual);
	rc = posix_spawn_file_actions_adddup2(&files, input, 0);
	if (!rc)
		rc = posix_spawn_file_actions_addclosefrom_np(&files, 3);
	if (!rc)
		rc = posix_spawn(pid, h->path, &files, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return rc;
}

static void run(struct hook *h, const void *eve, size_t len, int64_t now)
{
	int input = input_of(eve, len), rc = errno;
	struct child *c = h->child;

	while (c->pid)
		c++;
	if (input >= 0) {
		rc = spawn(h, input, &c->pid);
		close(input);
	}
	if (input < 0 || rc) {
		c->pid = 0;
		fail(h, "could not be started, error", rc);
		return;
	}
	c->since = now;
	h->running++;
}

static void look_after(struct hook *h, struct child *c, int64_t now)
{
	int status;

	if (waitpid(c->pid, &status, WNOHANG) != c->pid) {
		if (now - c->since <= HOOK_TIME)
			return;
		kill(-c->pid, SIGKILL);
		waitpid(c->pid, &status, 0);
	}
	if (WIFSIGNALED(status))
		fail(h, now - c->since > HOOK_TIME ? "took too long, signal" : "ended by signal",
		     WTERMSIG(status));
	else if (WEXITSTATUS(status) != 0)
		fail(h, "ended with status", WEXITSTATUS(status));
	c->pid = 0;
	h->running--;
}

static void tell(struct hook *h, int64_t now, bool last)
{
	uint64_t skipped = atomic_load(&h->skipped), s = skipped - h->skipped_told,
		 f = h->failed - h->failed_told;

	if ((!s && !f) || (!last && h->told && now - h->told < TELL_EVERY))
		return;
	if (f)
		fprintf(stderr,
			"kidoban run: the response hook %s failed %llu times; the last %s\n",
			h->path, (unsigned long long)f, h->why);
	if (s)
		fprintf(stderr,
			"kidoban run: the response hook %s was not run for %llu alerts: too many\n",
			h->path, (unsigned long long)s);
	h->told = now;
	h->failed_told = h->failed;
	h->skipped_told = skipped;
}

static bool may_start(struct hook *h, int64_t now)
{
	if (now - h->second >= SECOND) {
		h->second = now;
		h->starts = HOOK_RATE;
	}
	return h->starts && h->running < HOOK_AT_ONCE;
}

static void start_some(struct hook *h, int64_t now)
{
	uint32_t kind;
	size_t len;
	void *eve;

	while (may_start(h, now) && (eve = ring_peek(h->ring, &kind, &len))) {
		h->starts--;
		run(h, eve, len, now);
		ring_release(h->ring);
	}
}

static void end(struct hook *h, int64_t now)
{
	unsigned i;

	for (i = 0; i < HOOK_AT_ONCE; i++) {
		if (!h->child[i].pid)
			continue;
		kill(-h->child[i].pid, SIGKILL);
		waitpid(h->child[i].pid, NULL, 0);
		fail(h, "was ended with the service, signal", SIGKILL);
	}
	atomic_fetch_add(&h->skipped, ring_waiting(h->ring));
	tell(h, now, true);
}

static void *loop(void *arg)
{
	struct hook *h = arg;
	int64_t now, ended = 0;
	unsigned i;

	/* What systemd gave us as ambient would pass on to the program. */
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (;;) {
		struct pollfd p = {.fd = h->bell.fd, .events = POLLIN};
		bool ending = atomic_load(&h->ending);

		now = bell_now();
		for (i = 0; i < HOOK_AT_ONCE; i++)
			if (h->child[i].pid)
				look_after(h, &h->child[i], now);
		start_some(h, now);
		tell(h, now, false);
		if (ending && !ended)
			ended = now;
		if (ended && ((!h->running && !ring_used(h->ring)) || now - ended > END_TIME))
			break;
		bell_lie_down(&h->bell);
		if (h->running || ring_used(h->ring))
			poll(NULL, 0, LOOK_MS);
		else if (!atomic_load(&h->ending))
			poll(&p, 1, 1000);
		bell_get_up(&h->bell);
	}
	end(h, now);
	return NULL;
}

bool hook_start(struct hook *h)
{
	h->started = pthread_create(&h->thread, NULL, loop, h) == 0;
	return h->started;
}

void hook_free(struct hook *h)
{
	if (!h)
		return;
	atomic_store(&h->ending, true);
	if (h->started) {
		bell_ring(&h->bell);
		pthread_join(h->thread, NULL);
	}
	ring_free(h->ring);
	if (h->bell.fd >= 0)
		close(h->bell.fd);
	free(h);
}
