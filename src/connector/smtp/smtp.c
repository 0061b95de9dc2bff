#include "connector/smtp/smtp.h"

#include <curl/curl.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "connector/common/outcome.h"
#include "connector/common/workers.h"
#include "connector/smtp/message.h"
#include "connector/smtp/options.h"
#include "platform/clock.h"

#define POLL_MS 1000
#define REPLY_BYTES 300
#define GOODBYE 221
#define SOCKETS_MAX 8 /* tried at the same time */

struct belay_connection {
    struct belay_workers *workers;
    struct smtp_options options;
};

/* One mail on its way. */
struct sending {
    const struct belay_work *work;
    CURLM *multi;
    CURL *easy;
    struct curl_slist *recipients;
    struct belay_buf message;
    size_t given;              /* of message, to libcurl */
    int sockets[SOCKETS_MAX];  /* that libcurl has open; -1: none */
    bool whole;                /* its end too: from now on it may have been sent */
    char reply[REPLY_BYTES];   /* the server's last line, but for its goodbye */
    uint32_t status;           /* it begins with */
};

/* ---- libcurl's callbacks ---- */

static size_t give(char *to, size_t size, size_t count, void *arg)
{
    struct sending *s = arg;
    size_t n = size * count, left = s->message.n - s->given;
    n = n < left ? n : left;
    if (n == 0)
        s->whole = true;
    memcpy(to, s->message.p + s->given, n);
    s->given += n;
    return n;
}

static size_t see_reply(char *line, size_t size, size_t count, void *arg)
{
    struct sending *s = arg;
    struct belay_str text = belay_str_trim(belay_str(line, size * count));
    size_t n = text.n < sizeof s->reply ? text.n : sizeof s->reply - 1;
    uint64_t status;
    if (!belay_str_to_u64(belay_str_sub(text, 0, 3), &status) || status == GOODBYE)
        return size * count;
    s->status = (uint32_t)status;
    memcpy(s->reply, text.p, n);
    s->reply[n] = '\0';
    return size * count;
}

static int see_open(void *arg, curl_socket_t fd, curlsocktype purpose)
{
    struct sending *s = arg;
    (void)purpose;
    for (size_t i = 0; i < SOCKETS_MAX; i++)
        if (s->sockets[i] < 0) {
            s->sockets[i] = fd;
            break;
        }
    return CURL_SOCKOPT_OK;
}

static int see_close(void *arg, curl_socket_t fd)
{
    struct sending *s = arg;
    for (size_t i = 0; i < SOCKETS_MAX; i++)
        if (s->sockets[i] == fd)
            s->sockets[i] = -1;
    return close(fd);
}

/* Waiting for the answer to the mail, libcurl does not come back from perform, but asks this about once a second. */
static int see_progress(void *arg, curl_off_t dltotal, curl_off_t dlnow, curl_off_t ultotal, curl_off_t ulnow)
{
    const struct sending *s = arg;
    (void)dltotal, (void)dlnow, (void)ultotal, (void)ulnow;
    return belay_work_cancelled(s->work) || belay_work_left_ms(s->work) == 0;
}

/* libcurl would say goodbye, and wait two minutes for an answer. */
static void hang_up(const struct sending *s)
{
    for (size_t i = 0; i < SOCKETS_MAX; i++)
        if (s->sockets[i] >= 0)
            shutdown(s->sockets[i], SHUT_RDWR);
}

/* ---- one mail ---- */

static void fail(struct belay_call_outcome *o, enum belay_class class_, const char *type, struct belay_str description)
{
    o->ok = false;
    o->class_ = class_;
    o->type = belay_str_c(type);
    o->description = description;
}

static void fail_no_memory(struct belay_call_outcome *o)
{
    fail(o, BELAY_CLASS_TRANSIENT, "SMTP:CONNECTIVITY", BELAY_STR("out of memory"));
}

/* Who gets it: the call's, else the connection's. False: *o says why not. */
static bool take_recipients(const struct belay_connection *c, struct sending *s, struct smtp_mail *mail,
                            struct belay_call_outcome *o)
{
    struct belay_str rest = belay_call_param(s->work->request, BELAY_STR("to")), one;
    struct belay_str *to = BELAY_ARENA_ARRAY(s->work->arena, struct belay_str, BELAY_SMTP_RECIPIENTS_MAX);
    mail->to = c->options.to;
    mail->to_count = c->options.to_count;
    if (rest.n) {
        mail->to = to;
        mail->to_count = 0;
    }
    while (to && smtp_next_address(&rest, &one) && mail->to_count < BELAY_SMTP_RECIPIENTS_MAX)
        to[mail->to_count++] = one;
    for (uint32_t i = 0; to && i < mail->to_count; i++) {
        struct belay_str text = belay_arena_printf(s->work->arena, "<%.*s>", BELAY_STR_ARG(mail->to[i]));
        if (!smtp_is_address(mail->to[i])) {
            fail(o, BELAY_CLASS_PERMANENT, "SMTP:ADDRESS",
                 belay_arena_printf(s->work->arena, "'%.*s' is no address", BELAY_STR_ARG(mail->to[i])));
            return false;
        }
        struct curl_slist *more = text.p ? curl_slist_append(s->recipients, text.p) : NULL;
        if (!more)
            to = NULL;
        else
            s->recipients = more;
    }
    if (!to)
        fail_no_memory(o);
    else if (mail->to_count == 0)
        fail(o, BELAY_CLASS_PERMANENT, "SMTP:ADDRESS", BELAY_STR("neither the call nor the connection says who gets it"));
    return to && mail->to_count;
}

