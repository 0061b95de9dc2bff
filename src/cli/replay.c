/* replay.c - replay jobs of `belay dlq`.  A job is the runtime's: what is here only asks how far it is. */
#include "cli/replay.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/table.h"

#define POLL_US 200000
#define BAR_WIDTH 30
#define EDITED_LOOKS_MAX 200
#define EXIT_INTERRUPTED 130 /* as a shell says it */

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
}

/* ---- what a job says ---- */

static bool has_ended(const belay_json *job)
{
    struct belay_str state = json_text(job, "state");
    return belay_str_eq(state, BELAY_STR("done")) || belay_str_eq(state, BELAY_STR("cancelled"));
}

static void print_counts(FILE *to, const belay_json *job)
{
    const struct {
        const char *member, *text;
    } counts[] = { { "done", "done" }, { "failed", "letters again" }, { "discarded", "discarded" },
                   { "under_way", "under way" }, { "aside", "behind their key" }, { "skipped", "passed by" } };
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        if (json_number(job, counts[i].member) || i == 0)
            fprintf(to, "%s%llu %s", i ? ", " : "", (unsigned long long)json_number(job, counts[i].member), counts[i].text);
}

static void print_line(const belay_json *job)
{
    printf("job %llu %.*s: ", (unsigned long long)json_number(job, "job"), BELAY_STR_ARG(json_text(job, "state")));
    print_counts(stdout, job);
    printf("\n");
}

static bool each_unknown(void *arg, const belay_json *letter)
{
    struct belay_buf *name = arg;
    belay_buf_printf(name, "%.*s %llu", BELAY_STR_ARG(json_text(letter, "flow")),
                     (unsigned long long)json_number(letter, "sequence"));
    return false;
}

/* A person has to say what became of their calls. */
static void say_unknown(const char *data, const char *flow)
{
    struct belay_buf name;
    belay_buf_init(&name, BELAY_KIB(4));
    struct letters_walk w = { .data = data, .filter = { .flow = flow, .error = "class:unknown_outcome" },
                              .count_max = 1, .each = each_unknown, .arg = &name };
    if (letters_walk(&w) == EXIT_OK && name.n)
        printf("passed by are those of which nobody knows whether their call was done (%.*s is one): ask the other system, then\n"
               "  belay dlq settle %.*s --done|--not-done|--retry   (all: belay dlq ls --error class:unknown_outcome)\n", (int)name.n,
               name.p, (int)name.n, name.p);
    belay_buf_deinit(&name);
}

struct passed {
    const char *data;
    struct belay_buf name;
};

/* Is it one whose edit its flow would not see? */
static bool each_edited(void *arg, const belay_json *letter)
{
    struct passed *p = arg;
    struct belay_buf target;
    struct answer a;
    char flow[256], sequence[24];
    snprintf(flow, sizeof flow, "%.*s", BELAY_STR_ARG(json_text(letter, "flow")));
    snprintf(sequence, sizeof sequence, "%llu", (unsigned long long)json_number(letter, "sequence"));
    belay_buf_init(&target, BELAY_KIB(4));
    belay_buf_put_str(&target, BELAY_STR("/letters/"));
    target_put(&target, flow);
    belay_buf_printf(&target, "/%s", sequence);
    belay_buf_put_c(&target, '\0');
    int code = client_get(p->data, target.p, &a);
    belay_buf_deinit(&target);
    if (code != EXIT_OK)
        return false;
    const belay_json *unseen = belay_json_get(a.json, BELAY_STR("unseen"));
    if (unseen && unseen->type == BELAY_JSON_TRUE)
        each_unknown(&p->name, letter);
    answer_free(&a);
    return p->name.n == 0;
}

static void say_edited(const char *data, const char *flow)
{
    struct passed p = { .data = data };
    belay_buf_init(&p.name, BELAY_KIB(4));
    struct letters_walk w = { .data = data, .filter = { .flow = flow, .where = "edits > 0" }, .count_max = EDITED_LOOKS_MAX,
                              .each = each_edited, .arg = &p };
    int code = letters_walk(&w);
    if (code == EXIT_OK && !p.name.n) { /* or an imported one, which nobody edited here */
        w = (struct letters_walk){ .data = data, .filter = { .flow = flow }, .count_max = EDITED_LOOKS_MAX, .each = each_edited,
                                   .arg = &p };
        code = letters_walk(&w);
    }
    if (code == EXIT_OK && p.name.n)
        printf("passed by are edited ones that go on with what their flow had made of the message before (%.*s is one): begin them anew\n"
               "  belay dlq replay %.*s --from-start   (all: belay dlq replay --all --where 'edits > 0' --from-start)\n", (int)p.name.n,
               p.name.p, (int)p.name.n, p.name.p);
    belay_buf_deinit(&p.name);
}

