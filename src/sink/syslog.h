/*
 * sink/syslog.h - a syslog message (RFC 5424) and the fields of a journal entry.
 *
 *   <106>1 2024-01-01T12:00:00.123456Z gate1 kidoban 812 policy.value-out-of-range
 *   [kidoban@32473 finding="policy.value-out-of-range" sid="9100006" verdict="drop" ...] BOM MSG
 *
 * PRI is facility * 8 + severity (section 6.2.1): high is critical (2), medium warning (4), low
 * notice (5), notice informational (6). TIMESTAMP is the event's, not the sending's. MSGID is the
 * finding, or the kind of event (flow, op, anomaly, stats). MSG is UTF-8 and says so (section 6.4).
 *
 * 32473 is the private enterprise number kept for documentation (RFC 5612): kidoban has none of its
 * own. Framing is the transport's matter.
 */
#ifndef KIDOBAN_SINK_SYSLOG_H
#define KIDOBAN_SINK_SYSLOG_H

#include "detect/incident.h"

#include <stddef.h>

#define SYSLOG_SD_ID "kidoban@32473"

/* Each returns the length, 0 when size is not enough. body: the event's words, without a newline.
 */
size_t syslog_alert(char *out, size_t size, uint8_t facility, const struct incident *i,
		    const char *body, size_t n);
/* eve: a line of EVE; event: its kind in a word. */
size_t syslog_other(char *out, size_t size, uint8_t facility, const char *event, const char *eve,
		    size_t n);

/* The journal's native protocol: KEY=value lines. */
size_t journal_alert(char *out, size_t size, const struct incident *i, const char *body, size_t n);
size_t journal_other(char *out, size_t size, const char *event, const char *eve, size_t n);

#endif
