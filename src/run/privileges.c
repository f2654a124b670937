#include "run/privileges.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#ifdef HAVE_CAP_NG

#include <cap-ng.h>

/*
 * What sources need while they run. A mirror port may be down when the service starts, or taken
 * away and put back: it is opened then. A bridge does so too and renews rules of nftables; a queue
 * is set up anew and sends packets of its own.
 */
static const struct {
	enum run_source_kind kind;
	unsigned capability;
} needed[] = {
	{RUN_MIRROR, CAP_NET_RAW},  {RUN_BRIDGE, CAP_NET_ADMIN}, {RUN_BRIDGE, CAP_NET_RAW},
	{RUN_QUEUE, CAP_NET_ADMIN}, {RUN_QUEUE, CAP_NET_RAW},
};

/* Of those that are there. */
static void keep(const struct run_config *cfg)
{
	bool has[sizeof(needed) / sizeof(*needed)];
	unsigned i, k;

	capng_get_caps_process();
	for (i = 0; i < sizeof(needed) / sizeof(*needed); i++)
		has[i] = capng_have_capability(CAPNG_PERMITTED, needed[i].capability);
	capng_clear(CAPNG_SELECT_ALL);
	for (i = 0; i < sizeof(needed) / sizeof(*needed); i++)
		for (k = 0; has[i] && k < cfg->sources; k++)
			if (cfg->source[k].kind == needed[i].kind)
				capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED,
					     needed[i].capability);
}

/* uid 0: nobody else. */
static bool become(const struct run_config *cfg, uid_t uid, gid_t gid)
{
	bool bounds;

	capng_get_caps_process();
	bounds = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
	keep(cfg);
	if (uid)
		return capng_change_id((int)uid, (int)gid,
				       CAPNG_INIT_SUPP_GRP | CAPNG_CLEAR_BOUNDING) == 0;
	return capng_apply(bounds ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS) == 0;
}

#else

#include <grp.h>

/* Without libcap-ng only a change of the user takes rights away, and all of them. */
static bool become(const struct run_config *cfg, uid_t uid, gid_t gid)
{
	unsigned i;

	for (i = 0; uid && i < cfg->sources; i++)
		if (cfg->source[i].kind != RUN_MIRROR) {
			errno = ENOTSUP;
			return false;
		}
	return !uid || (initgroups(cfg->user, gid) == 0 && setgid(gid) == 0 && setuid(uid) == 0);
}

#endif

/* Who to become: *uid stays 0 when that is nobody else. */
static bool find_user(const struct run_config *cfg, uid_t *uid, gid_t *gid, char *err,
		      size_t errlen)
{
	struct passwd found, *p = NULL;
	char text[4096];

	if (!cfg->user)
		return true;
	if (getpwnam_r(cfg->user, &found, text, sizeof(text), &p) != 0 || !p) {
		snprintf(err, errlen,
			 "there is no user \"%s\"; systemd-sysusers makes it, or leave out `user`",
			 cfg->user);
		return false;
	}
	if (p->pw_uid == geteuid())
		return true;
	if (geteuid() != 0) {
		snprintf(err, errlen, "only root can become the user \"%s\"; leave out `user`",
			 cfg->user);
		return false;
	}
	*uid = p->pw_uid;
	*gid = p->pw_gid;
	return true;
}

bool privileges_drop(const struct run_config *cfg, char *err, size_t errlen)
{
	uid_t uid = 0;
	gid_t gid = 0;

	if (!find_user(cfg, &uid, &gid, err, errlen))
		return false;
	if (!become(cfg, uid, gid)) {
		snprintf(err, errlen, "cannot give up rights: %s", strerror(errno));
		return false;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
		snprintf(err, errlen, "no_new_privs: %s", strerror(errno));
		return false;
	}
	return true;
}
