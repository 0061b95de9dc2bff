/* sample_pattern.c - text for a simple pattern:
 *
 *   alternatives := sequence ('|' sequence)*        one is drawn
 *   sequence     := (atom quantifier?)*
 *   atom         := '(' '?:'? alternatives ')' | '[' class ']' | '\' letter | '.' | character | '^' | '$'
 *   quantifier   := '?' | '*' | '+' | '{' n (',' m?)? '}'       few repetitions are drawn */
#include "connector/http/sample.h"

#define NESTING_MAX 16
#define REPEATS_MAX 2 /* beyond the least */

struct writer {
    struct belay_random *random;
    struct belay_buf *out;
    unsigned nesting;
};

static const char *alternatives(struct writer *w, const char *p, const char *end, bool write);

static uint64_t draw(struct writer *w, uint64_t below)
{
    return belay_random_next(w->random) % below;
}

static const char *class_of(char letter)
{
    switch (letter) {
    case 'd': return "0123456789";
    case 'w': return "abcdefghijklmnopqrstuvwxyz0123456789_";
    case 's': return " ";
    case 'n': return "\n";
    case 't': return "\t";
    default: return NULL;
    }
}

/* [a-z0-9_\d]; NULL: malformed or negated in a way that is not simple. */
static const char *read_class(const char *p, const char *end, bool *set)
{
    bool negated = p < end && *p == '^';
    p += negated;
    for (bool first = true; p < end && (*p != ']' || first); first = false) {
        const char *letters = *p == '\\' && p + 1 < end ? class_of(p[1]) : NULL;
        unsigned char from = (unsigned char)(*p == '\\' && p + 1 < end ? p[1] : *p);
        p += *p == '\\' ? 2 : 1;
        if (letters) {
            for (; *letters; letters++)
                set[(unsigned char)*letters] = true;
            continue;
        }
        unsigned char to = from;
        if (p + 1 < end && *p == '-' && p[1] != ']') {
            to = (unsigned char)p[1];
            p += 2;
        }
        for (unsigned c = from; c <= to; c++)
            set[c] = true;
    }
    for (unsigned c = 0; negated && c < 256; c++)
        set[c] = !set[c] && c >= 0x20 && c < 0x7f;
    return p < end ? p + 1 : NULL;
}

static bool put_of(struct writer *w, const bool *set)
{
    unsigned count = 0;
    for (unsigned c = 0; c < 128; c++)
        count += set[c];
    if (!count)
        return false;
    uint64_t at = draw(w, count);
    for (unsigned c = 0; c < 128; c++)
        if (set[c] && at-- == 0)
            belay_buf_put_c(w->out, (char)c);
    return true;
}

static const char *escape(struct writer *w, const char *p, const char *end, bool write)
{
    if (p == end)
        return NULL;
    const char *letters = class_of(*p);
    bool word = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9');
    if (!letters && word)
        return NULL; /* \b, \1, \p{...} */
    if (write)
        belay_buf_put_c(w->out, letters ? letters[draw(w, strlen(letters))] : *p);
    return p + 1;
}

static const char *atom(struct writer *w, const char *p, const char *end, bool write)
{
    bool set[256] = { false };
    switch (*p) {
    case '(':
        p++;
        if (end - p > 2 && p[0] == '?')
            p = p[1] == ':' ? p + 2 : NULL; /* look-around and names are not simple */
        p = p ? alternatives(w, p, end, write) : NULL;
        return p && p < end && *p == ')' ? p + 1 : NULL;
    case '[':
        p = read_class(p + 1, end, set);
        return p && (!write || put_of(w, set)) ? p : NULL;
    case '\\': return escape(w, p + 1, end, write);
    case '^':
    case '$': return p + 1;
    case '.':
        if (write)
            belay_buf_put_c(w->out, (char)('a' + draw(w, 26)));
        return p + 1;
    case '*':
    case '+':
    case '?':
    case '{': return NULL;
    default:
        if (write)
            belay_buf_put_c(w->out, *p);
        return p + 1;
    }
}

/* *ret_min and *ret_max stay 1 without a quantifier. */
static const char *quantifier(const char *p, const char *end, unsigned *ret_min, unsigned *ret_max)
{
    if (p == end || !strchr("?*+{", *p) || *p == '\0')
        return p;
    if (*p != '{') {
        *ret_min = *p == '+';
        *ret_max = *p == '?' ? 1 : *ret_min + REPEATS_MAX;
        return p + 1;
    }
    unsigned n[2] = { 0, 0 };
    int which = 0;
    bool open = false;
    for (p++; p < end && *p != '}'; p++) {
        if (*p == ',' && which == 0) {
            which = 1;
            open = true;
        } else if (*p >= '0' && *p <= '9' && n[which] < 1000) {
            n[which] = n[which] * 10 + (unsigned)(*p - '0');
            open = false;
        } else {
            return NULL;
        }
    }
    *ret_min = n[0];
    *ret_max = which == 0 ? n[0] : open || n[1] > n[0] + REPEATS_MAX ? n[0] + REPEATS_MAX : n[1];
    return p < end ? p + 1 : NULL;
}

static const char *sequence(struct writer *w, const char *p, const char *end, bool write)
{
    while (p && p < end && *p != '|' && *p != ')') {
        unsigned min = 1, max = 1;
        const char *begin = p, *behind = atom(w, p, end, false);
        p = behind ? quantifier(behind, end, &min, &max) : NULL;
        if (!p || max < min || max > 4096)
            return NULL;
        unsigned count = min + (unsigned)draw(w, max - min + 1);
        for (unsigned i = 0; write && i < count; i++)
            if (!atom(w, begin, end, true) || belay_buf_status(w->out))
                return NULL;
    }
    return p;
}

static const char *alternatives(struct writer *w, const char *p, const char *end, bool write)
{
    uint32_t count = 1;
    if (++w->nesting > NESTING_MAX)
        return NULL;
    const char *at = sequence(w, p, end, false);
    while (at && at < end && *at == '|') {
        count++;
        at = sequence(w, at + 1, end, false);
    }
    uint64_t chosen = write ? draw(w, count) : count;
    const char *begin = p;
    for (uint64_t i = 0; at && write && i <= chosen; i++) {
        const char *behind = sequence(w, begin, end, i == chosen);
        if (!behind)
            return NULL;
        begin = behind + 1;
    }
    w->nesting--;
    return at;
}

bool http_sample_pattern(struct belay_random *random, struct belay_str pattern, struct belay_buf *out)
{
    struct writer w = { random, out, 0 };
    const char *end = pattern.p + pattern.n;
    return alternatives(&w, pattern.p, end, true) == end;
}
