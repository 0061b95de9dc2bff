/* dlq.c - belay dlq: the dead-letter queue as a workbench. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/letter_edit.h"
#include "cli/letters.h"
#include "cli/rehearse.h"
#include "cli/replay.h"
#include "cli/trouble_view.h"

static const char help[] =
    "belay dlq: dead letters - look, replay, let go, discard\n\n"
    "usage: belay dlq ls [FILTER...] [--count N] [--after PLACE]\n"
    "       belay dlq groups [FILTER...] [--sort count|last|first] [--count N]\n"
    "       belay dlq show FLOW SEQUENCE\n"
    "       belay dlq export [FILTER...] > letters.ndjson\n"
    "       belay dlq import [FILE] [--dry-run] [--reason TEXT]   what export wrote; standard input without FILE\n"
    "       belay dlq watch [FILTER...]           new letters as they come\n"
    "       belay dlq replay FLOW SEQUENCE [--from-start | --from-step] [--detach]\n"
    "       belay dlq replay --all [FILTER...] [--from-start]\n"
    "                        [--rate N/s] [--concurrency N] [--any-order] [--detach]\n"
    "       belay dlq replay (FLOW SEQUENCE | --all [FILTER...]) --dry-run [--from-start] [--answers FILE]\n"
    "       belay dlq jobs\n"
    "       belay dlq job show|watch|pause|resume|cancel NUMBER\n"
    "       belay dlq edit FLOW SEQUENCE [--transform 'JSONATA' | --patch FILE | --restore] [--why TEXT]\n"
    "       belay dlq settle FLOW SEQUENCE --done [--result JSON] | --not-done | --retry [--reason TEXT]\n"
    "       belay dlq release FLOW SEQUENCE       a parked key goes on, the letter stays\n"
    "       belay dlq discard FLOW SEQUENCE --reason TEXT\n"
    "       belay dlq discard --all [FILTER...] --reason TEXT [--yes]   counts, asks, then discards\n\n"
    "A letter that is 'parked' holds the later messages of its key; a 'dead' one holds nothing. A replay goes on at\n"
    "the failed step with fresh attempts, --from-start begins anew. PATTERN is an error type: HTTP:TIMEOUT, HTTP:503,\n"
    "HTTP:*, class:permanent.\n\n"
    "edit opens $EDITOR with the body, or applies JSONata to it, or a JSON Patch (RFC 6902). The original is kept: show has\n"
    "it, --restore puts it back. Who edits what somebody else edited meanwhile is told. What a map of the flow had made of\n"
    "the message before is not made anew by a replay: --from-start does that. A replay or settle that would not see the edit\n"
    "says so and does nothing, --all passes it by; --from-step goes on at the failed step all the same.\n\n"
    "settle is for letters of class unknown_outcome: nobody can tell whether the call was done, but you can find out. --done\n"
    "goes on at the next step (the result is the call's answer), --not-done takes the way of an error, --retry calls again.\n\n"
    "What is redacted (docs/redaction.md) is shown by show, export, edit and --dry-run with --reveal; who saw it, and his\n"
    "--reason, are in the trail. An editor without it shows [redacted /place] in place of a value: leave it, move it to\n"
    "another place that is redacted, or write over it. An export without it is no whole message.\n\n"
    "FILTER: --flow F, --group G (a fingerprint), --error PATTERN, --key K; --since and --until a time\n"
    "(2026-07-01T12:00:00Z) or how long ago (2h), --older 2h is --until 2h; --where 'JSONATA' over { flow, key, error,\n"
    "status, step, description, attempts, created_at, headers, body, message, ... }.\n\n"
    "import makes letters of an export's lines again, with their history, under new numbers, in the flow they came from: each\n"
    "once, however often it is given (for 90 days), and none that is still there. --dry-run says what it would do.\n\n"
    "replay and settle of one letter wait up to two seconds for what becomes of it: done, a letter again, or under way.\n\n"
    "A letter whose call may have been done (class unknown_outcome) is not replayed by number, and by --all only with\n"
    "--error class:unknown_outcome: `settle` says what is known of it.\n\n"
    "replay --all begins a job of the runtime and watches it; Ctrl-C leaves it running, --detach does not watch. The\n"
    "job survives a restart and takes each letter once: what was one when it began. At most --concurrency (256) are\n"
    "under way at once, --rate is 100/s, 10/m or 5/h. One letter of a key goes after the other, whatever happens to it,\n"
    "unless --any-order. With --json each change of the job is a line.\n\n"
    "--dry-run sends nothing and changes nothing: it runs the flow as it is now and shows each call and each message it\n"
    "would send. A call made before is answered as it was then, others from FILE, a JSON object of a step or connection\n"
    "to its answer: {\"ship\": {\"status\": 200, \"body\": {}}}; where nobody knows the answer it stops and says so.\n\n"
    "Exit: 0 done, or shown; of replay and settle 1 where it is a letter again (--dry-run: would be), or was refused.\n\n"
    "  --data DIR   the data directory (belay-data)\n"
    "  --json       the answers as JSON\n\n"
    "example: belay dlq ls --error 'HTTP:*' --older 2h --where 'body.total > 1000'\n"
    "         belay dlq replay --all --flow notify-warehouse --error 'HTTP:*' --rate 50/s\n";

struct options {
    const char *data, *flow, *error, *key, *count, *reason, *rate, *concurrency, *answers;
    const char *group, *since, *until, *where, *after, *sort;
    const char *result, *transform, *patch;
    bool json, all, from_start, from_step, any_order, detach, dry_run, yes, restore, done, not_done, retry, reveal;
};

static int show(const struct options *o, char **names)
{
    struct belay_buf target;
    struct answer a;
    belay_buf_init(&target, BELAY_KIB(64));
    target_letter(&target, names[0], names[1], "");
    target_reveal(&target, o->reveal, o->reason);
    int code = client_get(o->data, target.p, &a);
    belay_buf_deinit(&target);
    if (code != EXIT_OK)
        return code;
    if (o->json)
        print_buf(&a.body);
    else
        print_letter_view(a.json, o->data);
    answer_free(&a);
    return EXIT_OK;
}

static int post(const struct options *o, char **names, const char *verb, const char *body, bool quiet)
{
    struct belay_buf target;
    struct answer a;
    belay_buf_init(&target, BELAY_KIB(64));
    target_letter(&target, names[0], names[1], verb);
    int code = client_post(o->data, target.p, body, &a);
    belay_buf_deinit(&target);
    if (code != EXIT_OK)
        return code;
    if (o->json && !quiet)
        print_buf(&a.body);
    else if (!quiet)
        printf("%s %s: %s\n", names[0], names[1], verb + 1);
    answer_free(&a);
    return EXIT_OK;
}

/* ---- what becomes of a replay ---- */

