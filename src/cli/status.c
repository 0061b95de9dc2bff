/* status.c - belay status: how everything stands. */
#include <stdio.h>

#include "cli/client.h"
#include "cli/table.h"

static const char help[] =
    "belay status: how everything stands\n\n"
    "usage: belay status [--data DIR] [--json]\n\n"
    "Queues and subscriptions with their backlog, what waits, is held, parked or dead; sagas; connections; who is\n"
    "limited by whom, from the edge to what is slow; the store; last, marked with !, what wants somebody and the command that shows it.\n"
    "Exit: 0 running, 69 nobody serves the data directory.\n\n"
    "  --data DIR   the data directory (belay-data)\n"
    "  --json       the answer as JSON\n\n"
    "example: belay status --json | python3 -m json.tool\n";

static void show_subscriptions(const belay_json *root)
{
    static const char *const heads[] = { "SUBSCRIPTION", "TOPIC", "QUEUED", "FLIGHT", "WAITING", "HELD",
                                         "PARKED", "DEAD", "DONE", "DISCARDED", "OLDEST", "" };
    static const char *const numbers[] = { "queued", "in_flight", "waiting", "held", "parked", "dead", "done",
                                           "discarded" };
    const belay_json *list = belay_json_get(root, BELAY_STR("subscriptions")), *s;
    struct table t;
    table_init(&t, heads, sizeof heads / sizeof heads[0]);
    for (size_t i = 0; (s = belay_json_at(list, i)); i++) {
        char age[24];
        table_cell(&t, json_text(s, "name"));
        table_cell(&t, json_text(s, "topic"));
        for (size_t n = 0; n < sizeof numbers / sizeof numbers[0]; n++)
            table_uint(&t, json_number(s, numbers[n]));
        age_text(json_number(s, "oldest_ms"), age, sizeof age);
        table_cell(&t, json_number(s, "oldest_ms") ? belay_str_c(age) : BELAY_STR("-"));
        struct belay_str paused = json_text(s, "paused");
        char note[300];
        snprintf(note, sizeof note, "paused: %.*s", BELAY_STR_ARG(paused));
        table_cell(&t, belay_str_c(paused.n ? note : ""));
    }
    table_print(&t);
}

static void show_sagas(const belay_json *root)
{
    const belay_json *list = belay_json_get(root, BELAY_STR("sagas"));
    if (!belay_json_at(list, 0))
        return;
    printf("\n");
    table_of_sagas(list);
}

static void show_connections(const belay_json *root)
{
    static const struct column columns[] = {
        { "CONNECTION", "name", false }, { "IN FLIGHT", "in_flight", true }, { "OF", "concurrency", true },
        { "CALLS", "calls", true },      { "FAILED", "failed", true },
        { "RETRIES", "retries", true },  { "WAITING", "waiting", true },
        { "FOR", "held_by", false },     { "BREAKER", "breaker", false },
    };
    const belay_json *list = belay_json_get(root, BELAY_STR("connections"));
    if (!belay_json_at(list, 0))
        return;
    printf("\n");
    table_of(list, columns, sizeof columns / sizeof columns[0]);
}

static void show_store(const belay_json *root)
{
    const belay_json *s = belay_json_get(root, BELAY_STR("store"));
    printf("\nstore: %llu commits, journal %llu MiB in %llu segments, archive %llu MiB, %llu MiB free on the disk\n",
           (unsigned long long)json_number(s, "commits"), (unsigned long long)json_number(s, "journal_bytes") >> 20,
           (unsigned long long)json_number(s, "segments"), (unsigned long long)json_number(s, "archive_bytes") >> 20,
           (unsigned long long)json_number(s, "disk_free_bytes") >> 20);
}

/* Who is limited by whom, from the edge to what is slow. */
static void show_limits(const belay_json *root)
{
    const belay_json *list = belay_json_get(root, BELAY_STR("limits")), *c;
    for (size_t i = 0; (c = belay_json_at(list, i)); i++)
        printf("%s%.*s\n", i ? "" : "\nLIMITED\n", BELAY_STR_ARG(json_text(c, "text")));
}

