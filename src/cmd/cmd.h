/*
 * cmd/cmd.h - what the subcommands share: exit codes, help, and reading captures.
 *
 * Each subcommand is one file with one function, listed in main.c. It parses its own options with
 * getopt_long, answers -h with usage and two examples, and returns an exit code.
 */
#ifndef KIDOBAN_CMD_CMD_H
#define KIDOBAN_CMD_CMD_H

#include "detect/engine.h"

enum cmd_exit {
	CMD_OK = 0,	    /* done and as expected */
	CMD_UNEXPECTED = 1, /* done, expectation not met */
	CMD_USAGE = 2,	    /* usage or configuration error */
	CMD_INPUT = 3,	    /* input unreadable or damaged; what could be read was reported */
};

int cmd_replay(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_reload(int argc, char **argv);
int cmd_mode(int argc, char **argv);
int cmd_quarantine(int argc, char **argv);
int cmd_release(int argc, char **argv);
int cmd_assets(int argc, char **argv);
int cmd_ops(int argc, char **argv);
int cmd_grant(int argc, char **argv);
int cmd_revoke(int argc, char **argv);
int cmd_grants(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_diff(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_learn(int argc, char **argv);
int cmd_import(int argc, char **argv);
int cmd_validate(int argc, char **argv);
int cmd_baseline(int argc, char **argv);

/* Text of -h and of usage errors: synopsis, options, two examples. */
struct cmd_help {
	const char *name;     /* "replay" */
	const char *synopsis; /* "[options] FILE.pcap..." */
	const char *text;     /* options and examples, ending in a newline */
};

/* Prints the help to standard output; returns CMD_OK. */
int cmd_show_help(const struct cmd_help *h);

/* "kidoban replay: <sentence>" and where to get help, to standard error; returns CMD_USAGE. */
__attribute__((format(printf, 2, 3))) int cmd_usage_error(const struct cmd_help *h, const char *fmt,
							  ...);

/* The language to speak: lang if given, else LC_ALL, LC_MESSAGES, LANG in that order. */
enum finding_lang cmd_lang(const char *lang);

/* True for what --lang takes: en, ja, and locales of theirs. */
bool cmd_lang_known(const char *lang);

/* True when name is one of the NULL-ended words; *index says which. */
bool cmd_word(const char *name, const char *const *words, int *index);

/* What every command that reads captures is told. */
struct cmd_input {
	char *const *files; /* NULL-ended; "-" is standard input */
	struct packet_config packet;
	struct flow_config flow;
	bool overlap_given, checksums_given; /* by option, which outranks a policy's word */
	/* a capture begins long after the one before ended, or before it; may be NULL */
	void (*resumed)(void *arg, int64_t time);
	void *resumed_arg;
};

/* Their options; a command's own begin at CMD_OPT_OWN. */
enum { CMD_OPT_OVERLAP = 256, CMD_OPT_CHECKSUMS, CMD_OPT_OWN };
#define CMD_INPUT_OPTIONS                                                                          \
	{"overlap", required_argument, NULL, CMD_OPT_OVERLAP},                                     \
	{                                                                                          \
		"checksums", required_argument, NULL, CMD_OPT_CHECKSUMS                            \
	}

/* Takes option c with its word; a return above CMD_OK ends the command. */
int cmd_input_option(const struct cmd_help *h, int c, const char *word, struct cmd_input *in);

/* The policy's own settings, where no option said otherwise. */
void cmd_policy_settings(struct cmd_input *in, const struct policy *p);

/* Takes the word of --operating-mode; false when it is none. */
bool cmd_operating_mode(const char *word, struct engine_config *cfg);

/* For an option getopt_long() (with ":" first) did not take; returns CMD_USAGE. */
int cmd_option_error(const struct cmd_help *h, int c, const char *option);

/* What was read. */
struct cmd_input_result {
	struct packet_stats packet;
	struct flow_stats flow;
	unsigned files;	    /* read, wholly or in part */
	unsigned damaged;   /* could not be opened, or broke off; said on standard error */
	int64_t last_time;  /* ns since 1970 UTC, of the last packet; 0: none */
	size_t flow_bytes;  /* memory per flow */
	size_t state_bytes; /* the largest dissector state on top */
	bool stopped;	    /* by a signal */
	const char *file;   /* the one that is being read, then the last; NULL: none */
};

/*
 * Runs all files through decoder and tracker, flushes, and says what was read. Progress goes to
 * standard error when that is a terminal. False when memory is out.
 */
bool cmd_input_run(const struct cmd_input *in, const struct flow_handlers *handlers, void *user,
		   struct cmd_input_result *out);

#endif
