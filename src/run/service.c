#include "run/service.h"

#include "detect/watch.h"
#include "run/beat.h"
#include "run/clock.h"
#include "run/control.h"
#include "run/hook.h"
#include "run/kernel.h"
#include "run/metrics.h"
#include "run/notify.h"
#include "run/privileges.h"
#include "run/response.h"
#include "run/service_impl.h"
#include "run/totals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define SECOND	      INT64_C(1000000000)
#define DRAIN_NS      (5 * SECOND) /* for what waits at the end */
#define STATE_WAIT_MS 1000	   /* for others that write to the state */

enum { EXIT_GOOD = 0, EXIT_CONFIG = 2, EXIT_INPUT = 3 }; /* as cmd/cmd.h */

/* --- orders --- */

/* Orders that all workers have passed are freed, and the policies that only they had. */
static void retire(struct service *s)
{
	struct orders **at = &s->orders->older, *old, *newer = s->orders;
	unsigned i;

	for (i = 0; i < s->workers; i++)
		if (worker_obeys(s->worker[i]) < s->orders->number)
			return;
	while ((old = *at)) {
		*at = old->older;
		if (old->policy != newer->policy &&
		    (!old->older || old->older->policy != old->policy))
			orders_free_policy(old);
		orders_free(old);
	}
}

/* Shows new orders to the workers. */
static void order(struct service *s, struct orders *o)
{
	unsigned i;

	o->older = s->orders;
	s->orders = o;
	for (i = 0; i < s->workers; i++)
		worker_orders(s->worker[i], o);
	service_kernel(s, true);
	retire(s);
}

static struct orders *make_orders(struct service *s, struct policy *p, char *err, size_t errlen)
{
	struct orders *o =
		orders_new(s->orders ? s->orders->number + 1 : 1, p, s->state, err, errlen);

	if (!o)
		return NULL;
	if (s->orders) {
		o->has_mode = s->orders->has_mode;
		o->operating_mode = s->orders->operating_mode;
	}
	if (s->orders && s->orders->policy == p)
		o->board = s->orders->board;
	else if (p && s->planned > 1)
		o->board = watch_board_new(p);
	if (o->board || !p || s->planned == 1)
		return o;
	snprintf(err, errlen, "out of memory");
	orders_free(o);
	return NULL;
}

bool service_state_changed(struct service *s, char *err, size_t errlen)
{
	struct orders *o = make_orders(s, s->orders->policy, err, errlen);

	if (!o)
		return false;
	order(s, o);
	return true;
}

bool service_operating_mode(struct service *s, enum policy_operating_mode mode)
{
	char err[256];
	struct orders *o = make_orders(s, s->orders->policy, err, sizeof(err));

	if (!o)
		return false;
	o->has_mode = true;
	o->operating_mode = mode;
	order(s, o);
	return true;
}

enum policy_operating_mode service_operating(const struct service *s)
{
	const struct orders *o = s->orders;

	if (o->has_mode || !o->policy)
		return o->operating_mode;
	return policy_operating_mode(o->policy);
}

bool service_reload(struct service *s, struct diag *diag)
{
	struct run_config *cfg = run_config_load(s->cfg->path, diag);
	struct baseline *norm[SERVICE_WORKERS_MAX] = {NULL};
	struct policy *p = NULL;
	struct orders *o = NULL;
	char err[256];
	unsigned i;

	if (cfg && cfg->policy)
		p = policy_load(cfg->policy, diag);
	if (cfg && !cfg->policy && s->orders->policy)
		diag_add(diag, DIAG_ERROR, s->cfg->path, 0, 0,
			 "there was a policy and now there is none; restart to run without");
	else if (cfg && (p || !cfg->policy) && service_baseline_reload(s, cfg, norm, diag)) {
		o = make_orders(s, p, err, sizeof(err));
		if (!o)
			diag_add(diag, DIAG_ERROR, s->cfg->state, 0, 0, "%s", err);
	}
	run_config_free(cfg);
	if (!o) {
		for (i = 0; i < s->workers; i++)
			baseline_free(norm[i]);
		policy_free(p);
		return false;
	}
	order(s, o);
	service_baseline_obey(s, norm);
	outputs_reopen(s->outputs);
	sources_wire(s, diag);
	return true;
}

static void reload(struct service *s)
{
	struct diag diag = {.count = 0};

	notify_reloading();
	if (service_reload(s, &diag))
		fprintf(stderr, "kidoban run: reloaded\n");
	else
		fprintf(stderr, "kidoban run: not reloaded, everything is as before\n");
	diag_print(&diag, stderr);
	diag_free(&diag);
	notify_ready();
}