#define OUTCOME_LOOKS 40 /* of OUTCOME_POLL_US: two seconds */
#define OUTCOME_POLL_US 50000

static int ask_state(const struct options *o, char **names, struct answer *a)
{
    struct belay_buf target;
    belay_buf_init(&target, BELAY_KIB(64));
    target_letter(&target, names[0], names[1], "/state");
    int code = client_get(o->data, target.p, a);
    belay_buf_deinit(&target);
    return code;
}

static bool is_state(const struct answer *a, const char *name)
{
    return belay_str_eq(json_text(a->json, "state"), belay_str_c(name));
}

static int say_outcome(const struct options *o, char **names, const struct answer *a)
{
    const belay_json *last = belay_json_get(a->json, BELAY_STR("last"));
    struct belay_str step = json_text(last, "step"), again = json_text(a->json, "again_at"), state = json_text(a->json, "state");
    const char *flag = o->data ? " --data " : "", *data = o->data ? o->data : "";
    if (is_state(a, "parked") || is_state(a, "dead")) {
        printf("%s %s: a letter again: %.*s%s%.*s: %.*s\n", names[0], names[1], BELAY_STR_ARG(json_text(last, "error")),
               step.n ? " at " : "", BELAY_STR_ARG(step), BELAY_STR_ARG(json_text(last, "description")));
        return EXIT_NO;
    }
    if (is_state(a, "done") || is_state(a, "discarded") || is_state(a, "expired"))
        printf("%s %s: %.*s\n", names[0], names[1], BELAY_STR_ARG(state));
    else
        printf("%s %s: under way, %.*s%s%.*s; belay dlq show %s %s%s%s has it when it is a letter again\n", names[0], names[1],
               BELAY_STR_ARG(state), again.n ? ", again at " : "", BELAY_STR_ARG(again), names[0], names[1], flag, data);
    return EXIT_OK;
}

