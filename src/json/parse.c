/* The parser: one pass, no recursion.  While a container is open its skip field holds the index of
 * the container around it, so the stack of open containers is threaded through the tape:
 *
 *              +------ ',' ------+
 *              v                 |
 *   begin -> value -- scalar --> after -- '}' ']' --> after (of the container around it)
 *              |  ^              |  |
 *       '[' '{'|  | ':'          |  +-- no container open --> end
 *              v  |              |
 *             key <---- ',' -----+
 */
#include "base/alloc.h"
#include "base/assert.h"
#include "base/limits.h"
#include "json/json.h"
#include "json/number.h"
#include "json/scan.h"
#include "json/string.h"
#include "json/utf8.h"

#include <stdio.h>

#define NO_CONTAINER UINT64_MAX

struct parser {
    const char *text, *end;
    struct belay_arena *arena;
    struct belay_json_node *tape;
    size_t count, cap;
    uint64_t open; /* index of the innermost open container */
    uint32_t depth, depth_max;
    /* the first thing that is wrong */
    int status;
    const char *bad;
    const char *what;   /* what is wrong, or else: */
    const char *wanted; /* what was expected at `bad` */
};

static const char *fail(struct parser *s, int status, const char *at, const char *what)
{
    s->status = status;
    s->bad = at;
    s->what = what;
    return NULL;
}

static const char *want(struct parser *s, const char *at, const char *wanted)
{
    s->wanted = wanted;
    return fail(s, BELAY_SYNTAX, at, NULL);
}

/* Twice the tape: in place when nothing was taken from the arena since, else by a copy. */
static bool grow(struct parser *s)
{
    size_t more = s->cap, bytes = more * sizeof *s->tape;
    struct belay_arena *arena = s->arena;
    if (arena->at == (char *)(s->tape + s->cap) && (size_t)(arena->end - arena->at) >= bytes) {
        arena->at += bytes;
    } else {
        struct belay_json_node *tape = belay_arena_alloc(arena, bytes * 2);
        if (!tape) {
            fail(s, BELAY_NOMEM, s->text, "no memory for the tape");
            return false;
        }
        memcpy(tape, s->tape, bytes);
        s->tape = tape;
    }
    s->cap += more;
    return true;
}

static inline struct belay_json_node *push(struct parser *s)
{
    if (__builtin_expect(s->count == s->cap, 0) && !grow(s))
        return NULL;
    return &s->tape[s->count++];
}

static inline const char *set(struct belay_json_node *node, enum belay_json_type type,
                              const char *after)
{
    *node = (struct belay_json_node){ .type = (uint8_t)type };
    return after;
}

static const char *hard_string(struct parser *s, const char *p, const char *at,
                               struct belay_json_node *node)
{
    const char *bad = NULL, *what = NULL;
    const char *after = string_scan(p, at, s->end, s->arena, node, &bad, &what);
    if (!after && what)
        return fail(s, BELAY_SYNTAX, bad, what);
    return after ? after : fail(s, BELAY_NOMEM, p, "no memory for a string");
}

/* p is at the opening quote. */
static inline const char *string(struct parser *s, const char *p, struct belay_json_node *node)
{
    const char *at = scan_plain(++p, s->end);
    node->type = BELAY_JSON_STRING;
    node->reserved = 0;
    if (__builtin_expect(at == s->end || *at != '"', 0))
        return hard_string(s, p, at, node);
    node->flags = BELAY_JSON_PLAIN;
    node->n = (uint32_t)(at - p);
    node->u.s = p;
    return at + 1;
}

static const char *hard_number(struct parser *s, const char *p, struct belay_json_node *node)
{
    const char *bad = NULL;
    const char *after = number_scan(p, s->end, node, &bad);
    return after ? after : want(s, bad, "a digit");
}

