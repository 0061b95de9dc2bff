/* trace.c - belay trace: the whole life of an order across flows, attempts and saga, in order of time. */
#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/story.h"

static const char help[] =
    "belay trace: the whole life of one order or message\n\n"
    "usage: belay trace [--data DIR] [--json] [--reveal] KEY|ID|CORRELATION-ID\n\n"
    "What was published where and by whom, where each message is now, and what the saga did, in order of time; what\n"
    "failed, of messages that are not done yet and of sagas. Then how it stands now, and what you can do about it.\n"
    "(A queue forgets a message when it is done: what it went through before is in the log, under its correlation.)\n\n"
    "  --reveal     what is redacted too; it is in the trail then\n"
    "  --data DIR   the data directory (belay-data)\n"
    "  --json       the answer as JSON\n\n"
    "example: belay trace o-1001\n";

#define BODY_SHOWN_BYTES 160 /* a larger one is left to `belay topic tail` */

static const belay_json *member(const belay_json *v, const char *name)
{
    return belay_json_get(v, belay_str_c(name));
}

static bool is(struct belay_str text, const char *word)
{
    return belay_str_eq(text, belay_str_c(word));
}

/* A fault of the admin API, or a saga's error: "TYPE at STEP: description (endpoint)". */
static void put_fault(struct belay_buf *line, const belay_json *f)
{
    struct belay_str type = json_text(f, "error"), step = json_text(f, "step"), endpoint = json_text(f, "endpoint");
    if (type.n == 0)
        type = json_text(f, "type");
    belay_buf_put_str(line, type);
    if (step.n)
        belay_buf_printf(line, " at %.*s", BELAY_STR_ARG(step));
    belay_buf_printf(line, ": %.*s", BELAY_STR_ARG(json_text(f, "description")));
    if (endpoint.n)
        belay_buf_printf(line, " (%.*s)", BELAY_STR_ARG(endpoint));
}

static void put_body(struct belay_buf *line, const belay_json *body)
{
    struct belay_buf text;
    belay_buf_init(&text, BELAY_MIB(64));
    if (body)
        belay_json_write(&text, body);
    if (text.n && text.n <= BODY_SHOWN_BYTES)
        belay_buf_printf(line, "  %.*s", (int)text.n, text.p);
    belay_buf_deinit(&text);
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

static void add_faults(struct story *s, const belay_json *item, unsigned list)
{
    const belay_json *subs = belay_json_get(item, BELAY_STR("subscriptions")), *sub, *f;
    struct belay_buf line;
    belay_buf_init(&line, BELAY_KIB(64));
    for (size_t i = 0; (sub = belay_json_at(subs, i)); i++) {
        const belay_json *history = belay_json_get(sub, BELAY_STR("history"));
        for (size_t n = 0; (f = belay_json_at(history, n)); n++) {
            belay_buf_clear(&line);
            belay_buf_printf(&line, "%.*s: ", BELAY_STR_ARG(json_text(sub, "name")));
            put_fault(&line, f);
            story_add(s, &(struct story_line){ .at = json_text(f, "at"), .list = list }, &line);
        }
    }
    belay_buf_deinit(&line);
}

static void add_messages(struct story *s, const belay_json *root, unsigned *lists)
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
        put_body(&line, member(m, "body"));
        const struct story_line published = { .at = json_text(m, "accepted_at"), .list = ++*lists, .id = json_text(m, "id"),
                                              .cause = json_text(m, "causationid"), .topic = json_text(item, "topic"),
                                              .sequence = json_number(item, "sequence") };
        story_add(s, &published, &line);
        add_faults(s, item, *lists);
    }
    belay_buf_deinit(&line);
}

/* Where a step's message went, which its history does not repeat. */
static struct belay_str topic_of(const belay_json *saga, struct belay_str step)
{
    return json_text(belay_json_get(member(saga, "steps"), step), "topic");
}

