/* Who asks: SO_PEERCRED and SO_PEERGROUPS (unix(7), socket(7)), never what he says himself. */
#include "run/control_impl.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define GROUPS_MAX 65536 /* NGROUPS_MAX of the kernel */

/*
 * From the file alone: what answers behind getpwuid() may be on the network, and the main thread
 * does not wait for it.
 */
static void name_of(uid_t uid, char *buf, size_t size)
{
	FILE *f = fopen("/etc/passwd", "re");
	const struct passwd *pw;

	snprintf(buf, size, "uid %lu", (unsigned long)uid);
	if (!f)
		return;
	while ((pw = fgetpwent(f)))
		if (pw->pw_uid == uid) {
			snprintf(buf, size, "%.60s", pw->pw_name);
			break;
		}
	fclose(f);
}

/* Who logged in, as the kernel remembers through su and sudo; false when nobody did. */
static bool login_of(pid_t pid, uid_t *uid)
{
	char path[64], text[32] = "", *end;
	unsigned long n = UINT32_MAX;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%ld/loginuid", (long)pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	if (fgets(text, sizeof(text), f))
		n = strtoul(text, &end, 10);
	fclose(f);
	*uid = (uid_t)n;
	return n < UINT32_MAX;
}

static bool is_member(int fd, gid_t group)
{
	gid_t few[64], *list = few;
	socklen_t len = sizeof(few);
	int rc = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, list, &len);
	bool found = false;
	size_t i;

	if (rc < 0 && len > sizeof(few) && len <= GROUPS_MAX * sizeof(*list)) {
		list = malloc(len);
		rc = list ? getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, list, &len) : -1;
	}
	for (i = 0; rc == 0 && i < len / sizeof(*list); i++)
		found = found || list[i] == group;
	if (list != few)
		free(list);
	return found;
}

bool peer_of(int fd, gid_t group, struct peer *p)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	char user[64], login[64];
	uid_t who;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return false;
	p->uid = cred.uid;
	p->pid = cred.pid;
	p->trusted = cred.uid == 0 || cred.uid == geteuid() ||
		     (group != (gid_t)-1 && (cred.gid == group || is_member(fd, group)));
	name_of(cred.uid, user, sizeof(user));
	if (login_of(cred.pid, &who) && who != cred.uid) {
		name_of(who, login, sizeof(login));
		snprintf(p->name, sizeof(p->name), "%s (login %s)", user, login);
	} else {
		snprintf(p->name, sizeof(p->name), "%s", user);
	}
	return true;
}