/* --- from the workers --- */

struct note {
	struct act_quarantine quarantine; /* port 0 */
	uint16_t port;			  /* else: that of a stubborn device at quarantine.addr */
	char reason[200];
};
_Static_assert(sizeof(struct note) <= 512, "a pipe takes it as a whole (POSIX, PIPE_BUF)");

/* A worker's thread: the pipe does not block, and what does not fit is only enforced there. */
static void on_quarantine(void *user, const struct act_quarantine *q, const char *reason)
{
	struct service *s = user;
	struct note n = {.quarantine = *q};

	snprintf(n.reason, sizeof(n.reason), "%s", reason);
	if (write(s->notes[1], &n, sizeof(n)) != sizeof(n))
		atomic_fetch_add(&s->notes_lost, 1);
}

/* Likewise; it will be told again when it is found again. */
static void on_stubborn(void *user, const struct addr *server, uint16_t port)
{
	struct service *s = user;
	const struct note n = {.quarantine = {.addr = *server}, .port = port};

	if (write(s->notes[1], &n, sizeof(n)) != sizeof(n))
		atomic_fetch_add(&s->notes_lost, 1);
}

static void take_notes(struct service *s)
{
	struct note n;

	while (read(s->notes[0], &n, sizeof(n)) == sizeof(n))
		if (n.port)
			service_stubborn(s, &n.quarantine.addr, n.port);
		else
			service_isolate(s, &n.quarantine, n.reason);
}

/* --- once a second --- */

static void look_at_sources(struct service *s, const struct totals *t, int64_t wall, int64_t mono)
{
	unsigned i;

	for (i = 0; i < s->cfg->sources; i++)
		health_source(s->health, i, t->source[i], t->ifaces[i], wall, mono);
}

static void look_at_outputs(struct service *s, int64_t wall)
{
	struct output_stats list[OUTPUTS_MAX];
	unsigned n = outputs_stats(s->outputs, list, OUTPUTS_MAX), i;

	for (i = 0; i < n; i++)
		health_output(s->health, list[i].name, list[i].spooled, list[i].lost, list[i].takes,
			      wall);
}

static const char *broken(const struct service *s)
{
	unsigned i;

	for (i = 0; i < s->workers; i++)
		if (worker_broken(s->worker[i]))
			return worker_broken(s->worker[i]);
	return NULL;
}

static void second(struct service *s)
{
	int64_t wall = clock_wall(), mono = clock_mono();
	struct totals *t = totals_take(s);
	unsigned i;

	if (health_clock(s->health, wall, mono))
		for (i = 0; i < s->workers; i++)
			worker_clock_stepped(s->worker[i]);
	if (t)
		look_at_sources(s, t, wall, mono);
	look_at_outputs(s, wall);
	if (s->response)
		response_look(s->response);
	service_look_at_state(s);
	service_kernel(s, false);
	service_assets(s, mono, false);
	service_baseline(s, mono);
	if (t)
		service_stats(s, t, wall);
	totals_free(t);
	metrics_tick(s->metrics, mono);
	retire(s);
}

/* --- life --- */

static bool watch(struct service *s, int fd)
{
	struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e) == 0;
}

/* Signals are taken by the main thread, as events; the threads inherit the mask. */
static bool begin_events(struct service *s)
{
	const struct itimerspec every = {{1, 0}, {1, 0}};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	s->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	return s->epoll >= 0 && s->signals >= 0 && s->timer >= 0 &&
	       timerfd_settime(s->timer, 0, &every, NULL) == 0 &&
	       pipe2(s->notes, O_CLOEXEC | O_NONBLOCK) == 0 && watch(s, s->signals) &&
	       watch(s, s->timer) && watch(s, s->notes[0]);
}

/* True when it is time to end. */
static bool take_signals(struct service *s)
{
	struct signalfd_siginfo si;

	while (read(s->signals, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo != SIGHUP)
			return true;
		reload(s);
	}
	return false;
}

int service_run(struct service *s)
{
	struct epoll_event e[8];
	const char *why = NULL;
	uint64_t times;
	int n, i;

	while (!why) {
		n = epoll_wait(s->epoll, e, 8, -1);
		for (i = 0; i < n; i++) {
			int fd = e[i].data.fd;

			if (fd == s->signals && take_signals(s))
				return EXIT_GOOD;
			if (fd == s->notes[0])
				take_notes(s);
			if (fd == s->timer && read(fd, &times, sizeof(times)) == sizeof(times))
				second(s);
			if (s->control && fd == control_fd(s->control))
				control_work(s->control);
		}
		why = broken(s);
	}
	fprintf(stderr, "kidoban run: %s\n", why);
	return EXIT_INPUT;
}

