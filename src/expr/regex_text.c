/* Two passes, the first of which counts: so that the text fits its place in the arena. */
#include "expr/regex_text.h"

#include <string.h>

#include "base/assert.h"

/* PCRE2 reads \xhh and \uhhhh here as JavaScript does. */
#define SPACES "\\s\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000\\ufeff"
#define NO_SPACES                                                                                                      \
    "\\x00-\\x08\\x0e-\\x1f\\x21-\\x9f\\xa1-\\u167f\\u1681-\\u1fff\\u200b-\\u2027\\u202a-\\u202e\\u2030-\\u205e"    \
    "\\u2060-\\u2fff\\u3001-\\ufefe\\uff00-\xf4\x8f\xbf\xbf"
#define NOTHING "[^\\x00-\xf4\x8f\xbf\xbf]"

struct writer {
    const char *p, *end; /* what is read */
    char *to;            /* NULL: only counted */
    size_t n;
    bool in_class, nocase;
    bool set; /* what was read last is a set, in a class: \d */
};

static void put(struct writer *w, const char *text, size_t n)
{
    if (w->to)
        memcpy(w->to + w->n, text, n);
    w->n += n;
}

static void put_c(struct writer *w, const char *text)
{
    put(w, text, strlen(text));
}

static bool is_letter(char c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool is_set(char c)
{
    return memchr("dDwWsSpP", c, 8);
}

static bool at(const struct writer *w, char c)
{
    return w->p < w->end && *w->p == c;
}

/* \12 or \k<name>, w->p behind the backslash: how long it is; 0: no reference. */
static size_t reference(const struct writer *w)
{
    const char *p = w->p;
    if (w->in_class || *p == '0')
        return 0;
    while (p < w->end && *p >= '0' && *p <= '9')
        p++;
    if (p == w->p && p + 1 < w->end && p[0] == 'k' && p[1] == '<') {
        const char *close = memchr(p, '>', (size_t)(w->end - p));
        p = close ? close + 1 : p;
    }
    return (size_t)(p - w->p);
}

static void write_reference(struct writer *w, size_t n)
{
    const char *behind = w->p + n;
    bool repeated = w->nocase && behind < w->end && memchr("*+?{", *behind, 4);
    put_c(w, repeated ? "(?:\\" : "\\");
    put(w, w->p, n);
    put_c(w, repeated ? ")" : "");
    w->p += n;
}

/* w->p is behind a backslash that is not the end. */
static void write_escape(struct writer *w)
{
    static const char known[] = "bBdDwWtnrfcxukpP"; /* to both; \p to PCRE2 alone: the properties of Unicode */
    size_t n = reference(w);
    if (n) {
        write_reference(w, n);
        return;
    }
    char c = *w->p++;
    w->set = w->in_class && is_set(c);
    if (c == 's' || c == 'S') {
        const char *set = c == 's' ? SPACES : w->in_class ? NO_SPACES : "^" SPACES;
        put_c(w, w->in_class ? "" : "[");
        put_c(w, set);
        put_c(w, w->in_class ? "" : "]");
    } else if (c == 'v') {
        put_c(w, "\\x0b");
    } else {
        bool letter = is_letter(c) && (!memchr(known, c, sizeof known - 1) || (w->in_class && c == 'B'));
        put_c(w, letter ? "" : "\\");
        put(w, &c, 1);
    }
}

static bool write_one(struct writer *w)
{
    char c = *w->p++;
    if (c == '\\' && w->p < w->end) {
        write_escape(w);
        return true;
    }
    bool beside_set = w->set || (w->p + 1 < w->end && *w->p == '\\' && is_set(w->p[1]));
    w->set = false;
    if (w->in_class) {
        w->in_class = c != ']';
        put_c(w, c == '[' || (c == '-' && beside_set) ? "\\" : ""); /* - is no range beside a set */
    } else if (c == '[') {
        if (at(w, ']')) { /* which PCRE2 takes for no item at all, even where it may come no times */
            put_c(w, NOTHING);
            w->p++;
            return true;
        }
        w->in_class = true;
        put(w, &c, 1);
        if (at(w, '^'))
            put(w, w->p++, 1);
        return true;
    } else if (c == '(' && at(w, '*')) {
        return false;
    }
    put(w, &c, 1);
    return true;
}

static bool write_all(struct writer *w)
{
    while (w->p < w->end)
        if (!write_one(w))
            return false;
    return true;
}

bool regex_text(struct belay_arena *arena, struct belay_str pattern, bool nocase, struct belay_str *ret_text)
{
    struct writer w = { .p = pattern.p, .end = pattern.p + pattern.n, .nocase = nocase }, counted = w;
    *ret_text = BELAY_STR_NONE;
    if (!write_all(&counted))
        return false;
    w.to = belay_arena_alloc(arena, counted.n + 1);
    if (!w.to)
        return true;
    bool again = write_all(&w);
    BELAY_ASSERT(again && w.n == counted.n);
    w.to[w.n] = '\0';
    *ret_text = belay_str(w.to, w.n);
    return true;
}

bool regex_has_nocase(struct belay_str pattern)
{
    for (size_t i = 0; i + 2 < pattern.n; i++) {
        if (pattern.p[i] != '(' || pattern.p[i + 1] != '?')
            continue;
        for (size_t k = i + 2; k < pattern.n && (is_letter(pattern.p[k]) || pattern.p[k] == '^' || pattern.p[k] == '-'); k++)
            if (pattern.p[k] == 'i')
                return true;
    }
    return false;
}
