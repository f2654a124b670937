/*
 * The power goes, or the process is killed, in the middle of changes: what was told as done is
 * there, and the log is intact.
 *
 * Power: a file system of the test's own keeps account of every write and every sync. For each
 * moment the disk is made anew as it may look then: what was synchronised is there, of the rest
 * each block of 512 bytes is or is not.
 */
#include "state/state.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#define HOUR	(INT64_C(3600) * 1000000000)
#define NOW	(INT64_C(1795000000) * 1000000000)
#define CHANGES 24

static char folder[64], path[96], journal[112];

/* --- the account --- */

enum what { WRITE, TRUNCATE, SYNC, CREATE, DELETE, DONE };

struct step {
	enum what what;
	bool journal; /* else the file itself */
	bool lasts;   /* DELETE: the folder was synchronised */
	size_t offset, len;
	uint8_t *data;
};

static struct step *steps;
static size_t step_count, step_cap;

static void account(struct step s)
{
	if (step_count == step_cap) {
		step_cap = step_cap ? 2 * step_cap : 1024;
		steps = realloc(steps, step_cap * sizeof(*steps));
		assert_non_null(steps);
	}
	steps[step_count++] = s;
}

/* --- the file system --- */

struct file {
	sqlite3_file base;
	bool journal;
	sqlite3_file *real;
};

static sqlite3_vfs *real_vfs, vfs;

static struct file *of(sqlite3_file *f)
{
	return (struct file *)f;
}

static int x_close(sqlite3_file *f)
{
	sqlite3_file *real = of(f)->real;
	int rc = real->pMethods ? real->pMethods->xClose(real) : SQLITE_OK;

	free(real);
	return rc;
}

static int x_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
	return of(f)->real->pMethods->xRead(of(f)->real, to, n, at);
}

static int x_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
	struct step s = {.what = WRITE,
			 .journal = of(f)->journal,
			 .offset = (size_t)at,
			 .len = (size_t)n,
			 .data = malloc((size_t)n)};

	assert_non_null(s.data);
	memcpy(s.data, from, s.len);
	account(s);
	return of(f)->real->pMethods->xWrite(of(f)->real, from, n, at);
}

static int x_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	account((struct step){.what = TRUNCATE, .journal = of(f)->journal, .offset = (size_t)size});
	return of(f)->real->pMethods->xTruncate(of(f)->real, size);
}

static int x_sync(sqlite3_file *f, int flags)
{
	(void)flags;
	account((struct step){.what = SYNC, .journal = of(f)->journal});
	return SQLITE_OK; /* nobody pulls the plug of the real one */
}

static int x_size(sqlite3_file *f, sqlite3_int64 *size)
{
	return of(f)->real->pMethods->xFileSize(of(f)->real, size);
}

static int x_lock(sqlite3_file *f, int how)
{
	return of(f)->real->pMethods->xLock(of(f)->real, how);
}

static int x_unlock(sqlite3_file *f, int how)
{
	return of(f)->real->pMethods->xUnlock(of(f)->real, how);
}

static int x_reserved(sqlite3_file *f, int *out)
{
	return of(f)->real->pMethods->xCheckReservedLock(of(f)->real, out);
}

static int x_control(sqlite3_file *f, int op, void *arg)
{
	return of(f)->real->pMethods->xFileControl(of(f)->real, op, arg);
}

static int x_sector(sqlite3_file *f)
{
	return of(f)->real->pMethods->xSectorSize(of(f)->real);
}

static int x_traits(sqlite3_file *f)
{
	return of(f)->real->pMethods->xDeviceCharacteristics(of(f)->real);
}

static const sqlite3_io_methods methods = {.iVersion = 1,
					   .xClose = x_close,
					   .xRead = x_read,
					   .xWrite = x_write,
					   .xTruncate = x_truncate,
					   .xSync = x_sync,
					   .xFileSize = x_size,
					   .xLock = x_lock,
					   .xUnlock = x_unlock,
					   .xCheckReservedLock = x_reserved,
					   .xFileControl = x_control,
					   .xSectorSize = x_sector,
					   .xDeviceCharacteristics = x_traits};

