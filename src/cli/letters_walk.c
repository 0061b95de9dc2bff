/* letters_walk.c - a walk over the letters that a filter names, a page after the other. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/letters.h"

#define PAGE 500
#define PAGE_WHOLE 100

void letters_put_filter(struct belay_buf *target, const struct letters_filter *f)
{
    const struct {
        const char *name, *value;
    } filters[] = { { "flow", f->flow },   { "group", f->group }, { "error", f->error }, { "key", f->key },
                    { "since", f->since }, { "until", f->until }, { "where", f->where } };
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
        if (!filters[i].value)
            continue;
        belay_buf_printf(target, "%c%s=", memchr(target->p, '?', target->n) ? '&' : '?', filters[i].name);
        target_put(target, filters[i].value);
    }
}

bool letters_is_filtered(const struct letters_filter *f)
{
    return f->flow || f->group || f->error || f->key || f->since || f->until || f->where;
}

static int ask_page(const struct letters_walk *w, struct answer *a)
{
    struct belay_buf target;
    uint64_t page = w->whole ? PAGE_WHOLE : PAGE, left = w->count_max ? w->count_max - w->found : page;
    belay_buf_init(&target, BELAY_KIB(64));
    belay_buf_printf(&target, "/letters?count=%llu", (unsigned long long)(left < page ? left : page));
    if (w->next[0])
        belay_buf_printf(&target, "&after=%s", w->next);
    if (w->whole)
        belay_buf_printf(&target, "&whole=true");
    letters_put_filter(&target, &w->filter);
    target_reveal(&target, w->reveal, w->reason);
    belay_buf_put_c(&target, '\0');
    int code = client_get(w->data, target.p, a);
    belay_buf_deinit(&target);
    return code;
}

static void show_progress(const struct letters_walk *w)
{
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[K%llu letters looked at, %llu found", (unsigned long long)w->looked,
                (unsigned long long)w->found);
}

/* True: there is more, and more is wanted. */
static bool take_page(struct letters_walk *w, const struct answer *a)
{
    const belay_json *letters = belay_json_get(a->json, BELAY_STR("letters")), *l;
    bool more = true;
    for (size_t i = 0; more && (l = belay_json_at(letters, i)); i++) {
        w->found++;
        more = w->each(w->arg, l);
    }
    w->looked += json_number(a->json, "looked");
    struct belay_str next = json_text(a->json, "next"), failure = json_text(a->json, "failure");
    if (failure.n && !w->failed)
        fprintf(stderr, "%sbelay dlq: --where could not be told of a letter, which counts as no: %.*s\n",
                isatty(STDERR_FILENO) ? "\r\033[K" : "", BELAY_STR_ARG(failure));
    w->failed += json_number(a->json, "failed");
    snprintf(w->next, sizeof w->next, "%.*s", BELAY_STR_ARG(next));
    return more && next.n && (!w->count_max || w->found < w->count_max);
}

int letters_walk(struct letters_walk *w)
{
    bool more = true, shown = false;
    w->found = w->looked = w->failed = 0;
    snprintf(w->next, sizeof w->next, "%s", w->after ? w->after : "");
    while (more) {
        struct answer a;
        int code = ask_page(w, &a);
        if (code != EXIT_OK)
            return code;
        more = take_page(w, &a);
        answer_free(&a);
        if (more) {
            show_progress(w);
            shown = true;
        }
    }
    if (shown && isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[K");
    return EXIT_OK;
}