/* A saga's history entries have "at", "event" and whatever else tells it. */
static void add_saga(struct story *s, const belay_json *saga, unsigned list)
{
    const belay_json *history = member(saga, "history"), *h;
    struct belay_buf line;
    belay_buf_init(&line, BELAY_KIB(64));
    for (size_t i = 0; (h = belay_json_at(history, i)); i++) {
        struct belay_str step = json_text(h, "step"), event = json_text(h, "event"), detail = json_text(h, "detail");
        struct belay_str topic = is(event, "published") ? topic_of(saga, step) : BELAY_STR_NONE;
        belay_buf_clear(&line);
        belay_buf_printf(&line, "%.*s%s%.*s: %.*s", BELAY_STR_ARG(json_text(saga, "saga")), step.n ? " " : "",
                         BELAY_STR_ARG(step), BELAY_STR_ARG(event));
        if (topic.n)
            belay_buf_printf(&line, " to %.*s", BELAY_STR_ARG(topic));
        if (json_number(h, "attempt") > 1)
            belay_buf_printf(&line, ", try %llu", (unsigned long long)json_number(h, "attempt"));
        if (detail.n)
            belay_buf_printf(&line, " (%.*s)", BELAY_STR_ARG(detail));
        const struct story_line said = { .at = json_text(h, "at"), .list = list,
                                         .published = is(event, "published") ? detail : BELAY_STR_NONE };
        story_add(s, &said, &line);
    }
    belay_buf_deinit(&line);
}

/* ---- how it stands, and what one can do ---- */

static const belay_json *last_of(const belay_json *history)
{
    const belay_json *f, *last = NULL;
    for (size_t n = 0; (f = belay_json_at(history, n)); n++)
        last = f;
    return last;
}

static bool is_unknown_outcome(const belay_json *history)
{
    const belay_json *last = last_of(history);
    return last && is(json_text(last, "class"), "unknown_outcome");
}

static void say_last_fault(const belay_json *history)
{
    struct belay_buf line;
    const belay_json *last = last_of(history);
    if (!last)
        return;
    belay_buf_init(&line, BELAY_KIB(64));
    put_fault(&line, last);
    printf("     last error: %.*s\n", (int)line.n, line.p);
    belay_buf_deinit(&line);
}

/* What keeps a message from being handled: its flow is paused, or its key stands. */
static void say_hindrance(const belay_json *sub, const char *flag)
{
    struct belay_str name = json_text(sub, "name"), paused = json_text(sub, "paused");
    const belay_json *lane = member(sub, "lane"), *head = member(lane, "is_head");
    struct belay_str key = json_text(lane, "key"), why = json_text(lane, "why"), state = json_text(lane, "state");
    if (paused.n)
        printf("     the flow is paused (%.*s): belay flow resume %.*s%s\n", BELAY_STR_ARG(paused), BELAY_STR_ARG(name), flag);
    if (is(state, "hand"))
        printf("     its key is %.*s; when that is over: belay lane release %.*s '%.*s'%s\n", BELAY_STR_ARG(why),
               BELAY_STR_ARG(name), BELAY_STR_ARG(key), flag);
    else if (is(state, "parked"))
        printf("     its key is %.*s: belay dlq show %.*s %llu%s\n", BELAY_STR_ARG(why), BELAY_STR_ARG(name),
               (unsigned long long)json_number(lane, "head"), flag);
    else if (lane && head && head->type == BELAY_JSON_TRUE)
        printf("     %.*s\n", BELAY_STR_ARG(why));
    else if (lane)
        printf("     #%llu of its key comes first, and %.*s: belay lane show %.*s '%.*s'%s\n",
               (unsigned long long)json_number(lane, "head"), BELAY_STR_ARG(why), BELAY_STR_ARG(name), BELAY_STR_ARG(key), flag);
    else if (is(json_text(sub, "state"), "held"))
        printf("     an earlier message of its key holds it: belay lane ls --flow %.*s%s\n", BELAY_STR_ARG(name), flag);
}

