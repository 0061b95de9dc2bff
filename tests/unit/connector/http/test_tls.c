/* TLS on both sides at once: our server, our client, certificates made here. */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "connector/http/client.h"
#include "connector/http/server.h"
#include "lib/connector_conformance.h"
#include "unit/tempdir.h"

static char folder[32];
static struct belay_http_io *io;
static struct belay_http_server *server;
static struct recorder *recorder;
static atomic_uint closed_count;
static char subject[200]; /* of the last client; written before it is answered */

/* ---- certificates ---- */

struct identity {
    EVP_PKEY *key;
    X509 *cert;
    char cert_path[64], key_path[64];
};

static struct identity authority, stranger, served, client;

static void add_extension(X509 *cert, int nid, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    assert_non_null(e);
    X509_add_ext(cert, e, -1);
    X509_EXTENSION_free(e);
}

/* Signed by issuer; by itself where that is NULL. */
static void make(struct identity *id, const char *name, const struct identity *issuer, bool ca)
{
    static long serial;
    id->key = EVP_EC_gen("P-256");
    id->cert = X509_new();
    X509_set_version(id->cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(id->cert), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(id->cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(id->cert), 3600);
    X509_set_pubkey(id->cert, id->key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(id->cert), "CN", MBSTRING_UTF8, (const unsigned char *)name, -1,
                               -1, 0);
    X509_set_issuer_name(id->cert, X509_get_subject_name(issuer ? issuer->cert : id->cert));
    add_extension(id->cert, NID_basic_constraints, ca ? "critical,CA:TRUE" : "CA:FALSE");
    if (!ca)
        add_extension(id->cert, NID_subject_alt_name, "IP:127.0.0.1");
    assert_true(X509_sign(id->cert, issuer ? issuer->key : id->key, EVP_sha256()) > 0);
    snprintf(id->cert_path, sizeof id->cert_path, "%s/%s.pem", folder, name);
    snprintf(id->key_path, sizeof id->key_path, "%s/%s.key", folder, name);
    FILE *f = fopen(id->cert_path, "w");
    PEM_write_X509(f, id->cert);
    fclose(f);
    f = fopen(id->key_path, "w");
    PEM_write_PrivateKey(f, id->key, NULL, NULL, 0, NULL, NULL);
    fclose(f);
}

static void unmake(struct identity *id)
{
    X509_free(id->cert);
    EVP_PKEY_free(id->key);
}

static int begin_all(void **state)
{
    (void)state;
    if (!tempdir_make(folder))
        return -1;
    make(&authority, "authority", NULL, true);
    make(&stranger, "stranger", NULL, true);
    make(&served, "served", &authority, false);
    make(&client, "client", &authority, false);
    return 0;
}

static int end_all(void **state)
{
    (void)state;
    unmake(&authority);
    unmake(&stranger);
    unmake(&served);
    unmake(&client);
    tempdir_remove(folder);
    return 0;
}

/* ---- both sides ---- */

static int on_request(void *arg, struct belay_http_request *request, struct belay_err *err)
{
    (void)arg;
    (void)err;
    snprintf(subject, sizeof subject, "%.*s", BELAY_STR_ARG(request->peer_subject));
    belay_http_reply(request, 200, NULL, 0, request->body);
    return BELAY_OK;
}

static void closed(void *arg)
{
    (void)arg;
    atomic_fetch_add(&closed_count, 1);
}

static int begin(void **state)
{
    (void)state;
    recorder = recorder_new();
    return belay_http_io_open(&io, NULL);
}

static int end(void **state)
{
    (void)state;
    unsigned before = atomic_load(&closed_count);
    if (server)
        belay_http_server_close(server, 0, closed, NULL);
    while (server && atomic_load(&closed_count) == before)
        nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
    server = NULL;
    belay_http_io_close(io);
    recorder_free(recorder);
    return 0;
}

static void serve(const char *client_ca)
{
    struct belay_http_server_config config = { .listen = BELAY_STR("127.0.0.1:0"), .api = BELAY_STR("tls"),
                                               .tls_cert = served.cert_path, .tls_key = served.key_path,
                                               .tls_client_ca = client_ca };
    struct belay_err err = { 0 };
    if (belay_http_server_open(io, &config, on_request, NULL, &server, &err))
        fail_msg("%s", err.msg);
}

static const struct belay_option *option(const char *name)
{
    const struct belay_option *o = belay_connector_http.options;
    while (o->name && strcmp(o->name, name) != 0)
        o++;
    return o;
}

/* One POST; the outcome is the caller's. */
static struct belay_call_outcome *post(const char *scheme, const char *ca, const struct identity *shown,
                                       struct belay_str body)
{
    char url[64];
    snprintf(url, sizeof url, "%s://127.0.0.1:%u", scheme, belay_http_server_port(server));
    struct belay_option_value options[5] = { { .option = option("base_url"), .text = belay_str_c(url) },
                                             { .option = option("ca_file"), .text = belay_str_c(ca) } };
    uint32_t count = 2;
    if (shown) {
        options[count++] = (struct belay_option_value){ .option = option("client_cert"),
                                                        .text = belay_str_c(shown->cert_path) };
        options[count++] = (struct belay_option_value){ .option = option("client_key"),
                                                        .text = belay_str_c(shown->key_path) };
    }
    struct belay_connection_config config = { .name = BELAY_STR("r"), .options = options, .option_count = count,
                                              .concurrency = 2, .queue_max = 2, .response_bytes_max = 1 << 20 };
    struct belay_field params[] = { { BELAY_STR("method"), BELAY_STR("POST") }, { BELAY_STR("path"), BELAY_STR("/x") } };
    struct belay_call_request request = { .id = 1, .params = params, .param_count = 2, .body = body,
                                          .timeout_ms = 5000 };
    struct belay_connection *c = NULL;
    struct belay_err err = { 0 };
    if (belay_connector_http.open(&config, recorder_done, recorder, &c, &err)
        || belay_connector_http.call(c, &request, &err))
        fail_msg("%s", err.msg);
    struct belay_call_outcome *o = recorder_wait(recorder, 1);
    belay_connector_http.close(c, 0, recorder_closed, recorder);
    recorder_wait_closed(recorder);
    return o;
}

static void a_trusted_server_is_spoken_to(void **state)
{
    (void)state;
    static char body[300000]; /* more than one TLS record, more than one read */
    memset(body, 'b', sizeof body);
    body[0] = body[sizeof body - 1] = '"';
    serve(NULL);
    struct belay_call_outcome *o = post("https", authority.cert_path, NULL, belay_str(body, sizeof body));
    if (!o->ok)
        fail_msg("%.*s", BELAY_STR_ARG(o->description));
    assert_int_equal(o->body.n, sizeof body);
    assert_memory_equal(o->body.p, body, sizeof body);
    assert_string_equal(subject, "");
    belay_call_outcome_free(o);
}

static void a_server_nobody_vouches_for_is_not_spoken_to(void **state)
{
    (void)state;
    serve(NULL);
    struct belay_call_outcome *o = post("https", stranger.cert_path, NULL, BELAY_STR("{}"));
    assert_false(o->ok);
    assert_str(o->type, "HTTP:TLS");
    assert_int_equal(o->class_, BELAY_CLASS_TRANSIENT); /* not a byte of the request was sent */
    belay_call_outcome_free(o);
}

static void a_client_with_a_certificate_is_known_by_its_subject(void **state)
{
    (void)state;
    serve(authority.cert_path);
    struct belay_call_outcome *o = post("https", authority.cert_path, &client, BELAY_STR("{}"));
    if (!o->ok)
        fail_msg("%.*s", BELAY_STR_ARG(o->description));
    assert_string_equal(subject, "CN=client");
    belay_call_outcome_free(o);
}

static void a_client_without_the_wanted_certificate_is_turned_away(void **state)
{
    (void)state;
    serve(authority.cert_path);
    struct belay_call_outcome *o = post("https", authority.cert_path, NULL, BELAY_STR("{}"));
    assert_false(o->ok);
    belay_call_outcome_free(o);
}

static void plain_text_to_a_tls_port_is_no_answer(void **state)
{
    (void)state;
    serve(NULL);
    struct belay_call_outcome *o = post("http", authority.cert_path, NULL, BELAY_STR("{}"));
    assert_false(o->ok);
    assert_int_equal(o->status, 0);
    belay_call_outcome_free(o);
}

static void a_bad_certificate_is_named(void **state)
{
    (void)state;
    struct belay_http_server_config config = { .listen = BELAY_STR("127.0.0.1:0"), .api = BELAY_STR("tls"),
                                               .tls_cert = "/no/such/cert.pem", .tls_key = served.key_path };
    struct belay_err err = { 0 };
    assert_int_equal(belay_http_server_open(io, &config, on_request, NULL, &server, &err), BELAY_INVALID);
    assert_non_null(strstr(err.msg, "/no/such/cert.pem"));
    config.tls_cert = served.cert_path;
    config.tls_key = client.key_path; /* not of this certificate */
    assert_int_equal(belay_http_server_open(io, &config, on_request, NULL, &server, &err), BELAY_INVALID);
    assert_null(server);
}

/* ---- a partner that says more than it was asked ---- */

/* What it writes on its first connection, a TLS record each; NULL: a pause. Later connections: GOOD. */
struct talker {
    const char *const *records;
    int listening;
    uint16_t port;
    pthread_t thread;
    atomic_uint connections;
};

#define HEAD "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"
#define GOOD HEAD "g"

static bool hear_request(SSL *ssl)
{
    char buffer[4096];
    size_t n = 0;
    while (n + 1 < sizeof buffer) {
        int got = SSL_read(ssl, buffer + n, (int)(sizeof buffer - 1 - n));
        if (got <= 0)
            return false;
        n += (size_t)got;
        buffer[n] = '\0';
        if (strstr(buffer, "\r\n\r\n{}"))
            return true;
    }
    return false;
}

static void talk(const struct talker *t, SSL *ssl, bool first)
{
    static const char *const good[] = { GOOD, NULL, NULL };
    for (bool asked = hear_request(ssl); asked; asked = hear_request(ssl)) {
        const char *const *at = first ? t->records : good;
        for (; at[0] || at[1]; at++)
            if (!*at)
                usleep(20000);
            else if (SSL_write(ssl, *at, (int)strlen(*at)) <= 0)
                return;
        first = false;
    }
}

static void *run_talker(void *arg)
{
    struct talker *t = arg;
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate_file(context, served.cert_path, SSL_FILETYPE_PEM);
    SSL_CTX_use_PrivateKey_file(context, served.key_path, SSL_FILETYPE_PEM);
    int fd;
    for (bool first = true; (fd = accept(t->listening, NULL, NULL)) >= 0; first = false) {
        SSL *ssl = SSL_new(context);
        atomic_fetch_add(&t->connections, 1);
        SSL_set_fd(ssl, fd);
        if (SSL_accept(ssl) == 1)
            talk(t, ssl, first);
        SSL_free(ssl);
        close(fd);
    }
    SSL_CTX_free(context);
    return NULL;
}

static void start_talker(struct talker *t)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof a;
    t->listening = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(t->listening, (struct sockaddr *)&a, n), 0);
    assert_int_equal(listen(t->listening, 4), 0);
    getsockname(t->listening, (struct sockaddr *)&a, &n);
    t->port = ntohs(a.sin_port);
    assert_int_equal(pthread_create(&t->thread, NULL, run_talker, t), 0);
}

