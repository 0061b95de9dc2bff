#include "connector/http/classify.h"

#include "base/assert.h"

static void fail(struct belay_call_outcome *o, enum belay_class class_, struct belay_str type,
                 const char *description)
{
    o->ok = false;
    o->class_ = class_;
    o->type = type;
    o->description = belay_str_c(description);
}

/* What is not known to have reached nobody may have been done. */
static enum belay_class class_if(bool sent)
{
    return sent ? BELAY_CLASS_UNKNOWN_OUTCOME : BELAY_CLASS_TRANSIENT;
}

static void classify_client_error(uint32_t status, struct belay_call_outcome *o)
{
    switch (status) {
    case 408:
        fail(o, BELAY_CLASS_TRANSIENT, BELAY_STR("HTTP:TIMEOUT"),
             "the server says that the request came too slowly");
        break;
    case 425:
        fail(o, BELAY_CLASS_TRANSIENT, BELAY_STR("HTTP:TOO_EARLY"), "too early");
        break;
    case 429:
        fail(o, BELAY_CLASS_TRANSIENT, BELAY_STR("HTTP:TOO_MANY_REQUESTS"),
             "the server asks for fewer requests");
        break;
    default:
        fail(o, BELAY_CLASS_PERMANENT, BELAY_STR("HTTP:CLIENT_ERROR"),
             "the server does not accept the request");
        break;
    }
}

static void classify_server_error(uint32_t status, struct belay_call_outcome *o)
{
    const struct belay_str type = BELAY_STR("HTTP:SERVER_ERROR");
    switch (status) {
    case 501: case 505: case 506: case 508: case 510: case 511:
        fail(o, BELAY_CLASS_PERMANENT, type, "the server cannot do this, now or later");
        break;
    case 502: case 504: case 520: case 522: case 524:
        fail(o, BELAY_CLASS_UNKNOWN_OUTCOME, type,
             "a gateway got no good answer; the server behind it may have done the work");
        break;
    case 503:
        fail(o, BELAY_CLASS_TRANSIENT, type, "the server is not available now");
        break;
    default:
        fail(o, BELAY_CLASS_TRANSIENT, type, "the server failed");
        break;
    }
}

static void classify_status(const struct http_evidence *e, struct belay_call_outcome *o)
{
    if (e->status < 200)
        fail(o, class_if(e->sent), BELAY_STR("HTTP:PROTOCOL"), "the answer is no final response");
    else if (e->status < 300)
        o->ok = true;
    else if (e->status < 400)
        fail(o, BELAY_CLASS_PERMANENT, BELAY_STR("HTTP:REDIRECT"),
             "the server points elsewhere, and redirects are not followed");
    else if (e->status < 500)
        classify_client_error(e->status, o);
    else
        classify_server_error(e->status, o);
}

/* An error's status counts even when its body was cut off. */
static bool is_refusal(const struct http_evidence *e)
{
    return e->status >= 300;
}

static void classify_curl(const struct http_evidence *e, struct belay_call_outcome *o)
{
    switch (e->code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        fail(o, BELAY_CLASS_TRANSIENT, BELAY_STR("HTTP:CONNECTIVITY"), "the name does not resolve");
        break;
    case CURLE_COULDNT_CONNECT:
    case CURLE_PROXY:
        fail(o, BELAY_CLASS_TRANSIENT, BELAY_STR("HTTP:CONNECTIVITY"), "no connection could be made");
        break;
    case CURLE_OPERATION_TIMEDOUT: /* only connecting has a time limit of libcurl's own */
        fail(o, class_if(e->sent), BELAY_STR("HTTP:CONNECTIVITY"),
             "no connection was made within connect_timeout");
        break;
    case CURLE_PEER_FAILED_VERIFICATION:
        fail(o, class_if(e->sent), BELAY_STR("HTTP:TLS"), "the server's certificate is not trusted");
        break;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CRL_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_CLIENTCERT:
    case CURLE_SSL_ENGINE_INITFAILED:
        fail(o, class_if(e->sent), BELAY_STR("HTTP:TLS"), "no TLS session could be agreed on");
        break;
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_PARTIAL_FILE:
    case CURLE_SEND_FAIL_REWIND:
    case CURLE_ABORTED_BY_CALLBACK:
        fail(o, class_if(e->sent), BELAY_STR("HTTP:CONNECTIVITY"),
             e->sent ? "the connection was lost before the answer was complete"
                     : "the connection was lost before the request was sent");
        break;
    case CURLE_UNSUPPORTED_PROTOCOL: /* also what it says to an answer without a status line */
        if (e->sent) {
            fail(o, BELAY_CLASS_UNKNOWN_OUTCOME, BELAY_STR("HTTP:PROTOCOL"), "the answer is no HTTP");
            break;
        }
        /* fall through */
    case CURLE_URL_MALFORMAT:
        fail(o, BELAY_CLASS_PERMANENT, BELAY_STR("HTTP:PROTOCOL"), "the URL cannot be used");
        break;
    case CURLE_OUT_OF_MEMORY:
        /* also what it says to a line of the answer's head that is too long for it */
        fail(o, class_if(e->sent), BELAY_STR("HTTP:CONNECTIVITY"),
             e->sent ? "the answer's head is larger than allowed, or memory ran out" : "out of memory");
        break;
    default:
        fail(o, class_if(e->sent), BELAY_STR("HTTP:PROTOCOL"), "the answer is no HTTP");
        break;
    }
}

static void classify_too_large(const struct http_evidence *e, struct belay_call_outcome *o)
{
    enum belay_class class_ = e->safe ? BELAY_CLASS_PERMANENT : BELAY_CLASS_UNKNOWN_OUTCOME;
    o->body_truncated = true;
    fail(o, class_, BELAY_STR("HTTP:RESPONSE_TOO_LARGE"), "the answer's body is larger than the connection's response_max");
}

void http_classify(const struct http_evidence *e, struct belay_call_outcome *o)
{
    BELAY_ASSERT(e->sent || e->status == 0 || e->end != HTTP_END_CURL || e->code != CURLE_OK);
    if (e->end != HTTP_END_CURL && is_refusal(e)) { /* it had said no before it was broken off */
        classify_status(e, o);
        o->body_truncated = true;
        return;
    }
    switch (e->end) {
    case HTTP_END_TIMEOUT:
        fail(o, class_if(e->sent), BELAY_STR("HTTP:TIMEOUT"),
             e->sent ? "sent, and no answer came in time" : "not sent in time");
        return;
    case HTTP_END_CANCELLED:
        fail(o, class_if(e->sent), BELAY_STR("HTTP:CANCELLED"),
             e->sent ? "cancelled after it was sent" : "cancelled before it was sent");
        return;
    case HTTP_END_REPEATED:
        fail(o, class_if(e->sent), BELAY_STR("HTTP:CONNECTIVITY"),
             "the server closed a kept connection without an answer");
        return;
    case HTTP_END_CURL:
        break;
    }
    if (e->too_large && !is_refusal(e)) {
        classify_too_large(e, o);
    } else if (e->code == CURLE_OK || is_refusal(e)) {
        classify_status(e, o);
        o->body_truncated = e->code != CURLE_OK;
    } else {
        classify_curl(e, o);
    }
}
