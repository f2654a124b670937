/*
 * baseline/timing.h - is it time for this?
 *
 * Of each item (one thing that is said on a channel) it learns how long it takes until it is said
 * again, in up to TIMING_MODES kinds of intervals: a poll that comes twice in a cycle has two, one
 * that is slower while the plant is cleaned another. What comes at such intervals nearly always is
 * cyclic; operators' writes are not, and only how many of them come at once is learned. Late is
 * what is longer away than it ever was: a poll of one phase of production may be away in others.
 *
 *   item ── clock ──┐   late      nothing since limit: told from half a period behind it on, then
 *   item ── clock ──┤             each time it has grown by a half
 *   host ── clock ──┴─> wheel     as long as a host is silent, its items are not told one by one
 *
 *   item   windows of TIMING_WINDOW intervals: their mean and their spread about the kinds of
 *          intervals, without the oddest one (shifted, unsteady); how far the item ran ahead of its
 * fastest pace (extra); windows of as many answers: their time, errors, requests that nobody
 * answered host   slots of ten minutes: sessions opened, bytes, different servers
 *
 * All deviations are soft: 1 is the edge of what was learned, and it grows with the distance in
 * units of what the learned ones lie apart. What the listener missed (packets lost by a mirror, a
 * pause) and what follows from something told already (all polls of a device that is off) is not
 * told: an interval in which a host was silent is the host's.
 *
 * Cost: an op touches its item and one host. A tick touches the clocks whose time may have come,
 * each at most once a second and at most once for each time it could have been heard. Memory:
 * 248 bytes an item (model and run), 272 a host. In the frozen state nothing is
 * allocated.
 *
 * Private to baseline/. Thread: one worker.
 */
#ifndef KIDOBAN_BASELINE_TIMING_H
#define KIDOBAN_BASELINE_TIMING_H

#include "baseline/baseline.h"

#define TIMING_MODES  4	  /* kinds of intervals of one item */
#define TIMING_WINDOW 16  /* intervals, or answers, that are looked at together */
#define TIMING_WHEEL  256 /* seconds */

struct archive;
struct item;
struct sight;
struct norm;

/* Numbers that were seen. */
struct timing_stat {
	float mean, var; /* var: mean square of the distance from the mean */
	float min, max;
	uint32_t count;
};

/* When something is expected again. Seconds. */
struct timing_clock {
	int64_t last;		   /* ns; 0: not heard yet */
	struct timing_clock *next; /* in the wheel */
	float period, limit; /* the longest usual interval, the longest of all; 0: not cyclic */
	float told;	     /* score of this silence when it was looked at last; 0: none */
	bool host;	     /* a host's; else an item's */
	bool wound;	     /* in the wheel */
};

/* Of one item. */
struct timing_model {
	struct timing_stat mode[TIMING_MODES]; /* s; kinds of intervals; count 0: free */
	struct timing_stat pace;	       /* windows: mean of interval / mean of its kind */
	struct timing_stat jitter; /* windows: mean of |interval / mean of its kind - 1| */
	struct timing_stat answer; /* windows: mean of ln(response time in s) */
	float fastest;		   /* s; shortest mean interval of a window; 0: none yet */
	float ahead;		   /* ops; how far it was ahead of that, at most */
	float drift;		   /* how far windows added up on one side of pace, at most */
	uint32_t asked;		   /* requests whose answers were waited for */
	uint32_t errors, lost;	   /* of them: refused; not answered */
	uint8_t worst_errors;	   /* in one window */
	uint8_t worst_lost;
};

struct timing_run {
	struct timing_clock clock;
	float pace, jitter, taken; /* sums of the window at hand: interval / mean of its kind - 1,
				      its absolute, the interval (s) */
	float oddest;		   /* of pace, the one farthest off */
	float answers;		   /* likewise, of ln(s) */
	float ahead, ahead_told;   /* ops; score */
	float up, down;		   /* how far recent windows add up above, below the learned mean */
	uint8_t intervals, answered, asked, errors, lost; /* of the windows at hand */
	bool pending;					  /* a request waits for its answer */
	bool ready;					  /* clock and hosts were looked up */
};

struct timing_host;

struct timing_channel {
	struct timing_host *client, *server; /* NULL: not looked up, or one too many */
};

struct timing_norm {
	struct timing_host *hosts, **last_host; /* in the order they were first seen in */
	struct timing_host **bucket;		/* mask + 1, a power of two; NULL: none yet */
	uint32_t host_count, mask;

	struct timing_clock *wheel[TIMING_WHEEL]; /* by the second in which they are looked at */
	float fastest; /* s; the shortest limit of any clock; 0: none is cyclic */
	int64_t at;    /* s; the wheel was looked at so far; 0: never */
	int64_t now;   /* ns; when anything was heard last */
	int64_t deaf;  /* ns; until then nothing at all was heard for a while */

	struct { /* what timing_check() found out of the op at hand, for timing_learn() */
		float interval; /* s; negative: none to be learned */
		bool window;	/* intervals: one is complete */
		float pace, jitter, taken;
		bool answers; /* likewise, of answers */
		float answer;
		bool requests; /* likewise, of requests */
		uint8_t errors, lost;
	} just;
};

/* While learning called before timing_learn(): looks, and remembers what just goes on. */
void timing_check(struct baseline *b, const struct sight *s);
void timing_learn(struct baseline *b, const struct sight *s);
void timing_tick(struct baseline *b, struct norm *n, int64_t time);
void timing_flow(struct baseline *b, const struct baseline_flow *f, bool opened, int64_t time);
/* Listening begins anew: nothing was late until now. */
void timing_resume(struct norm *n, int64_t time);
/* Learning is over. */
void timing_settle(struct norm *n);
bool timing_merge(struct norm *to, const struct norm *from);
void timing_norm_free(struct norm *n);

/* What of it is kept (archive.h). */
void timing_item_fields(struct archive *a, struct item *i);
void timing_norm_fields(struct archive *a, struct norm *n);

#endif