static bool write_message(const struct belay_connection *c, struct sending *s, struct smtp_mail *mail)
{
    const struct belay_call_request *r = s->work->request;
    mail->from = c->options.from;
    mail->subject = belay_call_param(r, BELAY_STR("subject"));
    mail->body = r->body;
    mail->key = r->idempotency_key;
    mail->at = belay_clock_wall(belay_clock_posix());
    for (uint32_t i = 0; i < r->header_count; i++)
        if (belay_str_eq_nocase(r->headers[i].name, BELAY_STR("content-type")) && !memchr(r->headers[i].value.p, '\n', r->headers[i].value.n))
            mail->content_type = r->headers[i].value;
    smtp_message(&s->message, mail);
    return belay_buf_status(&s->message) == BELAY_OK;
}

static bool set_up(const struct belay_connection *c, struct sending *s)
{
    const struct smtp_options *o = &c->options;
    struct belay_str from = belay_arena_printf(s->work->arena, "<%.*s>", BELAY_STR_ARG(o->from));
    CURL *e = s->easy = curl_easy_init();
    s->multi = curl_multi_init();
    if (!e || !s->multi || !from.p)
        return false;
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_PROXY, "");
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)o->connect_timeout_ms);
    curl_easy_setopt(e, CURLOPT_USE_SSL, o->tls == SMTP_PLAIN ? (long)CURLUSESSL_NONE : (long)CURLUSESSL_ALL);
    curl_easy_setopt(e, CURLOPT_CAINFO, o->ca_file); /* NULL: the system's */
    curl_easy_setopt(e, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(e, CURLOPT_READFUNCTION, give);
    curl_easy_setopt(e, CURLOPT_READDATA, s);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, see_reply);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, s);
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)belay_work_left_ms(s->work) + 5); /* after our own */
    curl_easy_setopt(e, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(e, CURLOPT_XFERINFOFUNCTION, see_progress);
    curl_easy_setopt(e, CURLOPT_XFERINFODATA, s);
    curl_easy_setopt(e, CURLOPT_SOCKOPTFUNCTION, see_open);
    curl_easy_setopt(e, CURLOPT_SOCKOPTDATA, s);
    curl_easy_setopt(e, CURLOPT_CLOSESOCKETFUNCTION, see_close);
    curl_easy_setopt(e, CURLOPT_CLOSESOCKETDATA, s);
    curl_easy_setopt(e, CURLOPT_MAIL_RCPT, s->recipients);
    curl_easy_setopt(e, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);
    if (o->ca_file == NULL)
        curl_easy_setopt(e, CURLOPT_CAPATH, "/etc/ssl/certs");
    return curl_easy_setopt(e, CURLOPT_URL, o->url) == CURLE_OK && curl_easy_setopt(e, CURLOPT_MAIL_FROM, from.p) == CURLE_OK
           && (!o->username || (curl_easy_setopt(e, CURLOPT_USERNAME, o->username) == CURLE_OK
                                && curl_easy_setopt(e, CURLOPT_PASSWORD, o->password) == CURLE_OK))
           && curl_multi_add_handle(s->multi, e) == CURLM_OK;
}

enum over { OVER_CURL, OVER_TIMEOUT, OVER_CANCELLED };

static enum over drive(struct sending *s, CURLcode *ret_code)
{
    struct curl_waitfd wake = { .fd = s->work->wake_fd, .events = CURL_WAIT_POLLIN };
    int running = 1, left;
    while (curl_multi_perform(s->multi, &running) == CURLM_OK && running) {
        uint32_t left_ms = belay_work_left_ms(s->work);
        if (belay_work_cancelled(s->work))
            return OVER_CANCELLED;
        if (left_ms == 0)
            return OVER_TIMEOUT;
        curl_multi_poll(s->multi, &wake, 1, left_ms < POLL_MS ? (int)left_ms : POLL_MS, NULL);
    }
    const CURLMsg *m = curl_multi_info_read(s->multi, &left);
    *ret_code = m ? m->data.result : CURLE_FAILED_INIT;
    bool stopped = *ret_code == CURLE_ABORTED_BY_CALLBACK || *ret_code == CURLE_OPERATION_TIMEDOUT;
    if (stopped && belay_work_cancelled(s->work))
        return OVER_CANCELLED;
    return stopped && belay_work_left_ms(s->work) == 0 ? OVER_TIMEOUT : OVER_CURL;
}

