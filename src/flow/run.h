/* run.h - a run from the inside: its state, and how the files of this room share the work.
 * Private to flow.  Thread: engine.
 *
 *   run.c       begin, the loop over steps, verdicts, the pool
 *   validate.c  the body against a JSON Schema
 *   steps.c     the other steps that need nobody: map, filter, choose, set, publish, log, ...
 *   attempt.c   the `call` step: asking, outcomes, unknown outcomes
 *   fail.c      an error's way: retry, on_error, letter
 *   scope.c     what expressions see, built when one looks
 *   progress.c  the bytes that a retry or a crash resumes from
 *   settled.c   a person's word on a call of unknown outcome
 *   eval.c, call.c, publish.c, value.c  templates, requests, messages, values: shared with sagas
 */
#ifndef BELAY_FLOW_RUN_H
#define BELAY_FLOW_RUN_H

#include "base/buf.h"
#include "base/pack.h"
#include "flow/eval.h"
#include "flow/flow.h"
#include "model/flow_def.h"
#include "policy/policy.h"

/* What the loop does after a step. */
enum move {
    MOVE_ON,      /* to state.step */
    MOVE_CALL,
    MOVE_FAILED,  /* run->fault says why: fail.c decides */
    MOVE_DONE,
    MOVE_RETRY,
    MOVE_LETTER
};

enum phase { PHASE_DO, PHASE_RESOLVE }; /* of a call: RESOLVE asks whether it was done */

enum rest { REST_WHOLE, REST_STEP_GONE, REST_LOST }; /* of the progress a run began with */

struct flow_body {
    struct belay_value value;
    struct belay_str text;     /* p NULL: not written yet */
    struct belay_str type;     /* of text */
    bool known;                /* value is set; false: text is not parsed yet */
    bool mapped;               /* not the message's own */
};

/* A list in the run's arena; forked before a rule changes it. */
struct flow_bindings {
    struct belay_binding *items;
    uint32_t count, cap;
};

/* Where a path through the flow stands: the main one, or that of an on_error rule. Copied when the
 * rule takes over. */
struct flow_state {
    uint16_t step;             /* index, or BELAY_STEP_END */
    enum phase phase;
    struct flow_body body;
    struct flow_bindings vars, results;
    struct belay_flow_reply reply;
    uint32_t attempt_base;     /* attempt in which `step` was first tried */
    belay_time began_at;       /* when that was */
    uint64_t delay_ms;         /* the last one waited */
    uint32_t at_once;          /* tries of `step` made in place, within its first attempt; not kept */
    const struct belay_fault *unknown; /* RESOLVE: what made the outcome unknown */
};

enum {
    SEES_MESSAGE = 1,
    SEES_HEADERS = 2,
    SEES_PARAMS = 4,
    SEES_VARS = 8,
    SEES_ERROR = 16,
    SEES_REQUEST = 32,
    SEES_BODY = 64
};
#define SPECIALS 6             /* the first six, each a binding */

/* A person's word that the run carries to its step. */
struct flow_settled {
    enum belay_flow_settle how;
    struct belay_str step, result;
    struct belay_fault fault;  /* why the outcome was unknown */
};

struct belay_flow_run {
    /* kept from message to message */
    struct belay_flow_pool *pool;
    struct belay_flow_run *next;
    struct belay_arena arena;
    struct belay_buf scratch;
    struct belay_buf progress;

    /* of one message: cleared by begin */
    struct {
        struct belay_flow_input in;
        struct flow_state main, handler;
        struct flow_state *at;            /* &main, or &handler in on_error */
        const struct belay_fault *error;  /* what on_error handles */
        const struct belay_fault *told;   /* of DONE: the same, as it may be told */
        struct belay_random random;       /* of the jitter */
        belay_time now, run_began_at;
        uint32_t steps_done;
        bool interrupted;                 /* and the call in doubt was not reached yet */
        bool worth_keeping;               /* progress says more than the message does */
        bool started;                     /* stepped at least once */
        bool skips, explicit_letter, calling, done;
        enum rest rest;
        const struct flow_settled *settled; /* NULL: none, or it was said */
        bool has_mark;
        struct flow_state mark;           /* of the main path: after its last call */
        struct belay_str filtered;
        uint64_t retry_delay_ms;

        struct belay_scope scope;
        struct belay_random expression_random;
        struct belay_binding specials[SPECIALS]; /* MESSAGE ... REQUEST, where `built` says so */
        unsigned sees, built;

        struct belay_publication *publications;
        struct belay_flow_log *logs;
        uint32_t publication_count, publication_cap, log_count, log_cap;
        uint32_t main_publications, main_logs; /* those of an on_error rule come after them */
        struct belay_flow_effects effects;