/* What an API lets in a second; without refusals there is nothing to say. */
static void show_rate_limits(const belay_json *root)
{
    const belay_json *apis = belay_json_get(root, BELAY_STR("apis")), *api, *l;
    bool said = false;
    for (size_t i = 0; (api = belay_json_at(apis, i)); i++)
        for (size_t k = 0; (l = belay_json_at(belay_json_get(api, BELAY_STR("rate_limits")), k)); k++) {
            unsigned long long refused = json_number(l, "refused"), shared = json_number(l, "shared");
            if (!refused)
                continue;
            printf("%s%.*s %.*s: %llu refused (429), %llu taken%s\n", said ? "" : "\nRATE LIMITS\n",
                   BELAY_STR_ARG(json_text(l, "api")), BELAY_STR_ARG(json_text(l, "name")), refused,
                   (unsigned long long)json_number(l, "passed"), shared ? "; callers share buckets: raise callers_max" : "");
            said = true;
        }
}

static void show_open_breakers(const belay_json *root)
{
    const belay_json *list = belay_json_get(root, BELAY_STR("connections")), *c;
    for (size_t i = 0; (c = belay_json_at(list, i)); i++) {
        struct belay_str until = json_text(c, "open_until");
        if (until.n)
            printf("! %.*s fails: its breaker is open until %.*s, then it is probed; messages wait. Call its owner; "
                   "nothing is to be done here\n",
                   BELAY_STR_ARG(json_text(c, "name")), BELAY_STR_ARG(until));
    }
}

/* What wants somebody, and the command that shows it. */
static void show_poison(const belay_json *root, const char *flag)
{
    unsigned long long n = json_number(root, "poison");
    if (n)
        printf("! %llu payload%s or error%s failed again and again: belay poison ls%s\n", n, n == 1 ? "" : "s",
               n == 1 ? "" : "s", flag);
}

static void show_replays(const belay_json *root, const char *flag)
{
    const belay_json *list = belay_json_get(root, BELAY_STR("replays")), *j;
    for (size_t i = 0; (j = belay_json_at(list, i)); i++) {
        struct belay_str flow = json_text(j, "flow");
        unsigned long long job = json_number(j, "job");
        bool paused = belay_str_eq(json_text(j, "state"), BELAY_STR("paused"));
        printf("%s replay job %llu%s%.*s by %.*s is %.*s, %llu of %llu letters looked at: belay dlq job %s %llu%s\n",
               paused ? "!" : "-", job, flow.n ? " of " : "", BELAY_STR_ARG(flow), BELAY_STR_ARG(json_text(j, "who")),
               BELAY_STR_ARG(json_text(j, "state")), (unsigned long long)json_number(j, "looked"),
               (unsigned long long)json_number(j, "total"), paused ? "resume" : "show", job, flag);
    }
}

static void show_alerts(const belay_json *root, const char *flag)
{
    const belay_json *list = belay_json_get(root, BELAY_STR("alerts")), *x;
    unsigned long long n = json_number(root, "alerts_firing");
    if (!n)
        return;
    printf("! %llu alert%s:", n, n == 1 ? " fires" : "s fire");
    for (size_t i = 0; (x = belay_json_at(list, i)); i++)
        printf("%s %.*s%s%.*s%s", i ? "," : "", BELAY_STR_ARG(json_text(x, "rule")), json_text(x, "subject").n ? " " : "",
               BELAY_STR_ARG(json_text(x, "subject")), json_text(x, "silent_until").n ? " (silenced)" : "");
    printf("%s: belay alert ls%s\n", belay_json_at(list, n - 1) ? "" : " ...", flag);
}

#define ROOM_BYTES (64ull << 20) /* a segment, what is kept for checkpoints and archives, and a little */

/* Where the disk itself has none left, letters cannot be worked through either: that is written down, too. */
static void show_full(unsigned long long free_bytes)
{
    printf("! the store is full (the disk, or --store-max): nothing new is accepted, APIs answer 503; what is there is\n"
           "  handled and makes room: resume what is paused, work through the letters, or give it more\n");
    if (free_bytes < ROOM_BYTES)
        printf("  the disk has %llu MiB left: free %llu MiB of it first, whatever else is done needs some\n", free_bytes >> 20,
               (ROOM_BYTES - free_bytes + (1ull << 20) - 1) >> 20);
}

static void show_paused(const belay_json *s, struct belay_str name, const char *flag)
{
    const belay_json *stopped = belay_json_get(s, BELAY_STR("stopped"));
    struct belay_str why = json_text(s, "paused");
    if (stopped && stopped->type == BELAY_JSON_TRUE)
        printf("! %.*s STOPPED, it cannot read on: %.*s\n"
               "  put the file back (a backup has it), then: belay flow resume %.*s%s; or go past it, without what is in it:\n"
               "  belay flow seek %.*s --to SEQUENCE --reason TEXT%s\n",
               BELAY_STR_ARG(name), BELAY_STR_ARG(why), BELAY_STR_ARG(name), flag, BELAY_STR_ARG(name), flag);
    else
        printf("! %.*s is paused (%.*s): belay flow resume %.*s%s\n", BELAY_STR_ARG(name), BELAY_STR_ARG(why),
               BELAY_STR_ARG(name), flag);
}