static int fail(struct service *s, int code, const char *what, const char *err)
{
	(void)s;
	fprintf(stderr, "kidoban run: %s%s%s\n", what, *what ? ": " : "", err);
	return code;
}

static bool is_mirror(const struct service *s, unsigned worker)
{
	return s->cfg->source[s->opened_from[worker]].kind == RUN_MIRROR;
}

/* The program that is run for what is blocked, as an ear at the outputs. */
static bool begin_hook(struct service *s, char *err, size_t errlen)
{
	struct outputs_tap tap = {.wants = hook_wants, .alert = hook_alert, .lang = s->cfg->lang};

	s->hook = hook_new(s->cfg->response_hook, err, errlen);
	if (!s->hook)
		return false;
	tap.user = s->hook;
	outputs_tap(s->outputs, &tap);
	return true;
}

static bool begin_workers(struct service *s, char *err, size_t errlen)
{
	unsigned i;

	for (i = 0; i < s->opened; i++) {
		const struct worker_config w = {.number = i,
						.source_number = s->opened_from[i],
						.run = s->cfg,
						.source = s->source[i],
						.sink = outputs_sink(s->outputs, i),
						.events = outputs_events(s->outputs),
						.catalogue = s->catalogue,
						.orders = s->orders,
						.baseline = service_baseline_first(s, i),
						.response = is_mirror(s, i) ? s->response : NULL,
						.quarantined = on_quarantine,
						.stubborn = on_stubborn,
						.user = s};

		s->worker[i] = worker_new(&w, err, errlen);
		if (!s->worker[i]) /* it has freed the baseline */
			return false;
		s->source[i] = NULL; /* the worker's from now on */
		s->workers++;
	}
	service_remember(s);
	for (i = 0; i < s->workers; i++)
		if (!worker_start(s->worker[i])) {
			snprintf(err, errlen, "no thread for a worker: %s", strerror(errno));
			return false;
		}
	return true;
}

/* What needs rights first, then what needs none. Returns an exit code. */
static int begin(struct service *s)
{
	const struct run_config *cfg = s->cfg;
	struct health_config health = {.run = cfg, .lang = cfg->lang};
	struct diag diag = {.count = 0};
	struct policy *p = NULL;
	char err[512] = "";

	s->catalogue = catalogue_builtin(&diag);
	if (s->catalogue && cfg->policy)
		p = policy_load(cfg->policy, &diag);
	diag_print(&diag, stderr);
	diag_free(&diag);
	diag = (struct diag){.count = 0};
	if (!s->catalogue || (cfg->policy && !p))
		return EXIT_CONFIG;
	s->first = p;
	if (!begin_events(s))
		return fail(s, EXIT_INPUT, "events", strerror(errno));
	if (!sources_open(s, p, err, sizeof(err)))
		return fail(s, EXIT_INPUT, "", err);
	if (cfg->response_iface && !(s->response = response_open(cfg, err, sizeof(err))))
		return fail(s, EXIT_INPUT, "", err);
	service_kernel_new(s);
	/* Files belong to whoever has to rotate them, and threads are not started with more rights.
	 */
	if (!privileges_drop(cfg, err, sizeof(err)))
		return fail(s, EXIT_INPUT, "privileges", err);
	if (!service_baseline_new(s, &diag)) {
		diag_print(&diag, stderr);
		diag_free(&diag);
		return EXIT_CONFIG;
	}
	diag_print(&diag, stderr);
	diag_free(&diag);
	s->outputs = outputs_new(cfg->output, cfg->outputs, cfg->spool_dir, s->planned + 1, err,
				 sizeof(err));
	if (!s->outputs)
		return fail(s, EXIT_INPUT, "", err);
	if (cfg->response_hook && !begin_hook(s, err, sizeof(err)))
		return fail(s, EXIT_INPUT, "", err);
	s->metrics = metrics_new(s, err, sizeof(err));
	if (!s->metrics)
		return fail(s, EXIT_INPUT, "metrics", err);
	if (cfg->control_socket) {
		s->control =
			control_new(s, cfg->control_socket, cfg->control_group, err, sizeof(err));
		if (!s->control || !watch(s, control_fd(s->control)))
			return fail(s, EXIT_INPUT, cfg->control_socket, err);
	}
	if (cfg->state && !(s->state = state_open(cfg->state, STATE_CREATE, err, sizeof(err))))
		return fail(s, EXIT_INPUT, cfg->state, err);
	if (s->state)
		state_patience(s->state, STATE_WAIT_MS);
	if (s->state && !(s->assets = service_assets_new()))
		return fail(s, EXIT_INPUT, "", "out of memory");
	s->orders = make_orders(s, p, err, sizeof(err));
	if (!s->orders)
		return fail(s, EXIT_INPUT, cfg->state ? cfg->state : "", err);
	s->first = NULL; /* the orders' from now on */
	health.catalogue = s->catalogue;
	health.sink = outputs_sink(s->outputs, s->planned);
	s->health = health_new(&health);
	if (!s->health)
		return fail(s, EXIT_INPUT, "", "out of memory");
	if (!privileges_seccomp(cfg, err, sizeof(err)))
		return fail(s, EXIT_INPUT, "seccomp", err);
	if (s->hook && !hook_start(s->hook))
		return fail(s, EXIT_INPUT, "", "no thread for the response hook");
	if (!outputs_start(s->outputs, err, sizeof(err)))
		return fail(s, EXIT_INPUT, "outputs", err);
	if (!begin_workers(s, err, sizeof(err)))
		return fail(s, EXIT_INPUT, "", err);
	s->beat = beat_new(s->worker, s->workers);
	if (!s->beat)
		return fail(s, EXIT_INPUT, "", "out of memory");
	beat_begun(s->beat); /* a machine that busy goes on none the less */
	return EXIT_GOOD;
}

