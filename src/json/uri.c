#include "json/uri.h"

static bool scheme_char(char c, bool first)
{
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return letter || (!first && ((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.'));
}

static size_t scheme_length(struct belay_str text)
{
    size_t i = 0;
    while (i < text.n && scheme_char(text.p[i], i == 0))
        i++;
    return i > 0 && i < text.n && text.p[i] == ':' ? i : 0;
}

/* What follows the first `mark` is cut off *rest and returned; NULL where there is none. */
static struct belay_str cut(struct belay_str *rest, char mark)
{
    size_t at = belay_str_find(*rest, mark);
    if (at == rest->n)
        return BELAY_STR_NONE;
    struct belay_str tail = belay_str(rest->p + at + 1, rest->n - at - 1);
    rest->n = at;
    return tail;
}

struct uri uri_split(struct belay_str text)
{
    struct uri u = { .path = text };
    u.fragment = cut(&u.path, '#');
    u.query = cut(&u.path, '?');
    size_t scheme = scheme_length(u.path);
    if (scheme) {
        u.scheme = belay_str(u.path.p, scheme);
        u.path = belay_str(u.path.p + scheme + 1, u.path.n - scheme - 1);
    }
    if (belay_str_starts(u.path, BELAY_STR("//"))) {
        struct belay_str rest = belay_str(u.path.p + 2, u.path.n - 2);
        size_t slash = belay_str_find(rest, '/');
        u.authority = belay_str(rest.p, slash);
        u.path = belay_str(rest.p + slash, rest.n - slash);
    }
    return u;
}

/* Section 5.2.4; the result is at most as long as path. Returns its length. */
static size_t remove_dots(struct belay_str path, char *to)
{
    size_t n = 0;
    while (path.n) {
        size_t slash = path.p[0] == '/';
        size_t end = slash + belay_str_find(belay_str(path.p + slash, path.n - slash), '/');
        struct belay_str name = belay_str(path.p + slash, end - slash);
        bool one = belay_str_eq(name, BELAY_STR(".")), two = belay_str_eq(name, BELAY_STR(".."));
        if (two) {
            while (n && to[n - 1] != '/')
                n--;
            n -= n > 0;
        }
        if (!one && !two) {
            memcpy(to + n, path.p, end);
            n += end;
        } else if (end == path.n && slash) {
            to[n++] = '/';
        }
        path = belay_str(path.p + end, path.n - end);
    }
    return n;
}

/* Section 5.2.3. */
static struct belay_str merge(struct belay_arena *arena, const struct uri *base, struct belay_str path)
{
    if (base->authority.p && base->path.n == 0)
        return belay_arena_printf(arena, "/%.*s", BELAY_STR_ARG(path));
    size_t keep = base->path.n;
    while (keep && base->path.p[keep - 1] != '/')
        keep--;
    return belay_arena_printf(arena, "%.*s%.*s", (int)keep, base->path.p ? base->path.p : "",
                              BELAY_STR_ARG(path));
}

static struct belay_str join(struct belay_arena *arena, const struct uri *u)
{
    return belay_arena_printf(arena, "%.*s%s%s%.*s%.*s%s%.*s", BELAY_STR_ARG(u->scheme),
                              u->scheme.p ? ":" : "", u->authority.p ? "//" : "",
                              BELAY_STR_ARG(u->authority), BELAY_STR_ARG(u->path),
                              u->query.p ? "?" : "", BELAY_STR_ARG(u->query));
}

struct belay_str uri_resolve(struct belay_arena *arena, struct belay_str base_text,
                             struct belay_str reference)
{
    struct uri base = uri_split(base_text), r = uri_split(reference);
    if (!r.scheme.p) {
        r.scheme = base.scheme;
        if (!r.authority.p) {
            r.authority = base.authority;
            if (r.path.n == 0 && !r.query.p)
                r.query = base.query;
            if (r.path.n == 0)
                r.path = base.path;
            else if (r.path.p[0] != '/')
                r.path = merge(arena, &base, r.path);
        }
    }
    if (r.authority.p || (r.path.n && r.path.p[0] == '/')) {
        char *clean = belay_arena_bytes(arena, r.path.n + 1);
        if (!clean)
            return BELAY_STR_NONE;
        r.path = belay_str(clean, remove_dots(r.path, clean));
    }
    return join(arena, &r);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

struct belay_str uri_decode(struct belay_arena *arena, struct belay_str text)
{
    char *to = belay_arena_bytes(arena, text.n + 1);
    size_t n = 0;
    if (!to)
        return BELAY_STR_NONE;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '%') {
            int high = i + 2 < text.n ? hex_digit(text.p[i + 1]) : -1;
            int low = i + 2 < text.n ? hex_digit(text.p[i + 2]) : -1;
            if (high < 0 || low < 0)
                return BELAY_STR_NONE;
            c = (char)(high * 16 + low);
            i += 2;
        }
        to[n++] = c;
    }
    return belay_str(to, n);
}
