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
    "       belay alert silence RULE [SUBJECT] --for DURATION --reason TEXT\n"
    "       belay alert unsilence RULE [SUBJECT]\n"
    "       belay alert test CHANNEL\n\n"
    "A silenced alert is known and shown, and not told. A silence ends by itself, and with a restart.\n\n"
    "  --for DURATION  30m, 2h, 1d\n"
    "  --data DIR      the data directory (belay-data)\n"
    "  --json          the answer as JSON\n\n"
    "example: belay alert silence dead-letters notify-warehouse --for 2h --reason 'warehouse is down, INC-4711'\n";

struct options {
    const char *data, *for_, *reason;
    bool json;
};

static int list(const struct options *o, const char *what)
{
    static const struct column alerts[] = {
        { "RULE", "rule", false },   { "SUBJECT", "subject", false }, { "STATE", "state", false },
        { "LEVEL", "level", false }, { "VALUE", "value", true },      { "SINCE", "since", false },
        { "SILENT UNTIL", "silent_until", false },                    { "SUMMARY", "summary", false },
    };
    static const struct column rules[] = {
        { "RULE", "name", false },  { "ON", "on", false },     { "ABOVE", "above", true },
        { "BELOW", "below", true }, { "LEVEL", "level", false }, { "SUMMARY", "summary", false },
    };
    struct answer a;
    bool firing = strcmp(what, "alerts") == 0;
    int code = client_get(o->data, "/alerts", &a);
    if (code != EXIT_OK)
        return code;
    if (o->json)
        print_buf(&a.body);
    else
        table_of(belay_json_get(a.json, belay_str_c(what)), firing ? alerts : rules,
                 firing ? sizeof alerts / sizeof alerts[0] : sizeof rules / sizeof rules[0]);
    answer_free(&a);
    return EXIT_OK;
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

static int silence(const struct options *o, char **names, int count, uint64_t ms)
{
    struct belay_buf body;
    belay_buf_init(&body, BELAY_KIB(64));
    belay_buf_printf(&body, "{\"for_ms\":%llu,\"subject\":", (unsigned long long)ms);
    belay_json_write_str(&body, belay_str_c(count > 1 ? names[1] : ""));
    belay_buf_put_str(&body, BELAY_STR(",\"reason\":"));
    belay_json_write_str(&body, belay_str_c(o->reason ? o->reason : ""));
    belay_buf_put(&body, "}", 2);
    int code = post(o, "/alerts/rules/", names[0], "/silence", body.p, ms ? "silenced" : "told again");
    belay_buf_deinit(&body);
    return code;
}

static int run(int argc, char **argv)
{
    struct options o = { 0 };
    const struct option_spec specs[] = { { "data", &o.data, NULL }, { "for", &o.for_, NULL },
                                         { "reason", &o.reason, NULL }, { "json", NULL, &o.json } };
    char **operands;
    int count;
    uint64_t ms = 0;
    if (!options_parse(argc, argv, specs, sizeof specs / sizeof specs[0], &operands, &count))
        return EXIT_USAGE_;
    const char *verb = count ? operands[0] : "ls";
    if (count <= 1 && strcmp(verb, "ls") == 0)
        return list(&o, "alerts");
    if (count == 1 && strcmp(verb, "rules") == 0)
        return list(&o, "rules");
    if (count == 2 && strcmp(verb, "test") == 0)
        return post(&o, "/alerts/channels/", operands[1], "/test", "{}", "a notice is on its way");
    if ((count == 2 || count == 3) && strcmp(verb, "unsilence") == 0)
        return silence(&o, operands + 1, count - 1, 0);
    if (count < 2 || count > 3 || strcmp(verb, "silence") != 0)
        return usage_error("alert", "say ls, rules, silence RULE, unsilence RULE or test CHANNEL");
    if (!o.for_ || !belay_config_duration(belay_str_c(o.for_), &ms) || ms == 0)
        return usage_error("alert", "for how long? --for 30m, 2h, 1d");
    if (!o.reason || !*o.reason)
        return usage_error("alert", "say why: --reason TEXT");
    return silence(&o, operands + 1, count - 1, ms);
}

const struct command command_alert = { "alert", "what fires, and who is told", help, run };