static void stop_talker(struct talker *t)
{
    shutdown(t->listening, SHUT_RDWR);
    pthread_join(t->thread, NULL);
    close(t->listening);
}

/* Two calls, one after the other, with a pause between them: each gets its own answer. Connections it took. */
static unsigned call_twice(const char *const *records, unsigned pause_us)
{
    struct talker t = { .records = records };
    struct recorder *r = recorder_new(); /* it closes once */
    char url[64];
    start_talker(&t);
    snprintf(url, sizeof url, "https://127.0.0.1:%u", t.port);
    struct belay_option_value options[] = { { .option = option("base_url"), .text = belay_str_c(url) },
                                            { .option = option("ca_file"), .text = belay_str_c(authority.cert_path) } };
    struct belay_connection_config config = { .name = BELAY_STR("r"), .options = options, .option_count = 2,
                                              .concurrency = 2, .queue_max = 2, .response_bytes_max = 1 << 20 };
    struct belay_field params[] = { { BELAY_STR("method"), BELAY_STR("POST") }, { BELAY_STR("path"), BELAY_STR("/x") } };
    struct belay_connection *c = NULL;
    struct belay_err err = { 0 };
    assert_ok(belay_connector_http.open(&config, recorder_done, r, &c, &err));
    for (uint64_t i = 0; i < 2; i++) {
        struct belay_call_request request = { .id = i, .params = params, .param_count = 2, .body = BELAY_STR("{}"),
                                              .timeout_ms = 5000 };
        assert_ok(belay_connector_http.call(c, &request, &err));
        struct belay_call_outcome *o = recorder_wait(r, i);
        if (!o->ok || !belay_str_eq(o->body, i ? BELAY_STR("g") : BELAY_STR("a")))
            fail_msg("%s: call %u: %.*s, '%.*s'", records[0], (unsigned)i, BELAY_STR_ARG(o->ok ? BELAY_STR("ok") : o->type),
                     BELAY_STR_ARG(o->body));
        belay_call_outcome_free(o);
        usleep(pause_us);
    }
    belay_connector_http.close(c, 0, recorder_closed, r);
    recorder_wait_closed(r);
    recorder_free(r);
    stop_talker(&t);
    return atomic_load(&t.connections);
}

