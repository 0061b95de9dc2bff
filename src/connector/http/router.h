/* router.h - path templates as a tree of segments.  Uses: base.  Thread: build on one, then immutable.
 *
 *   "/orders", "/orders/{id}", "/orders/{id}/refund", "/files/{name}.json"
 *
 *   (root) - "orders" * - {} * - "refund" *        * a path ends here
 *          - "files"    - {}".json" *
 *
 * A literal child is tried before one with a template inside, and that before a bare {}; what fails
 * deeper is tried again with the next. Segments are split first and percent-decoded after, so %2F
 * stays inside its segment. A parameter is never empty.
 *
 * Values are given back as they came, not decoded (their style splits them first), but for escapes of
 * letters, digits, '-', '.', '_' and '~', which mean the same as the characters (RFC 3986, 6.2.2.2);
 * that they are percent-encoded UTF-8 has been checked. */
#ifndef BELAY_CONNECTOR_HTTP_ROUTER_H
#define BELAY_CONNECTOR_HTTP_ROUTER_H

#include <stdint.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/status.h"
#include "base/str.h"

struct http_route_node;

struct http_router {
    struct belay_arena *arena;
    struct http_route_node *root;
};

/* What matched: the value given to add, and the raw text of each {} in order. */
struct http_match {
    void *path;
    uint32_t value_count;
    struct belay_str values[BELAY_HTTP_SEGMENTS_MAX];
};

/* Nodes and views live in arena, templates as long as it. */
void http_router_init(struct http_router *r, struct belay_arena *arena);
/* names gets the names of the {} in order (BELAY_HTTP_SEGMENTS_MAX of them at most).
 * Errors: BELAY_INVALID (no template), BELAY_EXISTS (one that matches the same), BELAY_NOMEM. */
int http_router_add(struct http_router *r, struct belay_str template_, void *path,
                    struct belay_str *names, uint32_t *ret_name_count,
                    struct belay_err *err) BELAY_MUST_CHECK;
/* Texts with escapes go to arena. Errors: BELAY_NOTFOUND, BELAY_INVALID (bad percent-encoding),
 * BELAY_NOMEM. */
int http_router_find(const struct http_router *r, struct belay_str path, struct belay_arena *arena,
                     struct http_match *ret_match) BELAY_MUST_CHECK;

#endif
