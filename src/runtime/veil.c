#include "runtime/veil.h"

#include "json/redact.h"

void belay_veil_init(struct belay_veil *v, struct belay_log_sink to)
{
    *v = (struct belay_veil){ .to = to };
    belay_mutex_init(&v->mutex);
}

void belay_veil_deinit(struct belay_veil *v)
{
    if (v->now)
        belay_definitions_unref(v->now);
    if (v->beside)
        belay_definitions_unref(v->beside);
    v->now = v->beside = NULL;
    belay_mutex_deinit(&v->mutex);
}

static void swap(struct belay_definitions **place, struct belay_definitions *d)
{
    struct belay_definitions *gone = *place;
    *place = belay_definitions_ref(d);
    if (gone)
        belay_definitions_unref(gone);
}

void belay_veil_coming(struct belay_veil *v, struct belay_definitions *d)
{
    belay_mutex_lock(&v->mutex);
    swap(&v->beside, d);
    belay_mutex_unlock(&v->mutex);
}

void belay_veil_set(struct belay_veil *v, struct belay_definitions *d)
{
    belay_mutex_lock(&v->mutex);
    if (v->now && v->now != d)
        swap(&v->beside, v->now);
    swap(&v->now, d);
    belay_mutex_unlock(&v->mutex);
}

struct belay_definitions *belay_veil_definitions(struct belay_veil *v)
{
    belay_mutex_lock(&v->mutex);
    struct belay_definitions *d = v->now ? belay_definitions_ref(v->now) : NULL;
    belay_mutex_unlock(&v->mutex);
    return d;
}

/* In strings and numbers, so that the line stays JSON. */
static struct belay_str hide(const struct belay_definitions *d, struct belay_str line, struct belay_arena *arena)
{
    return d ? belay_redact_words_in(d->redact, NULL, line, arena) : line;
}

static void write_line(void *ctx, const char *line, size_t n)
{
    struct belay_veil *v = ctx;
    struct belay_arena arena;
    struct belay_str text = belay_str(line, n && line[n - 1] == '\n' ? n - 1 : n);
    belay_arena_init(&arena, 0, BELAY_MIB(4));
    belay_mutex_lock(&v->mutex);
    struct belay_str shown = hide(v->beside, hide(v->now, text, &arena), &arena);
    belay_mutex_unlock(&v->mutex);
    struct belay_str whole = shown.p == text.p ? belay_str(line, n)
                                               : belay_arena_join(&arena, shown, BELAY_STR("\n"), BELAY_STR(""));
    if (whole.p) /* without memory the line is lost, not told */
        v->to.write(v->to.ctx, whole.p, whole.n);
    belay_arena_deinit(&arena);
}

struct belay_log_sink belay_veil_sink(struct belay_veil *v)
{
    return (struct belay_log_sink){ write_line, v };
}