/* Which of those that were passed by and still are letters want a person. */
static void say_passed_by(const char *data, const belay_json *job)
{
    struct belay_str flow = json_text(job, "flow");
    char of[256];
    const belay_json *anew = belay_json_get(job, BELAY_STR("from_start"));
    if (!json_number(job, "skipped"))
        return;
    snprintf(of, sizeof of, "%.*s", BELAY_STR_ARG(flow));
    say_unknown(data, flow.n ? of : NULL);
    if (!anew || anew->type != BELAY_JSON_TRUE)
        say_edited(data, flow.n ? of : NULL);
}

/* Ended of those there were; the total is of all letters in reach, wanted or not. */
static void print_bar(const belay_json *job)
{
    uint64_t total = json_number(job, "total"), ended = json_number(job, "looked");
    ended -= json_number(job, "aside") + json_number(job, "under_way");
    unsigned filled = total ? (unsigned)(ended * BAR_WIDTH / total) : BAR_WIDTH;
    if (filled > BAR_WIDTH || has_ended(job))
        filled = BAR_WIDTH;
    fprintf(stderr, "\r\033[K[");
    for (unsigned i = 0; i < BAR_WIDTH; i++)
        fputc(i < filled ? '#' : '.', stderr);
    fprintf(stderr, "] %llu of %llu%s: ", (unsigned long long)ended, (unsigned long long)total,
            belay_str_eq(json_text(job, "state"), BELAY_STR("paused")) ? ", paused" : "");
    print_counts(stderr, job);
    fflush(stderr);
}

/* ---- watching ---- */

static int ask_job(const char *data, const char *id, struct answer *a)
{
    struct belay_buf target;
    belay_buf_init(&target, BELAY_KIB(4));
    belay_buf_put_str(&target, BELAY_STR("/replays/"));
    target_put(&target, id);
    belay_buf_put_c(&target, '\0');
    int code = client_get(data, target.p, a);
    belay_buf_deinit(&target);
    return code;
}

static void goes_on(const char *data, const char *id, const char *why)
{
    fprintf(stderr, "%s%s: job %s goes on%s\n", isatty(STDERR_FILENO) ? "\n" : "", why, id,
            interrupted ? "" : " when belay is back");
    fprintf(stderr, "look: belay dlq job watch %s%s%s; end it: belay dlq job cancel %s%s%s\n", id, data ? " --data " : "",
            data ? data : "", id, data ? " --data " : "", data ? data : "");
}

/* With json a line for each change, else a bar on a terminal and a line at the end. */
static int watch(const char *data, bool json, const char *id)
{
    const struct sigaction action = { .sa_handler = on_interrupt };
    bool bar = !json && isatty(STDERR_FILENO), ended = false;
    uint64_t told = UINT64_MAX, failed = 0;
    sigaction(SIGINT, &action, NULL);
    while (!ended && !interrupted) {
        struct answer a;
        int code = ask_job(data, id, &a);
        if (code == EXIT_UNAVAILABLE_ && !interrupted)
            goes_on(data, id, "belay went away");
        if (code != EXIT_OK)
            return interrupted ? EXIT_INTERRUPTED : code;
        ended = has_ended(a.json);
        failed = json_number(a.json, "failed");
        uint64_t mark = json_number(a.json, "looked") + json_number(a.json, "done") + failed
                        + json_number(a.json, "discarded");
        if (json && (mark != told || ended)) {
            print_buf(&a.body);
            fflush(stdout);
        }
        told = mark;
        if (bar)
            print_bar(a.json);
        if (ended && bar)
            fputc('\n', stderr);
        if (ended && !json) {
            print_line(a.json);
            say_passed_by(data, a.json);
        }
        answer_free(&a);
        if (!ended && !interrupted)
            usleep(POLL_US); /* allow: usleep - nothing else happens in this process */
    }
    if (!ended)
        goes_on(data, id, "interrupted");
    return !ended ? EXIT_INTERRUPTED : failed ? EXIT_NO : EXIT_OK;
}

