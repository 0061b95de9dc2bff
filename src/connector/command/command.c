#include "connector/command/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "connector/command/process.h"
#include "connector/common/outcome.h"

static const struct belay_option options[] = {
    { "run", BELAY_OPTION_TEXTS, true, NULL, "The program, by its absolute path, and its arguments; there is no shell." },
    { "env", BELAY_OPTION_FIELDS, false, NULL, "Environment variables, beside PATH, HOME, LANG, LC_ALL, TZ, TMPDIR and USER." },
    { 0 },
};
static const struct belay_option params[] = { { 0 } };

/* What a program may need of Belay's own environment; the rest may hold secrets. */
static const char *const inherited[] = { "PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "USER" };

struct belay_connection {
    struct belay_workers *workers;
    struct belay_arena arena;
    char **argv;
    char **env; /* NAME=value; ends with NULL */
    uint32_t env_count;
};

static bool is_name(struct belay_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        bool letter = (s.p[i] >= 'A' && s.p[i] <= 'Z') || (s.p[i] >= 'a' && s.p[i] <= 'z') || s.p[i] == '_';
        if (!letter && !(i && s.p[i] >= '0' && s.p[i] <= '9'))
            return false;
    }
    return s.n > 0;
}

static bool has_nul(struct belay_str s)
{
    return s.n && memchr(s.p, '\0', s.n);
}

static char *variable(struct belay_arena *a, struct belay_str name, struct belay_str value)
{
    struct belay_str text = belay_arena_printf(a, "%.*s=%.*s", BELAY_STR_ARG(name), BELAY_STR_ARG(value));
    return (char *)(uintptr_t)text.p; /* ends with a NUL */
}

/* ---- opening ---- */

static int take_run(struct belay_connection *c, const struct belay_connection_config *config, struct belay_err *err)
{
    const struct belay_option_value *v = belay_connection_option(config, BELAY_STR("run"));
    if (!v || v->field_count == 0)
        return belay_fail(err, BELAY_INVALID, "run: is required");
    c->argv = BELAY_ARENA_ARRAY(&c->arena, char *, v->field_count + 1);
    for (uint32_t i = 0; c->argv && i < v->field_count; i++) {
        if (has_nul(v->fields[i].value))
            return belay_fail(err, BELAY_INVALID, "run: an argument holds a NUL");
        struct belay_str text = belay_arena_str(&c->arena, v->fields[i].value);
        if (!text.p)
            return belay_fail(err, BELAY_NOMEM, "command: out of memory");
        c->argv[i] = (char *)(uintptr_t)text.p;
    }
    if (!c->argv)
        return belay_fail(err, BELAY_NOMEM, "command: out of memory");
    if (c->argv[0][0] != '/')
        return belay_fail(err, BELAY_INVALID, "run: %s is no absolute path", c->argv[0]);
    if (access(c->argv[0], X_OK))
        return belay_fail(err, BELAY_INVALID, "run: %s cannot be executed: %s", c->argv[0], strerrordesc_np(errno));
    return BELAY_OK;
}

static int take_env(struct belay_connection *c, const struct belay_connection_config *config, struct belay_err *err)
{
    const struct belay_option_value *v = belay_connection_option(config, BELAY_STR("env"));
    const size_t own = sizeof inherited / sizeof inherited[0];
    c->env = BELAY_ARENA_ARRAY(&c->arena, char *, own + (v ? v->field_count : 0) + 1);
    if (!c->env)
        return belay_fail(err, BELAY_NOMEM, "command: out of memory");
    for (size_t i = 0; i < own; i++) {
        const char *value = getenv(inherited[i]); /* allow: getenv - handed on to the program */
        if (value)
            c->env[c->env_count++] = variable(&c->arena, belay_str_c(inherited[i]), belay_str_c(value));
    }
    for (uint32_t i = 0; v && i < v->field_count; i++) {
        if (!is_name(v->fields[i].name) || has_nul(v->fields[i].value))
            return belay_fail(err, BELAY_INVALID, "env: '%.*s' is no name of a variable, or its value holds a NUL",
                              BELAY_STR_ARG(v->fields[i].name));
        c->env[c->env_count++] = variable(&c->arena, v->fields[i].name, v->fields[i].value);
    }
    for (uint32_t i = 0; i < c->env_count; i++)
        if (!c->env[i])
            return belay_fail(err, BELAY_NOMEM, "command: out of memory");
    return BELAY_OK;
}

static void release(void *arg)
{
    struct belay_connection *c = arg;
    belay_arena_deinit(&c->arena);
    belay_free(c);
}

/* ---- one call ---- */

static void fail(struct belay_call_outcome *o, enum belay_class class_, const char *type, struct belay_str description)
{
    o->ok = false;
    o->class_ = class_;
    o->type = belay_str_c(type);
    o->description = description;
}

/* The connection's environment, then the call's own; NULL without memory. */
static char **environment(const struct belay_connection *c, const struct belay_work *work)
{
    const struct belay_call_request *r = work->request;
    char **env = BELAY_ARENA_ARRAY(work->arena, char *, c->env_count + r->header_count + 2);
    uint32_t n = c->env_count;
    if (!env)
        return NULL;
    memcpy(env, c->env, n * sizeof *env);
    for (uint32_t i = 0; i < r->header_count; i++) {
        if (!is_name(r->headers[i].name) || has_nul(r->headers[i].value))
            continue; /* content-type and the like are for others */
        if (!(env[n++] = variable(work->arena, r->headers[i].name, r->headers[i].value)))
            return NULL;
    }
    if (r->idempotency_key.n && !(env[n++] = variable(work->arena, BELAY_STR("BELAY_IDEMPOTENCY_KEY"), r->idempotency_key)))
        return NULL;
    return env;
}

