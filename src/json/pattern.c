/* Where the two languages differ, the text is translated: \s and . mean other characters, \u and \p
 * are written differently, $ is the very end, and what PCRE2 alone knows (possessive quantifiers,
 * verbs, POSIX classes, \A, \Z, \Q, ...) is refused or taken literally as ECMA-262 says. */
#include <stdio.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/limits.h"
#include "json/match_meter.h"
#include "json/pattern.h"

#define HEAP_KIB 4096              /* of a match without the JIT */
#define STACK_BYTES BELAY_KIB(64) /* the JIT's, to begin with */

/* ---- memory ---- */

static void *take(size_t n, void *ctx)
{
    (void)ctx;
    return belay_malloc(n);
}

static void give(void *p, void *ctx)
{
    (void)ctx;
    belay_free(p);
}

/* Small pieces come from the stack; without the JIT PCRE2 wants a large one from the heap. */
struct scratch {
    char *at, *end;
    _Alignas(16) char room[1024];
};

static void *scratch_take(size_t n, void *ctx)
{
    struct scratch *s = ctx;
    n = (n + 15) & ~(size_t)15;
    if (n > (size_t)(s->end - s->at))
        return belay_malloc(n);
    char *p = s->at;
    s->at += n;
    return p;
}

static void scratch_give(void *p, void *ctx)
{
    struct scratch *s = ctx;
    if (p && ((char *)p < s->room || (char *)p >= s->end))
        belay_free(p);
}

/* ---- translation ---- */

#define SPACE "\\x09-\\x0d\\x20\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}"
#define NOT_SPACE                                                                                  \
    "\\x00-\\x08\\x0e-\\x1f\\x21-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}"   \
    "\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{fefe}\\x{ff00}-\\x{10ffff}"

struct translation {
    const char *p, *end;
    struct belay_buf out;
    const char *wrong; /* NULL: nothing */
    bool in_class;
};

static void put(struct translation *t, const char *text)
{
    belay_buf_put(&t->out, text, strlen(text));
}