static void classify(const struct sending *s, enum over over, CURLcode code, struct belay_call_outcome *o)
{
    enum belay_class open_ = s->whole ? BELAY_CLASS_UNKNOWN_OUTCOME : BELAY_CLASS_TRANSIENT;
    uint32_t status = s->status;
    o->status = status;
    struct belay_str said = belay_arena_printf(s->work->arena, "the server says: %s", s->reply[0] ? s->reply : "nothing");
    struct belay_str why = belay_arena_printf(s->work->arena, "%s", curl_easy_strerror(code));
    if (over == OVER_CANCELLED)
        fail(o, open_, "SMTP:CANCELLED", BELAY_STR("cancelled before the server had answered"));
    else if (over == OVER_TIMEOUT)
        fail(o, open_, "SMTP:TIMEOUT", BELAY_STR("the server did not answer in time"));
    else if (code == CURLE_OK)
        o->ok = true;
    else if (status >= 500 && status < 600)
        fail(o, BELAY_CLASS_PERMANENT, "SMTP:REFUSED", said);
    else if (status >= 400 && status < 500)
        fail(o, BELAY_CLASS_TRANSIENT, "SMTP:REFUSED", said);
    else if (code == CURLE_USE_SSL_FAILED)
        fail(o, BELAY_CLASS_PERMANENT, "SMTP:TLS", BELAY_STR("the server offers no STARTTLS"));
    else if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CONNECT_ERROR || code == CURLE_SSL_CACERT_BADFILE)
        fail(o, open_, "SMTP:TLS", why);
    else
        fail(o, open_, "SMTP:CONNECTIVITY", why);
}

static void work(void *arg, const struct belay_work *work, struct belay_call_outcome *o)
{
    const struct belay_connection *c = arg;
    struct sending s = { .work = work, .sockets = { -1, -1, -1, -1, -1, -1, -1, -1 } };
    struct smtp_mail mail = { 0 };
    CURLcode code = CURLE_OK;
    belay_buf_init(&s.message, 2 * BELAY_MESSAGE_BYTES_MAX);
    if (take_recipients(c, &s, &mail, o)) {
        if (write_message(c, &s, &mail) && set_up(c, &s)) {
            enum over over = drive(&s, &code);
            classify(&s, over, code, o);
            hang_up(&s); /* what it had to say it has said */
        } else {
            fail_no_memory(o);
        }
    }
    if (s.multi && s.easy)
        curl_multi_remove_handle(s.multi, s.easy);
    curl_easy_cleanup(s.easy);
    curl_multi_cleanup(s.multi);
    curl_slist_free_all(s.recipients);
    belay_buf_deinit(&s.message);
}

/* ---- the contract ---- */

static void init_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static void release(void *arg)
{
    struct belay_connection *c = arg;
    smtp_options_deinit(&c->options);
    belay_free(c);
}

static int smtp_open(const struct belay_connection_config *config, belay_call_done *done, void *done_arg,
                     struct belay_connection **ret_connection, struct belay_err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct belay_connection *c = belay_calloc(1, sizeof *c);
    if (!c)
        return belay_fail(err, BELAY_NOMEM, "smtp: out of memory");
    pthread_once(&once, init_curl);
    int status = smtp_options_init(&c->options, config, err);
    if (status != BELAY_OK) {
        belay_free(c);
        return status;
    }
    const struct belay_workers_opt opt = { .name = "smtp", .namespace_ = "SMTP", .concurrency = config->concurrency,
                                           .queue_max = config->queue_max, .response_bytes_max = config->response_bytes_max,
                                           .endpoint = belay_str_c(c->options.url), .work = work, .release = release,
                                           .arg = c, .done = done, .done_arg = done_arg };
    status = belay_workers_open(&opt, &c->workers, err);
    if (status == BELAY_OK)
        *ret_connection = c;
    else
        release(c);
    return status;
}

static int smtp_call(struct belay_connection *c, const struct belay_call_request *request, struct belay_err *err)
{
    return belay_workers_call(c->workers, request, err);
}

static void smtp_cancel(struct belay_connection *c, uint64_t id)
{
    belay_workers_cancel(c->workers, id);
}

static void smtp_close(struct belay_connection *c, uint32_t drain_ms, void (*closed)(void *arg), void *closed_arg)
{
    belay_workers_close(c->workers, drain_ms, closed, closed_arg);
}

/* A second mail is a second mail: only the connection can say (`idempotency`) that it does no harm. */
static bool idempotent(const struct belay_call_request *request)
{
    (void)request;
    return false;
}

const struct belay_connector belay_connector_smtp = {
    .name = "smtp",
    .help = "Sends a mail for each call: the body is the text, by SMTP with STARTTLS.",
    .options = smtp_option_table,
    .call_params = smtp_param_table,
    .namespace_ = "SMTP",
    .idempotent = idempotent,
    .check = smtp_check,
    .open = smtp_open,
    .call = smtp_call,
    .cancel = smtp_cancel,
    .close = smtp_close,
};