struct service *service_new(struct run_config *cfg, int *code)
{
	struct service *s = calloc(1, sizeof(*s));
	unsigned i;

	if (!s) {
		run_config_free(cfg);
		fprintf(stderr, "kidoban run: out of memory\n");
		*code = EXIT_INPUT;
		return NULL;
	}
	s->cfg = cfg;
	s->epoll = s->signals = s->timer = s->notes[0] = s->notes[1] = -1;
	s->started = clock_wall();
	for (i = 0; i < cfg->sources; i++)
		s->planned += cfg->source[i].workers;
	*code = begin(s);
	if (*code == EXIT_GOOD) {
		notify_ready();
		return s;
	}
	service_free(s);
	return NULL;
}

static void free_orders(struct service *s)
{
	struct orders *o = s->orders, *older;

	for (; o; o = older) {
		older = o->older;
		if (!older || older->policy != o->policy)
			orders_free_policy(o);
		orders_free(o);
	}
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void service_free(struct service *s)
{
	unsigned i;

	if (!s)
		return;
	notify_stopping();
	beat_free(s->beat);
	control_free(s->control);
	for (i = 0; i < s->workers; i++)
		worker_stop(s->worker[i]);
	for (i = 0; i < s->workers; i++)
		worker_close(s->worker[i]);
	service_assets(s, clock_mono(), true);
	service_baseline_end(s);
	for (i = 0; i < s->workers; i++)
		worker_free(s->worker[i]);
	for (i = 0; i < s->opened; i++)
		if (s->source[i])
			s->source[i]->ops->close(s->source[i]);
	health_free(s->health);
	metrics_free(s->metrics);
	if (s->outputs)
		outputs_drain(s->outputs, DRAIN_NS);
	outputs_free(s->outputs);
	hook_free(s->hook);
	response_close(s->response);
	kernel_free(s->kernel);
	free_orders(s);
	policy_free(s->first);
	service_assets_free(s->assets);
	service_baseline_free(s);
	state_close(s->state);
	catalogue_free(s->catalogue);
	close_fd(s->epoll);
	close_fd(s->signals);
	close_fd(s->timer);
	close_fd(s->notes[0]);
	close_fd(s->notes[1]);
	run_config_free(s->cfg);
	free(s);
}

/* --- for control and metrics --- */

const struct run_config *service_config(const struct service *s)
{
	return s->cfg;
}

const struct policy *service_policy(const struct service *s)
{
	return s->orders ? s->orders->policy : s->first;
}

const struct catalogue *service_catalogue(const struct service *s)
{
	return s->catalogue;
}

struct health *service_health(struct service *s)
{
	return s->health;
}

struct outputs *service_outputs(struct service *s)
{
	return s->outputs;
}

struct state *service_state(struct service *s)
{
	return s->state;
}

int64_t service_started(const struct service *s)
{
	return s->started;
}

unsigned service_workers(const struct service *s)
{
	return s->workers;
}

bool service_counts(struct service *s, unsigned worker, struct worker_counts *out)
{
	if (worker >= s->workers)
		return false;
	worker_counts(s->worker[worker], out);
	return true;
}

unsigned service_worker_source(const struct service *s, unsigned worker)
{
	return worker_source_number(s->worker[worker]);
}
