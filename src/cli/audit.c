/* audit.c - belay audit: where is every message?  Of a running belay through its admin API, else by itself. */
#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/table.h"
#include "engine/engine.h"
#include "platform/disk.h"
#include "platform/thread.h"
#include "store/backup.h"
#include "store/store.h"

#define POLL_MS 50
#define REPORT_BYTES_MAX BELAY_MIB(64)

static const char help[] =
    "belay audit: proves that no message is lost\n\n"
    "usage: belay audit [--data DIR] [--flow FLOW] [--json]\n\n"
    "Counts, row by row, where every message of every subscription is, and trusts no counter for it:\n\n"
    "  published = queued + in flight + waiting + held + parked + dead + done + discarded + expired + lost\n\n"
    "What is lost, in two states, or in one that never ends, is named. A running belay is asked and goes on\n"
    "meanwhile: the answer is as of one commit. Without one the directory is read, the journal and the archives\n"
    "verified as `belay store check` does, and nothing is changed.\n"
    "Exit: 0 every message is in exactly one state, 1 not (it says which), 69 nobody answers, 74 cannot be read.\n\n"
    "  --data DIR   the data directory (belay-data)\n"
    "  --flow FLOW  the balance of this flow or saga only; the verdict is of all\n"
    "  --json       the report as JSON\n\n"
    "example: belay audit --data /var/lib/belay\n";

struct options {
    const char *data, *flow;
    bool json;
};

/* ---- the report ---- */

static void show_balances(const struct options *o, const belay_json *report)
{
    static const char *const heads[] = { "FLOW", "TOPIC", "PUBLISHED", "QUEUED", "FLIGHT", "WAITING", "HELD", "PARKED",
                                         "DEAD", "DONE", "DISCARDED", "EXPIRED", "LOST" };
    static const char *const numbers[] = { "published", "queued", "in_flight", "waiting", "held", "parked", "dead",
                                           "done", "discarded", "expired", "lost" };
    const belay_json *list = belay_json_get(report, BELAY_STR("balances")), *b;
    struct table t;
    table_init(&t, heads, 13);
    for (size_t i = 0; (b = belay_json_at(list, i)); i++) {
        if (o->flow && !belay_str_eq(json_text(b, "flow"), belay_str_c(o->flow)))
            continue;
        table_cell(&t, json_text(b, "flow"));
        table_cell(&t, json_text(b, "topic"));
        for (size_t n = 0; n < sizeof numbers / sizeof numbers[0]; n++)
            table_uint(&t, json_number(b, numbers[n]));
    }
    table_print(&t);
}

static void show_findings(const belay_json *report)
{
    const belay_json *list = belay_json_get(report, BELAY_STR("findings")), *f;
    uint64_t told = 0;
    for (size_t i = 0; (f = belay_json_at(list, i)); i++, told++) {
        struct belay_str owner = json_text(f, "flow"), what = json_text(f, "what");
        uint64_t sequence = json_number(f, "sequence");
        printf("! %.*s", BELAY_STR_ARG(owner));
        if (sequence)
            printf("/%llu", (unsigned long long)sequence);
        printf(": %.*s\n", BELAY_STR_ARG(what));
    }
    if (json_number(report, "finding_count") > told)
        printf("! and %llu more\n", (unsigned long long)(json_number(report, "finding_count") - told));
}

static bool has_flow(const belay_json *report, const char *name)
{
    const belay_json *list = belay_json_get(report, BELAY_STR("balances")), *b;
    for (size_t i = 0; (b = belay_json_at(list, i)); i++)
        if (belay_str_eq(json_text(b, "flow"), belay_str_c(name)))
            return true;
    return false;
}

static int show(const struct options *o, const belay_json *report)
{
    bool sound = json_number(report, "finding_count") == 0;
    if (o->flow && !has_flow(report, o->flow)) {
        fprintf(stderr, "belay audit: there is no flow or saga subscription '%s'; belay audit without --flow lists them\n", o->flow);
        return EXIT_NO;
    }
    if (o->json) {
        print_pretty(report);
        return sound ? EXIT_OK : EXIT_NO;
    }
    show_balances(o, report);
    const belay_json *sagas = belay_json_get(report, BELAY_STR("sagas"));
    if (belay_json_at(sagas, 0)) {
        printf("\n");
        table_of_sagas(sagas);
    }
    printf("\n");
    show_findings(report);
    printf("as of commit %llu: %s; lost %llu\n", (unsigned long long)json_number(report, "position"),
           sound ? "every message is in exactly one state" : "NOT every message is in exactly one state",
           (unsigned long long)json_number(report, "lost"));
    return sound ? EXIT_OK : EXIT_NO;
}

/* ---- of a running belay ---- */

