/* redact.c - the rules: paths as one list of segments, walked as a set of places in it; header names. */
#include "json/redact_impl.h"

/* What carries credentials everywhere. */
static const struct belay_str built_in[] = {
    BELAY_STR_INIT("authorization"), BELAY_STR_INIT("proxy-authorization"), BELAY_STR_INIT("cookie"),
    BELAY_STR_INIT("set-cookie"),    BELAY_STR_INIT("x-api-key"),           BELAY_STR_INIT("api-key"),
    BELAY_STR_INIT("x-auth-token"),  BELAY_STR_INIT("x-access-token"),      BELAY_STR_INIT("x-csrf-token"),
    BELAY_STR_INIT("x-amz-security-token"),
};
#define BUILT_IN (sizeof built_in / sizeof built_in[0])

struct belay_str belay_redact_built_in(uint32_t index)
{
    return index < BUILT_IN ? built_in[index] : BELAY_STR_NONE;
}

/* ---- paths ---- */

static int bad_path(struct belay_err *err, struct belay_str path, const char *why)
{
    return belay_fail(err, BELAY_INVALID, "'%.*s' is no path into a message: %s", BELAY_STR_ARG(path), why);
}

/* "items[*].card" as "items.*.card": the text up to the next separator, and what follows. */
static bool next_name(struct belay_str *rest, struct belay_str *ret_name)
{
    size_t at = 0;
    if (rest->n && rest->p[0] == '[') {
        size_t end = belay_str_find(*rest, ']');
        if (end == rest->n)
            return false;
        *ret_name = belay_str_sub(*rest, 1, end - 1);
        *rest = belay_str_sub(*rest, end + 1, rest->n);
    } else {
        while (at < rest->n && rest->p[at] != '.' && rest->p[at] != '[')
            at++;
        *ret_name = belay_str_sub(*rest, 0, at);
        *rest = belay_str_sub(*rest, at, rest->n);
    }
    if (rest->n && rest->p[0] == '.') {
        *rest = belay_str_sub(*rest, 1, rest->n);
        return ret_name->n > 0 && rest->n > 0;
    }
    return ret_name->n > 0 && (!rest->n || rest->p[0] == '[');
}

/* ~0 and ~1 of a JSON Pointer's token. arena NULL: only looked at. */
static bool unescape(struct belay_str *name, struct belay_arena *arena)
{
    if (belay_str_find(*name, '~') == name->n)
        return true;
    char *to = arena ? belay_arena_bytes(arena, name->n) : NULL;
    size_t n = 0;
    for (size_t i = 0; i < name->n; i++, n++) {
        char c = name->p[i];
        if (c == '~') {
            c = i + 1 < name->n ? name->p[++i] : 'x';
            if (c != '0' && c != '1')
                return false;
            c = c == '0' ? '~' : '/';
        }
        if (to)
            to[n] = c;
    }
    if (to)
        *name = belay_str(to, n);
    return !arena || to;
}

static struct redact_segment segment_of(struct belay_str name)
{
    struct redact_segment s = { .name = name };
    s.any = belay_str_eq(name, BELAY_STR("*"));
    s.deep = belay_str_eq(name, BELAY_STR("**"));
    s.is_index = belay_str_to_u64(name, &s.index);
    return s;
}

/* The path's segments to `to` (NULL: only judged). */
static int parse_path(struct belay_str path, struct belay_arena *arena, struct redact_segment *to, uint32_t *ret_count,
                      struct belay_err *err)
{
    bool pointer = path.n && path.p[0] == '/', deep = false;
    struct belay_str rest = belay_str_sub(path, pointer ? 1 : 0, path.n), name;
    uint32_t count = 0;
    if (!path.n)
        return bad_path(err, path, "it is empty");
    while (pointer ? rest.p != NULL : rest.n > 0) {
        if (pointer)
            name = belay_str_split(&rest, '/');
        else if (!next_name(&rest, &name))
            return bad_path(err, path, "a name is missing between its dots");
        if (pointer && !unescape(&name, arena))
            return bad_path(err, path, "'~' is followed by 0 or 1 in a JSON Pointer");
        struct redact_segment s = segment_of(name);
        deep = s.deep;
        if (to)
            to[count] = s;
        if (++count > BELAY_REDACT_SEGMENTS_MAX)
            return belay_fail(err, BELAY_LIMIT, "more than %d names in paths", BELAY_REDACT_SEGMENTS_MAX);
    }
    if (deep)
        return bad_path(err, path, "'**' is followed by the name that it looks for");
    if (to)
        to[count - 1].last = true;
    *ret_count = count;
    return BELAY_OK;
}

int belay_redact_check_path(struct belay_str path, struct belay_err *err)
{
    uint32_t count;
    return parse_path(path, NULL, NULL, &count, err);
}

/* "**" may stand for nothing: then what follows it counts too. */
static void add_place(const struct belay_redact *r, struct belay_redact_at *at, uint32_t place)
{
    while (place < r->segment_count) {
        at->bits[place / 64] |= (uint64_t)1 << place % 64;
        if (!r->segments[place].deep)
            return;
        place++;
    }
}

