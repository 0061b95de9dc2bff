/* alert.c - belay alert: what fires, and who is told. */
#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/table.h"
#include "config/config.h"

static const char help[] =
    "belay alert: what fires, by which rule, and who is told\n\n"
    "usage: belay alert ls\n"
    "       belay alert rules\n"
    "       belay alert silence ls\n"
    "       belay alert silence add RULE [SUBJECT] --for DURATION --reason TEXT [--level warn|error]\n"
    "       belay alert silence rm NUMBER\n"
    "       belay alert test CHANNEL\n\n"
    "A silenced alert is known and shown, and not told. RULE and SUBJECT are names or beginnings (pay-*, *); a silence\n"
    "ends by itself, outlives a restart, and who made it and why is kept (belay alert silence ls).\n\n"
    "  --for DURATION  30m, 2h, 1d\n"
    "  --level LEVEL   only what is of this level\n"
    "  --data DIR      the data directory (belay-data)\n"
    "  --json          the answer as JSON\n\n"
    "example: belay alert silence add dead-letters notify-warehouse --for 2h --reason 'warehouse is down, INC-4711'\n";

struct options {
    const char *data, *for_, *reason, *level;
    bool json;
};

#define COLUMNS(array) (array), sizeof(array) / sizeof *(array)

/* A member of what /alerts answers, as a table. */
static int list(const struct options *o, const char *what, const struct column *columns, size_t count)
{
    struct answer a;
    int code = client_get(o->data, "/alerts", &a);
    if (code != EXIT_OK)
        return code;
    if (o->json)
        print_buf(&a.body);
    else
        table_of(belay_json_get(a.json, belay_str_c(what)), columns, count);
    answer_free(&a);
    return EXIT_OK;
}

static int list_alerts(const struct options *o)
{
    static const struct column columns[] = {
        { "RULE", "rule", false },   { "SUBJECT", "subject", false }, { "STATE", "state", false },
        { "LEVEL", "level", false }, { "VALUE", "shown", false },     { "SINCE", "since", false },
        { "SILENT UNTIL", "silent_until", false },                    { "SUMMARY", "summary", false },
        { "HINT", "hint", false },
    };
    return list(o, "alerts", COLUMNS(columns));
}

static int list_rules(const struct options *o)
{
    static const struct column columns[] = {
        { "RULE", "name", false }, { "OF", "of", false }, { "WHEN", "when", false }, { "LEVEL", "level", false },
        { "SUMMARY", "summary", false },
    };
    return list(o, "rules", COLUMNS(columns));
}

static int list_silences(const struct options *o)
{
    static const struct column columns[] = {
        { "NUMBER", "number", true }, { "RULE", "rule", false }, { "SUBJECT", "subject", false },
        { "LEVEL", "level", false },  { "UNTIL", "until", false }, { "WHO", "who", false }, { "REASON", "reason", false },
    };
    return list(o, "silences", COLUMNS(columns));
}

/* path/NAME/verb */
static int post(const struct options *o, const char *path, const char *name, const char *verb, const char *body,
                const char *said)
{
    struct belay_buf target;
    struct answer a;
    belay_buf_init(&target, BELAY_KIB(64));
    belay_buf_put_str(&target, belay_str_c(path));
    target_put(&target, name);
    belay_buf_put_str(&target, belay_str_c(verb));
    belay_buf_put_c(&target, '\0');
    int code = client_post(o->data, target.p, body, &a);
    belay_buf_deinit(&target);
    if (code != EXIT_OK)
        return code;
    if (o->json)
        print_buf(&a.body);
    else
        printf("%s: %s\n", name, said);
    answer_free(&a);
    return EXIT_OK;
}

static void member(struct belay_buf *body, const char *name, const char *text)
{
    belay_buf_printf(body, ",\"%s\":", name);
    belay_json_write_str(body, belay_str_c(text ? text : ""));
}

static int silence_add(const struct options *o, char **names, int count, uint64_t ms)
{
    struct belay_buf body;
    struct answer a;
    belay_buf_init(&body, BELAY_KIB(64));
    belay_buf_printf(&body, "{\"for_ms\":%llu", (unsigned long long)ms);
    member(&body, "rule", names[0]);
    member(&body, "subject", count > 1 ? names[1] : NULL);
    member(&body, "level", o->level);
    member(&body, "reason", o->reason);
    belay_buf_put(&body, "}", 2);
    int code = client_post(o->data, "/alerts/silences", body.p, &a);
    belay_buf_deinit(&body);
    if (code != EXIT_OK)
        return code;
    if (o->json)
        print_buf(&a.body);
    else
        printf("silence %llu: until %.*s; take it back with: belay alert silence rm %llu\n",
               (unsigned long long)json_number(a.json, "number"), BELAY_STR_ARG(json_text(a.json, "until")),
               (unsigned long long)json_number(a.json, "number"));
    answer_free(&a);
    return EXIT_OK;
}

static int silence(const struct options *o, char **operands, int count)
{
    uint64_t ms = 0;
    const char *verb = count ? operands[0] : "ls";
    if (count <= 1 && strcmp(verb, "ls") == 0)
        return list_silences(o);
    if (count == 2 && strcmp(verb, "rm") == 0)
        return post(o, "/alerts/silences/", operands[1], "/remove", "{}", "told again");
    if (count < 2 || count > 3 || strcmp(verb, "add") != 0)
        return usage_error("alert", "say silence ls, silence add RULE [SUBJECT] or silence rm NUMBER");
    if (!o->for_ || !belay_config_duration(belay_str_c(o->for_), &ms) || ms == 0)
        return usage_error("alert", "for how long? --for 30m, 2h, 1d");
    if (!o->reason || !*o->reason)
        return usage_error("alert", "say why: --reason TEXT");
    return silence_add(o, operands + 1, count - 1, ms);
}

static int run(int argc, char **argv)
{
    struct options o = { 0 };
    const struct option_spec specs[] = { { "data", &o.data, NULL }, { "for", &o.for_, NULL },
                                         { "reason", &o.reason, NULL }, { "level", &o.level, NULL }, { "json", NULL, &o.json } };
    char **operands;
    int count;
    if (!options_parse(argc, argv, specs, sizeof specs / sizeof specs[0], &operands, &count))
        return EXIT_USAGE_;
    const char *verb = count ? operands[0] : "ls";
    if (count <= 1 && strcmp(verb, "ls") == 0)
        return list_alerts(&o);
    if (count == 1 && strcmp(verb, "rules") == 0)
        return list_rules(&o);
    if (count == 2 && strcmp(verb, "test") == 0)
        return post(&o, "/alerts/channels/", operands[1], "/test", "{}", "a notice is on its way");
    if (count >= 1 && strcmp(verb, "silence") == 0)
        return silence(&o, operands + 1, count - 1);
    return usage_error("alert", "say ls, rules, silence or test CHANNEL");
}

const struct command command_alert = { "alert", "what fires, and who is told", help, run };
