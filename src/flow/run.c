/* run.c - one message through one flow: begin, the loop over steps, verdicts; and the pool of runs.
 */
#include "flow/run.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/limits.h"
#include "flow/redact.h"

/* ---- memory ---- */

#define KEPT_BUFFER_BYTES BELAY_KIB(64)

struct belay_flow_pool {
    struct belay_flow_run *ended; /* newest first */
    uint32_t ended_count, used_count;
};

int belay_flow_pool_new(struct belay_flow_pool **ret_pool, struct belay_err *err)
{
    struct belay_flow_pool *pool = belay_calloc(1, sizeof *pool);
    if (!pool)
        return belay_fail(err, BELAY_NOMEM, "flow pool: out of memory");
    *ret_pool = pool;
    return BELAY_OK;
}

static void run_free(struct belay_flow_run *run)
{
    belay_arena_deinit(&run->arena);
    belay_buf_deinit(&run->scratch);
    belay_buf_deinit(&run->progress);
    belay_free(run);
}

void belay_flow_pool_free(struct belay_flow_pool *pool)
{
    if (!pool)
        return;
    BELAY_ASSERT(pool->used_count == 0);
    while (pool->ended) {
        struct belay_flow_run *run = pool->ended;
        pool->ended = run->next;
        run_free(run);
    }
    belay_free(pool);
}

static struct belay_flow_run *run_new(void)
{
    struct belay_flow_run *run = belay_malloc(sizeof *run);
    if (!run)
        return NULL;
    belay_arena_init(&run->arena, 0, BELAY_RUN_BYTES_MAX);
    belay_buf_init(&run->scratch, BELAY_MESSAGE_BYTES_MAX);
    belay_buf_init(&run->progress, BELAY_PROGRESS_BYTES_MAX);
    return run;
}

static struct belay_flow_run *take_run(struct belay_flow_pool *pool)
{
    struct belay_flow_run *run = pool ? pool->ended : NULL;
    if (run) {
        pool->ended = run->next;
        pool->ended_count--;
    } else {
        run = run_new();
    }
    if (run)
        run->pool = pool;
    if (run && pool)
        pool->used_count++;
    return run;
}

static void shrink(struct belay_buf *b)
{
    if (b->cap <= KEPT_BUFFER_BYTES)
        return;
    size_t max = b->size_bytes_max;
    belay_buf_deinit(b);
    belay_buf_init(b, max);
}

void belay_flow_free(struct belay_flow_run *run)
{
    if (!run)
        return;
    struct belay_flow_pool *pool = run->pool;
    if (pool) {
        BELAY_ASSERT(pool->used_count);
        pool->used_count--;
    }
    if (!pool || pool->ended_count >= BELAY_RUNS_KEPT_MAX) {
        run_free(run);
        return;
    }
    belay_arena_reset(&run->arena);
    shrink(&run->scratch);
    shrink(&run->progress);
    run->next = pool->ended;
    pool->ended = run;
    pool->ended_count++;
}

/* ---- begin ---- */

static struct flow_body own_body(const struct belay_flow_input *in)
{
    return (struct flow_body){
        .text = in->message->body,
        .type = in->message->datacontenttype,
        .known = in->body != NULL,
        .value = in->body ? belay_value_tape(in->body) : belay_value_undefined(),
    };
}

static bool set_source(struct belay_flow_run *run)
{
    struct belay_str name = run->m.in.def->name, prefix = BELAY_STR("/flows/");
    char *to = belay_arena_bytes(&run->arena, prefix.n + name.n);
    if (!to)
        return false;
    memcpy(to, prefix.p, prefix.n);
    if (name.n)
        memcpy(to + prefix.n, name.p, name.n);
    run->m.scope.source = belay_str(to, prefix.n + name.n);
    return true;
}

/* A letter that was replayed, or an earlier numbering: the step's attempts begin with this one. */
static void fresh_attempts(const struct belay_flow_run *run, struct flow_state *state)
{
    if (state->attempt_base && state->attempt_base <= run->m.in.attempt)
        return;
    state->attempt_base = run->m.in.attempt;
    state->began_at = run->m.in.first_attempt_at;
    state->delay_ms = 0;
}