/* Integers of up to 18 digits here, everything else there. */
static inline const char *number(struct parser *s, const char *p, struct belay_json_node *node)
{
    const char *at = p + (*p == '-'), *first = at;
    const char *most = s->end - first > 18 ? first + 18 : s->end;
    int64_t value = 0;
    while (at < most && (unsigned char)(*at - '0') <= 9)
        value = value * 10 + (*at++ - '0');
    if (at == first || (*first == '0' && at != first + 1) || at == first + 18
        || (at < s->end && (*at == '.' || (*at | 0x20) == 'e')))
        return hard_number(s, p, node);
    set(node, BELAY_JSON_INT, at);
    node->u.i = *p == '-' ? -value : value;
    return at;
}

static const char *literal(struct parser *s, const char *p, struct belay_json_node *node)
{
    size_t left = (size_t)(s->end - p);
    if (left >= 4 && memcmp(p, "true", 4) == 0)
        return set(node, BELAY_JSON_TRUE, p + 4);
    if (left >= 4 && memcmp(p, "null", 4) == 0)
        return set(node, BELAY_JSON_NULL, p + 4);
    if (left >= 5 && memcmp(p, "false", 5) == 0)
        return set(node, BELAY_JSON_FALSE, p + 5);
    return want(s, p, "a value");
}

static inline void close_container(struct parser *s)
{
    struct belay_json_node *node = &s->tape[s->open];
    uint64_t outer = node->u.skip;
    node->u.skip = s->count - s->open;
    s->open = outer;
    s->depth--;
}

/* p is at the bracket. Returns the byte after it, or after the closing one of an empty container
 * (which is closed then). */
static inline const char *open_container(struct parser *s, const char *p,
                                         struct belay_json_node *node)
{
    bool object = *p == '{';
    if (s->depth == s->depth_max)
        return fail(s, BELAY_LIMIT, p, "nested too deeply");
    set(node, object ? BELAY_JSON_OBJECT : BELAY_JSON_ARRAY, p);
    node->u.skip = s->open;
    s->open = (uint64_t)(node - s->tape);
    s->depth++;
    p = scan_space(p + 1, s->end);
    if (p < s->end && *p == (object ? '}' : ']')) {
        close_container(s);
        return p + 1;
    }
    node->n = 1; /* content follows, or it is an error */
    return p;
}

/* A member's name and colon; wanted says what else may stand there. */
static inline const char *key(struct parser *s, const char *p, const char *wanted)
{
    if (p == s->end || *p != '"')
        return want(s, p, wanted);
    struct belay_json_node *node = push(s);
    p = node ? string(s, p, node) : NULL;
    if (!p)
        return NULL;
    p = scan_space(p, s->end);
    if (p == s->end || *p != ':')
        return want(s, p, "':'");
    return scan_space(p + 1, s->end);
}

/* After a value: closes what ends here. Returns the beginning of the next value; or NULL, and then
 * either everything is closed (status OK, bad is the byte after it) or something is wrong. */
static inline const char *after(struct parser *s, const char *p)
{
    while (s->open != NO_CONTAINER) {
        struct belay_json_node *node = &s->tape[s->open];
        bool object = node->type == BELAY_JSON_OBJECT;
        p = scan_space(p, s->end);
        if (p < s->end && *p == ',') {
            node->n++;
            p = scan_space(p + 1, s->end);
            return object ? key(s, p, "a member's name in double quotes") : p;
        }
        if (p == s->end || *p != (object ? '}' : ']'))
            return want(s, p, object ? "',' or '}'" : "',' or ']'");
        close_container(s);
        p++;
    }
    s->bad = p;
    return NULL;
}

static inline const char *value(struct parser *s, const char *p, struct belay_json_node *node)
{
    switch (*p) {
    case '"': return string(s, p, node);
    case '{':
    case '[': return open_container(s, p, node);
    case '-':
    case '0' ... '9': return number(s, p, node);
    default: return literal(s, p, node);
    }
}

