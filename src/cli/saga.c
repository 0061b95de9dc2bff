/* saga.c - belay saga: instances of sagas, and a person's word on them. */
#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/table.h"

static const char help[] =
    "belay saga: sagas under way, ended, or waiting for a person\n\n"
    "usage: belay saga ls [SAGA] [--state STATE] [--count N]\n"
    "       belay saga show SAGA/ID [--reveal [--reason TEXT]]   --reveal: what is redacted too, which is in the trail then\n"
    "       belay saga retry SAGA/ID [--reason TEXT]\n"
    "       belay saga settle SAGA/ID --how done|not-done [--result JSON] [--reason TEXT]\n"
    "       belay saga skip SAGA/ID [--reason TEXT]\n"
    "       belay saga abort SAGA/ID [--reason TEXT]\n\n"
    "A parked saga waits for a person:\n\n"
    "  retry    the parked step or compensation again; of one that waits for its next attempt: now\n"
    "  settle   you found out: it was done (--result is then $steps.NAME.body), or it was not\n"
    "  skip     go on without the step; of a compensation: leave its step as it is and undo the rest\n"
    "  abort    give up and undo, also of one that runs; not past the pivot\n\n"
    "EVENTS of `ls` are events that wait for a saga of their id to come to a step: belay lane ls --flow SAGA/STEP.\n\n"
    "Who said what and why is in the saga's history and in the log. SAGA ID may be two words.\n\n"
    "  --data DIR   the data directory (belay-data)\n"
    "  --json       the answer as JSON\n\n"
    "example: belay saga settle fulfil-order/o-1001 --how done --reason 'seen on the bank statement'\n";

struct options {
    const char *data, *state, *count, *how, *reason, *result;
    bool json, reveal;
};

static int ask(const struct options *o, struct belay_buf *target, const char *body, struct answer *a)
{
    belay_buf_put_c(target, '\0');
    int code = body ? client_post(o->data, target->p, body, a) : client_get(o->data, target->p, a);
    belay_buf_deinit(target);
    return code;
}

static int list_sagas(const struct options *o)
{
    struct answer a;
    int code = client_get(o->data, "/sagas", &a);
    if (code != EXIT_OK)
        return code;
    if (o->json)
        print_buf(&a.body);
    else
        table_of_sagas(belay_json_get(a.json, BELAY_STR("sagas")));
    answer_free(&a);
    return EXIT_OK;
}

static int list_instances(const struct options *o, const char *saga)
{
    static const struct column columns[] = {
        { "ID", "id", false },     { "STATE", "state", false },      { "STATUS", "status", false },
        { "STEP", "step", false }, { "SINCE", "updated_at", false }, { "ERROR", "error", false },
    };
    struct belay_buf target;
    struct answer a;
    belay_buf_init(&target, BELAY_KIB(64));
    belay_buf_put_str(&target, BELAY_STR("/sagas/"));
    target_put(&target, saga);
    belay_buf_printf(&target, "?count=%s", o->count ? o->count : "50");
    if (o->state) {
        belay_buf_put_str(&target, BELAY_STR("&state="));
        target_put(&target, o->state);
    }
    int code = ask(o, &target, NULL, &a);
    if (code != EXIT_OK)
        return code;
    if (o->json) {
        print_buf(&a.body);
    } else {
        table_of(belay_json_get(a.json, BELAY_STR("instances")), columns, sizeof columns / sizeof columns[0]);
        if (json_text(a.json, "next").n)
            printf("there are more: ask with --count\n");
    }
    answer_free(&a);
    return EXIT_OK;
}

static void put_instance(struct belay_buf *target, char **names, const char *verb)
{
    belay_buf_init(target, BELAY_KIB(64));
    belay_buf_put_str(target, BELAY_STR("/sagas/"));
    target_put(target, names[0]);
    belay_buf_put_c(target, '/');
    target_put(target, names[1]);
    belay_buf_printf(target, "%s", verb);
}

static int show(const struct options *o, char **names)
{
    struct belay_buf target;
    struct answer a;
    put_instance(&target, names, "");
    target_reveal(&target, o->reveal, o->reason);
    int code = ask(o, &target, NULL, &a);
    if (code != EXIT_OK)
        return code;
    if (o->json)
        print_buf(&a.body);
    else
        print_pretty(a.json);
    answer_free(&a);
    return EXIT_OK;
}

