#include "connector/http/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/limits.h"
#include "connector/http/certificate.h"

#define RECORD_BYTES 16384

struct http_tls_context {
    SSL_CTX *ssl;
};

struct http_tls {
    SSL *ssl;
    BIO *in, *out; /* owned by ssl */
    struct belay_buf subject;
    bool subject_known;
};

/* ---- context ---- */

static int refuse_file(struct belay_err *err, const char *what, const char *file)
{
    char reason[160] = "unknown";
    unsigned long code = ERR_peek_last_error();
    if (code)
        ERR_error_string_n(code, reason, sizeof reason);
    ERR_clear_error();
    return belay_fail(err, BELAY_INVALID, "tls: %s %s: %s", what, file, reason);
}

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_n,
                           const unsigned char *in, unsigned in_n, void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1";
    (void)ssl;
    (void)arg;
    unsigned char *chosen;
    int found = SSL_select_next_proto(&chosen, out_n, ours, sizeof ours - 1, in, in_n);
    *out = chosen;
    return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int demand_client(SSL_CTX *ssl, const char *client_ca, bool optional, struct belay_err *err)
{
    if (!client_ca)
        return BELAY_OK;
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(client_ca);
    if (!names || SSL_CTX_load_verify_locations(ssl, client_ca, NULL) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return refuse_file(err, "client CA", client_ca);
    }
    SSL_CTX_set_client_CA_list(ssl, names);
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | (optional ? 0 : SSL_VERIFY_FAIL_IF_NO_PEER_CERT), NULL);
    return BELAY_OK;
}

static int load(SSL_CTX *ssl, const char *cert, const char *key, struct belay_err *err)
{
    static const unsigned char session_context[] = "belay";
    SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION);
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_id_context(ssl, session_context, sizeof session_context - 1);
    SSL_CTX_set_alpn_select_cb(ssl, choose_protocol, NULL);
    if (SSL_CTX_use_certificate_chain_file(ssl, cert) != 1)
        return refuse_file(err, "certificate", cert);
    if (SSL_CTX_use_PrivateKey_file(ssl, key, SSL_FILETYPE_PEM) != 1)
        return refuse_file(err, "key", key);
    if (SSL_CTX_check_private_key(ssl) != 1)
        return refuse_file(err, "key does not belong to the certificate:", key);
    return BELAY_OK;
}

int http_tls_context_open(const char *cert, const char *key, const char *client_ca, bool client_optional,
                          struct http_tls_context **ret_context, struct belay_err *err)
{
    struct http_tls_context *context = belay_malloc(sizeof *context);
    if (!context)
        return belay_fail(err, BELAY_NOMEM, "tls: out of memory");
    ERR_clear_error();
    context->ssl = SSL_CTX_new(TLS_server_method());
    int status = context->ssl ? load(context->ssl, cert, key, err)
                              : belay_fail(err, BELAY_NOMEM, "tls: out of memory");
    if (!status)
        status = demand_client(context->ssl, client_ca, client_optional, err);
    if (status)
        http_tls_context_close(context);
    else
        *ret_context = context;
    return status;
}

void http_tls_context_close(struct http_tls_context *context)
{
    if (!context)
        return;
    SSL_CTX_free(context->ssl);
    belay_free(context);
}

belay_time http_tls_context_until(const struct http_tls_context *context)
{
    STACK_OF(X509) *chain = NULL;
    belay_time until = http_x509_until(SSL_CTX_get0_certificate(context->ssl));
    SSL_CTX_get0_chain_certs(context->ssl, &chain);
    for (int i = 0; i < sk_X509_num(chain); i++) {
        belay_time end = http_x509_until(sk_X509_value(chain, i));
        until = end < until ? end : until;
    }
    return until;
}

/* ---- connection ---- */

