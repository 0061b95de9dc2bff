#include "cli/trouble_view.h"

#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "cli/table.h"
#include "platform/clock.h"

#define EXCERPT_BYTES 400
#define HELD_SHOWN 20

/* ---- pieces ---- */

static void print_plain(struct belay_str text)
{
    for (size_t i = 0; i < text.n; i++)
        fputc(plain_char(text.p[i]), stdout);
}

static void line(const char *name, struct belay_str text)
{
    if (!text.n)
        return;
    printf("  %-14s", name);
    print_plain(text);
    printf("\n");
}

/* In single quotes, as a shell takes it. */
static void put_quoted(struct belay_str text)
{
    bool plain = text.n > 0;
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        plain = plain && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-_./:@", c));
    }
    if (plain) {
        print_plain(text);
        return;
    }
    fputc('\'', stdout);
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == '\'')
            printf("'\\''");
        else
            fputc(text.p[i], stdout);
    fputc('\'', stdout);
}

/* " (12m ago)"; nothing where the time cannot be read. */
static void put_ago(struct belay_str when)
{
    belay_time at, now = belay_clock_wall(belay_clock_posix());
    char age[24];
    if (!belay_time_parse(when, &at) || at > now)
        return;
    age_text((uint64_t)(now - at) / BELAY_US_PER_MS, age, sizeof age);
    printf(" (%s ago)", age);
}

static void time_line(const char *name, struct belay_str when)
{
    if (!when.n)
        return;
    printf("  %-14s%.*s", name, BELAY_STR_ARG(when));
    put_ago(when);
    printf("\n");
}

/* "HTTP:503 (transient, status 503) at step ship" */
static void error_line(const char *name, const belay_json *f)
{
    struct belay_str error = json_text(f, "error"), class_ = json_text(f, "class"), step = json_text(f, "step");
    uint64_t status = json_number(f, "status");
    if (!error.n)
        return;
    printf("  %-14s%.*s", name, BELAY_STR_ARG(error));
    if (class_.n)
        printf(" (%.*s", BELAY_STR_ARG(class_));
    if (status)
        printf("%sstatus %llu", class_.n ? ", " : " (", (unsigned long long)status);
    printf("%s", class_.n || status ? ")" : "");
    if (step.n)
        printf(" at step %.*s", BELAY_STR_ARG(step));
    printf("\n");
    line("", json_text(f, "description"));
}

static void took_cell(struct table *t, uint64_t us)
{
    char text[24];
    age_text(us / 1000, text, sizeof text);
    table_cell(t, us ? belay_str_c(text) : BELAY_STR("-"));
}

/* Each attempt a row; of the last one that has it the excerpt of the answer. */
static void print_history(const belay_json *history)
{
    static const char *const heads[] = { "ATTEMPT", "AT", "TOOK", "STATUS", "ERROR", "STEP", "DESCRIPTION" };
    const belay_json *f;
    struct belay_str excerpt = BELAY_STR_NONE;
    struct table t;
    if (!belay_json_at(history, 0))
        return;
    table_init(&t, heads, sizeof heads / sizeof heads[0]);
    for (size_t i = 0; (f = belay_json_at(history, i)); i++) {
        char number[24];
        uint64_t attempt = json_number(f, "attempt"), status = json_number(f, "status");
        snprintf(number, sizeof number, "%llu", (unsigned long long)(attempt ? attempt : i + 1));
        table_cell(&t, belay_str_c(number));
        table_cell(&t, json_text(f, "started_at").n ? json_text(f, "started_at") : json_text(f, "at"));
        took_cell(&t, json_number(f, "duration_us"));
        snprintf(number, sizeof number, "%llu", (unsigned long long)status);
        table_cell(&t, status ? belay_str_c(number) : BELAY_STR("-"));
        table_cell(&t, json_text(f, "error"));
        table_cell(&t, json_text(f, "step"));
        table_cell(&t, json_text(f, "description"));
        excerpt = json_text(f, "excerpt").n ? json_text(f, "excerpt") : excerpt;
    }
    printf("\nwhat was tried:\n");
    table_print(&t);
    if (excerpt.n) {
        printf("answered: ");
        print_plain(belay_str_sub(excerpt, 0, EXCERPT_BYTES));
        printf("%s\n", excerpt.n > EXCERPT_BYTES ? " ..." : "");
    }
}

