/* What is wrong, for people: where in the value, where in the schema, and a sentence. */
#include <stdio.h>

#include "json/schema_eval.h"

enum { TEXT_MAX = 60 };

static void push_place(struct belay_buf *out, const struct schema_place *at)
{
    if (!at)
        return;
    push_place(out, at->up); /* as deep as the value, which the parser limits */
    if (at->key)
        belay_json_pointer_push(out, belay_json_str(at->key));
    else
        belay_json_pointer_push_index(out, at->index);
}

static struct belay_str instance_pointer(struct belay_arena *arena, const struct schema_place *at)
{
    struct belay_buf out;
    belay_buf_init(&out, BELAY_MIB(1));
    push_place(&out, at);
    struct belay_str text = belay_arena_str(arena, belay_buf_view(&out));
    belay_buf_deinit(&out);
    return text;
}

static struct belay_str keyword_pointer(struct belay_arena *arena, const struct belay_schema_node *n,
                                        const char *keyword)
{
    struct belay_str node = schema_pointer_of(arena, n->resource->document, n->source);
    bool main = n->resource->main;
    return belay_arena_printf(arena, "%.*s%s%.*s%s%s", BELAY_STR_ARG(main ? BELAY_STR_NONE : n->resource->uri),
                              main ? "" : "#", BELAY_STR_ARG(node), keyword ? "/" : "", keyword ? keyword : "");
}

/* Room for one more; they grow by doubling within the arena. */
static struct belay_schema_fault *fault_add(struct belay_schema_faults *f)
{
    size_t max = f->count_max ? f->count_max : BELAY_SCHEMA_FAULTS_DEFAULT;
    if (f->count >= max)
        return NULL;
    if ((f->count & (f->count - 1)) == 0) { /* 0, 1, 2, 4, 8: full */
        struct belay_schema_fault *more =
            belay_arena_alloc(f->arena, (f->count ? 2 * f->count : 1) * sizeof *more);
        if (!more)
            return NULL;
        if (f->count)
            memcpy(more, f->items, f->count * sizeof *more);
        f->items = more;
    }
    return &f->items[f->count];
}

/* Of at most 511 bytes; no half characters. */
static struct belay_str sentence(struct belay_arena *arena, const char *fmt, va_list args)
{
    char text[512];
    int length = vsnprintf(text, sizeof text, fmt, args);
    size_t n = length < (int)sizeof text ? (size_t)length : sizeof text - 1;
    while (n && length >= (int)sizeof text && (text[n] & 0xc0) == 0x80)
        n--;
    return belay_arena_str(arena, belay_str(text, n));
}

static void tell(struct belay_schema_faults *f, const struct belay_schema_node *n, const char *keyword,
                 const struct schema_place *at, struct belay_str message)
{
    struct belay_schema_fault *fault = message.p ? fault_add(f) : NULL;
    struct belay_schema_fault one = { .message = message };
    if (fault) {
        one.instance = instance_pointer(f->arena, at);
        one.schema = keyword_pointer(f->arena, n, keyword);
    }
    if (one.instance.p && one.schema.p) {
        *fault = one;
        f->count++;
    } else {
        f->dropped++;
    }
}

bool schema_fault(struct schema_run *r, const struct belay_schema_node *n, const char *keyword,
                  const struct schema_place *at, const char *fmt, ...)
{
    if (!r->faults)
        return false;
    va_list args;
    va_start(args, fmt);
    struct belay_str message = sentence(r->faults->arena, fmt, args);
    va_end(args);
    tell(r->faults, n, keyword, at, message);
    return true;
}

void schema_note(struct schema_run *r, const struct belay_schema_node *n, const struct schema_place *at)
{
    struct belay_arena *arena = r->notes->arena;
    struct belay_str message = at && at->key ? belay_arena_printf(arena, "the member \"%.*s\" is deprecated",
                                                                  BELAY_STR_ARG(belay_json_str(at->key)))
                                             : belay_arena_str(arena, BELAY_STR("this is deprecated"));
    tell(r->notes, n, "deprecated", at, message);
}

struct belay_str schema_text(const struct schema_run *r, const belay_json *v)
{
    if (!r->faults)
        return BELAY_STR("");
    if (v->type == BELAY_JSON_OBJECT && v->n)
        return BELAY_STR("the object");
    struct belay_buf out;
    belay_buf_init(&out, BELAY_KIB(64));
    belay_json_write(&out, v);
    struct belay_str text = belay_buf_view(&out);
    size_t cut = TEXT_MAX;
    bool whole = belay_buf_status(&out) == BELAY_OK && text.n <= TEXT_MAX;
    while (!whole && cut > 0 && cut < text.n && (text.p[cut] & 0xc0) == 0x80)
        cut--;
    struct belay_str result = whole ? belay_arena_str(r->faults->arena, text)
                                    : belay_arena_printf(r->faults->arena, "%.*s...",
                                                         (int)(cut < text.n ? cut : text.n), text.p ? text.p : "");
    belay_buf_deinit(&out);
    return result.p ? result : BELAY_STR("");
}
