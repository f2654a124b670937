/*
 * cmd/client.h - what the commands share that talk to the running service (run/control.h).
 *
 * Which socket: --socket, else that of the configuration (-c, else /etc/kidoban/kidoban.yaml when
 * it can be read), else /run/kidoban/control.sock. Some commands work on the state file too, when
 * --state names it, or when the service of the configuration does not run.
 */
#ifndef KIDOBAN_CMD_CLIENT_H
#define KIDOBAN_CMD_CLIENT_H

#include "cmd/cmd.h"
#include "run/config.h"

#include <jansson.h>

/* Where the service is; options set the first three. */
struct client {
	const char *socket;	   /* --socket; NULL */
	const char *config;	   /* -c; NULL */
	const char *state;	   /* --state: the file itself; NULL */
	struct run_config *loaded; /* NULL: none */
};

enum { CLIENT_OPT_SOCKET = CMD_OPT_OWN, CLIENT_OPT_STATE, CLIENT_OPT_OWN };
#define CLIENT_OPTIONS                                                                             \
	{"socket", required_argument, NULL, CLIENT_OPT_SOCKET},                                    \
		{"config", required_argument, NULL, 'c'},                                          \
	{                                                                                          \
		"state", required_argument, NULL, CLIENT_OPT_STATE                                 \
	}
#define CLIENT_HELP                                                                                \
	"  -c, --config FILE     of the service, which names its socket and its state\n"           \
	"                        (default: /etc/kidoban/kidoban.yaml when it is there)\n"          \
	"      --socket PATH     the socket itself (default: /run/kidoban/control.sock)\n"

/* True when it was one of the above. */
bool client_option(struct client *cl, int c, const char *word);

/* Loads the configuration, if there is one. False after saying what is wrong with that of -c. */
bool client_begin(struct client *cl);
void client_end(struct client *cl);

/* The state file to be used without a service; NULL: none is known. */
const char *client_state(const struct client *cl);

enum client_result {
	CLIENT_DONE,	   /* ok: true */
	CLIENT_REFUSED,	   /* said to standard error */
	CLIENT_UNREACHABLE /* likewise, unless quiet */
};

/* Asks, and takes the reference of request. *answer is NULL, or what came back (for json_decref()).
 */
enum client_result client_ask(const struct cmd_help *h, const struct client *cl, json_t *request,
			      bool quiet, json_t **answer);

/* CMD_OK, CMD_UNEXPECTED, CMD_INPUT. */
int client_exit(enum client_result r);

/* A text or number of the answer; "" or 0 when there is none. Control characters are not printed.
 */
const char *client_text(const json_t *o, const char *key);
int64_t client_number(const json_t *o, const char *key);

/* The state file has been written to: the service that uses it is told, if one runs. */
void client_tell_state(const struct cmd_help *h, const struct client *cl, const char *path);

#endif