/* The definition may have changed since: where nobody can be asked any more, it is as if the
 * attempt before had been interrupted. */
static void check_phase(struct belay_flow_run *run, struct flow_state *state)
{
    const struct belay_flow_def *def = run->m.in.def;
    if (state->phase != PHASE_RESOLVE)
        return;
    bool askable = state->step < def->step_count && def->steps[state->step].kind == BELAY_STEP_CALL
                   && def->steps[state->step].u.call.resolve;
    if (!askable) {
        state->phase = PHASE_DO;
        run->m.interrupted = true;
    }
}

static int resume(struct belay_flow_run *run, struct belay_err *err)
{
    int status = progress_decode(run, run->m.in.progress, &run->m.rest, err);
    if (status)
        return status;
    run->m.worth_keeping = true;
    check_phase(run, &run->m.main);
    fresh_attempts(run, &run->m.main);
    if (run->m.at == &run->m.handler) {
        check_phase(run, &run->m.handler);
        fresh_attempts(run, &run->m.handler);
    }
    if (!state_mark(run))
        return belay_fail(err, BELAY_NOMEM, "flow: out of memory");
    return BELAY_OK;
}

static void start_state(struct belay_flow_run *run, const struct belay_flow_input *in)
{
    memset(&run->m, 0, sizeof run->m);
    run->m.in = *in;
    run->m.at = &run->m.main;
    run->m.main.step = in->def->first;
    run->m.main.body = own_body(in);
    run->m.main.attempt_base = 1;
    run->m.main.began_at = in->first_attempt_at;
    run->m.random.state = in->seed;
    run->m.interrupted = in->interrupted;
    run->m.scope = (struct belay_scope){
        .functions = in->functions,
        .function_count = in->function_count,
        .scratch = &run->scratch,
        .random = &run->m.expression_random,
        .outside = in->def->from.kind == BELAY_SOURCE_API,
    };
    belay_buf_clear(&run->progress);
}

int belay_flow_begin(const struct belay_flow_input *input, struct belay_flow_run **ret_run,
                     struct belay_err *err)
{
    BELAY_ASSERT(input->attempt >= 1);
    struct belay_flow_run *run = take_run(input->pool);
    if (!run)
        return belay_fail(err, BELAY_NOMEM, "flow: out of memory");
    start_state(run, input);
    int status = set_source(run) ? BELAY_OK : belay_fail(err, BELAY_NOMEM, "flow: out of memory");
    if (!status && input->progress.n)
        status = resume(run, err);
    if (status) {
        belay_flow_free(run);
        return status;
    }
    *ret_run = run;
    return BELAY_OK;
}

/* ---- verdicts ---- */

/* Of what was gathered, what happens with this verdict. */
static void set_effects(struct belay_flow_run *run, enum belay_flow_verdict verdict)
{
    bool forked = run->m.at == &run->m.handler;
    bool letter = verdict == BELAY_FLOW_LETTER;
    struct belay_flow_effects *effects = &run->m.effects;
    if (verdict != BELAY_FLOW_DONE && !run->m.explicit_letter)
        return;
    bool rule_only = forked && letter;
    uint32_t first = rule_only ? run->m.main_publications : 0;
    uint32_t first_log = rule_only ? run->m.main_logs : 0;
    BELAY_ASSERT(first <= run->m.publication_count && first_log <= run->m.log_count);
    *effects = (struct belay_flow_effects){
        .publication_count = run->m.publication_count - first,
        .log_count = run->m.log_count - first_log,
        .reply = run->m.at->reply,
        .filtered = run->m.filtered,
    };
    if (effects->publication_count)
        effects->publications = run->m.publications + first;
    if (effects->log_count)
        effects->logs = run->m.logs + first_log;
}

/* What leaves the run; within it expressions see the fault as it is. */
static void redact_faults(struct belay_flow_run *run)
{
    struct belay_fault *told;
    run->m.told = run->m.error;
    if (run->m.has_fault)
        run_redact_fault(run, &run->fault);
    if (!run->m.error || run->m.has_fault || !run->m.in.redact)
        return;
    told = belay_arena_alloc(&run->arena, sizeof *told);
    if (told) {
        *told = *run->m.error;
        run_redact_fault(run, told);
    }
    run->m.told = told;
}

