/* Rights given up: seen from the kernel, in children that give them up. Needs root. */
#include "run/privileges.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* capabilities(7), as bits */
#define NET_ADMIN (UINT64_C(1) << 12)
#define NET_RAW	  (UINT64_C(1) << 13)

/* Runs it in a child; what the child says by its exit code, or 128 + the signal that killed it. */
static int in_child(int (*body)(struct run_config *cfg), struct run_config *cfg)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid)
		_exit(body(cfg));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* A line of /proc/self/status, as a hexadecimal number. */
static uint64_t status_of(const char *key)
{
	FILE *in = fopen("/proc/self/status", "r");
	uint64_t v = UINT64_MAX;
	char line[256];

	while (in && fgets(line, sizeof(line), in))
		if (strncmp(line, key, strlen(key)) == 0)
			v = strtoull(line + strlen(key), NULL, 16);
	if (in)
		fclose(in);
	return v;
}

/* 0 when it is somebody else who has just these capabilities. */
static int drop(struct run_config *cfg, uint64_t capabilities)
{
	char err[256];

	if (!privileges_drop(cfg, err, sizeof(err)))
		return 1;
	if (cfg->user && (!getuid() || !geteuid() || !getgid() || setuid(0) == 0))
		return 2;
	if (status_of("CapPrm:") != capabilities || status_of("CapEff:") != capabilities)
		return 3;
	if (status_of("CapInh:") || status_of("CapAmb:"))
		return 4;
	if (status_of("NoNewPrivs:") != 1)
		return 5;
	return 0;
}

static int drop_sourceless(struct run_config *cfg)
{
	int rc = drop(cfg, 0);

	return rc ? rc : socket(AF_PACKET, SOCK_RAW, 0) >= 0 ? 6 : 0;
}

#ifdef HAVE_CAP_NG

static int drop_mirror(struct run_config *cfg)
{
	int rc = drop(cfg, NET_RAW);

	return rc ? rc : socket(AF_PACKET, SOCK_RAW, 0) < 0 ? 6 : 0;
}

static int drop_inline(struct run_config *cfg)
{
	int rc = drop(cfg, NET_ADMIN | NET_RAW);

	return rc ? rc : socket(AF_PACKET, SOCK_RAW, 0) < 0 ? 6 : 0;
}

#endif

static int drop_nobody(struct run_config *cfg)
{
	char err[256] = "";

	return !privileges_drop(cfg, err, sizeof(err)) && strstr(err, "no user \"no such user\"");
}

static int drop_twice(struct run_config *cfg)
{
	char err[256] = "";
	char *root = strdup("root");

	if (drop(cfg, 0) || !privileges_drop(cfg, err, sizeof(err)))
		return 1;
	cfg->user = root;
	return privileges_drop(cfg, err, sizeof(err)) || !strstr(err, "only root can become");
}

static void as_root(void)
{
	if (geteuid() != 0) {
		print_message("needs root\n");
		skip();
	}
}

static void dropped(void **state)
{
	struct run_config cfg = {.user = "nobody", .source = {{.kind = RUN_MIRROR}}};

	(void)state;
	as_root();
	assert_int_equal(in_child(drop_sourceless, &cfg), 0);
	assert_int_equal(in_child(drop_twice, &cfg), 0);
#ifdef HAVE_CAP_NG
	cfg.sources = 1;
	assert_int_equal(in_child(drop_mirror, &cfg), 0);
	cfg.source[1].kind = RUN_BRIDGE;
	cfg.sources = 2;
	assert_int_equal(in_child(drop_inline, &cfg), 0);
	cfg.source[0].kind = RUN_QUEUE;
	cfg.sources = 1;
	assert_int_equal(in_child(drop_inline, &cfg), 0);
	cfg.user = NULL;
	assert_int_equal(in_child(drop_inline, &cfg), 0);
	cfg.source[0].kind = RUN_MIRROR;
	assert_int_equal(in_child(drop_mirror, &cfg), 0);
#endif
	cfg.user = "no such user";
	assert_int_equal(in_child(drop_nobody, &cfg), 1);
}

#ifdef HAVE_SECCOMP

static void *forbidden_call(void *begin)
{
	pthread_barrier_wait(begin);
	personality(0xffffffff); /* only asks */
	return NULL;
}

/* The thread is older than the filter. */
static int forbidden(struct run_config *cfg)
{
	pthread_barrier_t begin;
	pthread_t thread;
	char err[256];

	pthread_barrier_init(&begin, NULL, 2);
	if (pthread_create(&thread, NULL, forbidden_call, &begin) != 0 ||
	    !privileges_seccomp(cfg, err, sizeof(err)))
		return 1;
	pthread_barrier_wait(&begin);
	pthread_join(thread, NULL);
	return 0;
}

static int family(struct run_config *cfg)
{
	char err[256];

	if (!privileges_seccomp(cfg, err, sizeof(err)))
		return 1;
	close(socket(AF_UNIX, SOCK_STREAM, 0));
	close(socket(AF_INET6, SOCK_DGRAM, 0));
	socket(AF_VSOCK, SOCK_STREAM, 0);
	return 0;
}

static int program(struct run_config *cfg)
{
	char err[256];

	if (!privileges_seccomp(cfg, err, sizeof(err)))
		return 1;
	execl("/bin/true", "true", (char *)NULL);
	return 2;
}

static void filtered(void **state)
{
	struct run_config cfg = {.source = {{.kind = RUN_MIRROR}}, .sources = 1};

	(void)state;
	as_root();
#ifdef __SANITIZE_ADDRESS__
	skip(); /* it only logs there */
#endif
	assert_int_equal(in_child(forbidden, &cfg), 128 + SIGSYS);
	assert_int_equal(in_child(family, &cfg), 128 + SIGSYS);
	assert_int_equal(in_child(program, &cfg), 128 + SIGSYS);
	setenv("KIDOBAN_SECCOMP", "log", 1);
	assert_int_equal(in_child(forbidden, &cfg), 0);
	setenv("KIDOBAN_SECCOMP", "off", 1);
	assert_int_equal(in_child(program, &cfg), 0);
	unsetenv("KIDOBAN_SECCOMP");
	cfg.response_hook = "/bin/true";
	assert_int_equal(in_child(program, &cfg), 0);
	assert_int_equal(in_child(forbidden, &cfg), 0);
}

#else

static void filtered(void **state)
{
	(void)state;
	skip();
}

#endif

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(dropped), cmocka_unit_test(filtered)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
