/* functions.h - the built-in functions, by file.  Private to expr.
 * Each gets its arguments checked and filled up by its signature. */
#ifndef BELAY_EXPR_FUNCTIONS_H
#define BELAY_EXPR_FUNCTIONS_H

#include "expr/eval.h"

/*      name                 signature          arity */
#define FUNCTIONS(X)                                        \
    X(sum,                "<a<n>:n>",               1)      \
    X(count,              "<a:n>",                  1)      \
    X(max,                "<a<n>:n>",               1)      \
    X(min,                "<a<n>:n>",               1)      \
    X(average,            "<a<n>:n>",               1)      \
    X(string,             "<x-b?:s>",               1)      \
    X(substring,          "<s-nn?:s>",              3)      \
    X(substringBefore,    "<s-s:s>",                2)      \
    X(substringAfter,     "<s-s:s>",                2)      \
    X(lowercase,          "<s-:s>",                 1)      \
    X(uppercase,          "<s-:s>",                 1)      \
    X(length,             "<s-:n>",                 1)      \
    X(trim,               "<s-:s>",                 1)      \
    X(pad,                "<s-ns?:s>",              3)      \
    X(match,              "<s-f<s:o>n?:a<o>>",      3)      \
    X(contains,           "<s-(sf):b>",             2)      \
    X(replace,            "<s-(sf)(sf)n?:s>",       4)      \
    X(split,              "<s-(sf)n?:a<s>>",        3)      \
    X(join,               "<a<s>s?:s>",             2)      \
    X(formatNumber,       "<n-so?:s>",              3)      \
    X(formatInteger,      "<n-s:s>",                2)      \
    X(parseInteger,       "<s-s:n>",                2)      \
    X(formatBase,         "<n-n?:s>",               2)      \
    X(number,             "<(nsb)-:n>",             1)      \
    X(floor,              "<n-:n>",                 1)      \
    X(ceil,               "<n-:n>",                 1)      \
    X(round,              "<n-n?:n>",               2)      \
    X(abs,                "<n-:n>",                 1)      \
    X(sqrt,               "<n-:n>",                 1)      \
    X(power,              "<n-n:n>",                2)      \
    X(random,             "<:n>",                   0)      \
    X(boolean,            "<x-:b>",                 1)      \
    X(not,                "<x-:b>",                 1)      \
    X(map,                "<af>",                   2)      \
    X(zip,                "<a+>",                   1)      \
    X(filter,             "<af>",                   2)      \
    X(single,             "<af?>",                  2)      \
    X(reduce,             "<afj?:j>",               3)      \
    X(sift,               "<o-f?:o>",               2)      \
    X(keys,               "<x-:a<s>>",              1)      \
    X(lookup,             "<x-s:x>",                2)      \
    X(append,             "<xx:a>",                 2)      \
    X(exists,             "<x:b>",                  1)      \
    X(spread,             "<x-:a<o>>",              1)      \
    X(merge,              "<a<o>:o>",               1)      \
    X(reverse,            "<a:a>",                  1)      \
    X(each,               "<o-f:a>",                2)      \
    X(error,              "<s?:x>",                 1)      \
    X(assert,             "<bs?:x>",                2)      \
    X(type,               "<x:s>",                  1)      \
    X(sort,               "<af?:a>",                2)      \
    X(shuffle,            "<a:a>",                  1)      \
    X(distinct,           "<x:x>",                  1)      \
    X(clone,              "<(oa)-:o>",              1)      \
    X(base64encode,       "<s-:s>",                 1)      \
    X(base64decode,       "<s-:s>",                 1)      \
    X(encodeUrlComponent, "<s-:s>",                 1)      \
    X(encodeUrl,          "<s-:s>",                 1)      \
    X(decodeUrlComponent, "<s-:s>",                 1)      \
    X(decodeUrl,          "<s-:s>",                 1)      \
    X(eval,               "<sx?:x>",                2)      \
    X(toMillis,           "<s-s?:n>",               2)      \
    X(fromMillis,         "<n-s?s?:s>",             3)      \
    X(now,                "<s?s?:s>",               2)      \
    X(millis,             "<:n>",                   0)      \
    /* Belay's own */                                       \
    X(uuid,               "<:s>",                   0)      \
    X(hash,               "<xs:s>",                 2)      \
    X(parse,              "<s-s?o?:x>",             3)      \
    X(serialize,          "<x-s?o?:s>",             3)      \
    X(env,                "<s-:s>",                 1)      \
    X(lookupTable,        "<s(sn):x>",              2)

#define X(name, signature, arity) struct belay_value f_##name(struct run *run, struct call *call);
FUNCTIONS(X)
#undef X

/* Calls f with as many of the three as it takes. */
struct belay_value call_hof(struct run *run, const struct call *call, struct belay_value f,
                            struct belay_value a, struct belay_value b, struct belay_value c);

/* ---- characters of UTF-8; malformed bytes count as characters ---- */
size_t char_len(const char *p, const char *end);
size_t char_count(struct belay_str s);
/* Offset of the character at index (at most s.n). */
size_t char_offset(struct belay_str s, size_t index);

#endif