/* `flag`: " --data DIR" of the commands that are suggested. */
static void say_message(const belay_json *item, const belay_json *sub, const char *flag)
{
    struct belay_str state = json_text(sub, "state"), name = json_text(sub, "name"), topic = json_text(item, "topic");
    unsigned long long sequence = json_number(item, "sequence"), tries = json_number(sub, "attempts");
    if (is(state, "done") || is(state, "discarded") || is(state, "expired"))
        return;
    printf("now: %.*s #%llu is %.*s in %.*s", BELAY_STR_ARG(topic), sequence, BELAY_STR_ARG(state),
           BELAY_STR_ARG(name));
    if (tries)
        printf(" after %llu %s", tries, tries == 1 ? "try" : "tries");
    if (json_text(sub, "again_at").n)
        printf(", again at %.*s", BELAY_STR_ARG(json_text(sub, "again_at")));
    printf("\n");
    say_last_fault(member(sub, "history"));
    bool letter = is(state, "parked") || is(state, "dead");
    if (letter && is_unknown_outcome(member(sub, "history")))
        printf("     nobody knows whether its call was done; ask the other system, then: belay dlq settle %.*s %llu "
               "--done|--not-done|--retry%s\n",
               BELAY_STR_ARG(name), sequence, flag);
    else if (letter)
        printf("     when its cause is mended: belay dlq replay %.*s %llu%s   (show, release, discard: belay dlq --help)\n",
               BELAY_STR_ARG(name), sequence, flag);
    if (!letter)
        say_hindrance(sub, flag);
}

/* The breaker that keeps it from being called: when that is over; empty: none. */
static struct belay_str breaker_of(const belay_json *root, struct belay_str connection)
{
    const belay_json *list = member(root, "breakers"), *b;
    for (size_t i = 0; (b = belay_json_at(list, i)); i++)
        if (belay_str_eq(json_text(b, "connection"), connection))
            return json_text(b, "open_until");
    return BELAY_STR_NONE;
}

/* What the step of a saga under way waits for, until when, and what somebody can do who does not want to wait. */
static void say_waits(const belay_json *root, const belay_json *saga, const char *flag)
{
    const belay_json *waits = member(saga, "waits"), *flight = member(waits, "in_flight");
    struct belay_str event = json_text(waits, "event"), connection = json_text(waits, "connection");
    struct belay_str until = json_text(waits, "until"), open = breaker_of(root, connection);
    struct belay_str name = json_text(saga, "saga"), id = json_text(saga, "id");
    bool running = is(json_text(saga, "state"), "running");
    unsigned long long attempt = json_number(waits, "attempt");
    if (event.n) {
        printf("     it waits for a message on %.*s that fits it", BELAY_STR_ARG(event));
        printf(until.n ? ", until %.*s: then the step has failed\n" : "\n", BELAY_STR_ARG(until));
    } else if (connection.n && flight && flight->type == BELAY_JSON_TRUE) {
        printf("     it waits for the answer of %.*s to try %llu\n", BELAY_STR_ARG(connection), attempt);
    } else if (connection.n && open.n) {
        printf("     it waits for the breaker of %.*s, open until %.*s; then try %llu\n", BELAY_STR_ARG(connection),
               BELAY_STR_ARG(open), attempt);
    } else if (connection.n && until.n) {
        printf("     try %llu of its call to %.*s is due at %.*s; now: belay saga retry %.*s/%.*s%s\n", attempt,
               BELAY_STR_ARG(connection), BELAY_STR_ARG(until), BELAY_STR_ARG(name), BELAY_STR_ARG(id), flag);
    }
    if (running && (event.n || open.n))
        printf("     to give it up now, and undo what was done: belay saga abort %.*s/%.*s --reason '...'%s\n",
               BELAY_STR_ARG(name), BELAY_STR_ARG(id), flag);
}