/* It was taken up: a moment for what becomes of it. Whoever reads JSON asks himself. */
static int follow(const struct options *o, char **names, int code)
{
    struct answer a;
    if (code != EXIT_OK || o->json)
        return code;
    if (o->detach) {
        printf("%s %s: under way\n", names[0], names[1]);
        return code;
    }
    for (int i = 0;; i++) {
        code = ask_state(o, names, &a);
        if (code != EXIT_OK)
            return code;
        bool ended = is_state(&a, "parked") || is_state(&a, "dead") || is_state(&a, "done") || is_state(&a, "discarded")
                     || is_state(&a, "expired");
        if (ended || i == OUTCOME_LOOKS)
            break;
        answer_free(&a);
        usleep(OUTCOME_POLL_US); /* allow: usleep - nothing else happens in this process */
    }
    code = say_outcome(o, names, &a);
    answer_free(&a);
    return code;
}

static int discard(const struct options *o, char **names)
{
    struct belay_buf body;
    if (!o->reason || !*o->reason)
        return usage_error("dlq", "say why: --reason TEXT");
    belay_buf_init(&body, BELAY_KIB(64));
    belay_buf_put_str(&body, BELAY_STR("{\"reason\":"));
    belay_json_write_str(&body, belay_str_c(o->reason));
    belay_buf_put(&body, "}", 2);
    int code = post(o, names, "/discard", body.p, false);
    belay_buf_deinit(&body);
    return code;
}

static int edit(const struct options *o, char **names)
{
    const struct letter_edit edit = { .data = o->data, .flow = names[0], .sequence = names[1], .transform = o->transform,
                                      .patch = o->patch, .reason = o->reason, .restore = o->restore, .reveal = o->reveal, .json = o->json };
    if ((o->transform != NULL) + (o->patch != NULL) + o->restore > 1)
        return usage_error("dlq", "one of --transform, --patch and --restore");
    return letter_edit(&edit);
}

/* {"how":...,"result":...,"reason":...} */
static int settle(const struct options *o, char **names)
{
    const char *how = o->done ? "done" : o->not_done ? "not-done" : "retry";
    struct belay_buf body;
    if (o->done + o->not_done + o->retry != 1)
        return usage_error("dlq", "settle it as --done, --not-done or --retry");
    if (o->result && !o->done)
        return usage_error("dlq", "a --result belongs to --done");
    belay_buf_init(&body, BELAY_MIB(2));
    belay_buf_printf(&body, "{\"how\":\"%s\"", how);
    if (o->result)
        belay_buf_printf(&body, ",\"result\":%s", o->result);
    if (o->reason) {
        belay_buf_put_str(&body, BELAY_STR(",\"reason\":"));
        belay_json_write_str(&body, belay_str_c(o->reason));
    }
    belay_buf_put(&body, "}", 2);
    int code = belay_buf_status(&body) == BELAY_OK ? follow(o, names, post(o, names, "/settle", body.p, !o->json))
                                                   : usage_error("dlq", "the result is too large");
    belay_buf_deinit(&body);
    return code;
}

static const char *replay_body(const struct options *o)
{
    return o->from_start ? "{\"from_start\":true}" : o->from_step ? "{\"from_start\":false}" : "{}";
}

