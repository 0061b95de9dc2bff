/* The warnings, by the name of their rule:
 *   unread                      a topic or queue that no flow and no saga reads
 *   unused-connection           a connection that nothing calls
 *   cannot-run                  a program of a connection that is not there, where somebody can look (lint)
 *   storm                       a connection with neither a retry budget nor a breaker
 *   does-nothing                a flow without steps
 *   unanswered-operation        an operation of an API that no flow answers
 *   missing-reply               a flow from an API that never replies
 *   unknown-outcome             a call whose unknown outcome nobody can settle but a person
 *   publish-without-compensate  a message of a saga that cannot be undone once it was handled
 *   call-without-compensate     a call of a saga, not its last step, that is not undone
 *   deadline                    a saga that waits longer for an event than it may take in all
 *   circle                      flows whose messages come back to them (lint_graph.c)
 *   never-fires                 a rule of alerts whose `of` fits nothing (lint_alerts.c)
 * unreachable and unknown-error come from the readers of steps and rules. */
#include "config/lint.h"

#include <string.h>

#include "belay/connector.h"
#include "config/parts.h"
#include "config/rate_limit.h"

struct lint {
    struct config *c;
    const struct belay_definitions *d;
    bool *used; /* by connection */
    bool *read; /* by topic */
};

static void mark_read(struct lint *l, struct belay_str name)
{
    const struct belay_topic_def *topic = belay_definitions_topic(l->d, name);
    if (topic)
        l->read[topic - l->d->topics] = true;
}

static void mark_source(struct lint *l, const struct belay_source_def *from)
{
    if (from->kind == BELAY_SOURCE_TOPIC || from->kind == BELAY_SOURCE_QUEUE)
        mark_read(l, from->name);
}

static void lint_topics(struct lint *l)
{
    const struct belay_definitions *d = l->d;
    for (uint32_t i = 0; i < d->flow_count; i++)
        mark_source(l, &d->flows[i].from);
    for (uint32_t i = 0; i < d->saga_count; i++) {
        mark_source(l, &d->sagas[i].from);
        for (uint32_t k = 0; k < d->sagas[i].step_count; k++)
            if (d->sagas[i].steps[k].await)
                mark_read(l, d->sagas[i].steps[k].await->topic);
    }
    for (uint32_t i = 0; i < d->topic_count; i++) {
        const struct belay_topic_def *t = &d->topics[i];
        if (!l->read[i])
            config_warning(l->c->problems, t->place, "unread", "nothing reads the %s '%.*s'",
                           t->queue ? "queue" : "topic", BELAY_STR_ARG(t->name));
    }
}

/* ---- calls ---- */

/* The request as far as it is known before it runs; false where a parameter is an expression that
 * may decide whether the call is idempotent. */
static bool known_request(struct config *c, const struct belay_call_def *call,
                          struct belay_field *params, struct belay_call_request *ret_request)
{
    *ret_request = (struct belay_call_request){ .params = params };
    for (uint32_t i = 0; i < call->param_count && i < 32; i++) {
        struct belay_str text = config_template_literal(c, call->params[i].value);
        if (!text.p && !belay_str_eq(call->params[i].name, BELAY_STR("path")))
            return false;
        params[ret_request->param_count++] = (struct belay_field){ call->params[i].name, text };
    }
    return true;
}

static bool repeatable(struct config *c, const struct belay_call_def *call)
{
    struct belay_field params[32];
    struct belay_call_request request;
    if (call->connection->honours_key || !call->connection->idempotent)
        return true;
    return !known_request(c, call, params, &request) || call->connection->idempotent(&request);
}

static void lint_outcome(struct config *c, struct belay_place place,
                         const struct belay_call_def *call, const struct belay_call_def *resolve)
{
    if (!call || resolve || repeatable(c, call))
        return;
    struct belay_problem *p = config_warning(
        c->problems, place, "unknown-outcome",
        "where '%.*s' gives no answer, a person must find out whether the call was done",
        BELAY_STR_ARG(call->connection->name));
    config_suggest(
        c->problems, p,
        "add 'resolve', or 'idempotency: { header: ... }' to the connection if it honours one");
}