static void an_answer_nobody_asked_for_is_not_the_next_calls(void **state)
{
    static const char *const tables[][6] = {
        { HEAD "a" HEAD "b" },             /* in the same record */
        { HEAD, "a" HEAD "b" },            /* with the body: libcurl reads no further than that */
        { HEAD, NULL, "a" HEAD "b" },
        { HEAD "a", HEAD "b" },            /* in the next record */
        { HEAD "a", NULL, HEAD "b" },      /* when the connection lies idle */
        { HEAD "a", NULL, "HTTP/1.1 408 Too Late\r\nContent-Length: 0\r\n\r\n" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        assert_int_equal(call_twice(tables[i], 100000), 2);
        if (i < 3) /* there before the loop has looked */
            assert_int_equal(call_twice(tables[i], 0), 2);
    }
}

static void a_kept_tls_connection_is_used_again(void **state)
{
    static const char *const records[] = { HEAD "a", NULL, NULL };
    (void)state;
    assert_int_equal(call_twice(records, 50000), 1);
    assert_int_equal(call_twice(records, 0), 1);
}

/* ---- clients that do to our server what nobody should ---- */

static int dial(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    a.sin_port = htons(belay_http_server_port(server));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){ 5, 0 }, sizeof(struct timeval));
    return fd;
}