static int ask(const struct options *o)
{
    struct answer a;
    int code = client_post(o->data, "/audit", "{}", &a);
    if (code != EXIT_OK)
        return code;
    answer_free(&a);
    for (;;) {
        code = client_get(o->data, "/audit", &a);
        if (code != EXIT_OK)
            return code;
        struct belay_str state = json_text(a.json, "state");
        if (belay_str_eq(state, BELAY_STR("done")) || belay_str_eq(state, BELAY_STR("failed")))
            break;
        answer_free(&a);
        belay_thread_sleep_ms(POLL_MS);
    }
    const belay_json *report = belay_json_get(a.json, BELAY_STR("report"));
    if (report) {
        code = show(o, report);
    } else {
        struct belay_str why = json_text(a.json, "error");
        fprintf(stderr, "belay audit: %.*s\n", BELAY_STR_ARG(why));
        code = EXIT_IO_;
    }
    answer_free(&a);
    return code;
}

/* ---- of a directory ---- */

static void submit_nothing(void *self, struct belay_job *job)
{
    (void)self;
    (void)job; /* who only looks has no jobs */
}

static int audit_store(const struct options *o, struct belay_disk *disk, struct belay_state_backend *state,
                       struct belay_err *err)
{
    static const struct belay_jobs jobs = { NULL, submit_nothing, NULL };
    const struct belay_engine_opt opt = { .disk = disk, .jobs = &jobs, .state = state, .look = true };
    struct belay_engine *look = NULL;
    struct belay_buf report;
    struct belay_arena arena;
    const belay_json *json = NULL;
    uint64_t findings = 0;
    belay_buf_init(&report, REPORT_BYTES_MAX);
    belay_arena_init(&arena, 0, 2 * REPORT_BYTES_MAX);
    int status = belay_engine_open(&opt, &look, err);
    if (status == BELAY_OK)
        status = belay_engine_audit(look, NULL, NULL, &report, &findings, err);
    if (status == BELAY_OK)
        status = belay_json_parse(belay_buf_view(&report), NULL, &arena, &json, NULL, err);
    int code = status == BELAY_OK ? show(o, json) : status == BELAY_CORRUPT ? EXIT_NO : EXIT_IO_;
    belay_engine_close(look);
    belay_arena_deinit(&arena);
    belay_buf_deinit(&report);
    return code;
}

/* What is told of a damaged store is its check's report. */
static int verify_bytes(struct belay_disk *disk, struct belay_state_backend *state, struct belay_err *err)
{
    struct belay_buf report;
    belay_buf_init(&report, BELAY_MIB(16));
    int status = belay_store_check(disk, state, &report, false, err);
    if (status == BELAY_CORRUPT)
        write_buf(stdout, &report);
    belay_buf_deinit(&report);
    return status == BELAY_OK ? EXIT_OK : status == BELAY_CORRUPT ? EXIT_NO : EXIT_IO_;
}

/* ret_running: somebody serves it. */
static int audit_directory(const struct options *o, bool *ret_running)
{
    const char *dir = o->data ? o->data : "belay-data";
    struct belay_disk *disk = NULL;
    struct belay_state_backend state;
    struct belay_err err;
    char path[4096];
    bool open = false;
    belay_err_clear(&err);
    snprintf(path, sizeof path, "%s/state", dir);
    int status = belay_disk_open_posix(dir, 0, &disk, &err), code = EXIT_IO_;
    if (status == BELAY_LOCKED) {
        *ret_running = true;
        return EXIT_OK;
    }
    if (status == BELAY_OK) {
        disk->look = true;
        status = belay_backup_is_whole(disk, &err);
        code = status == BELAY_CORRUPT ? EXIT_NO : EXIT_IO_;
    }
    if (status == BELAY_OK) {
        status = belay_state_lmdb_open(path, BELAY_STATE_MAP_BYTES, &state, &err);
        open = status == BELAY_OK;
        code = status == BELAY_CORRUPT ? EXIT_NO : EXIT_IO_;
    }
    if (status == BELAY_OK)
        code = verify_bytes(disk, &state, &err);
    if (status == BELAY_OK && code == EXIT_OK)
        code = audit_store(o, disk, &state, &err);
    if (err.code != BELAY_OK)
        fprintf(stderr, "belay audit: %s\n", err.msg);
    if (open)
        state.close(state.self);
    belay_disk_close(disk);
    return code;
}

static int run(int argc, char **argv)
{
    struct options o = { 0 };
    const struct option_spec specs[] = { { "data", &o.data, NULL }, { "flow", &o.flow, NULL }, { "json", NULL, &o.json } };
    char **operands;
    int count;
    bool running = false;
    if (!options_parse(argc, argv, specs, 3, &operands, &count))
        return EXIT_USAGE_;
    if (count > 0)
        return usage_error("audit", "it takes no '%s'; the directory is --data DIR", operands[0]);
    int code = audit_directory(&o, &running);
    return running ? ask(&o) : code;
}

const struct command command_audit = { "audit", "prove that no message is lost", help, run };
