/*
 * run/notify.h - what the service manager is told (sd_notify(3)): ready, reloading, stopping, and
 * that the watchdog need not bark. Without systemd nothing happens.
 */
#ifndef KIDOBAN_RUN_NOTIFY_H
#define KIDOBAN_RUN_NOTIFY_H

void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);
void notify_alive(void);

#endif
