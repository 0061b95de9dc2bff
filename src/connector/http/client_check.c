/* client_check.c - what can be told of a call or a connection before it is made: lint says it where it is written. */
#include "connector/http/client_impl.h"
#include "connector/http/text.h"

/* ---- methods ---- */

/* Those of IANA's registry that a typing slip must not be taken for, and what caches understand besides. */
static const char *const methods[]
    = { "GET",      "HEAD",    "POST",     "PUT",        "DELETE",  "PATCH",    "OPTIONS", "TRACE",   "CONNECT",
        "ACL",      "BASELINE-CONTROL",    "BIND",       "CHECKIN", "CHECKOUT", "COPY",    "LABEL",   "LINK",
        "LOCK",     "MERGE",   "MKACTIVITY", "MKCALENDAR", "MKCOL", "MKREDIRECTREF", "MKWORKSPACE", "MOVE",
        "ORDERPATCH", "PRI",   "PROPFIND", "PROPPATCH",  "QUERY",   "REBIND",   "REPORT",  "SEARCH",  "UNBIND",
        "UNCHECKOUT", "UNLINK", "UNLOCK",  "UPDATE",     "UPDATEREDIRECTREF", "VERSION-CONTROL", "PURGE", "BAN",
        NULL };
/* What people write; the others are known, and never suggested. */
enum { USUAL_METHODS = 8 };

static struct belay_str upper(struct belay_str s, char space[16])
{
    size_t n = s.n < 16 ? s.n : 16;
    for (size_t i = 0; i < n; i++)
        space[i] = (char)(s.p[i] - (s.p[i] >= 'a' && s.p[i] <= 'z' ? 0x20 : 0));
    return belay_str(space, n);
}

static bool check_method(struct belay_str text, struct belay_option_fault *ret_fault)
{
    char space[16];
    struct belay_str capitals = upper(text, space);
    unsigned best = 3; /* of the slips that are still one */
    if (!http_is_token(text)) {
        *ret_fault = (struct belay_option_fault){ "is no method", NULL };
        return true;
    }
    for (size_t i = 0; methods[i]; i++)
        if (belay_str_eq(text, belay_str_c(methods[i])))
            return false;
    *ret_fault = (struct belay_option_fault){ "is no method", NULL };
    for (size_t i = 0; i < USUAL_METHODS && text.n <= sizeof space; i++) {
        unsigned distance = belay_str_distance(capitals, belay_str_c(methods[i]), best);
        if (distance >= best)
            continue;
        best = distance;
        ret_fault->meant = methods[i];
    }
    return ret_fault->meant; /* HTTP allows methods that nobody has heard of */
}

/* ---- paths ---- */

static bool is_dots(struct belay_str segment)
{
    size_t dots = 0;
    for (size_t i = 0; i < segment.n; dots++) {
        struct belay_str rest = belay_str_sub(segment, i, 3);
        if (rest.p[0] == '.')
            i += 1;
        else if (belay_str_eq_nocase(rest, BELAY_STR("%2e")))
            i += 3;
        else
            return false;
    }
    return dots == 1 || dots == 2;
}

const char *http_path_fault(struct belay_str path, bool whole)
{
    if (path.n && path.p[0] != '/')
        return "must begin with /";
    for (size_t i = 0; i < path.n; i++)
        if (path.p[i] <= 0x20 || path.p[i] >= 0x7f || path.p[i] == '#')
            return "must be percent-encoded";
    bool query = memchr(path.n ? path.p : "", '?', path.n);
    struct belay_str rest = belay_str_sub(path, 1, belay_str_find(path, '?') - 1);
    while (rest.p) {
        struct belay_str segment = belay_str_split(&rest, '/');
        if ((rest.p || whole || query) && is_dots(segment)) /* "/.{% name %}" may become one that is none */
            return "must not have . or .. as a segment";
    }
    return NULL;
}

/* ---- URLs ---- */

static bool has_part(CURLU *url, CURLUPart part)
{
    char *text = NULL;
    bool has = curl_url_get(url, part, &text, 0) == CURLUE_OK;
    curl_free(text);
    return has;
}

const char *http_url_fault(CURLU *url, const char *text, bool *ret_tls)
{
    char *scheme = NULL;
    if (curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME))
        return "is no URL";
    curl_url_get(url, CURLUPART_SCHEME, &scheme, 0);
    bool plain = scheme && strcmp(scheme, "http") == 0, tls = scheme && strcmp(scheme, "https") == 0;
    curl_free(scheme);
    if (!plain && !tls)
        return "must begin with http:// or https://";
    if (has_part(url, CURLUPART_USER) || has_part(url, CURLUPART_PASSWORD))
        return "must not hold a password; use username and password";
    if (has_part(url, CURLUPART_FRAGMENT))
        return "must not hold a fragment";
    *ret_tls = tls;
    return NULL;
}

/* Without memory nothing is known to be wrong: open() looks again. */
static bool check_url(struct belay_str text, struct belay_option_fault *ret_fault)
{
    char copy[2048];
    bool tls;
    CURLU *url = text.n < sizeof copy && !memchr(text.p, '\0', text.n) ? curl_url() : NULL;
    if (!url)
        return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    *ret_fault = (struct belay_option_fault){ http_url_fault(url, copy, &tls), NULL };
    curl_url_cleanup(url);
    return ret_fault->why;
}

/* ---- the face ---- */

bool http_check(const char *name, struct belay_str text, bool whole, struct belay_option_fault *ret_fault)
{
    struct belay_option_fault fault = { NULL, NULL };
    bool wrong = false;
    if (strcmp(name, "method") == 0) {
        wrong = whole && check_method(text, &fault);
    } else if (strcmp(name, "path") == 0) {
        fault.why = http_path_fault(text, whole);
        wrong = fault.why;
    } else if (strcmp(name, "base_url") == 0) {
        wrong = check_url(text, &fault);
    } else if (strcmp(name, "headers") == 0) {
        fault.why = "is no name of a header";
        wrong = !http_is_token(text);
    }
    if (wrong)
        *ret_fault = fault;
    return wrong;
}