static void say_saga(const belay_json *root, const belay_json *saga, const char *flag)
{
    struct belay_str state = json_text(saga, "state"), name = json_text(saga, "saga"), id = json_text(saga, "id");
    bool parked = is(state, "parked"), open = parked || is(state, "running") || is(state, "compensating");
    const belay_json *error = member(saga, "error");
    printf("now: %.*s %.*s is %.*s", BELAY_STR_ARG(name), BELAY_STR_ARG(id), BELAY_STR_ARG(json_text(saga, "status")));
    if (open)
        printf(": %.*s at step %.*s since %.*s", BELAY_STR_ARG(state), BELAY_STR_ARG(json_text(saga, "step")),
               BELAY_STR_ARG(json_text(saga, "updated_at")));
    if (is(state, "running") && json_text(saga, "deadline").n)
        printf(", given up as a whole at %.*s", BELAY_STR_ARG(json_text(saga, "deadline")));
    printf("\n");
    if (open && error) {
        struct belay_buf line;
        belay_buf_init(&line, BELAY_KIB(64));
        put_fault(&line, error);
        printf("     last error: %.*s\n", (int)line.n, line.p);
        belay_buf_deinit(&line);
    }
    say_waits(root, saga, flag);
    if (parked)
        printf("     it waits for a person's word on this %.*s: belay saga retry %.*s/%.*s%s   "
               "(or settle, skip, abort: belay saga --help)\n",
               BELAY_STR_ARG(json_text(saga, "parked")), BELAY_STR_ARG(name), BELAY_STR_ARG(id), flag);
}

static void say_now(const belay_json *root, const char *data)
{
    const belay_json *sagas = member(root, "sagas"), *items = member(root, "messages"), *one, *sub;
    char flag[4200] = "";
    if (data)
        snprintf(flag, sizeof flag, " --data %s", data);
    for (size_t i = 0; (one = belay_json_at(sagas, i)); i++)
        say_saga(root, one, flag);
    for (size_t i = 0; (one = belay_json_at(items, i)); i++)
        for (size_t n = 0; (sub = belay_json_at(member(one, "subscriptions"), n)); n++)
            say_message(one, sub, flag);
    if (member(root, "truncated") && member(root, "truncated")->type == BELAY_JSON_TRUE)
        printf("there is more than is shown here\n");
}

static int tell(const belay_json *root, const char *data)
{
    struct story s = { 0 };
    struct belay_str text;
    unsigned lists = 0;
    const belay_json *sagas = member(root, "sagas"), *saga;
    add_messages(&s, root, &lists);
    for (size_t i = 0; (saga = belay_json_at(sagas, i)); i++)
        add_saga(&s, saga, ++lists);
    story_sort(&s);
    for (size_t i = 0; i < s.count; i++) {
        struct belay_str at = story_at(&s, i, &text);
        printf("%.*s  %.*s\n", BELAY_STR_ARG(at), BELAY_STR_ARG(text));
    }
    if (s.full)
        fprintf(stderr, "belay: no memory: lines are missing\n");
    say_now(root, data);
    bool any = s.count || belay_json_at(sagas, 0);
    story_end(&s);
    return any ? EXIT_OK : EXIT_NO;
}

static int run(int argc, char **argv)
{
    const char *data = NULL;
    bool json = false, reveal = false;
    const struct option_spec specs[] = { { "data", &data, NULL }, { "json", NULL, &json }, { "reveal", NULL, &reveal } };
    char **operands;
    int count;
    struct belay_buf target;
    struct answer a;
    if (!options_parse(argc, argv, specs, 3, &operands, &count))
        return EXIT_USAGE_;
    if (count != 1)
        return usage_error("trace", "whose life? name a key, an id or a correlation id");
    belay_buf_init(&target, BELAY_KIB(64));
    belay_buf_put_str(&target, BELAY_STR("/trace/"));
    target_put(&target, operands[0]);
    target_reveal(&target, reveal, NULL);
    belay_buf_put_c(&target, '\0');
    int code = client_get(data, target.p, &a);
    belay_buf_deinit(&target);
    if (code != EXIT_OK)
        return code;
    if (json) {
        print_buf(&a.body);
    } else {
        code = tell(a.json, data);
        if (code == EXIT_NO)
            fprintf(stderr, "belay: nothing that is kept carries the key, id or correlation id '%s'\n", operands[0]);
    }
    answer_free(&a);
    return code;
}

const struct command command_trace = { "trace", "the whole life of one order or message", help, run };
