#include "connector/http/router.h"

#include "base/assert.h"
#include "connector/http/text.h"

/* In the order in which siblings are tried. */
enum kind { LITERAL, MIXED, BARE };

/* A MIXED segment is literal text with {} in it: literals[0] {} literals[1] {} ... literals[n]. */
#define LITERALS_MAX 8

struct http_route_node {
    struct http_route_node *child, *sibling;
    enum kind kind;
    uint32_t literal_count; /* LITERAL: 1, BARE: 0 */
    struct belay_str literals[LITERALS_MAX];
    void *path; /* NULL: no path ends here */
};

void http_router_init(struct http_router *r, struct belay_arena *arena)
{
    *r = (struct http_router){ .arena = arena };
}

/* "{name}.json" -> literals "", ".json" and the name. */
static int parse_segment(struct belay_str segment, struct http_route_node *node,
                         struct belay_str *names, uint32_t *name_count)
{
    struct belay_str rest = segment;
    uint32_t vars = 0;
    node->literal_count = 0;
    for (;;) {
        if (node->literal_count == LITERALS_MAX)
            return BELAY_INVALID;
        size_t open = belay_str_find(rest, '{');
        struct belay_str literal = belay_str_sub(rest, 0, open);
        if (memchr(literal.n ? literal.p : "", '}', literal.n)
            || (vars && literal.n == 0 && open < rest.n))
            return BELAY_INVALID; /* a stray brace, or {a}{b}: nobody can say where a ends */
        node->literals[node->literal_count++] = literal;
        if (open == rest.n)
            break;
        size_t close = belay_str_find(rest, '}');
        if (close == rest.n || close <= open + 1 || *name_count == BELAY_HTTP_SEGMENTS_MAX)
            return BELAY_INVALID;
        struct belay_str name = belay_str_sub(rest, open + 1, close - open - 1);
        for (uint32_t i = 0; i < *name_count; i++)
            if (belay_str_eq(names[i], name))
                return BELAY_INVALID; /* two values for one name */
        names[(*name_count)++] = name;
        rest = belay_str_sub(rest, close + 1, rest.n);
        vars++;
    }
    bool bare = vars == 1 && node->literals[0].n == 0 && node->literals[1].n == 0;
    node->kind = vars == 0 ? LITERAL : bare ? BARE : MIXED;
    return BELAY_OK;
}

static bool same_segment(const struct http_route_node *a, const struct http_route_node *b)
{
    if (a->kind != b->kind || a->literal_count != b->literal_count)
        return false;
    for (uint32_t i = 0; i < a->literal_count; i++)
        if (!belay_str_eq(a->literals[i], b->literals[i]))
            return false;
    return true;
}

/* The child of parent like `want`, added when missing. NULL without memory. */
static struct http_route_node *child_like(struct http_router *r, struct http_route_node *parent,
                                          const struct http_route_node *want)
{
    struct http_route_node **at = &parent->child;
    while (*at && (*at)->kind <= want->kind) {
        if (same_segment(*at, want))
            return *at;
        at = &(*at)->sibling;
    }
    struct http_route_node *node = BELAY_ARENA_NEW(r->arena, struct http_route_node);
    if (!node)
        return NULL;
    *node = *want;
    node->sibling = *at;
    *at = node;
    return node;
}

int http_router_add(struct http_router *r, struct belay_str template_, void *path,
                    struct belay_str *names, uint32_t *ret_name_count, struct belay_err *err)
{
    BELAY_ASSERT(path);
    if (!template_.n || template_.p[0] != '/')
        return belay_fail(err, BELAY_INVALID, "path \"%.*s\" does not begin with /",
                          BELAY_STR_ARG(template_));
    if (!r->root && !(r->root = BELAY_ARENA_NEW(r->arena, struct http_route_node)))
        return belay_fail(err, BELAY_NOMEM, "no memory for routes");
    struct http_route_node *node = r->root;
    struct belay_str rest = belay_str_sub(template_, 1, template_.n);
    uint32_t count = 0, depth = 0;
    do {
        struct http_route_node want = { 0 };
        if (parse_segment(belay_str_split(&rest, '/'), &want, names, &count)
            || ++depth > BELAY_HTTP_SEGMENTS_MAX)
            return belay_fail(err, BELAY_INVALID, "path \"%.*s\" is no template",
                              BELAY_STR_ARG(template_));
        node = child_like(r, node, &want);
        if (!node)
            return belay_fail(err, BELAY_NOMEM, "no memory for routes");
    } while (rest.p);
    if (node->path)
        return belay_fail(err, BELAY_EXISTS, "path \"%.*s\" matches the same as another",
                          BELAY_STR_ARG(template_));
    node->path = path;
    *ret_name_count = count;
    return BELAY_OK;
}

