/* lane.c - belay lane: keys that wait, are parked or stall, and what can be done about them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/table.h"
#include "cli/trouble_view.h"
#include "config/config.h"

static const char help[] =
    "belay lane: keys that wait, are parked or stall - look, and let them go on\n\n"
    "usage: belay lane ls [--flow F] [--state S] [--key GLOB] [--older 10m] [--sort held|age] [--count N]\n"
    "       belay lane show FLOW KEY [--reveal [--reason TEXT]]   --reveal: what is redacted too, which is in the trail then\n"
    "       belay lane retry FLOW KEY                   its head now, with fresh attempts\n"
    "       belay lane skip FLOW KEY --reason TEXT      its head becomes a dead letter, the next one comes\n"
    "       belay lane park FLOW KEY --reason TEXT      nothing of the key is handled until it is released\n"
    "       belay lane release FLOW KEY                 a parked one goes on, in order; a letter stays in the dlq\n"
    "       belay lane move FLOW KEY --to QUEUE [--force]   what it holds goes there, in order\n"
    "       belay lane retry|skip|release|move --flow F [--key GLOB] [--state S] [--older 10m] --yes\n\n"
    "A lane is the messages of one key of one flow: they are handled in order. Its head is the one that is tried;\n"
    "what is behind it is held, on the disk. States: waiting (for a retry), ready (for its turn), in flight, parked\n"
    "(by a letter), hand (parked by a person); and stalled: the same head for longer than --older (1m).\n"
    "--to names a queue, a topic, or a flow. What was ever attempted is not moved; --force: also\n"
    "to where nobody reads. GLOB knows * and ?. A message without a key is in no lane.\n\n"
    "  --data DIR   the data directory (belay-data)\n"
    "  --json       the answers as JSON\n\n"
    "example: belay lane ls --state stalled --sort age\n"
    "         belay lane release --flow notify-warehouse --key 'cust-*' --yes\n";

struct options {
    const char *data, *flow, *state, *key, *older, *sort, *count, *reason, *to;
    bool json, yes, force, reveal;
};

static void put_option(struct belay_buf *target, const char *name, const char *value)
{
    if (!value)
        return;
    belay_buf_printf(target, "%s%s=", target->n && memchr(target->p, '?', target->n) ? "&" : "?", name);
    target_put(target, value);
}

static void put_filter(struct belay_buf *target, const struct options *o)
{
    uint64_t ms;
    char older[24];
    put_option(target, "flow", o->flow);
    put_option(target, "state", o->state);
    put_option(target, "key", o->key);
    if (o->older && belay_config_duration(belay_str_c(o->older), &ms)) {
        snprintf(older, sizeof older, "%llu", (unsigned long long)ms);
        put_option(target, "older_ms", older);
    }
}

/* ---- looking ---- */

static void show_table(const belay_json *lanes)
{
    static const char *const heads[] = { "FLOW", "KEY", "STATE", "HEAD", "HELD", "TRIES", "FOR", "WHY" };
    struct table t;
    const belay_json *l;
    table_init(&t, heads, 8);
    for (size_t i = 0; (l = belay_json_at(lanes, i)); i++) {
        char age[24];
        age_text(json_number(l, "age_ms"), age, sizeof age);
        table_cell(&t, json_text(l, "flow"));
        table_cell(&t, json_text(l, "key"));
        table_cell(&t, json_text(l, "state"));
        table_uint(&t, json_number(l, "head"));
        table_uint(&t, json_number(l, "held"));
        table_uint(&t, json_number(l, "attempts"));
        table_cell(&t, belay_str_c(age));
        table_cell(&t, json_text(l, "why"));
    }
    table_print(&t);
}

static int list(const struct options *o)
{
    struct belay_buf target;
    struct answer a;
    belay_buf_init(&target, BELAY_KIB(64));
    belay_buf_put_str(&target, BELAY_STR("/lanes"));
    put_filter(&target, o);
    put_option(&target, "sort", o->sort);
    put_option(&target, "count", o->count);
    belay_buf_put_c(&target, '\0');
    int code = client_get(o->data, target.p, &a);
    belay_buf_deinit(&target);
    if (code != EXIT_OK)
        return code;
    const belay_json *lanes = belay_json_get(a.json, BELAY_STR("lanes"));
    if (o->json) {
        print_buf(&a.body);
    } else if (!belay_json_at(lanes, 0)) {
        printf("no lanes in trouble\n");
    } else {
        show_table(lanes);
        if (json_text(a.json, "next").n)
            printf("there are more: ask with --count, or --sort held\n");
    }
    answer_free(&a);
    return EXIT_OK;
}

static void put_lane(struct belay_buf *target, char **names, const char *verb)
{
    belay_buf_put_str(target, BELAY_STR("/lanes/"));
    target_put(target, names[0]);
    belay_buf_put_c(target, '/');
    target_put(target, names[1]);
    if (verb)
        belay_buf_printf(target, "/%s", verb);
}

static int show(const struct options *o, char **names)
{
    struct belay_buf target;
    struct answer a;
    belay_buf_init(&target, BELAY_KIB(64));
    put_lane(&target, names, NULL);
    put_option(&target, "count", o->count);
    target_reveal(&target, o->reveal, o->reason);
    belay_buf_put_c(&target, '\0');
    int code = client_get(o->data, target.p, &a);
    belay_buf_deinit(&target);
    if (code != EXIT_OK)
        return code;
    if (o->json) {
        print_buf(&a.body);
    } else {
        print_lane_view(a.json, o->data);
    }
    answer_free(&a);
    return EXIT_OK;
}

/* ---- doing ---- */