static struct belay_str said(const struct belay_work *work, const char *what, int number, const struct belay_buf *out)
{
    struct belay_str text = belay_str_trim(belay_str_sub(belay_buf_view(out), 0, 200));
    return belay_arena_printf(work->arena, "%s %d%s%.*s", what, number, text.n ? ": " : "", BELAY_STR_ARG(text));
}

static void classify(const struct belay_work *work, const struct process_result *r, const struct belay_buf *out,
                     struct belay_call_outcome *o)
{
    bool permanent = r->code == 64 || r->code == 65 || r->code == 78;
    switch (r->end) {
    case PROCESS_EXITED:
        o->ok = r->code == 0;
        o->status = (uint32_t)r->code;
        if (!o->ok)
            fail(o, permanent ? BELAY_CLASS_PERMANENT : BELAY_CLASS_TRANSIENT, "COMMAND:EXIT",
                 said(work, "the program ended with exit code", r->code, out));
        break;
    case PROCESS_KILLED:
        fail(o, BELAY_CLASS_UNKNOWN_OUTCOME, "COMMAND:SIGNAL", said(work, "the program was killed by signal", r->code, out));
        break;
    case PROCESS_TIMEOUT:
        fail(o, BELAY_CLASS_UNKNOWN_OUTCOME, "COMMAND:TIMEOUT", BELAY_STR("the program did not end in time, and was ended"));
        break;
    case PROCESS_CANCELLED:
        fail(o, BELAY_CLASS_UNKNOWN_OUTCOME, "COMMAND:CANCELLED", BELAY_STR("the program was ended early"));
        break;
    }
}

static void work(void *arg, const struct belay_work *work, struct belay_call_outcome *o)
{
    struct belay_connection *c = arg;
    struct process_result result;
    struct belay_buf out;
    char **env = environment(c, work);
    belay_buf_init(&out, work->response_bytes_max);
    if (!env || !belay_buf_reserve(&out, work->response_bytes_max < BELAY_KIB(4) ? work->response_bytes_max : BELAY_KIB(4))) {
        fail(o, BELAY_CLASS_TRANSIENT, "COMMAND:START", BELAY_STR("out of memory"));
        belay_buf_deinit(&out);
        return;
    }
    int failed = process_run(c->argv, env, work->request->body, work, &out, &result);
    bool later = failed == EAGAIN || failed == ENOMEM || failed == EMFILE || failed == ENFILE || failed == ETXTBSY;
    if (failed)
        fail(o, later ? BELAY_CLASS_TRANSIENT : BELAY_CLASS_PERMANENT, "COMMAND:START",
             belay_arena_printf(work->arena, "the program could not be started: %s", strerrordesc_np(failed)));
    else
        classify(work, &result, &out, o);
    o->body = belay_arena_str(work->arena, belay_buf_view(&out));
    o->body_truncated = !failed && result.truncated;
    if (!o->body.p)
        o->body = BELAY_STR_NONE;
    belay_buf_deinit(&out);
}

/* Names of variables: those of `env` and of a call's headers. */
static bool check(const char *name, struct belay_str text, bool whole, struct belay_option_fault *ret_fault)
{
    if (!whole || strcmp(name, "env") != 0 || is_name(text))
        return false;
    *ret_fault = (struct belay_option_fault){ .why = "is no name of a variable" };
    return true;
}

/* ---- the contract ---- */

static int command_open(const struct belay_connection_config *config, belay_call_done *done, void *done_arg,
                        struct belay_connection **ret_connection, struct belay_err *err)
{
    struct belay_connection *c = belay_calloc(1, sizeof *c);
    if (!c)
        return belay_fail(err, BELAY_NOMEM, "command: out of memory");
    belay_arena_init(&c->arena, 0, BELAY_MIB(1));
    int status = take_run(c, config, err);
    if (status == BELAY_OK)
        status = take_env(c, config, err);
    const struct belay_workers_opt opt = {
        .name = "command", .namespace_ = "COMMAND", .concurrency = config->concurrency, .queue_max = config->queue_max,
        .response_bytes_max = config->response_bytes_max < BELAY_COMMAND_OUTPUT_BYTES_MAX ? config->response_bytes_max
                                                                                         : BELAY_COMMAND_OUTPUT_BYTES_MAX,
        .endpoint = c->argv ? belay_str_c(c->argv[0]) : BELAY_STR_NONE,
        .work = work, .release = release, .arg = c, .done = done, .done_arg = done_arg,
    };
    if (status == BELAY_OK)
        status = belay_workers_open(&opt, &c->workers, err);
    if (status == BELAY_OK)
        *ret_connection = c;
    else
        release(c);
    return status;
}

static int command_call(struct belay_connection *c, const struct belay_call_request *request, struct belay_err *err)
{
    return belay_workers_call(c->workers, request, err);
}

static void command_cancel(struct belay_connection *c, uint64_t id)
{
    belay_workers_cancel(c->workers, id);
}

static void command_close(struct belay_connection *c, uint32_t drain_ms, void (*closed)(void *arg), void *closed_arg)
{
    belay_workers_close(c->workers, drain_ms, closed, closed_arg);
}

/* What a program does is its own affair: only the connection can say (`idempotency`) that twice is as once. */
static bool idempotent(const struct belay_call_request *request)
{
    (void)request;
    return false;
}

const struct belay_connector belay_connector_command = {
    .name = "command",
    .help = "Starts a program for each call: the body on its standard input, headers as environment variables.",
    .options = options,
    .call_params = params,
    .namespace_ = "COMMAND",
    .idempotent = idempotent,
    .check = check,
    .open = command_open,
    .call = command_call,
    .cancel = command_cancel,
    .close = command_close,
};
