#include "expr/regex.h"

#include "base/limits.h"
#include "expr/regex_text.h"
#include "json/match_meter.h"

struct regex {
    pcre2_code *code;
    const char *text; /* that was compiled */
    uint32_t group_count;
    bool nocase;
};

/* A block knows nothing of its neighbours: the arena takes all back at once. */
static void *take(PCRE2_SIZE n, void *arena)
{
    return belay_arena_alloc(arena, n);
}

static void give_back(void *p, void *arena)
{
    (void)p;
    (void)arena;
}

struct regex *regex_compile(struct belay_arena *arena, struct belay_str pattern, unsigned flags,
                            bool *ret_nomem)
{
    uint32_t options = PCRE2_UTF | PCRE2_ALT_BSUX | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C
                       | PCRE2_MATCH_UNSET_BACKREF | PCRE2_ALLOW_EMPTY_CLASS | PCRE2_AUTO_CALLOUT
                       | (flags & REGEX_NOCASE ? PCRE2_CASELESS : 0)
                       | (flags & REGEX_MULTILINE ? PCRE2_MULTILINE : 0);
    int code = 0;
    PCRE2_SIZE at = 0;
    struct belay_str text;
    bool nocase = (flags & REGEX_NOCASE) || regex_has_nocase(pattern);
    *ret_nomem = false;
    if (pattern.n > BELAY_EXPR_PATTERN_BYTES_MAX || !regex_text(arena, pattern, nocase, &text))
        return NULL;
    *ret_nomem = true;
    struct regex *re = BELAY_ARENA_NEW(arena, struct regex);
    pcre2_general_context *general = pcre2_general_context_create(take, give_back, arena);
    pcre2_compile_context *context = general ? pcre2_compile_context_create(general) : NULL;
    if (!re || !text.p || !context)
        return NULL;
    re->text = text.p;
    re->nocase = nocase;
    pcre2_set_parens_nest_limit(context, 100);
    pcre2_set_newline(context, PCRE2_NEWLINE_ANYCRLF); /* . stops before \r, too */
    re->code = pcre2_compile((PCRE2_SPTR)text.p, text.n, options, &code, &at, context);
    if (!re->code) {
        *ret_nomem = code == PCRE2_ERROR_HEAP_FAILED;
        return NULL;
    }
    pcre2_pattern_info(re->code, PCRE2_INFO_CAPTURECOUNT, &re->group_count);
    return re;
}

static int status_of(int result)
{
    switch (result) {
    case PCRE2_ERROR_NOMATCH: return BELAY_NOTFOUND;
    case PCRE2_ERROR_CALLOUT:
    case PCRE2_ERROR_MATCHLIMIT:
    case PCRE2_ERROR_DEPTHLIMIT:
    case PCRE2_ERROR_HEAPLIMIT: return BELAY_LIMIT;
    case PCRE2_ERROR_NOMEMORY: return BELAY_NOMEM;
    default: return BELAY_INVALID;
    }
}

static void fill(const struct regex *re, struct belay_str text, pcre2_match_data *data,
                 struct regex_match *m)
{
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(data);
    uint32_t count = pcre2_get_ovector_count(data);
    m->start = at[0];
    m->end = at[1] < at[0] ? at[0] : at[1]; /* \K in a lookahead may turn them round */
    m->group_count = re->group_count < REGEX_GROUPS_MAX ? re->group_count : REGEX_GROUPS_MAX;
    for (uint32_t i = 0; i < m->group_count; i++) {
        PCRE2_SIZE from = i + 1 < count ? at[2 * i + 2] : PCRE2_UNSET;
        m->groups[i]
            = from == PCRE2_UNSET ? BELAY_STR_NONE : belay_str(text.p + from, at[2 * i + 3] - from);
    }
}

int regex_match(const struct regex *re, struct belay_arena *arena, struct belay_str text,
                size_t from, uint64_t *work, struct regex_match *ret_match)
{
    struct belay_match_meter meter = { *work, from, re->text, re->nocase };
    struct belay_arena_mark mark = belay_arena_mark(arena);
    pcre2_general_context *general = pcre2_general_context_create(take, give_back, arena);
    pcre2_match_context *context = general ? pcre2_match_context_create(general) : NULL;
    pcre2_match_data *data
        = general ? pcre2_match_data_create_from_pattern(re->code, general) : NULL;
    int status = BELAY_NOMEM;
    if (context && data) {
        pcre2_set_callout(context, belay_match_count, &meter);
        pcre2_set_match_limit(context, (uint32_t)meter.left);
        pcre2_set_depth_limit(context, BELAY_EXPR_MATCH_DEPTH_MAX);
        pcre2_set_heap_limit(context, BELAY_EXPR_MATCH_KIB_MAX);
        int result = pcre2_match(re->code, (PCRE2_SPTR)(text.p ? text.p : ""), text.n, from,
                                 from ? PCRE2_NO_UTF_CHECK : 0, data, context);
        status = result > 0 ? BELAY_OK : status_of(result);
        if (status == BELAY_OK)
            fill(re, text, data, ret_match);
    }
    belay_arena_rewind(arena, mark);
    *work = meter.left;
    return status;
}
