/* backup.c - belay store backup and restore. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "cli/client.h"
#include "cli/store.h"
#include "engine/engine.h"
#include "platform/clock.h"
#include "platform/disk.h"
#include "platform/thread.h"
#include "store/backup.h"

#define PATH_BYTES 4096
#define POLL_MS 100
#define PACE_MS_MAX 10000 /* a piece is no larger than that */

/* ---- Ctrl-C ---- */

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
}

static void listen_for_interrupts(void)
{
    signal(SIGINT, on_interrupt);
    signal(SIGTERM, on_interrupt);
}

/* The first one is heard after the piece at hand, however slow its disk is; the next one ends the process as if nobody listened.
 * The folder then says that its backup has not ended. */
static void listen_for_one_interrupt(void)
{
    const struct sigaction action = { .sa_handler = on_interrupt, .sa_flags = (int)(SA_RESETHAND | SA_RESTART) };
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static void ignore_interrupts_no_more(void)
{
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
}

/* ---- progress ---- */

struct progress {
    const char *what;
    uint64_t done, shown;
    uint64_t bytes_per_s; /* 0: as fast as it goes */
    belay_time began;
};

static void show_progress(const char *what, uint64_t done, uint64_t total)
{
    if (!isatty(STDERR_FILENO))
        return;
    if (total)
        fprintf(stderr, "\r%s: %llu of %llu MiB ", what, (unsigned long long)(done >> 20),
                (unsigned long long)(total >> 20));
    else
        fprintf(stderr, "\r%s: %llu MiB ", what, (unsigned long long)(done >> 20));
}

static void end_progress(void)
{
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\n");
}

/* Waits until that much may have been done. */
static void keep_pace(const struct progress *p)
{
    belay_time took = belay_clock_monotonic(belay_clock_posix()) - p->began;
    uint64_t may_ms = p->bytes_per_s ? (uint64_t)((double)p->done * 1000 / (double)p->bytes_per_s) : 0;
    uint64_t took_ms = took > 0 ? (uint64_t)took / BELAY_US_PER_MS : 0;
    uint64_t left_ms = may_ms > took_ms ? may_ms - took_ms : 0;
    for (left_ms = left_ms < PACE_MS_MAX ? left_ms : PACE_MS_MAX; left_ms && !interrupted;) {
        uint64_t ms = left_ms < POLL_MS ? left_ms : POLL_MS;
        belay_thread_sleep_ms((uint32_t)ms);
        left_ms -= ms;
    }
}

static bool on_piece(void *arg, uint64_t bytes)
{
    struct progress *p = arg;
    p->done += bytes;
    keep_pace(p);
    if (p->done - p->shown >= BELAY_MIB(4)) {
        show_progress(p->what, p->done, 0);
        p->shown = p->done;
    }
    return !interrupted;
}

static int code_of(int status)
{
    switch (status) {
    case BELAY_CORRUPT:
    case BELAY_EXISTS:
    case BELAY_NOTFOUND:
    case BELAY_LOCKED:
    case BELAY_INVALID:
    case BELAY_CANCELLED: return EXIT_NO;
    default: return EXIT_IO_;
    }
}

static int told(const char *verb, int status, const struct belay_err *err)
{
    if (status == BELAY_OK)
        return EXIT_OK;
    fprintf(stderr, "belay store %s: %s\n", verb, err->msg);
    return code_of(status);
}

/* ---- backup of a running belay ---- */

static int absolute(const char *path, char to[PATH_BYTES])
{
    char here[PATH_BYTES / 2];
    int n = path[0] == '/' ? snprintf(to, PATH_BYTES, "%s", path)
            : getcwd(here, sizeof here) ? snprintf(to, PATH_BYTES, "%s/%s", here, path) : -1;
    return n > 0 && n < PATH_BYTES ? EXIT_OK : usage_error("store", "the path is too long: %s", path);
}

/* A status by the name that the answer gives it. */
static int status_named(struct belay_str name)
{
    for (int status = 0; status < BELAY_STATUS_COUNT; status++)
        if (belay_str_eq(name, belay_str_c(belay_status_name(status))))
            return status;
    return BELAY_IO;
}

enum cancelling { NOT_ASKED, REFUSED, HEARD };

static void tell_refused(const struct answer *a)
{
    struct belay_str detail = json_text(a->json, "detail");
    fprintf(stderr, "belay store backup: it cannot be cancelled just now, and is asked again: %.*s (%u)\n"
            "Ctrl-C again ends this command; the backup goes on\n", BELAY_STR_ARG(detail), a->status);
}

/* Until it is heard: just now there may be no room for it. That it has ended, and how, the next look says. From here on the
 * next Ctrl-C ends this command. */
static enum cancelling cancel(const char *data_dir, enum cancelling before)
{
    struct answer a;
    if (before == HEARD)
        return HEARD;
    if (before == NOT_ASKED)
        end_progress();
    int code = client_ask(data_dir, "/backup/cancel", "{\"reason\":\"interrupted\"}", &a);
    ignore_interrupts_no_more();
    if (code != EXIT_OK)
        return REFUSED; /* nobody is there: the look says so */
    bool heard = a.status < 400 || a.status == 404; /* it has ended already */
    if (!heard && before == NOT_ASKED)
        tell_refused(&a);
    answer_free(&a);
    return heard ? HEARD : REFUSED;
}

static int wait_for_it(const char *data_dir, const char *to, bool json)
{
    enum cancelling cancelling = NOT_ASKED;
    struct answer a;
    for (;;) {
        if (interrupted)
            cancelling = cancel(data_dir, cancelling);
        int code = client_get(data_dir, "/backup", &a);
        if (code != EXIT_OK)
            return code;
        struct belay_str state = json_text(a.json, "state");
        show_progress("backup", json_number(a.json, "bytes_done"), json_number(a.json, "bytes_total"));
        if (belay_str_eq(state, BELAY_STR("done")) || belay_str_eq(state, BELAY_STR("failed")))
            break;
        answer_free(&a);
        belay_thread_sleep_ms(POLL_MS);
    }
    end_progress();
    struct belay_str error = json_text(a.json, "error");
    bool failed = error.n || !belay_str_eq(json_text(a.json, "state"), BELAY_STR("done"));
    if (failed)
        fprintf(stderr, "belay store backup: %.*s\n", BELAY_STR_ARG(error));
    else if (json)
        print_buf(&a.body);
    else
        printf("%s: as of commit %llu, %llu MiB read and written\n", to,
               (unsigned long long)json_number(a.json, "position"),
               (unsigned long long)(json_number(a.json, "bytes_done") >> 20));
    int status = failed ? status_named(json_text(a.json, "status")) : BELAY_OK;
    answer_free(&a);
    return failed ? code_of(status) : EXIT_OK;
}

static int ask(const char *data_dir, const char *to, const char *rate, bool json)
{
    struct belay_buf body;
    struct answer a;
    belay_buf_init(&body, BELAY_KIB(64));
    belay_buf_put_str(&body, BELAY_STR("{\"to\":"));
    belay_json_write_str(&body, belay_str_c(to));
    if (rate)
        belay_buf_printf(&body, ",\"bytes_per_s\":%s", rate);
    belay_buf_put(&body, "}", 2);
    int code = client_post(data_dir, "/backup", body.p, &a);
    belay_buf_deinit(&body);
    if (code != EXIT_OK)
        return code;
    answer_free(&a);
    return wait_for_it(data_dir, to, json);
}

/* ---- backup of a directory ---- */

static void submit_nothing(void *self, struct belay_job *job)
{
    (void)self;
    (void)job; /* who only looks has no jobs */
}

static int copy_store(struct belay_disk *from, const struct belay_state_backend *state, struct belay_disk *target,
                      const char *to, uint64_t bytes_per_s, uint64_t *ret_position, struct belay_err *err)
{
    static const struct belay_jobs jobs = { NULL, submit_nothing, NULL };
    const struct belay_engine_opt opt = { .disk = from, .jobs = &jobs, .state = state, .look = true };
    struct progress progress = { .what = "backup", .bytes_per_s = bytes_per_s,
                                 .began = belay_clock_monotonic(belay_clock_posix()) };
    const struct belay_pace pace = { on_piece, &progress };
    struct belay_backup_plan plan = { 0 };
    struct belay_engine *look = NULL;
    int status = belay_engine_open(&opt, &look, err); /* all of it can be read */
    if (status == BELAY_OK)
        status = belay_store_backup_plan(belay_engine_store(look), &plan, err);
    if (status == BELAY_OK)
        status = belay_disk_mkdir(target, "state", err);
    if (status == BELAY_OK)
        status = belay_backup_copy_state(state, to, &pace, err);
    if (status == BELAY_OK)
        status = belay_backup_copy(from, target, &plan, belay_clock_wall(belay_clock_posix()), &pace, err);
    *ret_position = plan.position;
    belay_backup_plan_free(&plan);
    belay_engine_close(look);
    return status;
}

static int backup_directory(struct belay_disk *disk, const char *dir, const char *to, uint64_t bytes_per_s, bool json)
{
    struct belay_disk *target = NULL;
    struct belay_state_backend state;
    struct belay_err err;
    char path[PATH_BYTES];
    uint64_t position = 0;
    disk->look = true;
    snprintf(path, sizeof path, "%s/state", dir);
    int status = belay_state_lmdb_open(path, BELAY_STATE_MAP_BYTES, &state, &err);
    if (status != BELAY_OK)
        return told("backup", status, &err);
    status = belay_backup_open_target(disk, to, &target, &err);
    if (status == BELAY_OK)
        status = copy_store(disk, &state, target, to, bytes_per_s, &position, &err);
    end_progress();
    if (status != BELAY_OK && target)
        belay_backup_discard(target);
    belay_disk_close(target);
    state.close(state.self);
    if (status == BELAY_OK && json)
        printf("{\"state\":\"done\",\"position\":%llu}\n", (unsigned long long)position);
    else if (status == BELAY_OK)
        printf("%s: as of commit %llu\n", to, (unsigned long long)position);
    return told("backup", status, &err);
}

int store_backup(const char *data_dir, const char *to, const char *rate, bool json)
{
    const char *dir = data_dir ? data_dir : "belay-data";
    struct belay_disk *disk = NULL;
    struct belay_err err;
    char path[PATH_BYTES];
    int code = absolute(to, path);
    if (code != EXIT_OK || !option_is_number("store", "rate", rate))
        return EXIT_USAGE_;
    uint64_t bytes_per_s = 0;
    listen_for_interrupts();
    if (rate && (!belay_str_to_u64(belay_str_c(rate), &bytes_per_s) || !bytes_per_s))
        return usage_error("store", "--rate is a number of bytes a second, from 1");
    int status = belay_disk_open_posix(dir, 0, &disk, &err);
    if (status == BELAY_LOCKED)
        return ask(data_dir, path, rate, json);
    listen_for_one_interrupt();
    code = status == BELAY_OK ? backup_directory(disk, dir, path, bytes_per_s, json) : told("backup", status, &err);
    belay_disk_close(disk);
    return code;
}

/* ---- restore ---- */

static void tell_flows(const belay_json *report)
{
    const belay_json *list = belay_json_get(report, BELAY_STR("balances")), *b;
    for (size_t i = 0; (b = belay_json_at(list, i)); i++) {
        struct belay_str flow = json_text(b, "flow");
        unsigned long long flight = json_number(b, "in_flight"), waiting = json_number(b, "waiting"),
                           queued = json_number(b, "queued");
        if (flight)
            printf("  %.*s: %llu attempt%s had begun, and nobody knows how they ended: each is treated as unknown\n",
                   BELAY_STR_ARG(flow), flight, flight == 1 ? "" : "s");
        if (waiting || queued)
            printf("  %.*s: %llu messages wait for a retry and %llu were not begun: handled after the backup, they are "
                   "handled again\n", BELAY_STR_ARG(flow), waiting, queued);
    }
}

static void tell_sagas(const belay_json *report)
{
    const belay_json *list = belay_json_get(report, BELAY_STR("sagas")), *s;
    for (size_t i = 0; (s = belay_json_at(list, i)); i++) {
        unsigned long long under_way = json_number(s, "running") + json_number(s, "compensating");
        struct belay_str name = json_text(s, "saga");
        if (under_way)
            printf("  %.*s: %llu instances are in the middle: steps they did after the backup are done again, with the "
                   "same idempotency keys\n", BELAY_STR_ARG(name), under_way);
    }
}

static int look_at(struct belay_disk *disk, const char *dir, struct belay_buf *report, struct belay_err *err)
{
    static const struct belay_jobs jobs = { NULL, submit_nothing, NULL };
    struct belay_state_backend state;
    struct belay_engine *look = NULL;
    uint64_t findings = 0;
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/state", dir);
    int status = belay_state_lmdb_open(path, BELAY_STATE_MAP_BYTES, &state, err);
    if (status != BELAY_OK)
        return status;
    const struct belay_engine_opt opt = { .disk = disk, .jobs = &jobs, .state = &state, .look = true };
    disk->look = true;
    status = belay_engine_open(&opt, &look, err);
    if (status == BELAY_OK)
        status = belay_engine_audit(look, NULL, NULL, report, &findings, err);
    if (status == BELAY_OK && findings)
        status = belay_fail(err, BELAY_CORRUPT, "what was restored does not add up: belay audit --data %s", dir);
    belay_engine_close(look);
    state.close(state.self);
    return status;
}

static void tell_restored(const char *to, const struct belay_restored *r, const struct belay_buf *report, bool json)
{
    struct belay_arena arena;
    const belay_json *root = NULL;
    char taken[BELAY_TIME_TEXT_BYTES];
    if (json) {
        print_buf(report);
        return;
    }
    belay_arena_init(&arena, 0, BELAY_MIB(64));
    belay_time_text(r->taken, taken);
    printf("%s: %llu files, %llu MiB, as of commit %llu of %s\n\nWhat may happen again outside:\n", to,
           (unsigned long long)r->files, (unsigned long long)(r->bytes >> 20), (unsigned long long)r->position, taken);
    if (belay_json_parse(belay_buf_view(report), NULL, &arena, &root, NULL, NULL) == BELAY_OK) {
        tell_flows(root);
        tell_sagas(root);
    }
    printf("  whatever was accepted after %s is not here: who sent it must send it again\n\n"
           "It starts paused: nothing is handled until you have looked.\n"
           "  belay run --data %s PATH...; belay status; belay audit; then: belay resume --data %s\n", taken, to, to);
    belay_arena_deinit(&arena);
}

static int restore_into(struct belay_disk *from, struct belay_disk *target, const char *to, bool json)
{
    struct progress checking = { .what = "verify" }, copying = { .what = "restore" };
    const struct belay_pace verify = { on_piece, &checking }, copy = { on_piece, &copying };
    struct belay_restored restored;
    struct belay_buf report;
    struct belay_err err;
    belay_buf_init(&report, BELAY_MIB(64));
    int status = belay_backup_verify(from, &verify, &restored, &err);
    if (status == BELAY_OK)
        status = belay_backup_restore(from, target, &copy, &err);
    end_progress();
    if (status == BELAY_OK)
        status = look_at(target, to, &report, &err);
    if (status == BELAY_OK)
        tell_restored(to, &restored, &report, json);
    belay_buf_deinit(&report);
    return told("restore", status, &err);
}

int store_restore(const char *from, const char *to, bool json)
{
    struct belay_disk *source = NULL, *target = NULL;
    struct belay_err err;
    int status = belay_disk_open_posix(from, BELAY_DISK_LOOK, &source, &err);
    if (status == BELAY_OK)
        status = belay_disk_open_posix(to, BELAY_DISK_CREATE, &target, &err);
    int code = status == BELAY_OK ? restore_into(source, target, to, json) : told("restore", status, &err);
    belay_disk_close(target);
    belay_disk_close(source);
    return code;
}