static void mark_call(void *arg, const struct config_user *user, const struct belay_call_def *call)
{
    struct lint *l = arg;
    (void)user;
    l->used[call->connection - l->d->connections] = true;
}

static void lint_storm(struct config *c, const struct belay_connection_def *def)
{
    if (def->gate.budget.share > 0 || def->gate.breaker.enabled)
        return;
    struct belay_problem *p
        = config_warning(c->problems, def->place, "storm",
                         "nothing bounds the retries of '%.*s': an outage becomes a storm",
                         BELAY_STR_ARG(def->name));
    config_suggest(c->problems, p, "leave 'retry_budget' or 'breaker' as it is without being said");
}

/* run refuses it; lint knows the line. */
static void lint_program(struct lint *l, const struct belay_connection_def *connection)
{
    const struct belay_connection_config *config = connection->config;
    if (!l->c->opt->cannot_run || !config || !belay_str_eq(connection->connector, BELAY_STR("command")))
        return;
    const struct belay_option_value *run = NULL;
    for (uint32_t i = 0; i < config->option_count; i++)
        if (strcmp(config->options[i].option->name, "run") == 0)
            run = &config->options[i];
    struct belay_str path = run && run->field_count ? belay_arena_str(&l->c->scratch, run->fields[0].value) : BELAY_STR_NONE;
    const char *why = path.p ? l->c->opt->cannot_run(path.p) : NULL;
    if (why)
        config_warning(l->c->problems, connection->place, "cannot-run", "%.*s: '%.*s' cannot be executed here: %s",
                       BELAY_STR_ARG(connection->name), BELAY_STR_ARG(path), why);
}

static void lint_connections(struct lint *l)
{
    struct config_visitor v = { .arg = l, .call = mark_call };
    config_walk(l->d, &v);
    for (uint32_t i = 0; i < l->d->connection_count; i++)
        if (!l->used[i])
            config_warning(l->c->problems, l->d->connections[i].place, "unused-connection",
                           "nothing calls the connection '%.*s'",
                           BELAY_STR_ARG(l->d->connections[i].name));
    for (uint32_t i = 0; i < l->d->connection_count; i++) {
        lint_storm(l->c, &l->d->connections[i]);
        lint_program(l, &l->d->connections[i]);
    }
}

/* ---- flows ---- */

static void lint_flow(struct lint *l, const struct belay_flow_def *f)
{
    if (f->first == BELAY_STEP_END && f->from.kind != BELAY_SOURCE_TIMER)
        config_warning(l->c->problems, f->place, "does-nothing",
                       "'%.*s' does nothing with its messages", BELAY_STR_ARG(f->name));
    for (uint32_t i = 0; i < f->step_count; i++)
        if (f->steps[i].kind == BELAY_STEP_CALL)
            lint_outcome(l->c, f->steps[i].place, &f->steps[i].u.call.call,
                         f->steps[i].u.call.resolve);
    if (f->from.kind == BELAY_SOURCE_API && !f->replies) {
        struct belay_problem *p
            = config_warning(l->c->problems, f->place, "missing-reply",
                             "'%.*s' never replies to its caller", BELAY_STR_ARG(f->name));
        config_suggest(l->c->problems, p, "add reply: { status: 202 }");
    }
}

/* ---- sagas ---- */

bool config_only_reads(struct config *c, const struct belay_call_def *call)
{
    for (uint32_t i = 0; i < call->param_count; i++) {
        if (!belay_str_eq(call->params[i].name, BELAY_STR("method")))
            continue;
        struct belay_str method = config_template_literal(c, call->params[i].value);
        return belay_str_eq(method, BELAY_STR("GET")) || belay_str_eq(method, BELAY_STR("HEAD"));
    }
    return false;
}