static int x_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *out)
{
	struct file *x = of(f);
	bool there = name && access(name, F_OK) == 0;
	int rc;

	(void)v;
	f->pMethods = NULL;
	x->journal = name && strcmp(name, journal) == 0;
	x->real = calloc(1, (size_t)real_vfs->szOsFile);
	if (!x->real)
		return SQLITE_NOMEM;
	rc = real_vfs->xOpen(real_vfs, name, x->real, flags, out);
	if (rc != SQLITE_OK) {
		free(x->real);
		return rc;
	}
	f->pMethods = &methods;
	if (!there)
		account((struct step){.what = CREATE, .journal = x->journal});
	return rc;
}

static int x_delete(sqlite3_vfs *v, const char *name, int sync_folder)
{
	int rc = real_vfs->xDelete(real_vfs, name, sync_folder);

	(void)v;
	if (rc == SQLITE_OK)
		account((struct step){.what = DELETE,
				      .journal = strcmp(name, journal) == 0,
				      .lasts = sync_folder != 0});
	return rc;
}

/* --- the disk as it may look after the first n steps --- */

#define DISK_MAX (1 << 20)

struct disk {
	bool there;
	size_t size;
	uint8_t *bytes;
};

static void put(struct disk *d, size_t offset, const uint8_t *data, size_t len)
{
	assert_true(offset + len <= DISK_MAX);
	if (offset > d->size)
		memset(d->bytes + d->size, 0, offset - d->size);
	memcpy(d->bytes + offset, data, len);
	if (offset + len > d->size)
		d->size = offset + len;
}

static void apply(struct disk *d, const struct step *s, bool certain)
{
	size_t at, n;

	if (s->what == DELETE && (certain || s->lasts || rand() % 2)) {
		d->there = false;
	} else if (s->what == CREATE) {
		d->there = certain || rand() % 2;
		d->size = 0;
	} else if (s->what == TRUNCATE && (certain || rand() % 2)) {
		d->size = s->offset < d->size ? s->offset : d->size;
	} else if (s->what == WRITE) {
		for (at = 0; at < s->len; at += n) {
			n = s->len - at < 512 ? s->len - at : 512;
			if (certain || rand() % 2)
				put(d, s->offset + at, s->data + at, n);
		}
	}
}

/* Where of the file everything before is certain: its last sync, or a deletion that lasts. */
static size_t certain_until(size_t n, bool of_journal)
{
	while (n > 0 && (steps[n - 1].journal != of_journal ||
			 !(steps[n - 1].what == SYNC ||
			   (steps[n - 1].what == DELETE && steps[n - 1].lasts))))
		n--;
	return n;
}

static void write_disk(const char *name, const struct disk *d)
{
	int fd;

	unlink(name);
	if (!d->there)
		return;
	fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, d->bytes, d->size), (ssize_t)d->size);
	close(fd);
}

static void make_disk(size_t n, struct disk disk[2])
{
	size_t certain[2] = {certain_until(n, false), certain_until(n, true)}, i;

	disk[0].size = disk[1].size = 0;
	disk[0].there = true;
	disk[1].there = false;
	for (i = 0; i < n; i++)
		apply(&disk[steps[i].journal], &steps[i], i < certain[steps[i].journal]);
	write_disk(path, &disk[0]);
	write_disk(journal, &disk[1]);
}

/* --- the changes --- */

static bool change(struct state *s, unsigned i)
{
	char host[32];
	const struct state_actor who = {.time = NOW + i, .os_user = "test"};
	const struct state_grant g = {.conduit = "work",
				      .from = NOW,
				      .until = NOW + HOUR,
				      .approver = "sato",
				      .reason = "pump 3",
				      .permits = "modbus write"};
	const struct state_quarantine q = {
		.host = host, .from = NOW, .until = NOW + HOUR, .by = "sato", .reason = "scans"};
	const struct state_asset a = {.host = host,
				      .mac = "",
				      .zone = "",
				      .asset = "",
				      .iface = "",
				      .fact = {{"vendor", "Acme"}},
				      .facts = 1};
	unsigned count;
	int64_t id;

	snprintf(host, sizeof(host), "10.0.%u.%u", i >> 8, i & 0xff);
	switch (i % 4) {
	case 0:
		return state_grant(s, &who, &g, &id);
	case 1:
		return state_isolate(s, &who, &q, &id);
	case 2:
		snprintf(host, sizeof(host), "10.0.%u.%u", (i - 1) >> 8, (i - 1) & 0xff);
		return state_release(s, &who, 0, host, "clean", &count, NULL, NULL) && count == 1;
	default:
		return state_assets_seen(s, &a, 1);
	}
}