static int compile_paths(struct belay_redact *r, const struct belay_redact_opt *opt, struct belay_arena *arena,
                         struct belay_err *err)
{
    uint32_t total = 0, count;
    for (uint32_t i = 0; i < opt->path_count; i++, total += count) {
        int status = parse_path(opt->paths[i], NULL, NULL, &count, err);
        if (status != BELAY_OK)
            return status;
    }
    if (total > BELAY_REDACT_SEGMENTS_MAX)
        return belay_fail(err, BELAY_LIMIT, "%u names in paths: at most %d", total, BELAY_REDACT_SEGMENTS_MAX);
    r->segments = BELAY_ARENA_ARRAY(arena, struct redact_segment, total + 1);
    if (!r->segments)
        return belay_fail(err, BELAY_NOMEM, "no memory for paths");
    r->segment_count = total;
    total = 0;
    for (uint32_t i = 0; i < opt->path_count; i++, total += count) {
        struct belay_str kept = belay_arena_str(arena, opt->paths[i]);
        if (!kept.p)
            return belay_fail(err, BELAY_NOMEM, "no memory for paths");
        int status = parse_path(kept, arena, r->segments + total, &count, err);
        if (status != BELAY_OK)
            return belay_fail(err, BELAY_NOMEM, "no memory for paths"); /* it was judged before */
        add_place(r, &r->root, total);
    }
    return BELAY_OK;
}

/* ---- headers, secrets ---- */

static int copy_headers(struct belay_redact *r, const struct belay_redact_opt *opt, struct belay_arena *arena,
                        struct belay_err *err)
{
    struct belay_str *headers = BELAY_ARENA_ARRAY(arena, struct belay_str, opt->header_count + 1);
    bool whole = headers != NULL;
    for (uint32_t i = 0; whole && i < opt->header_count; i++) {
        headers[i] = belay_arena_str(arena, opt->headers[i]);
        whole = headers[i].p != NULL;
    }
    r->headers = headers;
    r->header_count = opt->header_count;
    return whole ? BELAY_OK : belay_fail(err, BELAY_NOMEM, "no memory for names of headers");
}

int belay_redact_new(const struct belay_redact_opt *opt, struct belay_arena *arena, const struct belay_redact **ret_redact,
                     struct belay_err *err)
{
    struct belay_redact *r = BELAY_ARENA_NEW(arena, struct belay_redact);
    if (!r)
        return belay_fail(err, BELAY_NOMEM, "no memory for what is redacted");
    int status = compile_paths(r, opt, arena, err);
    if (status == BELAY_OK)
        status = copy_headers(r, opt, arena, err);
    if (status != BELAY_OK)
        return status;
    belay_redact_words_init(&r->secrets, arena);
    for (uint32_t i = 0; i < opt->secret_count; i++)
        belay_redact_words_add(&r->secrets, opt->secrets[i]);
    if (r->secrets.lost)
        return belay_fail(err, BELAY_LIMIT, "no room for %u secrets", opt->secret_count);
    *ret_redact = r;
    return BELAY_OK;
}

bool belay_redact_header(const struct belay_redact *r, struct belay_str name)
{
    for (size_t i = 0; r && i < BUILT_IN; i++)
        if (belay_str_eq_nocase(name, built_in[i]))
            return true;
    for (uint32_t i = 0; r && i < r->header_count; i++)
        if (belay_str_eq_nocase(name, r->headers[i]))
            return true;
    return false;
}

/* ---- walking ---- */

void belay_redact_root(const struct belay_redact *r, struct belay_redact_at *ret_at)
{
    *ret_at = r ? r->root : (struct belay_redact_at){ { 0 } };
}

bool belay_redact_is_over(const struct belay_redact_at *at)
{
    uint64_t any = 0;
    for (size_t i = 0; i < sizeof at->bits / sizeof at->bits[0]; i++)
        any |= at->bits[i];
    return any == 0;
}

/* name p NULL: an element. Its array is passed by: places stay where they are. */
static bool step(const struct belay_redact *r, const struct belay_redact_at *from, struct belay_str name, uint64_t index,
                 struct belay_redact_at *ret_to)
{
    struct belay_redact_at to = { { 0 } };
    bool named = false;
    for (size_t i = 0; i < sizeof from->bits / sizeof from->bits[0]; i++)
        for (uint64_t bits = from->bits[i]; bits; bits &= bits - 1) {
            uint32_t place = (uint32_t)(i * 64) + (uint32_t)__builtin_ctzll(bits);
            const struct redact_segment *s = &r->segments[place];
            if (s->deep || !name.p)
                add_place(r, &to, place);
            bool fits = !s->deep && (s->any || (name.p ? belay_str_eq(s->name, name) : s->is_index && s->index == index));
            if (fits && s->last)
                named = true;
            else if (fits)
                add_place(r, &to, place + 1);
        }
    *ret_to = to;
    return named;
}

bool belay_redact_member(const struct belay_redact *r, const struct belay_redact_at *from, struct belay_str name,
                         struct belay_redact_at *ret_to)
{
    struct belay_str some = belay_str(name.p ? name.p : "", name.n);
    return step(r, from, some, 0, ret_to);
}

bool belay_redact_element(const struct belay_redact *r, const struct belay_redact_at *from, uint64_t index,
                          struct belay_redact_at *ret_to)
{
    return step(r, from, BELAY_STR_NONE, index, ret_to);
}
