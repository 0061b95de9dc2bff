#include "expr/lexer.h"

#include <math.h>

#include "expr/regex.h"
#include "json/utf8.h"

static bool fail(struct lexer *lexer, const char *code, const char *at, struct belay_str token)
{
    build_fail(lexer->build, code, (uint32_t)(at - lexer->start), token);
    return false;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v';
}

static bool is_operator(char c)
{
    return c && strchr(".[]{}(),@#;:?+-*/%|=<>^&!~", c);
}

static bool skip_space(struct lexer *lexer)
{
    const char *p = lexer->at;
    for (;;) {
        while (p < lexer->end && is_space(*p))
            p++;
        if (lexer->end - p < 2 || p[0] != '/' || p[1] != '*')
            break;
        const char *close = memmem(p + 2, (size_t)(lexer->end - p - 2), "*/", 2);
        if (!close)
            return fail(lexer, "S0106", p, BELAY_STR("/*"));
        p = close + 2;
    }
    lexer->at = p;
    return true;
}

/* ---- operators ---- */

static int long_operator(const char *p, const char *end)
{
    static const struct {
        char text[3];
        int op;
    } table[] = {
        { "..", T_RANGE }, { ":=", T_BIND },    { "!=", T_NE },
        { ">=", T_GE },    { "<=", T_LE },      { "**", T_DESCEND },
        { "~>", T_APPLY }, { "?:", T_DEFAULT }, { "??", T_COALESCE },
    };
    for (size_t i = 0; end - p >= 2 && i < sizeof table / sizeof *table; i++)
        if (memcmp(p, table[i].text, 2) == 0)
            return table[i].op;
    return 0;
}

/* ---- strings ---- */

static int hex4(const char *p, const char *end)
{
    int value = 0;
    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = p[i], low = (char)(c | 0x20);
        if (c >= '0' && c <= '9')
            value = value << 4 | (c - '0');
        else if (low >= 'a' && low <= 'f')
            value = value << 4 | (low - 'a' + 10);
        else
            return -1;
    }
    return value;
}

/* \uXXXX at p (the u). A surrogate without its partner stays one (three bytes, as WTF-8 has it):
 * functions that must refuse it can, and writing makes it U+FFFD. */
static const char *unicode_escape(struct lexer *lexer, const char *p, char **to)
{
    int c = hex4(p + 1, lexer->end), low;
    if (c < 0) {
        fail(lexer, "S0104", p - 1, BELAY_STR("\\u"));
        return NULL;
    }
    p += 5;
    if (c >= 0xd800 && c < 0xdc00 && lexer->end - p >= 6 && p[0] == '\\' && p[1] == 'u'
        && (low = hex4(p + 2, lexer->end)) >= 0xdc00 && low < 0xe000) {
        c = 0x10000 + ((c - 0xd800) << 10 | (low - 0xdc00));
        p += 6;
    }
    *to += belay_utf8_put(*to, (uint32_t)c);
    return p;
}

static const char *escape(struct lexer *lexer, const char *p, char **to)
{
    static const char from[] = "\"\\/bfnrt'", into[] = "\"\\/\b\f\n\r\t'";
    if (p == lexer->end) {
        fail(lexer, "S0101", p, BELAY_STR_NONE);
        return NULL;
    }
    if (*p == 'u')
        return unicode_escape(lexer, p, to);
    const char *found = *p ? strchr(from, *p) : NULL;
    if (!found || *p == '\'') {
        fail(lexer, "S0103", p - 1, belay_str(p, 1));
        return NULL;
    }
    *(*to)++ = into[found - from];
    return p + 1;
}

static bool is_plain(struct belay_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((signed char)s.p[i] < 0x20 || s.p[i] == '"' || s.p[i] == '\\')
            return false;
    return true;
}

static bool string_token(struct lexer *lexer, struct token *t)
{
    const char *p = lexer->at + 1;
    char quote = *lexer->at;
    char *room = belay_arena_bytes(lexer->build->arena, (size_t)(lexer->end - lexer->at)),
         *to = room;
    if (!room)
        return build_nomem(lexer->build);
    while (p < lexer->end && *p != quote) {
        if (*p == '\\') {
            p = escape(lexer, p + 1, &to);
            if (!p)
                return false;
        } else {
            *to++ = *p++;
        }
    }
    if (p == lexer->end)
        return fail(lexer, "S0101", lexer->at, BELAY_STR_NONE);
    lexer->build->arena->at = to; /* gives back the rest */
    t->type = TOKEN_STRING;
    t->value = belay_value_str(belay_str(room, (size_t)(to - room)));
    t->value.flags = is_plain(value_str(t->value)) ? VALUE_PLAIN : 0;
    lexer->at = p + 1;
    return true;
}

/* ---- numbers ---- */

static const char *digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

