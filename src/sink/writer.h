/*
 * sink/writer.h - the thread of one output: from its queue to the wire, or to the spool.
 *
 *      queue ──────────────> flight ──> wire            up, and nothing waits in the spool
 *      queue ──> spool ──> flight ──> wire              down, slow, or catching up
 *
 * Flight is what the wire has taken and the other end has not confirmed. When the wire breaks, what
 * was in flight goes out again first. Order is kept throughout: who is in the spool is older than
 * who is in the queue.
 *
 * The thread never waits but in one poll(), so that it can always save what comes. (A write to a
 * file on a disk that hangs is the exception; the queue holds what it can then.) Coming up is tried
 * again after half a second, doubled up to half a minute; an attempt may take ten seconds; an other
 * end that takes nothing for a minute is given up and tried anew.
 *
 * System calls it needs under a filter: poll ppoll read write writev futex clock_gettime
 * clock_nanosleep; open openat close fstat newfstatat ftruncate rename unlink mkdir lseek pread64
 * pwrite64 fdatasync fchown geteuid (files and spool); socket connect getsockopt setsockopt sendto
 * sendmsg recvfrom recvmsg shutdown ioctl(SIOCOUTQ) getsockname getpeername (sockets, journal);
 * getrandom (TLS); names of hosts: bind uname sysinfo sendmmsg and openat of /etc/resolv.conf,
 * /etc/hosts, /etc/nsswitch.conf; malloc's brk mmap munmap mprotect madvise.
 */
#ifndef KIDOBAN_SINK_WRITER_H
#define KIDOBAN_SINK_WRITER_H

#include "sink/ring.h"
#include "sink/spool.h"
#include "sink/wire.h"

#include <pthread.h>

#define WRITER_QUEUE (4u << 20) /* bytes */

struct writer {
	/* set by whoever makes it */
	char name[128];
	struct wire *wire;
	struct ring *queue;  /* kind: a bit of enum engine_event */
	struct bell bell;    /* of the queue, and of what follows */
	struct spool *spool; /* NULL: none */

	/* any thread */
	atomic_bool reopen;	 /* asked for */
	_Atomic int64_t stop_at; /* ns, never stepped: by then it ends; 0: not asked to */
	atomic_uint_fast64_t written, spooled, lost, given_up, in_spool, in_flight;
	atomic_bool takes;
	pthread_mutex_t lock; /* of error */
	char error[128];
	pthread_t thread;
	bool started;

	struct flight *flight; /* the thread's own */
};

/* The rest is set. False: no memory, no thread. */
bool writer_start(struct writer *w);

/* It ends when all is written, or at that time; what is left is spooled. */
void writer_stop(struct writer *w, int64_t at);

/* Waits for it. */
void writer_wait(struct writer *w);

/* Waits, and frees what is in it, not itself. */
void writer_free(struct writer *w);

#endif
