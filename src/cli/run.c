/* run.c - belay run: serves a configuration until it is told to stop. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/admin.h"
#include "base/alloc.h"
#include "cli/command.h"
#include "config/config.h"
#include "runtime/runtime.h"

static const char help[] =
    "belay run: serves flows until SIGTERM\n\n"
    "usage: belay run [OPTION...] PATH...\n\n"
    "PATH is a flow file, or a folder whose belay.yaml and *.belay.yaml are meant.\n\n"
    "  --data DIR          the data directory (belay-data), made when it is not there\n"
    "  --health ADDRESS    serves /ping, /ready and /metrics there, e.g. 127.0.0.1:7070\n"
    "  --admin ADDRESS     serves the admin API over TCP too; needs tokens: admin: { tokens } of the configuration, or\n"
    "  --admin-token FILE  lines of TOKEN, NAME TOKEN or NAME ROLE TOKEN (viewer, operator, admin); names go into the trail\n"
    "  --log-level LEVEL   debug, info (default), warn, error\n"
    "  --drain SECONDS     how long a stop waits for what is in flight (10)\n"
    "  --store-max SIZE    bound of the data directory, e.g. 10GiB\n\n"
    "SIGHUP reads the configuration again: all or nothing. SIGTERM and SIGINT stop gracefully.\n"
    "Exit: 0 stopped, 78 the configuration or the choice of --data is wrong, 74 the disk failed, 1 otherwise.\n\n"
    "example: belay run --data /var/lib/belay --health 127.0.0.1:7070 examples/order-fulfilment\n";

struct options {
    const char *data, *health, *admin, *token_file, *level, *drain, *store_max;
};

struct process {
    struct belay_veil veil; /* between the log and standard error */
    struct belay_log log;
    struct belay_metrics *metrics;
    struct belay_runtime *runtime;
    struct belay_admin *admin;
    struct belay_config_opt config;
    struct belay_buf token;
};

/* ---- options ---- */

static bool parse_size(const char *text, uint64_t *ret_bytes)
{
    static const struct {
        const char *unit;
        unsigned shift;
    } units[] = { { "", 0 }, { "B", 0 }, { "KiB", 10 }, { "MiB", 20 }, { "GiB", 30 }, { "TiB", 40 } };
    char *end;
    unsigned long long n = strtoull(text, &end, 10);
    for (size_t i = 0; i < sizeof units / sizeof units[0] && end != text; i++) {
        if (strcmp(end, units[i].unit) == 0 && n <= UINT64_MAX >> units[i].shift) {
            *ret_bytes = (uint64_t)n << units[i].shift;
            return true;
        }
    }
    return false;
}

static int read_token(struct process *p, const char *path)
{
    FILE *in = fopen(path, "rb");
    char *to = in ? belay_buf_reserve(&p->token, BELAY_KIB(4)) : NULL;
    if (!to) {
        fprintf(stderr, "belay run: --admin-token: cannot read %s\n", path);
        if (in)
            fclose(in);
        return EXIT_CONFIG_;
    }
    p->token.n = fread(to, 1, BELAY_KIB(4), in);
    fclose(in);
    struct belay_str token = belay_str_trim(belay_buf_view(&p->token));
    if (token.n < 16) {
        fprintf(stderr, "belay run: --admin-token: %s holds less than 16 characters: too easy to guess\n", path);
        return EXIT_CONFIG_;
    }
    return EXIT_OK;
}

/* ---- signals ---- */

/* Engine thread. */
static void on_ended(void *arg)
{
    (void)arg;
    kill(getpid(), SIGUSR1);
}

