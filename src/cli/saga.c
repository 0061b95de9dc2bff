/* saga.c - belay saga: instances of sagas, and a person's word on them. */
#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/table.h"

static const char help[] =
    "belay saga: sagas under way, ended, or waiting for a person\n\n"
    "usage: belay saga ls [SAGA] [--state STATE] [--count N]\n"
    "       belay saga show SAGA ID\n"
    "       belay saga settle SAGA ID --how retry|done|not-done\n"
    "       belay saga cancel SAGA ID\n\n"
    "A parked saga waits for a person: retry tries the parked step or compensation again; done says that it has\n"
    "happened, not-done that it has not. cancel begins the compensation of a running one.\n\n"
    "  --data DIR   the data directory (belay-data)\n"
    "  --json       the answer as JSON\n\n"
    "example: belay saga ls fulfil-order --state parked\n";

struct options {
    const char *data, *state, *count, *how;
    bool json;
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

static int settle(const struct options *o, char **names)
{
    char body[64];
    if (!o->how || (strcmp(o->how, "retry") && strcmp(o->how, "done") && strcmp(o->how, "not-done")))
        return usage_error("saga", "settle it how? --how retry, done or not-done");
    snprintf(body, sizeof body, "{\"how\":\"%s\"}", o->how);
    return act(o, names, "/settle", body);
}

static int run(int argc, char **argv)
{
    struct options o = { 0 };
    const struct option_spec specs[] = { { "data", &o.data, NULL }, { "state", &o.state, NULL },
                                         { "count", &o.count, NULL }, { "how", &o.how, NULL },
                                         { "json", NULL, &o.json } };
    char **operands;
    int count;
    if (!options_parse(argc, argv, specs, 5, &operands, &count))
        return EXIT_USAGE_;
    if (!option_is_number("saga", "count", o.count))
        return EXIT_USAGE_;
    const char *verb = count ? operands[0] : "ls";
    if (strcmp(verb, "ls") == 0 && count <= 2)
        return count == 2 ? list_instances(&o, operands[1]) : list_sagas(&o);
    if (count != 3)
        return usage_error("saga", "say ls [SAGA], or show, settle or cancel with SAGA and ID");
    if (strcmp(verb, "show") == 0)
        return show(&o, operands + 1);
    if (strcmp(verb, "settle") == 0)
        return settle(&o, operands + 1);
    if (strcmp(verb, "cancel") == 0)
        return act(&o, operands + 1, "/cancel", "{}");
    return usage_error("saga", "there is no '%s'; one of ls, show, settle, cancel", verb);
}

const struct command command_saga = { "saga", "sagas under way, ended, or waiting for a person", help, run };
