/*
 * Syslog over TLS (RFC 5425), octet counting inside (section 4.3).
 *
 * The server's certificate must be trusted and name the host it was asked for (section 5.2); TLS
 * 1.2 or newer. With TLS 1.3 a server refuses our certificate only after we believe to be
 * connected, so nothing is sent until it has said something (as a session ticket), or has been
 * quiet for a moment.
 */
#include "sink/wire_tls.h"

#include "sink/bell.h"
#include "sink/wire_socket.h"

#include <arpa/inet.h>
#include <linux/sockios.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define GREETING INT64_C(300000000) /* ns */
#define MARKS	 256

/* What was on the wire when so much of the text had been written; bytes. */
struct mark {
	uint64_t plain, wire;
};

struct tls {
	struct wire_socket socket;
	SSL_CTX *ctx;
	SSL *ssl;
	bool shaken;	  /* the handshake is over */
	int64_t greeting; /* ns, never stepped: until then it is waited for */
	struct mark mark[MARKS];
	unsigned marks;
};

/* What OpenSSL says, or that the certificate is not good. */
static enum wire_state tls_fail(struct tls *t, const char *what)
{
	struct wire *w = &t->socket.wire;
	unsigned long e = ERR_peek_last_error();
	long verify = t->ssl ? SSL_get_verify_result(t->ssl) : X509_V_OK;
	const char *why = e ? ERR_reason_error_string(e) : NULL;

	if (verify != X509_V_OK)
		why = X509_verify_cert_error_string(verify);
	snprintf(w->error, sizeof(w->error), "%s: %s", what, why ? why : "the other end closed");
	ERR_clear_error();
	return WIRE_DOWN;
}

