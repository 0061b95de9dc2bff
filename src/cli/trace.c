/* trace.c - belay trace: the whole life of an order across flows, attempts and saga, in order of time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/client.h"

static const char help[] =
    "belay trace: the whole life of one order or message\n\n"
    "usage: belay trace [--data DIR] [--json] KEY|ID|CORRELATION-ID\n\n"
    "What was published where and why, where each message is now, how often it was tried and what failed, and\n"
    "what the saga did, in order of time.\n\n"
    "example: belay trace o-1001\n";

/* One line of the story. */
struct moment {
    struct belay_str at;
    char *text; /* belay_malloc */
    size_t order;
};

struct story {
    struct moment *moments;
    size_t count, cap;
};

static void add(struct story *s, struct belay_str at, struct belay_buf *line)
{
    if (s->count == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 64;
        struct moment *more = belay_realloc(s->moments, cap * sizeof *more);
        if (!more)
            return;
        s->moments = more;
        s->cap = cap;
    }
    s->moments[s->count] = (struct moment){ at, belay_memdup0(line->p, line->n), s->count };
    s->count++;
}

static int earlier(const void *a, const void *b)
{
    const struct moment *x = a, *y = b;
    int c = belay_str_cmp(x->at, y->at);
    return c ? c : (x->order > y->order) - (x->order < y->order);
}

static void put_states(struct belay_buf *line, const belay_json *item)
{
    const belay_json *subs = belay_json_get(item, BELAY_STR("subscriptions")), *s;
    for (size_t i = 0; (s = belay_json_at(subs, i)); i++) {
        belay_buf_printf(line, "%s%.*s: %.*s", i ? ", " : "  -> ", BELAY_STR_ARG(json_text(s, "name")),
                         BELAY_STR_ARG(json_text(s, "state")));
        if (json_number(s, "attempts") > 1)
            belay_buf_printf(line, " after %llu tries", (unsigned long long)json_number(s, "attempts"));
    }
}

static void add_faults(struct story *s, const belay_json *item)
{
    const belay_json *subs = belay_json_get(item, BELAY_STR("subscriptions")), *sub, *f;
    struct belay_buf line;
    belay_buf_init(&line, BELAY_KIB(64));
    for (size_t i = 0; (sub = belay_json_at(subs, i)); i++) {
        const belay_json *history = belay_json_get(sub, BELAY_STR("history"));
        for (size_t n = 0; (f = belay_json_at(history, n)); n++) {
            belay_buf_clear(&line);
            belay_buf_printf(&line, "%.*s: %.*s at %.*s: %.*s", BELAY_STR_ARG(json_text(sub, "name")),
                             BELAY_STR_ARG(json_text(f, "error")), BELAY_STR_ARG(json_text(f, "step")),
                             BELAY_STR_ARG(json_text(f, "description")));
            add(s, json_text(f, "at"), &line);
        }
    }
    belay_buf_deinit(&line);
}

static void add_messages(struct story *s, const belay_json *root)
{
    const belay_json *items = belay_json_get(root, BELAY_STR("messages")), *item;
    struct belay_buf line;
    belay_buf_init(&line, BELAY_KIB(64));
    for (size_t i = 0; (item = belay_json_at(items, i)); i++) {
        const belay_json *m = belay_json_get(item, BELAY_STR("message"));
        belay_buf_clear(&line);
        belay_buf_printf(&line, "published to %.*s #%llu by %.*s", BELAY_STR_ARG(json_text(item, "topic")),
                         (unsigned long long)json_number(item, "sequence"), BELAY_STR_ARG(json_text(m, "source")));
        put_states(&line, item);
        add(s, json_text(m, "accepted_at"), &line);
        add_faults(s, item);
    }
    belay_buf_deinit(&line);
}

/* A saga's history entries have "at", "event" and whatever else tells it. */
static void add_saga(struct story *s, const belay_json *saga)
{
    const belay_json *history = belay_json_get(saga, BELAY_STR("history")), *h;
    struct belay_buf line;
    belay_buf_init(&line, BELAY_KIB(64));
    for (size_t i = 0; (h = belay_json_at(history, i)); i++) {
        const belay_json *detail = belay_json_get(h, BELAY_STR("detail"));
        belay_buf_clear(&line);
        belay_buf_printf(&line, "%.*s %.*s: %.*s", BELAY_STR_ARG(json_text(saga, "saga")),
                         BELAY_STR_ARG(json_text(h, "step")), BELAY_STR_ARG(json_text(h, "event")));
        if (detail && detail->type == BELAY_JSON_STRING && detail->n)
            belay_buf_printf(&line, " (%.*s)", BELAY_STR_ARG(belay_json_str(detail)));
        add(s, json_text(h, "at"), &line);
    }
    belay_buf_deinit(&line);
}

static int tell(const belay_json *root)
{
    struct story s = { 0 };
    const belay_json *sagas = belay_json_get(root, BELAY_STR("sagas")), *saga;
    add_messages(&s, root);
    for (size_t i = 0; (saga = belay_json_at(sagas, i)); i++)
        add_saga(&s, saga);
    if (s.count)
        qsort(s.moments, s.count, sizeof *s.moments, earlier);
    for (size_t i = 0; i < s.count; i++) {
        printf("%.*s  %s\n", BELAY_STR_ARG(s.moments[i].at), s.moments[i].text ? s.moments[i].text : "");
        belay_free(s.moments[i].text);
    }
    for (size_t i = 0; (saga = belay_json_at(sagas, i)); i++)
        printf("now: %.*s %.*s is %.*s\n", BELAY_STR_ARG(json_text(saga, "saga")),
               BELAY_STR_ARG(json_text(saga, "id")), BELAY_STR_ARG(json_text(saga, "status")));
    belay_free(s.moments);
    return s.count || belay_json_at(sagas, 0) ? EXIT_OK : EXIT_NO;
}

static int run(int argc, char **argv)
{
    const char *data = NULL;
    bool json = false;
    const struct option_spec specs[] = { { "data", &data, NULL }, { "json", NULL, &json } };
    char **operands;
    int count;
    struct belay_buf target;
    struct answer a;
    if (!options_parse(argc, argv, specs, 2, &operands, &count))
        return EXIT_USAGE_;
    if (count != 1)
        return usage_error("trace", "whose life? name a key, an id or a correlation id");
    belay_buf_init(&target, BELAY_KIB(64));
    belay_buf_put_str(&target, BELAY_STR("/trace/"));
    target_put(&target, operands[0]);
    belay_buf_put_c(&target, '\0');
    int code = client_get(data, target.p, &a);
    belay_buf_deinit(&target);
    if (code != EXIT_OK)
        return code;
    if (json) {
        print_buf(&a.body);
    } else {
        code = tell(a.json);
        if (code == EXIT_NO)
            fprintf(stderr, "belay: nothing carries the key, id or correlation id '%s'\n", operands[0]);
    }
    answer_free(&a);
    return code;
}

const struct command command_trace = { "trace", "the whole life of one order or message", help, run };