static int act(const struct options *o, char **names, const char *verb, const char *body)
{
    struct belay_buf target;
    struct answer a;
    put_instance(&target, names, verb);
    int code = ask(o, &target, body, &a);
    if (code != EXIT_OK)
        return code;
    if (o->json)
        print_buf(&a.body);
    else
        printf("%s %s: %s\n", names[0], names[1], verb + 1);
    answer_free(&a);
    return EXIT_OK;
}

/* The body of a word; false: --result is no JSON. */
static bool put_body(const struct options *o, struct belay_buf *body)
{
    struct belay_json_out out = belay_json_out(body);
    struct belay_arena arena;
    const belay_json *result;
    bool ok = true;
    belay_json_begin_object(&out);
    if (o->how) {
        belay_json_key(&out, "how");
        belay_json_put_c(&out, o->how);
    }
    if (o->reason) {
        belay_json_key(&out, "reason");
        belay_json_put_c(&out, o->reason);
    }
    belay_arena_init(&arena, 0, BELAY_MIB(64));
    if (o->result && (ok = belay_json_parse(belay_str_c(o->result), NULL, &arena, &result, NULL, NULL) == BELAY_OK)) {
        belay_json_key(&out, "result");
        belay_json_put(&out, result);
    }
    belay_arena_deinit(&arena);
    belay_json_end_object(&out);
    belay_buf_put_c(body, '\0');
    return ok && belay_buf_status(body) == BELAY_OK;
}

static int say(const struct options *o, char **names, const char *verb)
{
    struct belay_buf body;
    belay_buf_init(&body, BELAY_MIB(16));
    int code = put_body(o, &body) ? act(o, names, verb, body.p) : usage_error("saga", "--result is no JSON");
    belay_buf_deinit(&body);
    return code;
}

static int settle(const struct options *o, char **names)
{
    if (!o->how || (strcmp(o->how, "done") && strcmp(o->how, "not-done")))
        return usage_error("saga", "settle it how? --how done or not-done; to try again: belay saga retry");
    return say(o, names, "/settle");
}

/* SAGA/ID (an id may hold a slash, a name cannot), or two words. */
static bool take_names(char **operands, int count, char *names[2])
{
    char *slash = count == 1 ? strchr(operands[0], '/') : NULL;
    names[0] = count ? operands[0] : NULL;
    names[1] = slash ? slash + 1 : count == 2 ? operands[1] : NULL;
    if (slash)
        *slash = '\0';
    return names[0] && names[0][0] && names[1] && names[1][0];
}

static int on_one(const struct options *o, const char *verb, char **names)
{
    static const struct {
        const char *verb, *target;
    } words[] = { { "retry", "/retry" }, { "skip", "/skip" }, { "abort", "/abort" } };
    if (strcmp(verb, "settle") == 0)
        return settle(o, names);
    if (o->how || o->result)
        return usage_error("saga", "--how and --result belong to settle");
    if (strcmp(verb, "show") == 0)
        return show(o, names);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(verb, words[i].verb) == 0)
            return say(o, names, words[i].target);
    return usage_error("saga", "there is no '%s'; one of ls, show, retry, settle, skip, abort", verb);
}

static int run(int argc, char **argv)
{
    struct options o = { 0 };
    const struct option_spec specs[] = {
        { "data", &o.data, NULL },     { "state", &o.state, NULL },   { "count", &o.count, NULL },
        { "how", &o.how, NULL },       { "reason", &o.reason, NULL }, { "result", &o.result, NULL },
        { "json", NULL, &o.json },     { "reveal", NULL, &o.reveal },
    };
    char **operands, *names[2];
    int count;
    if (!options_parse(argc, argv, specs, sizeof specs / sizeof *specs, &operands, &count))
        return EXIT_USAGE_;
    if (!option_is_number("saga", "count", o.count))
        return EXIT_USAGE_;
    const char *verb = count ? operands[0] : "ls";
    if (strcmp(verb, "ls") == 0 && count <= 2)
        return count == 2 ? list_instances(&o, operands[1]) : list_sagas(&o);
    if (!take_names(operands + 1, count - 1, names))
        return usage_error("saga", "say ls [SAGA], or show, retry, settle, skip or abort with SAGA/ID");
    return on_one(&o, verb, names);
}

const struct command command_saga = { "saga", "sagas under way, ended, or waiting for a person", help, run };