static int post(const struct options *o, const char *target, const char *verb, const char *what)
{
    struct belay_buf body;
    struct answer a;
    belay_buf_init(&body, BELAY_KIB(64));
    belay_buf_put_str(&body, BELAY_STR("{\"reason\":"));
    belay_json_write_str(&body, belay_str_c(o->reason ? o->reason : ""));
    if (o->to) {
        belay_buf_put_str(&body, BELAY_STR(",\"to\":"));
        belay_json_write_str(&body, belay_str_c(o->to));
        belay_buf_put_str(&body, o->force ? BELAY_STR(",\"force\":true") : BELAY_STR(""));
    }
    belay_buf_put(&body, "}", 2);
    int code = client_post(o->data, target, body.p, &a);
    belay_buf_deinit(&body);
    if (code != EXIT_OK)
        return code;
    unsigned long long lanes = json_number(a.json, "lanes"), passed = json_number(a.json, "passed_by");
    struct belay_str why = json_text(a.json, "why");
    const belay_json *done = belay_json_get(a.json, BELAY_STR("done"));
    bool whole = done && done->type == BELAY_JSON_TRUE;
    if (o->json)
        print_buf(&a.body);
    else if (strcmp(verb, "move") == 0)
        printf("%s: %llu messages of %llu lane%s moved to %s%s\n", what, (unsigned long long)json_number(a.json, "messages"),
               lanes, lanes == 1 ? "" : "s", o->to, whole ? "" : "; it could not be ended");
    else
        printf("%s: %s, %llu lane%s\n", what, verb, lanes, lanes == 1 ? "" : "s");
    if (!o->json && passed)
        printf("%llu passed by%s%.*s\n", passed, why.n ? ": " : "", BELAY_STR_ARG(why));
    else if (!whole)
        fprintf(stderr, "belay: %.*s\n", BELAY_STR_ARG(why));
    answer_free(&a);
    return whole ? EXIT_OK : EXIT_NO;
}

static int empty_key(const char *verb)
{
    return usage_error("lane", "%s what? KEY is empty: messages without a key are in no lane, each stands for itself "
                       "(belay dlq ls has those that gave up)", verb);
}

static int act(const struct options *o, const char *verb, char **names, int count)
{
    struct belay_buf target;
    char what[600];
    bool many = count == 0;
    if ((strcmp(verb, "skip") == 0 || strcmp(verb, "park") == 0) && (!o->reason || !*o->reason))
        return usage_error("lane", "say why: --reason TEXT");
    if (strcmp(verb, "move") == 0 && (!o->to || !*o->to))
        return usage_error("lane", "where to: --to QUEUE, TOPIC or FLOW");
    if (!many && count != 2)
        return usage_error("lane", "%s what? name FLOW and KEY, as `belay lane ls` shows them", verb);
    if (!many && !*names[1])
        return empty_key(verb);
    if (many && strcmp(verb, "park") == 0)
        return usage_error("lane", "one lane is parked at a time: name FLOW and KEY");
    if (many && !o->flow && !o->key)
        return usage_error("lane", "%s which? name FLOW and KEY, or filter with --flow, --key, --state, --older", verb);
    if (many && !o->yes)
        return usage_error("lane", "that is all lanes that the filter names (see `belay lane ls`): say --yes");
    belay_buf_init(&target, BELAY_KIB(64));
    if (many) {
        belay_buf_printf(&target, "/lanes/%s", verb);
        put_filter(&target, o);
        snprintf(what, sizeof what, "%s%s%s", o->flow ? o->flow : "", o->flow && o->key ? " " : "", o->key ? o->key : "");
    } else {
        put_lane(&target, names, verb);
        snprintf(what, sizeof what, "%s %s", names[0], names[1]);
    }
    belay_buf_put_c(&target, '\0');
    int code = post(o, target.p, verb, what);
    belay_buf_deinit(&target);
    return code;
}

static int dispatch(const struct options *o, char **operands, int count)
{
    static const char *const verbs[] = { "retry", "skip", "release", "park", "move" };
    const char *verb = count ? operands[0] : "ls";
    if (strcmp(verb, "ls") == 0)
        return count > 1 ? usage_error("lane", "ls takes no names: filter with --flow and --key") : list(o);
    if (strcmp(verb, "show") == 0)
        return count != 3 ? usage_error("lane", "show what? name FLOW and KEY")
               : !*operands[2] ? empty_key(verb) : show(o, operands + 1);
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(verb, verbs[i]) == 0)
            return act(o, verb, operands + 1, count - 1);
    return usage_error("lane", "there is no '%s'; one of ls, show, retry, skip, release, park, move", verb);
}

static int run(int argc, char **argv)
{
    struct options o = { 0 };
    const struct option_spec specs[] = {
        { "data", &o.data, NULL },   { "flow", &o.flow, NULL },   { "state", &o.state, NULL }, { "key", &o.key, NULL },
        { "older", &o.older, NULL }, { "sort", &o.sort, NULL },   { "count", &o.count, NULL },
        { "reason", &o.reason, NULL }, { "to", &o.to, NULL },     { "json", NULL, &o.json },   { "yes", NULL, &o.yes },
        { "force", NULL, &o.force }, { "reveal", NULL, &o.reveal },
    };
    char **operands;
    int count;
    uint64_t ms;
    if (!options_parse(argc, argv, specs, sizeof specs / sizeof specs[0], &operands, &count))
        return EXIT_USAGE_;
    if (!option_is_number("lane", "count", o.count))
        return EXIT_USAGE_;
    if (o.older && !belay_config_duration(belay_str_c(o.older), &ms))
        return usage_error("lane", "--older takes a time: 90s, 10m, 2h, 1d");
    return dispatch(&o, operands, count);
}

const struct command command_lane = { "lane", "keys that wait, are parked or stall", help, run };