static void show_troubles(const belay_json *root, const char *flag)
{
    show_alerts(root, flag);
    show_replays(root, flag);
    show_poison(root, flag);
    const belay_json *subs = belay_json_get(root, BELAY_STR("subscriptions")), *s;
    const belay_json *sagas = belay_json_get(root, BELAY_STR("sagas"));
    struct belay_str held = json_text(belay_json_get(root, BELAY_STR("engine")), "held");
    if (held.n)
        printf("! %.*s: nothing is handled until you have looked; then: belay resume%s\n", BELAY_STR_ARG(held), flag);
    for (size_t i = 0; (s = belay_json_at(subs, i)); i++) {
        struct belay_str name = json_text(s, "name");
        unsigned long long letters = json_number(s, "parked") + json_number(s, "dead");
        if (letters)
            printf("! %llu dead letter%s of %.*s: belay dlq ls --flow %.*s%s\n", letters, letters == 1 ? "" : "s",
                   BELAY_STR_ARG(name), BELAY_STR_ARG(name), flag);
        const belay_json *lane = belay_json_get(s, BELAY_STR("longest_lane"));
        char age[24];
        age_text(json_number(lane, "age_ms"), age, sizeof age);
        if (lane)
            printf("! key %.*s of %.*s has stood for %s: %.*s; belay lane ls --flow %.*s --sort age%s\n",
                   BELAY_STR_ARG(json_text(lane, "key")), BELAY_STR_ARG(name), age,
                   BELAY_STR_ARG(json_text(lane, "why")), BELAY_STR_ARG(name), flag);
        if (json_number(s, "lanes_by_hand"))
            printf("! %llu key%s of %.*s parked by hand: belay lane ls --flow %.*s --state hand%s\n",
                   (unsigned long long)json_number(s, "lanes_by_hand"),
                   json_number(s, "lanes_by_hand") == 1 ? "" : "s", BELAY_STR_ARG(name), BELAY_STR_ARG(name), flag);
        if (json_number(s, "lost"))
            printf("! %.*s LOST %llu messages: that must not happen; please report it\n", BELAY_STR_ARG(name),
                   (unsigned long long)json_number(s, "lost"));
        if (json_text(s, "paused").n)
            show_paused(s, name, flag);
    }
    show_open_breakers(root);
    const belay_json *full = belay_json_get(belay_json_get(root, BELAY_STR("store")), BELAY_STR("full"));
    if (full && full->type == BELAY_JSON_TRUE)
        show_full(json_number(belay_json_get(root, BELAY_STR("store")), "disk_free_bytes"));
    for (size_t i = 0; (s = belay_json_at(sagas, i)); i++) {
        struct belay_str name = json_text(s, "name");
        if (json_number(s, "parked"))
            printf("! %llu of %.*s wait%s for a person: belay saga ls %.*s --state parked%s\n",
                   (unsigned long long)json_number(s, "parked"), BELAY_STR_ARG(name),
                   json_number(s, "parked") == 1 ? "s" : "", BELAY_STR_ARG(name), flag);
    }
}

static int run(int argc, char **argv)
{
    const char *data = NULL;
    bool json = false;
    const struct option_spec specs[] = { { "data", &data, NULL }, { "json", NULL, &json } };
    char **operands;
    int count;
    struct answer a;
    if (!options_parse(argc, argv, specs, 2, &operands, &count))
        return EXIT_USAGE_;
    int code = client_get(data, "/status", &a);
    if (code != EXIT_OK)
        return code;
    if (json) {
        print_buf(&a.body);
    } else {
        printf("%.*s: %.*s since %.*s\n\n", BELAY_STR_ARG(json_text(a.json, "application")),
               BELAY_STR_ARG(json_text(a.json, "state")), BELAY_STR_ARG(json_text(a.json, "started_at")));
        show_subscriptions(a.json);
        show_sagas(a.json);
        show_connections(a.json);
        show_limits(a.json);
        show_rate_limits(a.json);
        show_store(a.json);
        char flag[4200] = "";
        if (data)
            snprintf(flag, sizeof flag, " --data %s", data);
        show_troubles(a.json, flag);
    }
    answer_free(&a);
    return EXIT_OK;
}

const struct command command_status = { "status", "how everything stands", help, run };