/* The other side ends it within the 5 s of dial, whatever it says before. */
static void assert_ends(int fd)
{
    char buffer[4096];
    ssize_t n;
    while ((n = read(fd, buffer, sizeof buffer)) > 0)
        ;
    assert_true(n == 0 || errno == ECONNRESET);
    close(fd);
}

static void assert_served(void)
{
    struct recorder *before = recorder;
    recorder = recorder_new();
    struct belay_call_outcome *o = post("https", authority.cert_path, NULL, BELAY_STR("{}"));
    if (!o->ok)
        fail_msg("%.*s", BELAY_STR_ARG(o->description));
    belay_call_outcome_free(o);
    recorder_free(recorder);
    recorder = before;
}

static void serve_hasty(void)
{
    struct belay_http_server_config config = { .listen = BELAY_STR("127.0.0.1:0"), .api = BELAY_STR("tls"),
                                               .tls_cert = served.cert_path, .tls_key = served.key_path,
                                               .limits = { .header_timeout_ms = 300 } };
    struct belay_err err = { 0 };
    if (belay_http_server_open(io, &config, on_request, NULL, &server, &err))
        fail_msg("%s", err.msg);
}

static void garbage_instead_of_a_handshake_ends_that_connection_alone(void **state)
{
    static const char *const noise[] = { "GET / HTTP/1.1\r\nhost: x\r\n\r\n", "\x16\x03\x01\xff\xff garbage",
                                         "\x15\x03\x03\x00\x02\x02\x28", "\x80\x2e\x01\x00\x02", "\n" };
    (void)state;
    serve_hasty();
    for (size_t i = 0; i < sizeof noise / sizeof noise[0]; i++) {
        int fd = dial();
        size_t n = i == 2 ? 7 : i == 3 ? 5 : strlen(noise[i]);
        assert_int_equal(write(fd, noise[i], n), n);
        assert_ends(fd);
    }
    assert_served();
}