static void block_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
    sigaddset(set, SIGUSR1);
    sigprocmask(SIG_BLOCK, set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void say_problems(const struct belay_problems *problems)
{
    struct belay_buf text;
    belay_buf_init(&text, BELAY_MIB(4));
    for (uint32_t i = 0; i < problems->count; i++)
        belay_problem_write(&text, &problems->items[i]);
    write_buf(stderr, &text);
    belay_buf_deinit(&text);
}

static belay_time now(void)
{
    return belay_clock_wall(belay_clock_posix());
}

/* The mistakes, for whom the log finds and standard error does not: as many lines as one field holds. */
static void mistakes_of(const struct belay_problems *problems, struct belay_buf *out)
{
    for (uint32_t i = 0; i < problems->count; i++)
        if (problems->items[i].level == BELAY_PROBLEM_ERROR)
            belay_problem_write(out, &problems->items[i]);
}

static void log_failed_reload(struct process *p, const struct belay_problems *problems, const struct belay_err *err)
{
    struct belay_buf text;
    belay_buf_init(&text, BELAY_MIB(4));
    mistakes_of(problems, &text);
    BELAY_LOG(&p->log, BELAY_LOG_ERROR, now(), "config.reload_failed", belay_f_err(err),
              belay_f_c("message", "the configuration before stays in force"),
              belay_f_str("mistakes", belay_str_trim(belay_buf_view(&text))));
    belay_buf_deinit(&text);
}

static void reload(struct process *p)
{
    struct belay_problems problems;
    struct belay_err err;
    belay_problems_init(&problems);
    belay_err_clear(&err);
    int status = belay_runtime_reload(p->runtime, &problems, &err);
    say_problems(&problems);
    if (status == BELAY_OK)
        BELAY_LOG(&p->log, BELAY_LOG_INFO, now(), "config.reloaded",
                  belay_f_uint("warnings", problems.warning_count));
    else
        log_failed_reload(p, &problems, &err);
    belay_problems_deinit(&problems);
}

static void serve(struct process *p, const sigset_t *set)
{
    for (;;) {
        siginfo_t info;
        int signal_number = sigwaitinfo(set, &info);
        if (signal_number == SIGUSR1 && info.si_pid == getpid()) /* on_ended; another's means nothing */
            return;
        if (signal_number == SIGHUP)
            reload(p);
        else if (signal_number == SIGTERM || signal_number == SIGINT) {
            BELAY_LOG(&p->log, BELAY_LOG_INFO, now(), "runtime.stopping",
                      belay_f_c("signal", signal_number == SIGTERM ? "SIGTERM" : "SIGINT"));
            belay_runtime_stop(p->runtime);
        }
    }
}

/* ---- start ---- */

static int exit_code(int status)
{
    switch (status) {
    case BELAY_OK:
        return EXIT_OK;
    case BELAY_INVALID:
    case BELAY_EXISTS:
    case BELAY_CONFLICT:
    case BELAY_UNSUPPORTED:
    case BELAY_DENIED:
    case BELAY_LOCKED:
    case BELAY_VERSION:
        return EXIT_CONFIG_;
    case BELAY_IO:
    case BELAY_CORRUPT:
    case BELAY_NOSPACE:
        return EXIT_IO_;
    default:
        return EXIT_NO;
    }
}

static int fail(int status, const struct belay_err *err)
{
    fprintf(stderr, "belay run: %s\n", err->msg);
    if (status == BELAY_VERSION)
        fprintf(stderr, "belay run: another version of Belay wrote this store, this is " BELAY_VERSION_STRING
                        ". Start it with that version or a later one, or name another --data. The store is kept"
                        " as it is.\n");
    return exit_code(status);
}

static int open_runtime(struct process *p, const struct options *o, struct belay_err *err)
{
    struct belay_problems problems;
    struct belay_runtime_opt opt = {
        .data_dir = o->data ? o->data : "belay-data",
        .config = &p->config,
        .clock = belay_clock_posix(),
        .entropy = belay_entropy_posix(),
        .log = &p->log,
        .metrics = p->metrics,
        .veil = &p->veil,
        .drain_ms = (o->drain ? (uint32_t)strtoul(o->drain, NULL, 10) : 10) * 1000,
        .ended = on_ended,
    };
    if (o->store_max && !parse_size(o->store_max, &opt.store_bytes_max))
        return belay_fail(err, BELAY_INVALID, "--store-max: write a size like 10GiB");
    belay_problems_init(&problems);
    int status = belay_runtime_open(&opt, &problems, &p->runtime, err);
    say_problems(&problems);
    belay_problems_deinit(&problems);
    return status;
}

static int open_admin(struct process *p, const struct options *o, struct belay_err *err)
{
    struct belay_admin_opt opt = { .runtime = p->runtime,
                                   .tcp_listen = belay_str_c(o->admin),
                                   .token = belay_str_trim(belay_buf_view(&p->token)),
                                   .health_listen = belay_str_c(o->health) };
    return belay_admin_open(&opt, &p->admin, err);
}

static void say_ready(struct process *p, const struct options *o, belay_time began)
{
    struct belay_str name, url;
    for (uint32_t i = 0; (url = belay_runtime_api_url(p->runtime, i, &name)).n; i++)
        BELAY_LOG(&p->log, BELAY_LOG_INFO, now(), "api.listening", belay_f_str("api", name), belay_f_str("url", url));
    BELAY_LOG(&p->log, BELAY_LOG_INFO, now(), "runtime.ready",
              belay_f_c("data", belay_runtime_data_dir(p->runtime)), belay_f_c("health", o->health ? o->health : ""),
              belay_f_uint("start_us", (uint64_t)(belay_clock_monotonic(belay_clock_posix()) - began)));
}

static int run_process(struct process *p, const struct options *o, const sigset_t *set, belay_time began)
{
    struct belay_err err;
    belay_err_clear(&err);
    int status = open_runtime(p, o, &err);
    if (status != BELAY_OK)
        return fail(status, &err);
    status = open_admin(p, o, &err);
    int code = status == BELAY_OK ? EXIT_OK : fail(status, &err);
    if (status == BELAY_OK)
        say_ready(p, o, began);
    else
        belay_runtime_stop(p->runtime);
    serve(p, set);
    belay_admin_close(p->admin);
    if (belay_runtime_failed(p->runtime, &err) != BELAY_OK)
        code = fail(err.code, &err);
    belay_runtime_close(p->runtime);
    if (code == EXIT_OK)
        BELAY_LOG(&p->log, BELAY_LOG_INFO, now(), "runtime.stopped", belay_f_bool("clean", true));
    return code;
}

static int run(int argc, char **argv)
{
    static struct process p; /* the log's flood table is large for a stack */
    struct options o = { 0 };
    const struct option_spec specs[] = {
        { "data", &o.data, NULL },         { "health", &o.health, NULL },
        { "admin", &o.admin, NULL },       { "admin-token", &o.token_file, NULL },
        { "log-level", &o.level, NULL },   { "drain", &o.drain, NULL },
        { "store-max", &o.store_max, NULL },
    };
    enum belay_log_level level = BELAY_LOG_INFO;
    belay_time began = belay_clock_monotonic(belay_clock_posix());
    char **paths;
    int path_count;
    sigset_t set;
    if (!options_parse(argc, argv, specs, sizeof specs / sizeof specs[0], &paths, &path_count))
        return EXIT_USAGE_;
    if (path_count == 0)
        return usage_error("run", "which flows? name files or a folder");
    if (o.drain && (o.drain[strspn(o.drain, "0123456789")] || !*o.drain || strlen(o.drain) > 6))
        return usage_error("run", "--drain is a number of seconds");
    if (o.level && !belay_log_level_parse(belay_str_c(o.level), &level))
        return usage_error("run", "--log-level is one of debug, info, warn, error");
    belay_alloc_keep_little();
    belay_buf_init(&p.token, BELAY_KIB(8));
    if (o.token_file && read_token(&p, o.token_file) != EXIT_OK)
        return EXIT_CONFIG_;
    block_signals(&set);
    belay_veil_init(&p.veil, belay_log_sink_file(stderr));
    belay_log_init(&p.log, belay_veil_sink(&p.veil), level);
    p.config.paths = (const char *const *)paths;
    p.config.path_count = (uint32_t)path_count;
    struct belay_err err;
    if (belay_metrics_new(&p.metrics, &err) != BELAY_OK)
        return fail(BELAY_NOMEM, &err);
    int code = run_process(&p, &o, &set, began);
    belay_metrics_free(p.metrics);
    belay_buf_deinit(&p.token);
    belay_veil_deinit(&p.veil);
    return code;
}

const struct command command_run = { "run", "serve flows until told to stop", help, run };
