/* Names of files and places, as a bundle needs them. */
#include "config/bundle.h"

struct belay_str bundle_path(struct config *c, struct belay_str path)
{
    char *to = config_scratch(c, path.n + 2);
    size_t n = 0, floor = 0;
    if (!to)
        return BELAY_STR("");
    if (path.n && path.p[0] == '/')
        to[n++] = '/', floor = 1;
    for (struct belay_str rest = path; rest.p;) {
        struct belay_str segment = belay_str_split(&rest, '/');
        bool up = belay_str_eq(segment, BELAY_STR(".."));
        if (!segment.n || belay_str_eq(segment, BELAY_STR(".")))
            continue;
        if (up && n > floor) {
            while (n > floor && to[n - 1] != '/')
                n--;
            n -= n > floor;
            continue;
        }
        if (n && to[n - 1] != '/')
            to[n++] = '/';
        memcpy(to + n, segment.p, segment.n);
        n += segment.n;
        if (up)
            floor = n;
    }
    to[n] = '\0';
    return belay_str(to, n);
}

static struct belay_str folder_of(struct belay_str path)
{
    while (path.n && path.p[path.n - 1] != '/')
        path.n--;
    return path;
}

struct belay_str bundle_beside(struct belay_str document, struct belay_str path)
{
    size_t folder = folder_of(document).n;
    return folder && belay_str_starts(path, belay_str_sub(document, 0, folder)) ? belay_str_sub(path, folder, path.n) : path;
}

void bundle_put_token(struct belay_buf *out, struct belay_str name)
{
    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];
        bool plain = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '.' || c == '-' || c == '_';
        if (c == '/' || c == '~')
            belay_buf_put_str(out, c == '/' ? BELAY_STR("~1") : BELAY_STR("~0"));
        else if (plain)
            belay_buf_put_c(out, (char)c);
        else
            belay_buf_printf(out, "%%%02X", c);
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

struct belay_str bundle_decoded(struct config *c, struct belay_str text)
{
    char *to = config_scratch(c, text.n + 1);
    size_t n = 0;
    for (size_t i = 0; to && i < text.n; i++) {
        int hi = text.p[i] == '%' && i + 2 < text.n ? hex_digit(text.p[i + 1]) : -1;
        int lo = hi >= 0 ? hex_digit(text.p[i + 2]) : -1;
        if (lo >= 0 && (hi || lo)) {
            to[n++] = (char)(hi << 4 | lo);
            i += 2;
        } else {
            to[n++] = text.p[i];
        }
    }
    return to ? belay_str(to, n) : BELAY_STR("");
}

bool bundle_is_url(struct belay_str text)
{
    return memmem(text.n ? text.p : "", text.n, "://", 3);
}

struct belay_str bundle_uri(struct config *c, struct belay_str base, struct belay_str reference)
{
    if (belay_str_find(reference, ':') < reference.n || !bundle_is_url(base))
        return belay_str_find(reference, ':') < reference.n ? reference : BELAY_STR_NONE;
    size_t scheme = (size_t)((const char *)memmem(base.p, base.n, "://", 3) - base.p) + 3;
    size_t host = scheme + belay_str_find(belay_str_sub(base, scheme, base.n), '/');
    bool absolute = reference.n && reference.p[0] == '/';
    struct belay_str folder = absolute ? BELAY_STR("/") : folder_of(belay_str_sub(base, host, base.n));
    struct belay_str path = belay_arena_join(&c->scratch, BELAY_STR("/"), folder, reference);
    struct belay_str uri = path.p ? belay_arena_join(&c->scratch, belay_str_sub(base, 0, host), bundle_path(c, path), BELAY_STR(""))
                                  : BELAY_STR_NONE;
    if (!uri.p)
        config_no_memory(c);
    return uri;
}