struct search {
    struct belay_str segments[BELAY_HTTP_SEGMENTS_MAX]; /* decoded */
    struct belay_str raw[BELAY_HTTP_SEGMENTS_MAX];
    uint32_t segment_count;
    struct http_match *match;
};

static size_t find_text(struct belay_str s, struct belay_str what)
{
    const char *at = what.n ? memmem(s.p, s.n, what.p, what.n) : s.p;
    return at ? (size_t)(at - s.p) : s.n;
}

/* Takes the values out of a segment with {} in it. */
static bool mixed_matches(const struct http_route_node *node, struct belay_str s,
                          struct http_match *match)
{
    uint32_t last = node->literal_count - 1;
    if (!belay_str_starts(s, node->literals[0]))
        return false;
    s = belay_str_sub(s, node->literals[0].n, s.n);
    for (uint32_t i = 1; i <= last; i++) {
        struct belay_str literal = node->literals[i];
        size_t end;
        if (i == last)
            end = belay_str_ends(s, literal) ? s.n - literal.n : 0;
        else
            end = s.n > 1 ? 1 + find_text(belay_str_sub(s, 1, s.n), literal) : s.n;
        if (end == 0 || end + literal.n > s.n || match->value_count == BELAY_HTTP_SEGMENTS_MAX)
            return false;
        match->values[match->value_count++] = belay_str_sub(s, 0, end);
        s = belay_str_sub(s, end + literal.n, s.n);
    }
    return true;
}

static bool segment_matches(const struct http_route_node *node, const struct search *search,
                            uint32_t depth, struct http_match *match)
{
    struct belay_str s = search->raw[depth];
    switch (node->kind) {
    case LITERAL: return belay_str_eq(node->literals[0], search->segments[depth]);
    case MIXED: return mixed_matches(node, s, match);
    case BARE: break;
    }
    if (!s.n || match->value_count == BELAY_HTTP_SEGMENTS_MAX)
        return false;
    match->values[match->value_count++] = s;
    return true;
}

/* Depth is bounded by BELAY_HTTP_SEGMENTS_MAX. */
static bool descend(struct search *search, const struct http_route_node *node, uint32_t depth)
{
    if (depth == search->segment_count) {
        search->match->path = node->path;
        return node->path != NULL;
    }
    for (const struct http_route_node *child = node->child; child; child = child->sibling) {
        uint32_t values = search->match->value_count;
        if (segment_matches(child, search, depth, search->match)
            && descend(search, child, depth + 1))
            return true;
        search->match->value_count = values;
    }
    return false;
}

int http_router_find(const struct http_router *r, struct belay_str path, struct belay_arena *arena,
                     struct http_match *ret_match)
{
    if (!r->root || !path.n || path.p[0] != '/')
        return BELAY_NOTFOUND;
    struct search search;
    search.segment_count = 0;
    search.match = ret_match;
    ret_match->value_count = 0;
    struct belay_str rest = belay_str_sub(path, 1, path.n);
    do {
        if (search.segment_count == BELAY_HTTP_SEGMENTS_MAX)
            return BELAY_NOTFOUND;
        struct belay_str segment = belay_str_split(&rest, '/');
        uint32_t i = search.segment_count++;
        int status = http_decode(arena, segment, false, &search.segments[i]);
        search.raw[i] = segment;
        if (!status && search.segments[i].p != segment.p)
            status = http_normalize(arena, segment, &search.raw[i]);
        if (status)
            return status;
    } while (rest.p);
    return descend(&search, r->root, 0) ? BELAY_OK : BELAY_NOTFOUND;
}
