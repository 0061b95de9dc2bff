/* style.h - how a parameter is written (OpenAPI's style and explode): from raw text to a value.
 * Uses: shape, tape, text.  Thread: any.
 *
 *                     explode=false            explode=true
 *   simple  (path, header)  a,b   k,v,k,v      a,b            k=v,k=v
 *   label   (path)          .a,b  .k,v,k,v     .a.b           .k=v.k=v
 *   matrix  (path)          ;n=a,b ;n=k,v,k,v  ;n=a;n=b       ;k=v;k=v
 *   form    (query, cookie) n=a,b n=k,v,k,v    n=a&n=b        k=v&k=v
 *   space   (query)         n=a%20b            as form
 *   pipe    (query)         n=a%7Cb, n=a|b     as form
 *   deep    (query)                            n[k]=v&n[k]=v
 *
 * A text is split first and percent-decoded after, so an encoded separator belongs to a value; but for
 * space and pipe, whose separators only ever come encoded. */
#ifndef BELAY_CONNECTOR_HTTP_STYLE_H
#define BELAY_CONNECTOR_HTTP_STYLE_H

#include "connector/http/shape.h"
#include "connector/http/tape.h"

enum http_style { HTTP_SIMPLE, HTTP_LABEL, HTTP_MATRIX, HTTP_FORM, HTTP_SPACE, HTTP_PIPE, HTTP_DEEP };

struct http_written {
    enum http_style style;
    bool explode;
    bool plain; /* a header: not percent-encoded */
    bool plus;  /* '+' is a space: a query, a form */
    struct belay_str name;
    const struct http_shape *shape;
};

/* "style" of OpenAPI; false for another word. */
bool http_style_parse(struct belay_str word, enum http_style *ret_style);

/* name=value pairs of a query, a form or a cookie field. */
struct http_pair {
    struct belay_str name; /* decoded */
    struct belay_str raw;  /* value as it came; NULL without '=' */
    bool taken;            /* by a declared parameter */
};
struct http_pairs {
    struct http_pair *items;
    uint32_t count;
};
/* separator: '&' or ';'. Errors: BELAY_INVALID (a name is not percent-encoded UTF-8), BELAY_LIMIT (more
 * than max), BELAY_NOMEM. */
int http_pairs_parse(struct belay_str text, char separator, bool plus, uint32_t max,
                     struct belay_arena *arena, struct http_pairs *ret_pairs) BELAY_MUST_CHECK;

/* The value of one text (a path's segment, a header, a value without explode), appended to t.
 * Errors: BELAY_INVALID (not in that style), BELAY_SYNTAX (not percent-encoded UTF-8), BELAY_NOMEM. */
int http_written_value(const struct http_written *w, struct belay_str raw, struct http_tape *t) BELAY_MUST_CHECK;
/* The same from pairs, which are marked as taken. *ret_found false: it is not there, nothing appended.
 * declared says whether another parameter has that name (of an exploded object's members). */
int http_written_pairs(const struct http_written *w, struct http_pairs *pairs,
                       bool (*declared)(const void *arg, struct belay_str name), const void *arg,
                       struct http_tape *t, bool *ret_found) BELAY_MUST_CHECK;

#endif