static void put_character(struct translation *t, uint32_t c)
{
    if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        t->wrong = "an escape that is no character";
    else
        belay_buf_printf(&t->out, "\\x{%x}", c);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* count hex digits at p; false: they are not there. */
static bool hex(const struct translation *t, const char *p, int count, uint32_t *ret_value)
{
    uint32_t value = 0;
    for (int i = 0; i < count; i++) {
        int digit = p + i < t->end ? hex_digit(p[i]) : -1;
        if (digit < 0)
            return false;
        value = value * 16 + (uint32_t)digit;
    }
    *ret_value = value;
    return true;
}

/* After "\u": XXXX, a pair of them, or {X...}. */
static void translate_u(struct translation *t)
{
    uint32_t c = 0, low;
    if (t->p < t->end && *t->p == '{') {
        int digit;
        for (t->p++; t->p < t->end && (digit = hex_digit(*t->p)) >= 0 && c < 0x110000; t->p++)
            c = c * 16 + (uint32_t)digit;
        if (t->p == t->end || *t->p != '}')
            t->wrong = "\\u{ without hex digits and }";
        t->p++;
    } else if (hex(t, t->p, 4, &c)) {
        t->p += 4;
        if (c >= 0xd800 && c < 0xdc00 && t->p + 1 < t->end && t->p[0] == '\\' && t->p[1] == 'u'
            && hex(t, t->p + 2, 4, &low) && low >= 0xdc00 && low < 0xe000) {
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
            t->p += 6;
        }
    } else {
        t->wrong = "\\u without four hex digits";
    }
    if (!t->wrong)
        put_character(t, c);
}

static const struct {
    struct belay_str long_, short_;
} categories[] = {
    { BELAY_STR_INIT("Letter"), BELAY_STR_INIT("L") },
    { BELAY_STR_INIT("Lowercase_Letter"), BELAY_STR_INIT("Ll") },
    { BELAY_STR_INIT("Uppercase_Letter"), BELAY_STR_INIT("Lu") },
    { BELAY_STR_INIT("Titlecase_Letter"), BELAY_STR_INIT("Lt") },
    { BELAY_STR_INIT("Modifier_Letter"), BELAY_STR_INIT("Lm") },
    { BELAY_STR_INIT("Other_Letter"), BELAY_STR_INIT("Lo") },
    { BELAY_STR_INIT("Cased_Letter"), BELAY_STR_INIT("L&") },
    { BELAY_STR_INIT("Mark"), BELAY_STR_INIT("M") },
    { BELAY_STR_INIT("Nonspacing_Mark"), BELAY_STR_INIT("Mn") },
    { BELAY_STR_INIT("Number"), BELAY_STR_INIT("N") },
    { BELAY_STR_INIT("Decimal_Number"), BELAY_STR_INIT("Nd") },
    { BELAY_STR_INIT("digit"), BELAY_STR_INIT("Nd") },
    { BELAY_STR_INIT("Letter_Number"), BELAY_STR_INIT("Nl") },
    { BELAY_STR_INIT("Punctuation"), BELAY_STR_INIT("P") },
    { BELAY_STR_INIT("punct"), BELAY_STR_INIT("P") },
    { BELAY_STR_INIT("Symbol"), BELAY_STR_INIT("S") },
    { BELAY_STR_INIT("Currency_Symbol"), BELAY_STR_INIT("Sc") },
    { BELAY_STR_INIT("Math_Symbol"), BELAY_STR_INIT("Sm") },
    { BELAY_STR_INIT("Separator"), BELAY_STR_INIT("Z") },
    { BELAY_STR_INIT("Space_Separator"), BELAY_STR_INIT("Zs") },
    { BELAY_STR_INIT("Other"), BELAY_STR_INIT("C") },
    { BELAY_STR_INIT("Control"), BELAY_STR_INIT("Cc") },
};

/* After "\p" or "\P": {Name} or {Key=Value}. */
static void translate_property(struct translation *t, char letter)
{
    size_t left = (size_t)(t->end - t->p);
    size_t close = belay_str_find(belay_str(t->p, left), '}');
    if (left < 3 || t->p[0] != '{' || close == left) {
        t->wrong = "\\p without {Property}";
        return;
    }
    struct belay_str name = belay_str(t->p + 1, close - 1);
    size_t equals = belay_str_find(name, '=');
    if (equals < name.n) /* General_Category=, Script=, Script_Extensions=: the value tells */
        name = belay_str(name.p + equals + 1, name.n - equals - 1);
    for (size_t i = 0; i < sizeof categories / sizeof categories[0]; i++)
        if (belay_str_eq(name, categories[i].long_))
            name = categories[i].short_;
    belay_buf_printf(&t->out, "\\%c{%.*s}", letter, BELAY_STR_ARG(name));
    t->p += close + 1;
}

static void translate_control(struct translation *t)
{
    char c = t->p < t->end ? (char)(*t->p | 0x20) : 0;
    if (c < 'a' || c > 'z')
        t->wrong = "\\c without a letter";
    else
        belay_buf_printf(&t->out, "\\x{%x}", (unsigned)(*t->p++ & 0x1f));
}

/* What stands for itself after a backslash: syntax characters, and other signs, as many authors
 * write them. */
static void translate_sign(struct translation *t, char c)
{
    bool word = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
    if (word) {
        t->wrong = "an escape that ECMA-262 does not know";
        return;
    }
    if (!(c & 0x80) && c != '_')
        belay_buf_put_c(&t->out, '\\');
    belay_buf_put_c(&t->out, c);
}

static void translate_escape(struct translation *t)
{
    static const char kept[] = "dDwWnrtf";
    uint32_t c;
    if (t->p == t->end) {
        t->wrong = "\\ at the end";
        return;
    }
    char letter = *t->p++;
    if (strchr(kept, letter)) {
        belay_buf_put_c(&t->out, '\\');
        belay_buf_put_c(&t->out, letter);
        return;
    }
    switch (letter) {
    case 'v': put(t, "\\x0b"); return;
    case 's': put(t, t->in_class ? SPACE : "[" SPACE "]"); return;
    case 'S': put(t, t->in_class ? NOT_SPACE : "[" NOT_SPACE "]"); return;
    case 'u': translate_u(t); return;
    case 'c': translate_control(t); return;
    case 'p':
    case 'P': translate_property(t, letter); return;
    case 'b': put(t, t->in_class ? "\\x08" : "\\b"); return;
    case 'B':
        put(t, "\\B");
        t->wrong = t->in_class ? "\\B in a class" : NULL;
        return;
    case 'x':
        if (!hex(t, t->p, 2, &c))
            t->wrong = "\\x without two hex digits";
        else
            put_character(t, c);
        t->p += 2;
        return;
    case '0': put(t, "\\x00"); return;
    case 'k': put(t, "\\k"); return;
    default: break;
    }
    if (letter >= '1' && letter <= '9' && !t->in_class) {
        belay_buf_put_c(&t->out, '\\');
        belay_buf_put_c(&t->out, letter);
    } else {
        translate_sign(t, letter);
    }
}

static bool looking_at(const struct translation *t, const char *text)
{
    return belay_str_starts(belay_str(t->p, (size_t)(t->end - t->p)), belay_str_c(text));
}

/* After "(": only the groups that ECMA-262 has. */
static void translate_group(struct translation *t)
{
    static const char *known[] = { "?:", "?=", "?!", "?<=", "?<!" };
    if (looking_at(t, "*")) {
        t->wrong = "nothing to repeat";
        return;
    }
    if (!looking_at(t, "?"))
        return;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (looking_at(t, known[i]))
            return;
    bool named = looking_at(t, "?<") && t->p + 2 < t->end
                 && ((t->p[2] | 0x20) >= 'a' ? (t->p[2] | 0x20) <= 'z' : t->p[2] == '_');
    if (!named)
        t->wrong = "a group that ECMA-262 does not know";
}

/* A quantifier was copied: "+" after it would make it possessive in PCRE2. */
static void translate_quantifier_end(struct translation *t)
{
    if (t->p < t->end && *t->p == '?')
        belay_buf_put_c(&t->out, *t->p++);
    if (t->p < t->end && (*t->p == '+' || *t->p == '*' || *t->p == '?'))
        t->wrong = "nothing to repeat";
}

/* Whether {..} at p - 1 is a quantifier; else the brace is a plain character. */
static bool is_quantifier(const struct translation *t)
{
    const char *p = t->p;
    if (p == t->end || *p < '0' || *p > '9')
        return false;
    while (p < t->end && *p >= '0' && *p <= '9')
        p++;
    if (p < t->end && *p == ',')
        p++;
    while (p < t->end && *p >= '0' && *p <= '9')
        p++;
    return p < t->end && *p == '}';
}

static void translate_class(struct translation *t, char c)
{
    if (c == ']') {
        t->in_class = false;
        belay_buf_put_c(&t->out, c);
    } else if (c == '[') {
        put(t, "\\["); /* no POSIX classes */
    } else {
        belay_buf_put_c(&t->out, c);
    }
}

static void translate_one(struct translation *t)
{
    char c = *t->p++;
    if (c == '\\') {
        translate_escape(t);
    } else if (t->in_class) {
        translate_class(t, c);
    } else if (c == '.') {
        put(t, "[^\\n\\r\\x{2028}\\x{2029}]");
    } else if (c == '*' || c == '+' || c == '?') {
        belay_buf_put_c(&t->out, c);
        translate_quantifier_end(t);
    } else if (c == '{') {
        if (!is_quantifier(t)) {
            put(t, "\\{");
            return;
        }
        belay_buf_put_c(&t->out, c);
        while (*t->p != '}')
            belay_buf_put_c(&t->out, *t->p++);
        belay_buf_put_c(&t->out, *t->p++);
        translate_quantifier_end(t);
    } else {
        belay_buf_put_c(&t->out, c);
        t->in_class = c == '[';
        if (c == '(') {
            translate_group(t);
            if (looking_at(t, "?"))
                belay_buf_put_c(&t->out, *t->p++);
        } else if (c == '[' && looking_at(t, "^")) {
            belay_buf_put_c(&t->out, *t->p++);
        }
    }
}

/* t->out is to be deinited in any case. */
static int translate(struct translation *t, struct belay_str text, struct belay_err *err)
{
    *t = (struct translation){ .p = text.p, .end = text.p + text.n };
    belay_buf_init(&t->out, 100 * BELAY_PATTERN_BYTES_MAX);
    if (text.n > BELAY_PATTERN_BYTES_MAX)
        return belay_fail(err, BELAY_LIMIT, "longer than %zu bytes", (size_t)BELAY_PATTERN_BYTES_MAX);
    while (t->p < t->end && !t->wrong)
        translate_one(t);
    if (t->wrong)
        return belay_fail(err, BELAY_INVALID, "%s near offset %zu", t->wrong, (size_t)(t->p - text.p));
    int status = belay_buf_status(&t->out);
    return status ? belay_fail(err, status, "no memory for a pattern") : BELAY_OK;
}

/* ---- compilation ---- */

static int compile(struct belay_str text, uint32_t options, pcre2_general_context *general, void **ret_code,
                   struct belay_err *err)
{
    int number = 0, status = BELAY_OK;
    PCRE2_SIZE at = 0;
    pcre2_compile_context *context = pcre2_compile_context_create(general);
    if (!context)
        return belay_fail(err, BELAY_NOMEM, "no memory for a pattern");
    pcre2_set_parens_nest_limit(context, 100);
    void *code = pcre2_compile((PCRE2_SPTR)(text.p ? text.p : ""), text.n,
                               options | PCRE2_UTF | PCRE2_NO_UTF_CHECK | PCRE2_DOLLAR_ENDONLY | PCRE2_ALLOW_EMPTY_CLASS
                                   | PCRE2_MATCH_UNSET_BACKREF | PCRE2_NEVER_BACKSLASH_C,
                               &number, &at, context);
    if (code) {
        *ret_code = code;
    } else {
        PCRE2_UCHAR why[160] = "";
        pcre2_get_error_message(number, why, sizeof why);
        status = belay_fail(err, number == PCRE2_ERROR_HEAP_FAILED ? BELAY_NOMEM : BELAY_INVALID, "%s", (const char *)why);
    }
    pcre2_compile_context_free(context);
    return status;
}

int pattern_new(struct belay_str text, struct pattern **ret_pattern, struct belay_err *err)
{
    struct translation t;
    struct pattern *p = belay_calloc(1, sizeof *p);
    pcre2_general_context *general = p ? pcre2_general_context_create(take, give, NULL) : NULL;
    if (!general) {
        belay_free(p);
        return belay_fail(err, BELAY_NOMEM, "no memory for a pattern");
    }
    int status = translate(&t, text, err);
    p->text = t.out;
    if (status == BELAY_OK)
        status = compile(belay_buf_view(&p->text), 0, general, &p->code, err);
    if (status == BELAY_OK)
        status = compile(belay_buf_view(&p->text), PCRE2_AUTO_CALLOUT, general, &p->counted, err);
    if (status == BELAY_OK) {
        p->context = pcre2_match_context_create(general);
        if (!p->context)
            status = belay_fail(err, BELAY_NOMEM, "no memory for a pattern");
    }
    pcre2_general_context_free(general);
    if (status != BELAY_OK) {
        pattern_free(p);
        return status;
    }
    pcre2_set_match_limit(p->context, BELAY_PATTERN_MATCH_MAX);
    pcre2_set_heap_limit(p->context, HEAP_KIB);
    (void)pcre2_jit_compile(p->code, PCRE2_JIT_COMPLETE); /* without it matching is slower */
    (void)pcre2_jit_compile(p->counted, PCRE2_JIT_COMPLETE);
    *ret_pattern = p;
    return BELAY_OK;
}

void pattern_free(struct pattern *p)
{
    if (!p)
        return;
    pcre2_code_free(p->code);
    pcre2_code_free(p->counted);
    pcre2_match_context_free(p->context);
    belay_buf_deinit(&p->text);
    belay_free(p);
}

int pattern_check(struct belay_str text)
{
    struct pattern *p;
    int status = pattern_new(text, &p, NULL);
    if (status == BELAY_OK)
        pattern_free(p);
    return status;
}

static int match(const void *code, struct belay_str s, uint32_t options, pcre2_match_data *data, pcre2_match_context *context)
{
    return pcre2_match(code, (PCRE2_SPTR)(s.p ? s.p : ""), s.n, 0, PCRE2_NO_UTF_CHECK | options, data, context);
}

/* The JIT's own 32 KiB are a few thousand turns of a group; where they do not do, it gets more for this match. */
static int match_on_stack(const void *code, struct belay_str s, pcre2_match_data *data, pcre2_match_context *context,
                          pcre2_general_context *general)
{
    pcre2_jit_stack *stack = pcre2_jit_stack_create(STACK_BYTES, BELAY_PATTERN_STACK_MAX, general);
    if (!stack)
        return PCRE2_ERROR_NOMEMORY;
    pcre2_jit_stack_assign(context, NULL, stack);
    int found = match(code, s, 0, data, context);
    pcre2_jit_stack_free(stack);
    return found;
}

static int match_short(const struct pattern *p, struct belay_str s, pcre2_match_data *data)
{
    int found = match(p->code, s, 0, data, p->context);
    return found == PCRE2_ERROR_JIT_STACKLIMIT ? match(p->code, s, PCRE2_NO_JIT, data, p->context) : found;
}

static int match_counted(const struct pattern *p, struct belay_str s, pcre2_match_data *data,
                         pcre2_general_context *general)
{
    struct belay_match_meter meter = { BELAY_PATTERN_MATCH_MAX + BELAY_PATTERN_STEPS_PER_BYTE * s.n, 0, p->text.p, false };
    pcre2_match_context *context = pcre2_match_context_create(general);
    if (!context)
        return PCRE2_ERROR_NOMEMORY;
    pcre2_set_callout(context, belay_match_count, &meter);
    pcre2_set_match_limit(context, UINT32_MAX); /* the meter's matter */
    pcre2_set_heap_limit(context, HEAP_KIB);
    int found = match(p->counted, s, 0, data, context);
    if (found == PCRE2_ERROR_JIT_STACKLIMIT)
        found = match_on_stack(p->counted, s, data, context, general);
    pcre2_match_context_free(context);
    return found;
}

int pattern_match(const struct pattern *p, struct belay_str s)
{
    struct scratch scratch;
    scratch.at = scratch.room;
    scratch.end = scratch.room + sizeof scratch.room;
    pcre2_general_context *general = pcre2_general_context_create(scratch_take, scratch_give, &scratch);
    pcre2_match_data *data = general ? pcre2_match_data_create(1, general) : NULL;
    if (!data)
        return BELAY_LIMIT;
    int found = s.n > BELAY_PATTERN_SHORT_BYTES ? match_counted(p, s, data, general) : match_short(p, s, data);
    pcre2_match_data_free(data);
    pcre2_general_context_free(general);
    if (found >= 0)
        return BELAY_OK;
    return found == PCRE2_ERROR_NOMATCH ? BELAY_NOTFOUND : BELAY_LIMIT;
}
