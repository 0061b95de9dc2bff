/* letters.c - lists of letters and of their groups; letters as NDJSON; letters as they come. */
#include "cli/letters.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/table.h"

#define WATCH_EVERY_US 500000
#define ERRORS_NAMED 10u

static uint64_t count_of(const struct letters_options *o, uint64_t otherwise)
{
    uint64_t count;
    return o->count && belay_str_to_u64(belay_str_c(o->count), &count) && count ? count : otherwise;
}

static void print_json(const belay_json *v)
{
    struct belay_buf text;
    belay_buf_init(&text, BELAY_MIB(64));
    belay_json_write(&text, v);
    write_buf(stdout, &text);
    belay_buf_deinit(&text);
}

/* ---- ls ---- */

static const struct column columns[] = {
    { "FLOW", "flow", false },        { "SEQUENCE", "sequence", true },
    { "STATE", "state", false },      { "HELD", "held", true },
    { "KEY", "key", false },          { "TRIES", "attempts", true },
    { "SINCE", "created_at", false }, { "ERROR", "error", false },
    { "CLASS", "class", false },
    { "GROUP", "group", false },      { "DESCRIPTION", "description", false },
};
#define COLUMNS (sizeof columns / sizeof columns[0])

struct list {
    struct table table;
    uint64_t n;
};

static bool add_row(void *arg, const belay_json *letter)
{
    struct list *l = arg;
    for (size_t c = 0; c < COLUMNS; c++)
        if (columns[c].number)
            table_uint(&l->table, json_number(letter, columns[c].member));
        else
            table_cell(&l->table, json_text(letter, columns[c].member));
    l->n++;
    return true;
}

static bool add_element(void *arg, const belay_json *letter)
{
    struct list *l = arg;
    if (l->n++)
        fputc(',', stdout);
    print_json(letter);
    return true;
}

/* Nothing fits --error: which there are, for it may be a slip of the pen. */
static void say_errors(const char *data, const struct letters_filter *f)
{
    struct letters_filter any = *f;
    struct belay_buf target;
    struct answer a;
    const belay_json *g;
    any.error = NULL;
    belay_buf_init(&target, BELAY_KIB(64));
    belay_buf_printf(&target, "/groups?count=%u", ERRORS_NAMED);
    letters_put_filter(&target, &any);
    belay_buf_put_c(&target, '\0');
    int code = client_get(data, target.p, &a);
    belay_buf_deinit(&target);
    if (code != EXIT_OK)
        return;
    const belay_json *groups = belay_json_get(a.json, BELAY_STR("groups"));
    for (size_t i = 0; (g = belay_json_at(groups, i)); i++)
        printf("%s%.*s (%llu)", i ? ", " : "there are letters of: ", BELAY_STR_ARG(json_text(g, "error")),
               (unsigned long long)json_number(g, "count"));
    printf("%s", belay_json_at(groups, 0) ? "\n" : "");
    answer_free(&a);
}

static void end_table(struct list *l, const struct letters_walk *w)
{
    table_print(&l->table);
    if (!w->found)
        printf("no letters%s\n", letters_is_filtered(&w->filter) ? " that fit" : "");
    if (!w->found && w->filter.error)
        say_errors(w->data, &w->filter);
    if (w->next[0])
        printf("there are more: --count N for a longer list, --after %s for the next page\n", w->next);
}

int letters_list(const struct letters_options *o)
{
    const char *heads[COLUMNS];
    struct list l = { .n = 0 };
    struct letters_walk w = { .data = o->data, .filter = o->filter, .count_max = count_of(o, 50), .after = o->after,
                              .each = o->json ? add_element : add_row, .arg = &l };
    for (size_t c = 0; c < COLUMNS; c++)
        heads[c] = columns[c].head;
    if (o->json)
        printf("{\"letters\":[");
    else
        table_init(&l.table, heads, COLUMNS);
    int code = letters_walk(&w);
    if (o->json) {
        printf("],\"next\":%s%s%s,\"looked\":%llu,\"failed\":%llu}\n", w.next[0] ? "\"" : "", w.next[0] ? w.next : "null",
               w.next[0] ? "\"" : "", (unsigned long long)w.looked, (unsigned long long)w.failed);
    } else if (code == EXIT_OK) {
        end_table(&l, &w);
    } else {
        belay_buf_deinit(&l.table.text);
    }
    return code;
}

/* ---- groups ---- */

/* The last 24 hours, the newest at the right. */
static void put_trend(struct belay_buf *out, const belay_json *hours)
{
    static const char *const bars[] = { "\u00b7", "\u2581", "\u2582", "\u2583", "\u2584", "\u2585", "\u2586", "\u2587", "\u2588" };
    uint64_t counts[24] = { 0 }, most = 1;
    const belay_json *v;
    for (size_t i = 0; i < 24 && (v = belay_json_at(hours, i)); i++) {
        counts[23 - i] = v->type == BELAY_JSON_INT && v->u.i > 0 ? (uint64_t)v->u.i : 0;
        most = counts[23 - i] > most ? counts[23 - i] : most;
    }
    for (size_t i = 0; i < 24; i++)
        belay_buf_printf(out, "%s", bars[counts[i] ? 1 + counts[i] * 7 / most : 0]);
}

static void group_row(struct table *t, const belay_json *g)
{
    static const char *const texts[] = { "flow", "step", "error" };
    struct belay_buf trend;
    belay_buf_init(&trend, BELAY_KIB(1));
    put_trend(&trend, belay_json_get(g, BELAY_STR("hours")));
    table_cell(t, json_text(g, "group"));
    table_uint(t, json_number(g, "count"));
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        table_cell(t, json_text(g, texts[i]));
    table_cell(t, json_text(g, "first_seen"));
    table_cell(t, json_text(g, "last_seen"));
    table_cell(t, belay_buf_view(&trend));
    table_uint(t, json_number(g, "sample"));
    table_cell(t, json_text(g, "message"));
    belay_buf_deinit(&trend);
}