static struct letters_options options_of(const struct options *o)
{
    return (struct letters_options){
        .data = o->data, .json = o->json, .count = o->count, .after = o->after, .sort = o->sort, .reveal = o->reveal,
        .reason = o->reason,
        .filter = { o->flow, o->group, o->error, o->key, o->since, o->until, o->where },
    };
}

static int begin_job(const struct options *o)
{
    const struct replay_options job = { .data = o->data, .filter = options_of(o).filter, .rate = o->rate,
                                        .concurrency = o->concurrency, .json = o->json, .from_start = o->from_start,
                                        .any_order = o->any_order, .detach = o->detach };
    return replay_begin(&job);
}

struct rehearsals {
    const struct options *o;
    const struct belay_buf *body;
    int worst;
};

static bool rehearse_one(void *arg, const belay_json *letter)
{
    struct rehearsals *r = arg;
    char flow[256], sequence[24];
    snprintf(flow, sizeof flow, "%.*s", BELAY_STR_ARG(json_text(letter, "flow")));
    snprintf(sequence, sizeof sequence, "%llu", (unsigned long long)json_number(letter, "sequence"));
    int code = rehearse_letter(r->o->data, r->o->json, flow, sequence, r->body, r->o->reveal);
    r->worst = code != EXIT_OK ? code : r->worst;
    return true;
}

/* The first page of those that fit. */
static int rehearse_all(const struct options *o, const struct belay_buf *body)
{
    struct rehearsals r = { o, body, EXIT_OK };
    struct letters_walk w = { .data = o->data, .filter = options_of(o).filter, .each = rehearse_one, .arg = &r };
    if (!o->count || !belay_str_to_u64(belay_str_c(o->count), &w.count_max))
        w.count_max = BELAY_ADMIN_PAGE_DEFAULT;
    int code = letters_walk(&w);
    if (w.next[0])
        fprintf(stderr, "there are more letters: --count N shows N of them\n");
    return code == EXIT_OK ? r.worst : code;
}

static int rehearse(const struct options *o, char **names)
{
    struct belay_buf body;
    if (!rehearse_body(o->answers, o->from_start, &body))
        return EXIT_USAGE_;
    int code = o->all ? rehearse_all(o, &body) : rehearse_letter(o->data, o->json, names[0], names[1], &body, o->reveal);
    belay_buf_deinit(&body);
    return code;
}

static int discard_all(const struct options *o)
{
    const struct letters_options all = options_of(o);
    if (!o->reason || !*o->reason)
        return usage_error("dlq", "say why: --reason TEXT");
    return letters_discard(&all, o->reason, o->yes);
}

static int import(const struct options *o, char **names, int count)
{
    const struct letters_options all = options_of(o);
    if (count > 1 || letters_is_filtered(&all.filter))
        return usage_error("dlq", "import takes one FILE, all of it: filter when you export");
    return letters_import(&all, count ? names[0] : NULL, o->reason, o->dry_run);
}

/* The verbs that are about all letters that fit. -1: it is none. */
static int many(const struct options *o, const char *verb)
{
    const struct letters_options many = options_of(o);
    const struct {
        const char *verb;
        int (*run)(const struct letters_options *o);
    } verbs[] = { { "ls", letters_list }, { "groups", letters_groups }, { "export", letters_export },
                  { "watch", letters_watch } };
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(verb, verbs[i].verb) == 0)
            return verbs[i].run(&many);
    return -1;
}

