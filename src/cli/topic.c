/* topic.c - belay topic: topics and queues, and what is in them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/table.h"

static const char help[] =
    "belay topic: topics and queues, and the messages in them\n\n"
    "usage: belay topic ls\n"
    "       belay topic tail TOPIC [-n N] [--from SEQUENCE] [--key K] [--follow] [--reveal]\n\n"
    "tail prints the last N (10) messages, or those from a sequence number on; --follow goes on as they come.\n"
    "--reveal shows what is redacted too, and puts that into the trail.\n\n"
    "  --data DIR   the data directory (belay-data)\n"
    "  --json       one JSON object a line\n\n"
    "example: belay topic tail orders --follow\n";

#define POLL_US 200000

struct options {
    const char *data, *last, *from, *key;
    bool json, follow, reveal;
};

static int list(const struct options *o)
{
    static const struct column columns[] = {
        { "NAME", "name", false }, { "KIND", "kind", false },        { "FIRST", "first", true },
        { "NEXT", "next", true },  { "MESSAGES", "messages", true }, { "BYTES", "bytes", true },
    };
    struct answer a;
    int code = client_get(o->data, "/topics", &a);
    if (code != EXIT_OK)
        return code;
    if (o->json)
        print_buf(&a.body);
    else
        table_of(belay_json_get(a.json, BELAY_STR("topics")), columns, sizeof columns / sizeof columns[0]);
    answer_free(&a);
    return EXIT_OK;
}

static void show(const belay_json *item, bool json)
{
    struct belay_buf line;
    belay_buf_init(&line, BELAY_MIB(64));
    if (json) {
        belay_json_write(&line, item);
    } else {
        const belay_json *m = belay_json_get(item, BELAY_STR("message"));
        const belay_json *body = belay_json_get(m, BELAY_STR("body"));
        belay_buf_printf(&line, "%llu  %.*s  key=", (unsigned long long)json_number(item, "sequence"),
                         BELAY_STR_ARG(json_text(m, "accepted_at")));
        put_plain(&line, json_text(m, "key"));
        belay_buf_put_str(&line, BELAY_STR("  "));
        if (body)
            belay_json_write(&line, body);
    }
    print_buf(&line);
    belay_buf_deinit(&line);
}

/* One page; *next moves on. */
static int page(const struct options *o, const char *topic, uint64_t *next, bool *ret_any)
{
    struct belay_buf target;
    struct answer a;
    belay_buf_init(&target, BELAY_KIB(64));
    belay_buf_put_str(&target, BELAY_STR("/topics/"));
    target_put(&target, topic);
    belay_buf_printf(&target, "/messages?count=500&");
    if (*next)
        belay_buf_printf(&target, "from=%llu", (unsigned long long)*next);
    else
        belay_buf_printf(&target, "last=%s", o->last ? o->last : "10");
    if (o->key) {
        belay_buf_put_str(&target, BELAY_STR("&key="));
        target_put(&target, o->key);
    }
    target_reveal(&target, o->reveal, NULL);
    belay_buf_put_c(&target, '\0');
    int code = client_get(o->data, target.p, &a);
    belay_buf_deinit(&target);
    if (code != EXIT_OK)
        return code;
    const belay_json *messages = belay_json_get(a.json, BELAY_STR("messages")), *m;
    for (size_t i = 0; (m = belay_json_at(messages, i)); i++)
        show(m, o->json);
    fflush(stdout);
    uint64_t after = json_number(a.json, "next");
    *ret_any = after > *next && belay_json_at(messages, 0);
    *next = after ? after : 1;
    answer_free(&a);
    return EXIT_OK;
}

static int tail(const struct options *o, const char *topic)
{
    uint64_t next = o->from ? strtoull(o->from, NULL, 10) : 0;
    for (;;) {
        bool any = false;
        int code = page(o, topic, &next, &any);
        if (code != EXIT_OK)
            return code;
        if (!any && !o->follow)
            return EXIT_OK;
        if (!any)
            usleep(POLL_US); /* allow: usleep - nothing else happens in this process */
    }
}

static int run(int argc, char **argv)
{
    struct options o = { 0 };
    const struct option_spec specs[] = { { "data", &o.data, NULL },  { "from", &o.from, NULL },
                                         { "last", &o.last, NULL },  { "key", &o.key, NULL },
                                         { "json", NULL, &o.json },  { "follow", NULL, &o.follow },
                                         { "reveal", NULL, &o.reveal } };
    char **operands;
    int count;
    for (int i = 1; i < argc; i++) /* as tail(1) spells them */
        argv[i] = strcmp(argv[i], "-n") == 0 ? (char *)"--last" : strcmp(argv[i], "-f") == 0 ? (char *)"--follow" : argv[i];
    if (!options_parse(argc, argv, specs, sizeof specs / sizeof specs[0], &operands, &count))
        return EXIT_USAGE_;
    if (!option_is_number("topic", "from", o.from) || !option_is_number("topic", "last", o.last))
        return EXIT_USAGE_;
    if (count == 0 || strcmp(operands[0], "ls") == 0)
        return list(&o);
    if (strcmp(operands[0], "tail") == 0 && count == 2)
        return tail(&o, operands[1]);
    return usage_error("topic", "say `belay topic ls` or `belay topic tail TOPIC`");
}

const struct command command_topic = { "topic", "topics and queues, and the messages in them", help, run };