static void print_groups(const struct answer *a)
{
    static const char *const heads[] = { "GROUP", "LETTERS", "FLOW", "STEP", "ERROR", "FIRST", "LAST", "24 HOURS", "SAMPLE",
                                         "MESSAGE" };
    const belay_json *groups = belay_json_get(a->json, BELAY_STR("groups")), *g;
    struct table t;
    uint64_t n = 0, total = json_number(a->json, "total");
    table_init(&t, heads, sizeof heads / sizeof heads[0]);
    for (; (g = belay_json_at(groups, n)); n++)
        group_row(&t, g);
    if (!n) {
        belay_buf_deinit(&t.text);
        printf("no letters\n");
        return;
    }
    table_print(&t);
    if (total > n)
        printf("%llu groups more: --count N\n", (unsigned long long)(total - n));
}

int letters_groups(const struct letters_options *o)
{
    struct belay_buf target;
    struct answer a;
    belay_buf_init(&target, BELAY_KIB(64));
    belay_buf_printf(&target, "/groups?count=%llu", (unsigned long long)count_of(o, 50));
    if (o->sort)
        belay_buf_printf(&target, "&sort=%s", o->sort);
    letters_put_filter(&target, &o->filter);
    belay_buf_put_c(&target, '\0');
    int code = client_get(o->data, target.p, &a);
    belay_buf_deinit(&target);
    if (code != EXIT_OK)
        return code;
    if (o->json)
        print_buf(&a.body);
    else
        print_groups(&a);
    answer_free(&a);
    return EXIT_OK;
}

/* ---- export ---- */

static bool export_line(void *arg, const belay_json *letter)
{
    (void)arg;
    print_json(letter);
    return fputc('\n', stdout) != EOF;
}

int letters_export(const struct letters_options *o)
{
    struct letters_walk w = { .data = o->data, .filter = o->filter, .count_max = count_of(o, 0), .after = o->after,
                              .whole = true, .reveal = o->reveal, .reason = o->reason, .each = export_line };
    int code = letters_walk(&w);
    if (code == EXIT_OK && (fflush(stdout) != 0 || ferror(stdout))) {
        fprintf(stderr, "belay dlq export: standard output takes no more\n");
        return EXIT_IO_;
    }
    if (code == EXIT_OK && isatty(STDERR_FILENO))
        fprintf(stderr, "%llu letters\n", (unsigned long long)w.found);
    return code;
}

/* ---- watch ---- */

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
}

/* Those that came last, and were told: who asks from that time on gets them again. */
struct watch {
    bool json;
    struct belay_buf told;         /* "flow/sequence\n" of each that was created at `since` */
    char since[32];
};

static bool tell_new(void *arg, const belay_json *letter)
{
    struct watch *w = arg;
    struct belay_str at = json_text(letter, "created_at");
    char name[512];
    int n = snprintf(name, sizeof name, "%.*s/%llu\n", BELAY_STR_ARG(json_text(letter, "flow")),
                     (unsigned long long)json_number(letter, "sequence"));
    bool same = belay_str_eq(at, belay_str_c(w->since));
    if (n >= (int)sizeof name || (same && w->told.n && memmem(w->told.p, w->told.n, name, (size_t)n)))
        return true;
    if (belay_str_cmp(at, belay_str_c(w->since)) > 0) {
        belay_buf_clear(&w->told);
        snprintf(w->since, sizeof w->since, "%.*s", BELAY_STR_ARG(at));
    }
    belay_buf_put(&w->told, name, (size_t)n);
    if (w->json) {
        print_json(letter);
        fputc('\n', stdout);
    } else {
        printf("%.*s  %.*s %llu  %.*s  %.*s  %.*s\n", BELAY_STR_ARG(at), BELAY_STR_ARG(json_text(letter, "flow")),
               (unsigned long long)json_number(letter, "sequence"), BELAY_STR_ARG(json_text(letter, "key")),
               BELAY_STR_ARG(json_text(letter, "error")), BELAY_STR_ARG(json_text(letter, "description")));
    }
    return fflush(stdout) == 0;
}

/* The runtime's time: what comes from now on is new. */
static int begin_watch(const struct letters_options *o, struct watch *w)
{
    struct answer a;
    int code = client_get(o->data, "/letters?count=1&since=1ms", &a);
    if (code != EXIT_OK)
        return code;
    snprintf(w->since, sizeof w->since, "%.*s", BELAY_STR_ARG(json_text(a.json, "now")));
    answer_free(&a);
    return EXIT_OK;
}

int letters_watch(const struct letters_options *o)
{
    struct watch w = { .json = o->json };
    struct letters_walk walk = { .data = o->data, .filter = o->filter, .each = tell_new, .arg = &w };
    belay_buf_init(&w.told, BELAY_MIB(16));
    signal(SIGINT, on_interrupt);
    signal(SIGTERM, on_interrupt);
    int code = begin_watch(o, &w);
    while (code == EXIT_OK && !interrupted && !ferror(stdout)) {
        char since[sizeof w.since];
        memcpy(since, w.since, sizeof since); /* tell_new moves it on */
        walk.filter.since = since;
        code = letters_walk(&walk);
        if (code == EXIT_OK && !interrupted)
            usleep(WATCH_EVERY_US); /* allow: usleep - a person waits for the next letter */
    }
    belay_buf_deinit(&w.told);
    return code;
}
