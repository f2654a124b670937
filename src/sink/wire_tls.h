/* sink/wire_tls.h - syslog over TLS. Certificates are read when it is made and on reopen. */
#ifndef KIDOBAN_SINK_WIRE_TLS_H
#define KIDOBAN_SINK_WIRE_TLS_H

#include "sink/wire.h"

/* NULL with a sentence in err: a certificate or a key that cannot be used. */
struct wire *wire_tls_new(const struct output_config *cfg, char *err, size_t errlen);

#endif