static void print_trail(const belay_json *trail)
{
    static const struct column columns[] = {
        { "AT", "at", false },         { "WHO", "who", false },       { "DID", "did", false },
        { "DETAIL", "detail", false }, { "REASON", "reason", false },
    };
    if (!belay_json_at(trail, 0))
        return;
    printf("\nwhat persons did:\n");
    table_of(trail, columns, sizeof columns / sizeof columns[0]);
}

static void print_message(const char *head, const belay_json *m)
{
    const belay_json *body = belay_json_get(m, BELAY_STR("body"));
    if (!body)
        return;
    printf("\n%s\n", head);
    if (body->type == BELAY_JSON_NULL)
        printf("no body\n");
    else if (body->type == BELAY_JSON_STRING)
        printf("%.*s\n", BELAY_STR_ARG(belay_json_str(body)));
    else
        print_pretty(body);
}

/* ---- a letter ---- */

struct advice {
    const belay_json *letter;
    const char *data;
};

static void command(const struct advice *a, const char *verb, const char *more, const char *what)
{
    char name[24];
    printf("  belay dlq %s ", verb);
    put_quoted(json_text(a->letter, "flow"));
    snprintf(name, sizeof name, " %llu", (unsigned long long)json_number(a->letter, "sequence"));
    printf("%s%s%s", name, *more ? " " : "", more);
    if (a->data) {
        printf(" --data ");
        put_quoted(belay_str_c(a->data));
    }
    printf("\n      %s\n", what);
}

static void print_letter_advice(const belay_json *letter, const char *data)
{
    const struct advice a = { letter, data };
    struct belay_str class_ = json_text(letter, "class"), error = json_text(letter, "error");
    bool unknown = belay_str_eq(class_, BELAY_STR("unknown_outcome"));
    const belay_json *unseen = belay_json_get(letter, BELAY_STR("unseen"));
    bool permanent = belay_str_eq(class_, BELAY_STR("permanent"));
    printf("\nwhat helps:\n");
    if (unseen && unseen->type == BELAY_JSON_TRUE && unknown) {
        command(&a, "replay", "--from-start", "with the message it has now, its calls too: ask the other system first whether the last one was done");
        command(&a, "edit", "", "back to the message that its calls were made with (--restore: as it came): then it can be settled");
    } else if (unseen && unseen->type == BELAY_JSON_TRUE) {
        command(&a, "replay", "--from-start", "with the message it has now: at the failed step the flow goes on with what it had made of another, before an edit");
    } else if (unknown) {
        command(&a, "settle", "--done [--result JSON]", "ask the other system first: it was done, go on at the next step");
        command(&a, "settle", "--not-done", "it was not: as if it had been refused");
        command(&a, "settle", "--retry", "the call again, whatever becomes of it");
    } else if (belay_str_starts(error, BELAY_STR("POISON:"))) {
        command(&a, "replay", "", "when what it trips over is mended");
        command(&a, "edit", "", "when the message itself is wrong; then replay --from-start");
    } else if (permanent) {
        command(&a, "edit", "", "the message is wrong: mend it, then replay --from-start");
        command(&a, "replay", "--from-start", "the flow was wrong and is mended");
    } else {
        command(&a, "replay", "", "when the other system works again: on at the failed step, fresh attempts");
    }
    if (!unknown)
        command(&a, "replay", "--dry-run", "shows what would be sent, sends nothing");
    if (json_number(letter, "held") || belay_str_eq(json_text(letter, "state"), BELAY_STR("parked")))
        command(&a, "release", "", "its key goes on without it; the letter stays");
    command(&a, "discard", "--reason '...'", "nobody needs it");
}

static void print_where(const belay_json *letter)
{
    const belay_json *m = belay_json_get(letter, BELAY_STR("message"));
    struct belay_str key = json_text(letter, "key");
    line("endpoint", json_text(letter, "endpoint"));
    if (key.n) {
        printf("  %-14s", "key");
        print_plain(key);
        printf(": %llu later message%s of it wait%s\n", (unsigned long long)json_number(letter, "held"),
               json_number(letter, "held") == 1 ? "" : "s", json_number(letter, "held") == 1 ? "s" : "");
    }
    printf("  %-14s%.*s %llu", "message", BELAY_STR_ARG(json_text(letter, "topic")),
           (unsigned long long)json_number(letter, "sequence"));
    struct belay_str id = json_text(letter, "message_id"), type = json_text(m, "type");
    printf("%s%.*s%s%.*s\n", id.n ? ", id " : "", BELAY_STR_ARG(id), type.n ? ", " : "", BELAY_STR_ARG(type));
    line("correlation", json_text(letter, "correlationid"));
    line("trace", json_text(letter, "traceparent"));
    time_line("accepted", json_text(m, "accepted_at"));
    line("group", json_text(letter, "group"));
}

