/*
 * run/notify.h - what the service manager is told (sd_notify(3)): ready, reloading, stopping, a
 * sentence of status, and that the watchdog need not bark. Without systemd nothing happens.
 */
#ifndef KIDOBAN_RUN_NOTIFY_H
#define KIDOBAN_RUN_NOTIFY_H

#include <stdint.h>

void notify_ready(const char *status);
void notify_reloading(void);
void notify_stopping(void);
void notify_status(const char *status);

/* ns between two notify_alive(), half of what the watchdog allows; 0: there is none. */
int64_t notify_watchdog(void);
void notify_alive(void);

#endif
