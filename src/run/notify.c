#include "run/notify.h"

#ifdef HAVE_SYSTEMD

#include <systemd/sd-daemon.h>

static void tell(const char *state)
{
	sd_notify(0, state);
}

#else

static void tell(const char *state)
{
	(void)state;
}

#endif

void notify_ready(void)
{
	tell("READY=1");
}

void notify_reloading(void)
{
	tell("RELOADING=1");
}

void notify_stopping(void)
{
	tell("STOPPING=1");
}

void notify_alive(void)
{
	tell("WATCHDOG=1");
}