static void count_entry(void *user, const struct state_entry *e)
{
	(void)e;
	*(unsigned *)user += 1;
}

static void count_asset(void *user, const struct state_asset *a)
{
	assert_int_equal(a->facts, 1);
	*(unsigned *)user += 1;
}

/* Changes that were told as done: at least those are there, and at most the one under way. */
static void check_file(unsigned done, const char *when)
{
	char err[320] = "";
	struct state *s = state_open(path, STATE_CREATE, err, sizeof(err));
	unsigned log = 0, assets = 0;

	if (!s)
		fail_msg("%s: cannot be opened: %s", when, err);
	if (!state_check(s) || !state_log(s, count_entry, &log) ||
	    !state_assets(s, count_asset, &assets))
		fail_msg("%s: %s", when, state_error(s));
	if (log + assets < done || log + assets > done + 1)
		fail_msg("%s: %u changes were done, %u are there", when, done, log + assets);
	state_close(s);
}

static int begin(void **unused)
{
	(void)unused;
	snprintf(folder, sizeof(folder), "/tmp/kidoban-power-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/state.db", folder);
	snprintf(journal, sizeof(journal), "%s-journal", path);
	return 0;
}

static int end(void **unused)
{
	(void)unused;
	unlink(path);
	unlink(journal);
	rmdir(folder);
	return 0;
}

static void the_power_goes(void **unused)
{
	struct disk disk[2] = {{.bytes = calloc(1, DISK_MAX)}, {.bytes = calloc(1, DISK_MAX)}};
	unsigned done = 0, i;
	char err[320], when[64];
	struct state *s;
	size_t n;

	(void)unused;
	srand(1);
	real_vfs = sqlite3_vfs_find(NULL);
	vfs = *real_vfs;
	vfs.zName = "accounted";
	vfs.szOsFile = sizeof(struct file);
	vfs.xOpen = x_open;
	vfs.xDelete = x_delete;
	vfs.pNext = NULL;
	sqlite3_vfs_register(&vfs, 1);
	s = state_open(path, STATE_CREATE, err, sizeof(err));
	assert_non_null(s);
	for (i = 0; i < CHANGES; i++) {
		assert_true(change(s, i));
		account((struct step){.what = DONE});
	}
	state_close(s);
	sqlite3_vfs_register(real_vfs, 1);
	sqlite3_vfs_unregister(&vfs);
	assert_true(step_count > 10 * CHANGES);
	for (n = 0; n <= step_count; n++) {
		done += n > 0 && steps[n - 1].what == DONE;
		snprintf(when, sizeof(when), "after step %zu of %zu", n, step_count);
		for (i = 0; i < 3; i++) {
			make_disk(n, disk);
			check_file(done, when);
		}
	}
	assert_int_equal(done, CHANGES);
	for (n = 0; n < step_count; n++)
		free(steps[n].data);
	free(steps);
	free(disk[0].bytes);
	free(disk[1].bytes);
}

static void the_process_is_killed(void **unused)
{
	unsigned round, told, i;
	char err[320];

	(void)unused;
	srand(2);
	for (round = 0; round < 20; round++) {
		int ends[2];
		char byte;
		pid_t pid;

		unlink(path);
		unlink(journal);
		assert_int_equal(pipe(ends), 0);
		pid = fork();
		if (pid == 0) {
			struct state *s = state_open(path, STATE_CREATE, err, sizeof(err));

			close(ends[0]);
			for (i = 0; s && change(s, i); i++)
				if (write(ends[1], "x", 1) != 1)
					break;
			_exit(1);
		}
		close(ends[1]);
		/* in the middle of any change, for it never stops by itself */
		for (told = 0; told < 1 + (unsigned)rand() % 40; told++)
			assert_int_equal(read(ends[0], &byte, 1), 1);
		nanosleep(&(struct timespec){.tv_nsec = rand() % 3000000}, NULL);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		while (read(ends[0], &byte, 1) == 1)
			told++;
		close(ends[0]);
		check_file(told, "killed");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_power_goes, begin, end),
		cmocka_unit_test_setup_teardown(the_process_is_killed, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