/* last: nothing that follows leads back over it. */
static void lint_saga_step(struct lint *l, const struct belay_saga_step_def *s, bool past_pivot,
                           bool last)
{
    struct config *c = l->c;
    lint_outcome(c, s->place, s->call, s->resolve);
    if (s->compensate && past_pivot)
        config_warning(c->problems, s->place, "unreachable",
                       "'%.*s' comes after the pivot and is never compensated",
                       BELAY_STR_ARG(s->name));
    if (s->compensate)
        lint_outcome(c, s->place, s->compensate->call, NULL);
    if (s->compensate || past_pivot)
        return;
    struct belay_problem *p = NULL;
    if (s->publish)
        p = config_warning(c->problems, s->place, "publish-without-compensate",
                           "once the message of '%.*s' is being handled, nothing undoes it",
                           BELAY_STR_ARG(s->name));
    else if (s->call && !last && !config_only_reads(c, s->call))
        p = config_warning(c->problems, s->place, "call-without-compensate",
                           "when a later step fails, nothing undoes '%.*s'",
                           BELAY_STR_ARG(s->name));
    config_suggest(c->problems, p,
                   "add 'compensate', or compensate: {} where nothing has to be undone");
}

static void lint_times(struct config *c, const struct belay_saga_def *s,
                       const struct belay_saga_step_def *step)
{
    if (s->deadline_ms && step->timeout_ms > s->deadline_ms)
        config_warning(c->problems, step->place, "deadline",
                       "'%.*s' may take longer than the whole saga's deadline",
                       BELAY_STR_ARG(step->name));
    if (step->await && step->timeout_ms && step->await->timeout_ms > step->timeout_ms)
        config_warning(c->problems, step->place, "deadline",
                       "'%.*s' may wait longer for its event than the step may take",
                       BELAY_STR_ARG(step->name));
}

static void lint_saga(struct lint *l, const struct belay_saga_def *s)
{
    bool past_pivot = false;
    for (uint32_t i = 0; i < s->step_count; i++) {
        const struct belay_saga_step_def *step = &s->steps[i];
        lint_saga_step(l, step, past_pivot, i + 1 == s->step_count || step->pivot);
        past_pivot |= step->pivot;
        lint_times(l->c, s, step);
        if (step->await && s->deadline_ms && step->await->timeout_ms > s->deadline_ms)
            config_warning(l->c->problems, step->place, "deadline",
                           "'%.*s' may wait longer than the whole saga's deadline",
                           BELAY_STR_ARG(step->name));
    }
}

/* ---- apis ---- */

struct operation_check {
    struct lint *l;
    const struct belay_api_def *api;
};

static void lint_operation(void *arg, struct belay_str operation)
{
    struct operation_check *check = arg;
    struct config *c = check->l->c;
    if (!belay_definitions_operation(check->l->d, check->api->name, operation))
        config_warning(c->problems, check->api->place, "unanswered-operation",
                       "no flow answers '%.*s' of %.*s", BELAY_STR_ARG(operation),
                       BELAY_STR_ARG(check->api->openapi_path));
}

void config_lint(struct config *c)
{
    struct lint l = { .c = c, .d = &c->set->d };
    l.used = config_scratch(c, l.d->connection_count * sizeof *l.used);
    l.read = config_scratch(c, l.d->topic_count * sizeof *l.read);
    if (!l.used || !l.read)
        return;
    lint_topics(&l);
    lint_connections(&l);
    for (uint32_t i = 0; i < l.d->flow_count; i++)
        lint_flow(&l, &l.d->flows[i]);
    for (uint32_t i = 0; i < l.d->saga_count; i++)
        lint_saga(&l, &l.d->sagas[i]);
    for (uint32_t i = 0; i < l.d->api_count; i++) {
        struct operation_check check = { &l, &l.d->apis[i] };
        config_operations(c, check.api, lint_operation, &check);
        config_lint_rate_limits(c, check.api);
    }
    config_lint_circles(c);
    config_lint_alerts(c);
}