static void a_handshake_that_dawdles_is_ended(void **state)
{
    (void)state;
    serve_hasty();
    int silent = dial(), dripping = dial();
    char byte = 0x16;
    for (int i = 0; i < 40 && write(dripping, &byte, 1) == 1; i++) {
        byte = i ? 1 : 3; /* a record that is never whole */
        usleep(20000);
        if (recv(dripping, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0)
            break;
    }
    assert_ends(silent);
    assert_ends(dripping);
    assert_served();
}

static SSL *shake_hands(SSL_CTX *context, int fd)
{
    SSL *ssl = SSL_new(context);
    SSL_set_fd(ssl, fd);
    assert_int_equal(SSL_connect(ssl), 1);
    return ssl;
}

static void a_renegotiation_is_refused(void **state)
{
    char buffer[4096];
    (void)state;
    serve(NULL);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION); /* 1.3 has none */
    SSL *ssl = shake_hands(context, dial());
    int asked = SSL_renegotiate(ssl) == 1 ? SSL_do_handshake(ssl) : 0;
    const char request[] = "POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}";
    int wrote = SSL_write(ssl, request, sizeof request - 1);
    int got = wrote > 0 ? SSL_read(ssl, buffer, sizeof buffer) : 0;
    assert_true(asked != 1 || got <= 0); /* refused, or at least nothing goes on after it */
    int fd = SSL_get_fd(ssl);
    SSL_free(ssl);
    close(fd);
    SSL_CTX_free(context);
    assert_served();
}

static void a_client_that_closes_its_half_gets_its_answer(void **state)
{
    char buffer[4096];
    (void)state;
    serve(NULL);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = shake_hands(context, dial());
    const char request[] = "POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}";
    assert_int_equal(SSL_write(ssl, request, sizeof request - 1), sizeof request - 1);
    SSL_shutdown(ssl); /* close_notify: it sends nothing more */
    int got = SSL_read(ssl, buffer, sizeof buffer);
    assert_true(got > 12 && memcmp(buffer, "HTTP/1.1 200", 12) == 0);
    int fd = SSL_get_fd(ssl);
    SSL_free(ssl);
    assert_ends(fd);
    SSL_CTX_free(context);
    assert_served();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_trusted_server_is_spoken_to),
        TEST(a_server_nobody_vouches_for_is_not_spoken_to),
        TEST(a_client_with_a_certificate_is_known_by_its_subject),
        TEST(a_client_without_the_wanted_certificate_is_turned_away),
        TEST(plain_text_to_a_tls_port_is_no_answer),
        TEST(a_bad_certificate_is_named),
        TEST(an_answer_nobody_asked_for_is_not_the_next_calls),
        TEST(a_kept_tls_connection_is_used_again),
        TEST(garbage_instead_of_a_handshake_ends_that_connection_alone),
        TEST(a_handshake_that_dawdles_is_ended),
        TEST(a_renegotiation_is_refused),
        TEST(a_client_that_closes_its_half_gets_its_answer),
    };
    signal(SIGPIPE, SIG_IGN); /* as the program does */
    return cmocka_run_group_tests(tests, begin_all, end_all);
}
