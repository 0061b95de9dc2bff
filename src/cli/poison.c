/* poison.c - belay poison: what failed again and again, and that it may be tried again. */
#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/table.h"

static const char help[] =
    "belay poison: payloads and errors that failed again and again\n\n"
    "usage: belay poison ls [--flow FLOW] [--all]\n"
    "       belay poison clear [--flow FLOW] [--hash NAME] [--signature NAME]\n\n"
    "A request that was alone at work when the process died, twice, is refused likewise.\n"
    "A payload trips when several messages that carry it failed, a signature when many messages failed alike.\n"
    "What has tripped has no retries left, and APIs refuse the payload with 422; it is forgotten when nothing\n"
    "failed for a window (an hour), when the payload succeeds (replay its letter), or when it is cleared.\n\n"
    "  --all             also what is counted and has not tripped\n"
    "  --flow FLOW       of this flow only\n"
    "  --hash NAME       this payload or request, by its name in the list\n"
    "  --signature NAME  this error, by its name in the list\n"
    "  --data DIR        the data directory (belay-data)\n"
    "  --json            the answer as JSON\n\n"
    "example: belay poison clear --flow notify-warehouse\n";

struct options {
    const char *data, *flow, *hash, *signature;
    bool all, json;
};

static int list(const struct options *o)
{
    static const struct column columns[] = {
        { "KIND", "kind", false },        { "NAME", "name", false },  { "FLOW", "flow", false },
        { "MESSAGES", "messages", true }, { "LAST", "last_at", false }, { "LETTER", "sequence", true },
        { "UNTIL", "expires_at", false }, { "ERROR", "error", false },
    };
    struct belay_buf target;
    struct answer a;
    belay_buf_init(&target, BELAY_KIB(64));
    belay_buf_put_str(&target, BELAY_STR("/poison?count=1000&all="));
    belay_buf_put_str(&target, belay_str_c(o->all ? "true" : "false"));
    if (o->flow) {
        belay_buf_put_str(&target, BELAY_STR("&flow="));
        target_put(&target, o->flow);
    }
    belay_buf_put_c(&target, '\0');
    int code = client_get(o->data, target.p, &a);
    belay_buf_deinit(&target);
    if (code != EXIT_OK)
        return code;
    if (o->json)
        print_buf(&a.body);
    else
        table_of(belay_json_get(a.json, BELAY_STR("poison")), columns, sizeof columns / sizeof columns[0]);
    answer_free(&a);
    return EXIT_OK;
}

static void put_member(struct belay_json_out *out, const char *name, const char *text)
{
    if (!text)
        return;
    belay_json_key(out, name);
    belay_json_put_c(out, text);
}

static int clear(const struct options *o)
{
    struct belay_buf body;
    struct answer a;
    belay_buf_init(&body, BELAY_KIB(64));
    struct belay_json_out out = belay_json_out(&body);
    belay_json_begin_object(&out);
    put_member(&out, "flow", o->flow);
    put_member(&out, "hash", o->hash);
    put_member(&out, "signature", o->signature);
    belay_json_end_object(&out);
    belay_buf_put_c(&body, '\0');
    int code = client_post(o->data, "/poison/clear", body.p, &a);
    belay_buf_deinit(&body);
    if (code != EXIT_OK)
        return code;
    if (o->json)
        print_buf(&a.body);
    else
        printf("%llu forgotten\n", (unsigned long long)json_number(a.json, "cleared"));
    answer_free(&a);
    return EXIT_OK;
}

static int run(int argc, char **argv)
{
    struct options o = { 0 };
    const struct option_spec specs[] = { { "data", &o.data, NULL },           { "flow", &o.flow, NULL },
                                         { "hash", &o.hash, NULL },           { "signature", &o.signature, NULL },
                                         { "all", NULL, &o.all },             { "json", NULL, &o.json } };
    char **operands;
    int count;
    if (!options_parse(argc, argv, specs, sizeof specs / sizeof specs[0], &operands, &count))
        return EXIT_USAGE_;
    const char *verb = count ? operands[0] : "ls";
    if (count <= 1 && strcmp(verb, "ls") == 0)
        return list(&o);
    if (count == 1 && strcmp(verb, "clear") == 0)
        return clear(&o);
    return usage_error("poison", "say ls, or clear");
}

const struct command command_poison = { "poison", "what failed again and again", help, run };