static int dispatch(const struct options *o, char **operands, int count)
{
    const char *verb = count ? operands[0] : "ls";
    char **names = operands + 1;
    if (strcmp(verb, "import") == 0)
        return import(o, names, count - 1);
    if (o->from_step && (o->from_start || o->all || strcmp(verb, "replay")))
        return usage_error("dlq", "--from-step is of replay FLOW SEQUENCE, in place of --from-start");
    if (o->dry_run && strcmp(verb, "replay"))
        return usage_error("dlq", "--dry-run is of replay and import: %s would do it", verb);
    if (o->all && count != 1)
        return usage_error("dlq", "--all is all letters that fit: name one, or all, not both");
    if (strcmp(verb, "discard") == 0 && o->all && count == 1)
        return discard_all(o);
    int code = count <= 1 ? many(o, verb) : -1;
    if (code >= 0)
        return code;
    if (strcmp(verb, "replay") == 0 && o->dry_run && (o->all || count == 3))
        return rehearse(o, names);
    if (strcmp(verb, "replay") == 0 && o->all)
        return begin_job(o);
    if (strcmp(verb, "jobs") == 0)
        return replay_list(o->data, o->json);
    if (strcmp(verb, "job") == 0 && count == 3)
        return replay_job(o->data, o->json, names[0], names[1]);
    if (strcmp(verb, "job") == 0)
        return usage_error("dlq", "job VERB NUMBER: show, watch, pause, resume or cancel, and a number of `belay dlq jobs`");
    if (strcmp(verb, "show") && strcmp(verb, "replay") && strcmp(verb, "release") && strcmp(verb, "discard")
        && strcmp(verb, "settle") && strcmp(verb, "edit"))
        return usage_error("dlq", "there is no '%s'; one of ls, groups, show, export, import, watch, edit, settle, replay, release, discard, jobs, job", verb);
    if (count != 3)
        return usage_error("dlq", "%s what? name FLOW and SEQUENCE, as `belay dlq ls` shows them", verb);
    if (strcmp(verb, "show") == 0)
        return show(o, names);
    if (strcmp(verb, "replay") == 0)
        return follow(o, names, post(o, names, "/replay", replay_body(o), !o->json));
    if (strcmp(verb, "edit") == 0)
        return edit(o, names);
    if (strcmp(verb, "settle") == 0)
        return settle(o, names);
    if (strcmp(verb, "release") == 0)
        return post(o, names, "/release", "{}", false);
    return discard(o, names);
}

static int run(int argc, char **argv)
{
    struct options o = { 0 };
    const struct option_spec specs[] = {
        { "data", &o.data, NULL },     { "flow", &o.flow, NULL },   { "error", &o.error, NULL },
        { "key", &o.key, NULL },       { "count", &o.count, NULL }, { "reason", &o.reason, NULL },
        { "json", NULL, &o.json },     { "all", NULL, &o.all },     { "from-start", NULL, &o.from_start },
        { "from-step", NULL, &o.from_step }, { "rate", &o.rate, NULL },     { "concurrency", &o.concurrency, NULL },
        { "group", &o.group, NULL },   { "since", &o.since, NULL }, { "until", &o.until, NULL },
        { "older", &o.until, NULL },   { "where", &o.where, NULL }, { "after", &o.after, NULL },
        { "sort", &o.sort, NULL },     { "done", NULL, &o.done },   { "not-done", NULL, &o.not_done },
        { "transform", &o.transform, NULL }, { "patch", &o.patch, NULL }, { "restore", NULL, &o.restore },
        { "yes", NULL, &o.yes },       { "why", &o.reason, NULL },    { "retry", NULL, &o.retry },   { "result", &o.result, NULL },
        { "any-order", NULL, &o.any_order }, { "detach", NULL, &o.detach },
        { "dry-run", NULL, &o.dry_run }, { "answers", &o.answers, NULL }, { "reveal", NULL, &o.reveal },
    };
    char **operands;
    int count;
    if (!options_parse(argc, argv, specs, sizeof specs / sizeof specs[0], &operands, &count))
        return EXIT_USAGE_;
    if (!option_is_number("dlq", "count", o.count) || !option_is_number("dlq", "concurrency", o.concurrency))
        return EXIT_USAGE_;
    return dispatch(&o, operands, count);
}

const struct command command_dlq = { "dlq", "dead letters: look, settle, edit, replay, discard", help, run };