static SSL_CTX *make_context(const struct output_config *c, char *err, size_t errlen)
{
	SSL_CTX *x = SSL_CTX_new(TLS_client_method());
	const char *what = "OpenSSL";
	const char *why;

	ERR_clear_error();
	if (!x)
		goto failed;
	SSL_CTX_set_min_proto_version(x, TLS1_2_VERSION);
	SSL_CTX_set_mode(x, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_verify(x, SSL_VERIFY_PEER, NULL);
	what = c->ca ? c->ca : "the system's certificates";
	if (c->ca ? SSL_CTX_load_verify_file(x, c->ca) != 1
		  : SSL_CTX_set_default_verify_paths(x) != 1)
		goto failed;
	what = c->cert;
	if (c->cert && SSL_CTX_use_certificate_chain_file(x, c->cert) != 1)
		goto failed;
	what = c->key;
	if (c->key && (SSL_CTX_use_PrivateKey_file(x, c->key, SSL_FILETYPE_PEM) != 1 ||
		       SSL_CTX_check_private_key(x) != 1))
		goto failed;
	return x;
failed:
	why = ERR_reason_error_string(ERR_peek_last_error());
	snprintf(err, errlen, "%s: %s", what, why ? why : "it cannot be used");
	ERR_clear_error();
	SSL_CTX_free(x);
	return NULL;
}

/* Sets what is waited for; false: it is broken. */
static bool waits(struct tls *t, int result)
{
	int e = SSL_get_error(t->ssl, result);

	t->socket.wire.want = e == SSL_ERROR_WANT_WRITE ? POLLIN | POLLOUT : POLLIN;
	return e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE;
}

static bool begin(struct tls *t)
{
	const char *host = t->socket.wire.cfg->host;
	struct in6_addr literal;
	bool is_literal =
		inet_pton(AF_INET, host, &literal) == 1 || inet_pton(AF_INET6, host, &literal) == 1;

	t->ssl = SSL_new(t->ctx);
	if (!t->ssl || SSL_set_fd(t->ssl, t->socket.wire.fd) != 1)
		return false;
	if (is_literal)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(t->ssl), host) == 1;
	SSL_set_hostflags(t->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set_tlsext_host_name(t->ssl, host) == 1 && SSL_set1_host(t->ssl, host) == 1;
}

/* Whatever it says is for OpenSSL. */
static enum wire_state tls_look(struct wire *w)
{
	struct tls *t = (struct tls *)w;
	char data[512];
	int n;

	ERR_clear_error();
	do
		n = SSL_read(t->ssl, data, sizeof(data));
	while (n > 0);
	if (waits(t, n))
		return WIRE_UP;
	tls_fail(t, "no connection");
	return wire_socket_ending(w);
}

static enum wire_state greet(struct tls *t)
{
	struct wire *w = &t->socket.wire;
	int64_t now = bell_now();

	if (tls_look(w) != WIRE_UP)
		return WIRE_DOWN;
	if (SSL_version(t->ssl) < TLS1_3_VERSION ||
	    SSL_SESSION_has_ticket(SSL_get0_session(t->ssl)) || now >= t->greeting) {
		w->wake = 0;
		return WIRE_UP;
	}
	w->wake = t->greeting;
	return WIRE_COMING;
}

static enum wire_state tls_come(struct wire *w)
{
	struct tls *t = (struct tls *)w;
	int n;

	if (!t->socket.connected) {
		enum wire_state state = wire_socket_come(w);

		if (state != WIRE_UP)
			return state;
	}
	ERR_clear_error();
	if (!t->ssl && !begin(t))
		return tls_fail(t, "TLS");
	if (t->shaken)
		return greet(t);
	n = SSL_connect(t->ssl);
	if (n == 1) {
		t->shaken = true;
		t->greeting = bell_now() + GREETING;
		return greet(t);
	}
	return waits(t, n) ? WIRE_COMING : tls_fail(t, "TLS");
}

static void tls_close(struct wire *w)
{
	struct tls *t = (struct tls *)w;

	if (t->shaken)
		SSL_shutdown(t->ssl);
	ERR_clear_error();
	SSL_free(t->ssl);
	t->ssl = NULL;
	t->shaken = false;
	t->marks = 0;
	wire_socket_close(w);
}

static enum wire_state tls_open(struct wire *w)
{
	enum wire_state state;

	tls_close(w);
	state = wire_socket_open(w);
	return state == WIRE_UP ? tls_come(w) : state;
}

/* Records of TLS are longer than what is in them. When there are too many marks the last one moves:
 * confirmation gets coarser, not wrong. */
static void note(struct tls *t)
{
	if (t->marks < MARKS)
		t->marks++;
	t->mark[t->marks - 1] = (struct mark){
		.plain = t->socket.pushed,
		.wire = BIO_number_written(SSL_get_wbio(t->ssl)),
	};
}

static enum wire_state tls_push(struct wire *w)
{
	struct tls *t = (struct tls *)w;

	ERR_clear_error();
	w->want = POLLIN;
	while (w->used) {
		int n = SSL_write(t->ssl, w->buffer, (int)w->used);

		if (n <= 0)
			return waits(t, n) ? WIRE_BUSY : tls_fail(t, "it cannot be sent");
		wire_gone(w, (size_t)n);
		t->socket.pushed += (uint64_t)n;
		note(t);
	}
	return WIRE_UP;
}

static void tls_hear(struct wire *w)
{
	struct tls *t = (struct tls *)w;
	unsigned n = 0;
	uint64_t heard;
	int queued;

	if (!t->ssl || ioctl(w->fd, SIOCOUTQ, &queued) != 0)
		return;
	heard = BIO_number_written(SSL_get_wbio(t->ssl)) - (uint64_t)queued;
	while (n < t->marks && t->mark[n].wire <= heard)
		w->heard = t->mark[n++].plain;
	memmove(t->mark, t->mark + n, (t->marks - n) * sizeof(*t->mark));
	t->marks -= n;
}

/* Certificates are read anew for the next connection. */
static bool tls_reopen(struct wire *w)
{
	struct tls *t = (struct tls *)w;
	SSL_CTX *x = make_context(w->cfg, w->error, sizeof(w->error));

	if (!x)
		return false;
	SSL_CTX_free(t->ctx);
	t->ctx = x;
	return true;
}

static void tls_free(struct wire *w)
{
	struct tls *t = (struct tls *)w;

	tls_close(w);
	SSL_CTX_free(t->ctx);
	free(w);
}

static const struct wire_ops tls_ops = {
	.open = tls_open,
	.come = tls_come,
	.push = tls_push,
	.hear = tls_hear,
	.look = tls_look,
	.reopen = tls_reopen,
	.close = tls_close,
	.free = tls_free,
};

struct wire *wire_tls_new(const struct output_config *cfg, char *err, size_t errlen)
{
	struct tls *t = calloc(1, sizeof(*t));

	snprintf(err, errlen, "out of memory");
	if (!t)
		return NULL;
	t->socket.wire.ops = &tls_ops;
	t->socket.wire.cfg = cfg;
	t->socket.wire.fd = -1;
	t->socket.wire.counted = true;
	t->socket.type = SOCK_STREAM;
	t->ctx = make_context(cfg, err, errlen);
	if (t->ctx)
		return &t->socket.wire;
	free(t);
	return NULL;
}
