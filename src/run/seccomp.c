/*
 * The system calls that are left once everything is open: those of our own code, and what its
 * libraries use (SQLite, libnftables, OpenSSL, the resolver of glibc). The live tests run the
 * service under the filter.
 */
#include "run/privileges.h"

#include <stdio.h>

#ifdef HAVE_SECCOMP

#include <errno.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const char *const allowed[] = {
	/* memory, threads, signals */
	"brk", "mmap", "munmap", "mremap", "mprotect", "madvise", "mlock", "munlock", "membarrier",
	"clone", "clone3", "set_robust_list", "rseq", "futex", "futex_waitv", "sched_yield",
	"sched_getaffinity", "sched_setaffinity", "sched_getparam", "sched_getscheduler",
	"set_tid_address", "gettid", "getpid", "getppid", "tgkill", "rt_sigaction",
	"rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait", "sigaltstack", "sigreturn",
	"restart_syscall", "exit", "exit_group", "prctl", "getrandom", "arch_prctl",
	/* time */
	"clock_gettime", "clock_gettime64", "clock_getres", "clock_nanosleep",
	"clock_nanosleep_time64", "nanosleep", "gettimeofday", "time", "timerfd_create",
	"timerfd_settime", "timerfd_gettime",
	/* descriptors */
	"read", "readv", "pread64", "preadv", "write", "writev", "pwrite64", "pwritev", "close",
	"dup", "dup2", "dup3", "fcntl", "fcntl64", "ioctl", "lseek", "_llseek", "pipe", "pipe2",
	"poll", "ppoll", "select", "_newselect", "pselect6", "epoll_create1", "epoll_ctl",
	"epoll_wait", "epoll_pwait", "epoll_pwait2", "eventfd2", "signalfd4", "memfd_create",
	"sendfile", "splice",
	/* files: the policy anew, rotation, spool, state, metrics */
	"open", "openat", "openat2", "creat", "stat", "lstat", "fstat", "newfstatat", "fstatat64",
	"stat64", "lstat64", "fstat64", "statx", "access", "faccessat", "faccessat2", "getcwd",
	"getdents64", "readlink", "readlinkat", "rename", "renameat", "renameat2", "unlink",
	"unlinkat", "link", "linkat", "mkdir", "mkdirat", "rmdir", "ftruncate", "ftruncate64",
	"fallocate", "fadvise64", "fsync", "fdatasync", "sync_file_range", "flock", "chmod",
	"fchmod", "fchmodat", "chown", "fchown", "fchownat", "umask", "utimensat", "statfs",
	"fstatfs", "inotify_init1", "inotify_add_watch", "inotify_rm_watch",
	/* sockets; which families: below */
	"bind", "listen", "accept", "accept4", "connect", "shutdown", "getsockname", "getpeername",
	"getsockopt", "setsockopt", "sendto", "sendmsg", "sendmmsg", "recvfrom", "recvmsg",
	"recvmmsg", "socketpair",
	/* who we are */
	"getuid", "geteuid", "getgid", "getegid", "getresuid", "getresgid", "getgroups", "capget",
	"uname", "sysinfo", "getrusage", "getrlimit", "prlimit64", "getcpu"};

/* Names, netlink, syslog and interfaces; not those that a hole in the kernel is found in next. */
static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET};

/*
 * A hook may be any program, and it runs under the same filter: then only what no program of that
 * kind has any business with is kept from it.
 */
static const char *const forbidden[] = {"acct",
					"add_key",
					"bpf",
					"chroot",
					"clock_adjtime",
					"clock_settime",
					"create_module",
					"delete_module",
					"finit_module",
					"fsconfig",
					"fsmount",
					"fsopen",
					"fspick",
					"init_module",
					"io_uring_enter",
					"io_uring_register",
					"io_uring_setup",
					"ioperm",
					"iopl",
					"kcmp",
					"kexec_file_load",
					"kexec_load",
					"keyctl",
					"mount",
					"mount_setattr",
					"move_mount",
					"move_pages",
					"name_to_handle_at",
					"nfsservctl",
					"open_by_handle_at",
					"open_tree",
					"perf_event_open",
					"personality",
					"pivot_root",
					"process_vm_readv",
					"process_vm_writev",
					"ptrace",
					"quotactl",
					"reboot",
					"request_key",
					"setdomainname",
					"sethostname",
					"setns",
					"settimeofday",
					"swapoff",
					"swapon",
					"syslog",
					"umount2",
					"unshare",
					"userfaultfd",
					"vhangup"};

/* A call that this machine's kernel never had is none to be afraid of. */
static int add(scmp_filter_ctx ctx, uint32_t action, const char *name)
{
	int nr = seccomp_syscall_resolve_name(name);

	return nr == __NR_SCMP_ERROR ? 0 : seccomp_rule_add(ctx, action, nr, 0);
}

static int fill(scmp_filter_ctx ctx, const struct run_config *cfg)
{
	int rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	size_t i;

	if (cfg->response_hook) {
		for (i = 0; !rc && i < sizeof(forbidden) / sizeof(*forbidden); i++)
			rc = add(ctx, SCMP_ACT_ERRNO(EPERM), forbidden[i]);
		return rc;
	}
	for (i = 0; !rc && i < sizeof(allowed) / sizeof(*allowed); i++)
		rc = add(ctx, SCMP_ACT_ALLOW, allowed[i]);
	for (i = 0; !rc && i < sizeof(families) / sizeof(*families); i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
				      SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i], 0));
	return rc;
}

/* Sanitizers and their reports make calls that the service never does. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

bool privileges_seccomp(const struct run_config *cfg, char *err, size_t errlen)
{
	const char *how = getenv("KIDOBAN_SECCOMP");
	uint32_t otherwise = SCMP_ACT_KILL_PROCESS;
	scmp_filter_ctx ctx;
	int rc;

	if (how && strcmp(how, "off") == 0)
		return true;
	if (SANITIZED || (how && strcmp(how, "log") == 0))
		otherwise = SCMP_ACT_LOG;
	ctx = seccomp_init(cfg->response_hook ? SCMP_ACT_ALLOW : otherwise);
	if (!ctx) {
		snprintf(err, errlen, "no memory for the filter of system calls");
		return false;
	}
	rc = fill(ctx, cfg);
	if (!rc)
		rc = seccomp_load(ctx);
	seccomp_release(ctx);
	if (rc)
		snprintf(err, errlen,
			 "the filter of system calls is refused: %s; KIDOBAN_SECCOMP=off in the "
			 "environment goes without",
			 strerror(-rc));
	return rc == 0;
}

#else

bool privileges_seccomp(const struct run_config *cfg, char *err, size_t errlen)
{
	(void)cfg;
	(void)err;
	(void)errlen;
	return true;
}

#endif
