#include "run/notify.h"

#ifdef HAVE_SYSTEMD

#include <stddef.h>
#include <systemd/sd-daemon.h>

static void tell(const char *state, const char *status)
{
	sd_notifyf(0, "%s%s%s", state, status ? "\nSTATUS=" : "", status ? status : "");
}

void notify_ready(const char *status)
{
	tell("READY=1", status);
}

void notify_reloading(void)
{
	tell("RELOADING=1", NULL);
}

void notify_stopping(void)
{
	tell("STOPPING=1", NULL);
}

void notify_status(const char *status)
{
	sd_notifyf(0, "STATUS=%s", status);
}

int64_t notify_watchdog(void)
{
	uint64_t us;

	return sd_watchdog_enabled(0, &us) > 0 ? (int64_t)us * 1000 / 2 : 0;
}

void notify_alive(void)
{
	sd_notify(0, "WATCHDOG=1");
}

#else

void notify_ready(const char *status)
{
	(void)status;
}

void notify_reloading(void)
{
}

void notify_stopping(void)
{
}

void notify_status(const char *status)
{
	(void)status;
}

int64_t notify_watchdog(void)
{
	return 0;
}

void notify_alive(void)
{
}

#endif