/* Nothing is kept that says no more than the message does.  The flow's own dead_letter is its last
 * word: replayed, it begins anew, but for the calls that were made. */
static int keep_progress(struct belay_flow_run *run, enum belay_flow_verdict verdict)
{
    bool letter = verdict == BELAY_FLOW_LETTER;
    bool last_word = letter && run->m.explicit_letter && run->m.at == &run->m.main;
    belay_buf_clear(&run->progress);
    if (verdict == BELAY_FLOW_DONE || !run->m.worth_keeping || (last_word && !run->m.has_mark))
        return BELAY_OK;
    if (run->m.rest != REST_WHOLE) { /* a letter again: as it was */
        belay_buf_put_str(&run->progress, run->m.in.progress);
        return belay_buf_status(&run->progress);
    }
    enum keep what = last_word ? KEEP_LAST : letter ? KEEP_FAILED : KEEP_ALL;
    return progress_encode(run, &run->progress, what);
}

/* What is too large to be kept makes the message a letter, which remembers that there was
 * something. */
static enum belay_flow_verdict progress_lost(struct belay_flow_run *run,
                                             enum belay_flow_verdict verdict)
{
    const struct eval e = run_eval(run);
    progress_encode_lost(&run->progress);
    if (verdict != BELAY_FLOW_LETTER) /* a letter has its own fault */
        eval_fail(&e, "FLOW:PROGRESS_TOO_LARGE",
                  "what the flow keeps between calls exceeds %zu bytes", BELAY_PROGRESS_BYTES_MAX);
    return BELAY_FLOW_LETTER;
}

static enum belay_flow_verdict conclude(struct belay_flow_run *run, enum belay_flow_verdict verdict)
{
    if (keep_progress(run, verdict) != BELAY_OK)
        verdict = progress_lost(run, verdict);
    run->m.calling = verdict == BELAY_FLOW_CALL;
    run->m.done = verdict == BELAY_FLOW_DONE;
    run->m.has_fault = verdict == BELAY_FLOW_RETRY || verdict == BELAY_FLOW_LETTER;
    if (verdict != BELAY_FLOW_CALL)
        redact_faults(run);
    set_effects(run, verdict);
    return verdict;
}

/* To begin anew would make its calls again: that is a person's to say. */
static enum move cannot_go_on(struct belay_flow_run *run)
{
    const struct eval e = run_eval(run);
    if (run->m.rest == REST_LOST)
        eval_fail(&e, "FLOW:PROGRESS_TOO_LARGE",
                  "what had been achieved was too large to keep: replay it from the start");
    else
        eval_fail(&e, "FLOW:STEP_GONE",
                  "the step where this message stopped is no longer in the flow: replay it from "
                  "the start");
    return MOVE_LETTER;
}

/* Steps only lead forwards, so a run ends. */
static enum move next_move(struct belay_flow_run *run)
{
    const struct belay_flow_def *def = run->m.in.def;
    if (run->m.at->step == BELAY_STEP_END)
        return MOVE_DONE;
    BELAY_ASSERT(run->m.at->step < def->step_count && run->m.steps_done <= 2 * def->step_count);
    run->m.steps_done++;
    return step_run(run, run_step_def(run));
}

static enum move first_move(struct belay_flow_run *run, const struct belay_call_outcome *outcome)
{
    BELAY_ASSERT(run->m.calling == (outcome != NULL));
    if (!run->m.started)
        run->m.run_began_at = run->m.now;
    run->m.started = true;
    if (run->m.rest != REST_WHOLE)
        return cannot_go_on(run);
    return outcome ? call_ended(run, outcome) : MOVE_ON;
}