static void run(struct parser *s)
{
    const char *p = scan_space(s->text, s->end);
    while (p) {
        if (p == s->end) {
            want(s, p, "a value");
            return;
        }
        struct belay_json_node *node = push(s);
        p = node ? value(s, p, node) : NULL;
        if (!p)
            return;
        if (node->type >= BELAY_JSON_ARRAY && node->n) /* open: its content comes next */
            p = node->type == BELAY_JSON_OBJECT ? key(s, p, "a member's name in double quotes or '}'")
                                                : p;
        else
            p = after(s, p);
    }
    if (s->status == BELAY_OK && scan_space(s->bad, s->end) != s->end)
        want(s, scan_space(s->bad, s->end), "nothing after the value");
}

/* "'x'", "the end of the text" ... */
static const char *found(const struct parser *s, char text[32])
{
    if (s->bad == s->end)
        return "the end of the text";
    size_t len = belay_utf8_len(s->bad, s->end);
    unsigned char c = (unsigned char)*s->bad;
    if (len == 0 || c < 0x20 || c == 0x7f)
        snprintf(text, 32, "the byte 0x%02x", c);
    else
        snprintf(text, 32, "'%.*s'", (int)len, s->bad);
    return text;
}

static int report(const struct parser *s, struct belay_json_place *ret_place, struct belay_err *err)
{
    char text[32];
    if (s->status == BELAY_NOMEM)
        return belay_fail(err, BELAY_NOMEM, "JSON: %s", s->what);
    size_t offset = (size_t)(s->bad - s->text);
    struct belay_json_place place = belay_json_place_at(belay_str(s->text, offset), offset);
    if (ret_place)
        *ret_place = place;
    if (s->what)
        return belay_fail(err, s->status, "line %u, column %u: %s", place.line, place.column,
                          s->what);
    return belay_fail(err, s->status, "line %u, column %u: expected %s, found %s", place.line,
                      place.column, s->wanted, found(s, text));
}

static int too_large(size_t size_bytes_max, struct belay_json_place *ret_place,
                     struct belay_err *err)
{
    if (ret_place)
        *ret_place = (struct belay_json_place){ 1, 1, 0 };
    return belay_fail(err, BELAY_LIMIT, "the text is larger than %zu bytes", size_bytes_max);
}

/* A guess that fits most texts without growing: a value every 8 bytes, larger texts less. */
static size_t first_cap(size_t size_bytes)
{
    return size_bytes <= 4096 ? size_bytes / 8 + 16 : size_bytes / 16 + 272;
}

int belay_json_parse(struct belay_str text, const struct belay_json_limits *limits,
                     struct belay_arena *arena, const belay_json **ret_root,
                     struct belay_json_place *ret_place, struct belay_err *err)
{
    struct belay_json_limits l = limits ? *limits : (struct belay_json_limits){ 0, 0 };
    struct parser s = { .arena = arena, .open = NO_CONTAINER };
    size_t size_bytes_max = l.size_bytes_max ? l.size_bytes_max : BELAY_JSON_BYTES_MAX;
    if (text.n > size_bytes_max || text.n > UINT32_MAX)
        return too_large(size_bytes_max, ret_place, err);
    s.text = text.p ? text.p : "";
    s.end = s.text + text.n;
    s.depth_max = l.depth_max ? l.depth_max : BELAY_JSON_DEPTH_DEFAULT;
    if (s.depth_max > BELAY_JSON_DEPTH_MAX)
        s.depth_max = BELAY_JSON_DEPTH_MAX;

    struct belay_arena_mark mark = belay_arena_mark(arena);
    s.cap = first_cap(text.n);
    s.tape = belay_arena_alloc(arena, s.cap * sizeof *s.tape);
    if (!s.tape)
        return belay_fail(err, BELAY_NOMEM, "JSON: no memory for the tape");
    run(&s);
    if (s.status != BELAY_OK) {
        belay_arena_rewind(arena, mark);
        return report(&s, ret_place, err);
    }
    BELAY_ASSERT(s.depth == 0 && s.count > 0);
    if (arena->at == (char *)(s.tape + s.cap))
        arena->at = (char *)(s.tape + s.count); /* gives back the rest */
    *ret_root = s.tape;
    return BELAY_OK;
}