        struct belay_call_request request;
        const struct belay_connection_def *connection;
        bool has_fault;
    } m;
    struct belay_fault fault;             /* large; not cleared */
};

static inline const struct belay_step_def *run_step_def(const struct belay_flow_run *run)
{
    return &run->m.in.def->steps[run->m.at->step];
}

static inline struct eval run_eval(struct belay_flow_run *run)
{
    bool ended = run->m.at->step >= run->m.in.def->step_count;
    return (struct eval){ &run->m.scope, ended ? BELAY_STR_NONE : run_step_def(run)->name,
                          &run->arena, &run->fault };
}

/* run->fault is set: returns MOVE_FAILED. */
enum move run_no_memory(struct belay_flow_run *run);

/* scope.c: begin, name every template of the step, then ready. False: run->fault. */
void scope_begin(struct belay_flow_run *run);
void scope_sees(struct belay_flow_run *run, const struct belay_template *t); /* NULL: nothing */
void scope_sees_named(struct belay_flow_run *run, const struct belay_named_template *items,
                      uint32_t count);
void scope_sees_call(struct belay_flow_run *run, const struct belay_call_def *call);
bool scope_ready(struct belay_flow_run *run);
/* Replaces or appends. False: no memory (run->fault). */
bool bindings_put(struct belay_flow_run *run, struct flow_bindings *b, struct belay_str name,
                  struct belay_value v);
/* Both lists of a state can be changed without its copies noticing. False: no memory. */
bool state_fork(struct belay_flow_run *run, struct flow_state *state);
/* Remembers where the main path stands. False: no memory. */
bool state_mark(struct belay_flow_run *run);

/* validate.c, steps.c */
enum move validate_run(struct belay_flow_run *run, const struct belay_step_def *step);
enum move step_run(struct belay_flow_run *run, const struct belay_step_def *step);

/* attempt.c */
enum move call_begin(struct belay_flow_run *run, const struct belay_step_def *step);
enum move call_ended(struct belay_flow_run *run, const struct belay_call_outcome *outcome);

/* fail.c */
enum move fail_route(struct belay_flow_run *run);   /* of run->fault, by its class */
enum move fail_handle(struct belay_flow_run *run);  /* on_error, else a letter */
enum belay_retry_verdict fail_decide(struct belay_flow_run *run, const struct belay_retry_def *def,
                                     const struct belay_fault *fault, uint32_t attempt,
                                     bool repeatable);
uint32_t run_attempt(const struct belay_flow_run *run); /* of the step that is tried now, from 1 */

/* The answer of a call, v (UNDEFINED where nothing names it); on to the next step. */
enum move call_result(struct belay_flow_run *run, const struct belay_step_def *step, struct belay_value v);

/* settled.c */
void settled_pack(struct belay_buf *out, const struct flow_settled *s);
void settled_unpack(struct belay_unpack *u, struct flow_settled *ret_s);
bool settled_is_about(const struct belay_flow_run *run, const struct belay_step_def *step);
enum move settled_move(struct belay_flow_run *run, const struct belay_step_def *step);

/* progress.c */
#define PROGRESS_VERSION 1
enum { PROGRESS_HANDLER = 1, PROGRESS_LOST = 2, PROGRESS_SETTLED = 4, PROGRESS_NOTHING = 8, PROGRESS_AT_REST = 16 };
enum keep {
    KEEP_ALL,    /* to go on exactly here */
    KEEP_FAILED, /* the main path at the step that failed, its attempts begin anew: a letter */
    KEEP_LAST    /* the main path after its last call: the flow's own letter */
};
int progress_encode(struct belay_flow_run *run, struct belay_buf *out, enum keep what);
/* In place of what was too large: that there was something. */
void progress_encode_lost(struct belay_buf *out);
/* The call it stands at is not made before the process ends. */
void progress_mark_at_rest(struct belay_buf *progress);
/* Errors: BELAY_CORRUPT, BELAY_VERSION, BELAY_NOMEM. *ret_rest STEP_GONE: its step is no
 * longer in the flow. */
int progress_decode(struct belay_flow_run *run, struct belay_str bytes, enum rest *ret_rest,
                    struct belay_err *err);

/* Room for one more; false without memory. */
bool run_grow(struct belay_flow_run *run, void **items, uint32_t count, uint32_t *cap, size_t size);
bool run_add_publication(struct belay_flow_run *run, const struct belay_publication *p);
bool run_add_log(struct belay_flow_run *run, const struct belay_flow_log *log);

#endif