enum belay_flow_verdict belay_flow_step(struct belay_flow_run *run, belay_time now,
                                        const struct belay_call_outcome *outcome)
{
    BELAY_ASSERT(!run->m.done && now >= run->m.now);
    run->m.now = run->m.scope.now = now;
    enum move move = first_move(run, outcome);
    for (;;) {
        switch (move) {
        case MOVE_ON: move = next_move(run); break;
        case MOVE_FAILED: move = fail_route(run); break;
        case MOVE_CALL: return conclude(run, BELAY_FLOW_CALL);
        case MOVE_DONE: return conclude(run, BELAY_FLOW_DONE);
        case MOVE_RETRY: return conclude(run, BELAY_FLOW_RETRY);
        case MOVE_LETTER: return conclude(run, BELAY_FLOW_LETTER);
        }
    }
}

/* ---- answers ---- */

const struct belay_call_request *belay_flow_request(const struct belay_flow_run *run)
{
    BELAY_ASSERT(run->m.calling);
    return &run->m.request;
}

const struct belay_connection_def *belay_flow_connection(const struct belay_flow_run *run)
{
    return run->m.connection;
}

bool belay_flow_repeats(const struct belay_flow_run *run)
{
    return run_attempt(run) > 1 || run->m.at->at_once > 0;
}

struct belay_str belay_flow_step_name(const struct belay_flow_run *run)
{
    return run->m.at->step < run->m.in.def->step_count ? run_step_def(run)->name : BELAY_STR_NONE;
}

void belay_flow_time_begins(struct belay_flow_run *run, belay_time now)
{
    BELAY_ASSERT(run->m.started && run->m.calling && now >= run->m.now);
    run->m.run_began_at = now;
}

bool belay_flow_asks(const struct belay_flow_run *run)
{
    return run->m.at->phase == PHASE_RESOLVE;
}

bool belay_flow_repeatable(const struct belay_flow_run *run)
{
    BELAY_ASSERT(run->m.calling);
    return run->m.at->phase == PHASE_DO && belay_call_repeatable(&run_step_def(run)->u.call.call, &run->m.request);
}

bool belay_flow_in_rule(const struct belay_flow_run *run)
{
    return run->m.at == &run->m.handler;
}

/* Steps only lead forwards: a call in front of the one it stands at, whose answer has no name, was made. */
bool belay_flow_recorded(const struct belay_flow_run *run, struct belay_str step, struct belay_value *ret_answer)
{
    const struct belay_flow_def *def = run->m.in.def;
    const struct flow_bindings *results = &run->m.main.results;
    uint32_t i = 0;
    while (i < def->step_count && !belay_str_eq(def->steps[i].name, step))
        i++;
    if (i == def->step_count || run->m.rest != REST_WHOLE || def->steps[i].kind != BELAY_STEP_CALL)
        return false;
    *ret_answer = belay_value_undefined();
    if (!def->steps[i].as.n)
        return i < run->m.main.step;
    for (uint32_t k = 0; k < results->count; k++)
        if (belay_str_eq(results->items[k].name, def->steps[i].as)) {
            *ret_answer = results->items[k].value;
            return true;
        }
    return false;
}

/* A DONE that cannot be committed becomes a letter: its replay goes on at the end. */
static void keep_the_end(struct belay_flow_run *run)
{
    if (run->m.done && run->m.worth_keeping && !run->progress.n
        && progress_encode(run, &run->progress, KEEP_FAILED) != BELAY_OK)
        progress_encode_lost(&run->progress);
}

struct belay_str belay_flow_progress(struct belay_flow_run *run)
{
    keep_the_end(run);
    return run->progress.n ? belay_buf_view(&run->progress) : BELAY_STR_NONE;
}

struct belay_str belay_flow_progress_at_rest(struct belay_flow_run *run)
{
    struct belay_str progress = belay_flow_progress(run);
    if (progress.n && run->m.calling && !run->m.in.interrupted)
        progress_mark_at_rest(&run->progress);
    return progress;
}

const struct belay_flow_effects *belay_flow_effects(const struct belay_flow_run *run)
{
    return &run->m.effects;
}

const struct belay_fault *belay_flow_fault(const struct belay_flow_run *run)
{
    return run->m.has_fault ? &run->fault : run->m.told;
}

uint64_t belay_flow_delay_ms(const struct belay_flow_run *run)
{
    return run->m.retry_delay_ms;
}

bool belay_flow_skips(const struct belay_flow_run *run)
{
    return run->m.skips;
}