/* ---- beginning ---- */

static void put_text(struct belay_buf *body, const char *name, const char *value)
{
    if (!value)
        return;
    belay_buf_printf(body, ",\"%s\":", name);
    belay_json_write_str(body, belay_str_c(value));
}

static void put_body(struct belay_buf *body, const struct replay_options *o)
{
    belay_buf_printf(body, "{\"from_start\":%s", o->from_start ? "true" : "false");
    if (o->any_order)
        belay_buf_printf(body, ",\"any_order\":true");
    put_text(body, "flow", o->filter.flow);
    put_text(body, "group", o->filter.group);
    put_text(body, "error", o->filter.error);
    put_text(body, "key", o->filter.key);
    put_text(body, "since", o->filter.since);
    put_text(body, "until", o->filter.until);
    put_text(body, "where", o->filter.where);
    put_text(body, "rate", o->rate);
    if (o->concurrency)
        belay_buf_printf(body, ",\"concurrency\":%s", o->concurrency);
    belay_buf_put(body, "}", 2);
}

int replay_begin(const struct replay_options *o)
{
    struct belay_buf body;
    struct answer a;
    char id[24];
    belay_buf_init(&body, BELAY_KIB(64));
    put_body(&body, o);
    int code = belay_buf_status(&body) == BELAY_OK ? client_post(o->data, "/replays", body.p, &a) : EXIT_USAGE_;
    belay_buf_deinit(&body);
    if (code != EXIT_OK)
        return code;
    snprintf(id, sizeof id, "%llu", (unsigned long long)json_number(a.json, "job"));
    if (o->detach && o->json)
        print_buf(&a.body);
    else if (o->detach)
        printf("job %s has begun: belay dlq job watch %s\n", id, id);
    else if (!o->json)
        fprintf(stderr, "job %s replays; Ctrl-C leaves it running\n", id);
    answer_free(&a);
    return o->detach ? EXIT_OK : watch(o->data, o->json, id);
}

/* ---- the others ---- */

int replay_list(const char *data, bool json)
{
    static const struct column columns[] = {
        { "JOB", "job", true },         { "STATE", "state", false },   { "FLOW", "flow", false },
        { "ERROR", "error", false },    { "KEY", "key", false },       { "TOTAL", "total", true },
        { "LOOKED", "looked", true },   { "TAKEN", "taken", true },    { "UNDER WAY", "under_way", true },
        { "DONE", "done", true },       { "AGAIN", "failed", true },   { "WHO", "who", false },
        { "SINCE", "created_at", false },
    };
    struct answer a;
    int code = client_get(data, "/replays", &a);
    if (code != EXIT_OK)
        return code;
    const belay_json *jobs = belay_json_get(a.json, BELAY_STR("jobs"));
    if (json)
        print_buf(&a.body);
    else if (!belay_json_at(jobs, 0))
        printf("no replay jobs\n");
    else
        table_of(jobs, columns, sizeof columns / sizeof columns[0]);
    answer_free(&a);
    return EXIT_OK;
}

static int show(const char *data, bool json, const char *id)
{
    struct answer a;
    int code = ask_job(data, id, &a);
    if (code != EXIT_OK)
        return code;
    if (json)
        print_buf(&a.body);
    else
        print_pretty(a.json);
    answer_free(&a);
    return EXIT_OK;
}

int replay_job(const char *data, bool json, const char *verb, const char *id)
{
    struct belay_buf target;
    struct answer a;
    if (strcmp(verb, "show") == 0)
        return show(data, json, id);
    if (strcmp(verb, "watch") == 0)
        return watch(data, json, id);
    if (strcmp(verb, "pause") && strcmp(verb, "resume") && strcmp(verb, "cancel"))
        return usage_error("dlq", "job: there is no '%s'; one of show, watch, pause, resume, cancel", verb);
    belay_buf_init(&target, BELAY_KIB(4));
    belay_buf_put_str(&target, BELAY_STR("/replays/"));
    target_put(&target, id);
    belay_buf_printf(&target, "/%s", verb);
    belay_buf_put_c(&target, '\0');
    int code = client_post(data, target.p, "{}", &a);
    belay_buf_deinit(&target);
    if (code != EXIT_OK)
        return code;
    if (json)
        print_buf(&a.body);
    else
        print_line(a.json);
    answer_free(&a);
    return EXIT_OK;
}
