/* Where in its text a value was written.  A tape keeps no places: it has a node for each token that is
 * a value or a name, in the order of the text, and so the text is counted through. */
#include "base/assert.h"
#include "json/json.h"
#include "json/scan.h"

/* place is that of `from`; afterwards of `to`. */
static void count(struct belay_json_place *place, const char *from, const char *to)
{
    for (const char *p = from; p < to; p++) {
        if (*p == '\n') {
            place->line++;
            place->column = 1;
        } else if ((*p & 0xc0) != 0x80) {
            place->column++;
        }
    }
    place->offset += (size_t)(to - from);
}

struct belay_json_place belay_json_place_at(struct belay_str text, size_t offset)
{
    BELAY_ASSERT(offset <= text.n);
    struct belay_json_place place = { 1, 1, 0 };
    count(&place, text.p, text.p + offset);
    return place;
}

/* p is at a token. Returns the byte behind it, or end. */
static const char *skip_token(const char *p, const char *end)
{
    if (*p == '"') {
        for (p++; p < end && *p != '"'; p++)
            p += *p == '\\' && p + 1 < end;
        return p < end ? p + 1 : end;
    }
    if (*p == '[' || *p == '{')
        return p + 1;
    while (p < end && !scan_is_space(*p) && *p != ',' && *p != ']' && *p != '}')
        p++;
    return p;
}

static const char *skip_between(const char *p, const char *end)
{
    while (p < end && (scan_is_space(*p) || *p == ',' || *p == ':' || *p == ']' || *p == '}'))
        p++;
    return p;
}

bool belay_json_place_of(struct belay_str text, const belay_json *root, struct belay_str pointer,
                         struct belay_json_place *ret_place)
{
    const belay_json *v = belay_json_pointer(root, pointer);
    const char *end = text.p + text.n, *p = text.p ? skip_between(text.p, end) : end;
    if (!v)
        return false;
    for (ptrdiff_t before = v - root; before > 0 && p < end; before--)
        p = skip_between(skip_token(p, end), end);
    if (p >= end)
        return false;
    *ret_place = belay_json_place_at(text, (size_t)(p - text.p));
    return true;
}

struct belay_json_walk belay_json_walk(struct belay_str text)
{
    const char *end = text.p + text.n, *p = text.p ? skip_between(text.p, end) : end;
    struct belay_json_walk w = { p, end, { 1, 1, 0 } };
    if (text.p)
        count(&w.place, text.p, p);
    return w;
}

struct belay_json_place belay_json_walk_next(struct belay_json_walk *w)
{
    struct belay_json_place place = w->place;
    const char *next = w->p < w->end ? skip_between(skip_token(w->p, w->end), w->end) : w->end;
    count(&w->place, w->p, next);
    w->p = next;
    return place;
}