/* The text of a JSON number (a sign is an operator); lexer->at is a digit. */
static bool number_token(struct lexer *lexer, struct token *t)
{
    const char *p = lexer->at, *end = lexer->end, *q;
    const belay_json *v;
    p = *p == '0' ? p + 1 : digits(p, end);
    if (end - p >= 2 && *p == '.' && p[1] >= '0' && p[1] <= '9')
        p = digits(p + 1, end);
    if (p < end && (*p | 0x20) == 'e') {
        q = p + 1;
        if (q < end && (*q == '+' || *q == '-'))
            q++;
        p = digits(q, end) > q ? digits(q, end) : p;
    }
    struct belay_str text = belay_str(lexer->at, (size_t)(p - lexer->at));
    if (belay_json_parse(text, NULL, lexer->build->arena, &v, NULL, NULL))
        return build_nomem(lexer->build);
    t->type = TOKEN_NUMBER;
    t->value = value_from_tape(v);
    if (!isfinite(value_double(t->value)))
        return fail(lexer, "S0102", lexer->at, text);
    /* Exact where it is an integer, else the double that the reference has. */
    if (t->value.type != BELAY_VALUE_INT)
        t->value = belay_value_number(value_double(t->value));
    lexer->at = p;
    return true;
}

/* ---- regular expressions ---- */

static const char *regex_end(struct lexer *lexer)
{
    unsigned depth = 0;
    for (const char *p = lexer->at + 1; p < lexer->end; p++) {
        if (*p == '\\')
            p++;
        else if (*p == '/' && depth == 0)
            return p;
        else if (strchr("([{", *p) && *p)
            depth++;
        else if (strchr(")]}", *p) && *p && depth > 0)
            depth--;
    }
    return NULL;
}

static bool regex_token(struct lexer *lexer, struct token *t)
{
    const char *close = regex_end(lexer);
    if (!close)
        return fail(lexer, "S0302", lexer->at, BELAY_STR_NONE);
    t->type = TOKEN_REGEX;
    t->text = belay_str(lexer->at + 1, (size_t)(close - lexer->at - 1));
    if (t->text.n == 0)
        return fail(lexer, "S0301", lexer->at, BELAY_STR_NONE);
    t->value.n = 0;
    for (lexer->at = close + 1; lexer->at < lexer->end; lexer->at++) {
        if (*lexer->at == 'i')
            t->value.n |= REGEX_NOCASE;
        else if (*lexer->at == 'm')
            t->value.n |= REGEX_MULTILINE;
        else
            break;
    }
    return true;
}

/* ---- names ---- */

static bool quoted_name(struct lexer *lexer, struct token *t)
{
    const char *p = lexer->at + 1;
    const char *close = memchr(p, '`', (size_t)(lexer->end - p));
    if (!close)
        return fail(lexer, "S0105", lexer->at, BELAY_STR_NONE);
    t->type = TOKEN_NAME;
    t->text = belay_str(p, (size_t)(close - p));
    lexer->at = close + 1;
    return true;
}

static void keyword(struct token *t)
{
    static const struct {
        const char *text;
        int op;
    } words[] = { { "or", T_OR }, { "in", T_IN }, { "and", T_AND } };
    for (size_t i = 0; i < 3; i++) {
        if (belay_str_eq(t->text, belay_str_c(words[i].text))) {
            t->type = TOKEN_OPERATOR;
            t->op = words[i].op;
        }
    }
    if (belay_str_eq(t->text, BELAY_STR("null"))) {
        t->type = TOKEN_CONSTANT;
        t->value = belay_value_null();
    } else if (belay_str_eq(t->text, BELAY_STR("true"))
               || belay_str_eq(t->text, BELAY_STR("false"))) {
        t->type = TOKEN_CONSTANT;
        t->value = belay_value_bool(t->text.n == 4);
    }
}

static void name_token(struct lexer *lexer, struct token *t)
{
    const char *p = lexer->at;
    bool variable = *p == '$';
    while (p < lexer->end && !is_space(*p) && !is_operator(*p))
        p++;
    t->text = belay_str(lexer->at + variable, (size_t)(p - lexer->at) - variable);
    t->type = variable ? TOKEN_VARIABLE : TOKEN_NAME;
    if (!variable)
        keyword(t);
    lexer->at = p;
}

static bool scan(struct lexer *lexer, bool operand, struct token *t)
{
    const char *p = lexer->at;
    if (*p == '/' && operand)
        return regex_token(lexer, t);
    if ((t->op = long_operator(p, lexer->end)) != 0 || is_operator(*p)) {
        t->type = TOKEN_OPERATOR;
        lexer->at += t->op ? 2 : 1;
        t->op = t->op ? t->op : *p;
        return true;
    }
    if (*p == '"' || *p == '\'')
        return string_token(lexer, t);
    if (*p >= '0' && *p <= '9')
        return number_token(lexer, t);
    if (*p == '`')
        return quoted_name(lexer, t);
    name_token(lexer, t);
    return true;
}

bool lexer_next(struct lexer *lexer, bool operand, struct token *ret_token)
{
    struct token t = { .type = TOKEN_END };
    if (!skip_space(lexer))
        return false;
    const char *start = lexer->at;
    t.position = (uint32_t)(start - lexer->start);
    if (start < lexer->end && !scan(lexer, operand, &t))
        return false;
    t.source = belay_str(start, (size_t)(lexer->at - start));
    *ret_token = t;
    return true;
}