struct http_tls *http_tls_new(struct http_tls_context *context)
{
    struct http_tls *tls = belay_calloc(1, sizeof *tls);
    if (!tls)
        return NULL;
    tls->ssl = SSL_new(context->ssl);
    tls->in = BIO_new(BIO_s_mem());
    tls->out = BIO_new(BIO_s_mem());
    if (!tls->ssl || !tls->in || !tls->out) {
        SSL_free(tls->ssl);
        BIO_free(tls->in);
        BIO_free(tls->out);
        belay_free(tls);
        return NULL;
    }
    SSL_set_bio(tls->ssl, tls->in, tls->out);
    SSL_set_accept_state(tls->ssl);
    belay_buf_init(&tls->subject, BELAY_KIB(4));
    return tls;
}

void http_tls_free(struct http_tls *tls)
{
    if (!tls)
        return;
    SSL_free(tls->ssl);
    belay_buf_deinit(&tls->subject);
    belay_free(tls);
}

static int drain(struct http_tls *tls, struct belay_buf *wire)
{
    char *bytes;
    long n = BIO_get_mem_data(tls->out, &bytes);
    if (n > 0)
        belay_buf_put(wire, bytes, (size_t)n);
    (void)BIO_reset(tls->out);
    return belay_buf_status(wire);
}

static int read_all(struct http_tls *tls, struct belay_buf *plain)
{
    for (;;) {
        char *to = belay_buf_reserve(plain, RECORD_BYTES);
        if (!to)
            return BELAY_NOMEM;
        ERR_clear_error();
        int n = SSL_read(tls->ssl, to, RECORD_BYTES);
        if (n > 0) {
            plain->n += (size_t)n;
            continue;
        }
        int error = SSL_get_error(tls->ssl, n);
        if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
            return BELAY_OK;
        return error == SSL_ERROR_ZERO_RETURN ? BELAY_CANCELLED : BELAY_DENIED;
    }
}

int http_tls_receive(struct http_tls *tls, struct belay_str cipher, struct belay_buf *plain,
                     struct belay_buf *wire)
{
    BELAY_ASSERT(cipher.n <= INT32_MAX);
    int taken = BIO_write(tls->in, cipher.p, (int)cipher.n);
    if (taken != (int)cipher.n)
        return BELAY_NOMEM;
    int status = read_all(tls, plain);
    int drained = drain(tls, wire);
    return status ? status : drained;
}

int http_tls_send(struct http_tls *tls, struct belay_str plain, struct belay_buf *wire)
{
    while (plain.n) {
        size_t part = plain.n < RECORD_BYTES ? plain.n : RECORD_BYTES, n = 0;
        ERR_clear_error();
        if (SSL_write_ex(tls->ssl, plain.p, part, &n) != 1)
            return BELAY_DENIED; /* memory BIOs never ask to wait */
        plain = belay_str_sub(plain, n, plain.n);
    }
    return drain(tls, wire);
}

void http_tls_goodbye(struct http_tls *tls, struct belay_buf *wire)
{
    ERR_clear_error();
    if (SSL_is_init_finished(tls->ssl))
        SSL_shutdown(tls->ssl);
    if (drain(tls, wire))
        belay_buf_clear(wire);
}

struct belay_str http_tls_subject(struct http_tls *tls)
{
    if (!tls->subject_known && SSL_is_init_finished(tls->ssl)) {
        tls->subject_known = true;
        X509 *cert = SSL_get1_peer_certificate(tls->ssl);
        BIO *text = cert ? BIO_new(BIO_s_mem()) : NULL;
        if (text && X509_NAME_print_ex(text, X509_get_subject_name(cert), 0, XN_FLAG_RFC2253) > 0) {
            char *bytes;
            long n = BIO_get_mem_data(text, &bytes);
            belay_buf_put(&tls->subject, bytes, n > 0 ? (size_t)n : 0);
        }
        BIO_free(text);
        X509_free(cert);
    }
    return belay_buf_view(&tls->subject);
}