void print_letter_view(const belay_json *letter, const char *data)
{
    printf("letter %llu of %.*s, %.*s since %.*s", (unsigned long long)json_number(letter, "sequence"),
           BELAY_STR_ARG(json_text(letter, "flow")), BELAY_STR_ARG(json_text(letter, "state")),
           BELAY_STR_ARG(json_text(letter, "created_at")));
    put_ago(json_text(letter, "created_at"));
    printf("\n\n");
    error_line("failed", letter);
    printf("  %-14s%llu\n", "attempts", (unsigned long long)json_number(letter, "attempts"));
    print_where(letter);
    print_history(belay_json_get(letter, BELAY_STR("history")));
    print_message(json_number(letter, "edits") ? "the message as it is now (edited):" : "the message:",
                  belay_json_get(letter, BELAY_STR("message")));
    print_message("the message as it came:", belay_json_get(letter, BELAY_STR("original")));
    print_trail(belay_json_get(letter, BELAY_STR("trail")));
    print_letter_advice(letter, data);
}

/* ---- a lane ---- */

static void print_held(const belay_json *lane)
{
    const belay_json *held = belay_json_get(lane, BELAY_STR("held_sequences")), *s;
    uint64_t n = json_number(lane, "held");
    if (!n)
        return;
    printf("\nheld, in order: ");
    for (size_t i = 0; i < HELD_SHOWN && (s = belay_json_at(held, i)); i++)
        printf("%s%lld", i ? ", " : "", (long long)s->u.i);
    printf("%s (%llu)\n", n > HELD_SHOWN ? ", ..." : "", (unsigned long long)n);
}

/* The verbs that the runtime says would help, as commands. */
static void print_lane_advice(const belay_json *lane, const char *data)
{
    const belay_json *helps = belay_json_get(lane, BELAY_STR("helps")), *h;
    if (!belay_json_at(helps, 0))
        return;
    printf("\nwhat helps:\n");
    for (size_t i = 0; (h = belay_json_at(helps, i)); i++) {
        struct belay_str verb = belay_json_str(h);
        bool why = belay_str_eq(verb, BELAY_STR("skip")) || belay_str_eq(verb, BELAY_STR("park"));
        printf("  belay lane %.*s ", BELAY_STR_ARG(verb));
        put_quoted(json_text(lane, "flow"));
        printf(" ");
        put_quoted(json_text(lane, "key"));
        printf("%s", why ? " --reason '...'" : belay_str_eq(verb, BELAY_STR("move")) ? " --to QUEUE" : "");
        if (data) {
            printf(" --data ");
            put_quoted(belay_str_c(data));
        }
        printf("\n");
    }
}

void print_lane_view(const belay_json *lane, const char *data)
{
    uint64_t head = json_number(lane, "head");
    const belay_json *letter = belay_json_get(lane, BELAY_STR("letter"));
    printf("key ");
    print_plain(json_text(lane, "key"));
    printf(" of %.*s: %.*s\n\n", BELAY_STR_ARG(json_text(lane, "flow")), BELAY_STR_ARG(json_text(lane, "why")));
    line("state", json_text(lane, "state"));
    if (head)
        printf("  %-14s%llu, %llu attempt%s%s\n", "head", (unsigned long long)head,
               (unsigned long long)json_number(lane, "attempts"), json_number(lane, "attempts") == 1 ? "" : "s",
               letter && letter->type == BELAY_JSON_TRUE ? ": a letter" : "");
    time_line("stands since", json_text(lane, "head_since"));
    line("tried again", json_text(lane, "due"));
    error_line("failed", lane);
    line("parked by", json_text(lane, "parked_by"));
    line("because", json_text(lane, "reason"));
    print_history(belay_json_get(lane, BELAY_STR("history")));
    print_held(lane);
    print_message("its message:", belay_json_get(lane, BELAY_STR("message")));
    print_trail(belay_json_get(lane, BELAY_STR("trail")));
    print_lane_advice(lane, data);
}
