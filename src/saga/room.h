/* room.h - what the files of this room share: the room itself, instances in memory, their turn.
 *
 * An instance is in one place at a time:
 *
 *   row only --load--> ready --turn--> in flight --outcome--> ready ...
 *      ^                 |  `--no free slot--> gate of its connection
 *      |                 `--later--> idle (timer) --due--> ready
 *      `--evict-- idle, ready or gate, oldest first, beyond BELAY_SAGAS_IN_MEMORY
 *
 * Its row is written with each move.  Its entry in SAGA_DUE, which leads to it when it has to do
 * something, is written when it leaves memory and before a checkpoint: a saga that ends between two
 * checkpoints costs one of each, and after a crash the records behind the checkpoint lead to it.
 * So every row that is not in memory has its entry at `due` (a parked one has none); while an
 * instance is in memory its timer counts, not the entry.
 */
#ifndef BELAY_SAGA_ROOM_H
#define BELAY_SAGA_ROOM_H

#include "base/arena.h"
#include "base/map.h"
#include "base/random.h"
#include "policy/policy.h"
#include "saga/record.h"
#include "saga/saga.h"

#define DUE_KEY_BYTES_MAX (8 + KEY_BYTES_MAX)
#define KIND_ROW_BYTES (7 * BELAY_VARINT_MAX + BELAY_VARINT_MAX + BELAY_NAME_BYTES_MAX)
#define EVENT_KEY_BYTES_MAX (5 + KEY_ID_BYTES_MAX + BELAY_NAME_BYTES_MAX)

struct saga_idle {
    belay_time since; /* it moved last; NEVER: none */
    struct saga_key key;
};
struct saga_watch {                /* watch.c */
    bool walking;
    struct saga_key at;            /* rows up to this one were looked at */
    struct saga_idle best, longest; /* so far in this walk; in the one before */
};

struct saga_kind {
    uint32_t number;
    struct belay_str name, source; /* owned; source: of what it publishes, "/sagas/NAME" */
    struct belay_saga_stats stats;
    struct saga_watch watch;
};

struct gate {                    /* instances that wait for a slot of one connection */
    struct belay_str connection; /* owned */
    struct belay_list waiting;
};

struct flight_slot {
    struct saga *saga; /* NULL: free */
    uint32_t generation, next_free;
};

/* What an instance does next, while it does. */
struct saga_turn {
    struct belay_sagas *room;
    struct saga *saga;
    const struct belay_saga_def *def;
    belay_time now;
    bool scoped;
    unsigned sees;
    struct belay_message input;
    struct belay_scope scope;
    struct belay_binding bindings[4];
    struct belay_call_request request;
    const struct belay_connection_def *connection;
    belay_time not_before; /* NOT_BEFORE */
    bool retry;            /* CALL: its step was tried before */
};

struct belay_sagas {
    struct belay_sagas_opt opt;
    struct belay_state *state;
    struct belay_random random;

    struct saga_kind **kinds; /* by number - 1 */
    uint32_t kind_count, kind_cap;
    uint32_t watch_from;      /* index of the kind whose rows are looked at first */
    struct belay_map kind_by_name;

    struct belay_map sagas; /* in memory, by key */
    size_t bytes;
    struct belay_list ready, idle, pool;
    uint32_t pool_count;
    struct belay_heap timers;
    struct gate **gates;
    uint32_t gate_count, gate_cap;
    struct flight_slot *flights;
    uint32_t flight_cap, flight_free;

    belay_time now;         /* of the call that came last */
    belay_time rows_due;    /* no row outside memory is due before */
    belay_time pass_due;    /* the same of what became a row since the scan began */
    uint32_t gated;         /* instances that wait for a slot */
    bool gates_overflowed;  /* some of them were evicted */
    belay_time pause_until; /* there was no room: nothing goes on before */
    char scan_key[DUE_KEY_BYTES_MAX];
    size_t scan_key_n;

    struct saga_turn turn;
    const struct belay_saga_word *word; /* of the person whose move is being made */
    struct belay_arena arena; /* of one turn */
    struct belay_buf record, row, kind_row, fault, text, json, scratch;
    struct saga *look; /* views of instances that are not in memory */
    struct belay_buf list_id;
};

/* ---- kinds.c ---- */
struct saga_kind *saga_kind_find(struct belay_sagas *s, struct belay_str name);
/* Finds it or gives it a number (a record). Errors: BELAY_NOMEM, BELAY_BUSY, BELAY_NOSPACE. */
int saga_kind_need(struct belay_sagas *s, struct belay_str name, struct saga_kind **ret_kind,
                   struct belay_err *err) BELAY_MUST_CHECK;
struct saga_kind *saga_kind_at(struct belay_sagas *s, uint32_t number);
int saga_kinds_load(struct belay_sagas *s, struct belay_err *err) BELAY_MUST_CHECK;
/* Apply: its row; memory was reserved. */
void saga_kind_write(struct belay_sagas *s, const struct saga_kind *kind);
void saga_kinds_free(struct belay_sagas *s);
int saga_kind_apply(struct belay_sagas *s, struct belay_str body,
                    struct belay_err *err) BELAY_MUST_CHECK;
void saga_count(struct saga_kind *kind, uint8_t state, int by);

/* ---- cache.c ---- */
/* What a decision writes: records, and what applying them changes (the kind's row is added). */
struct saga_cost {
    size_t bytes;
    uint32_t records;
    size_t state_bytes;
    uint32_t changes;
};
int saga_room_reserve(struct belay_sagas *s, const struct saga_cost *cost, bool may_use_reserve,
                      struct belay_err *err) BELAY_MUST_CHECK;
/* Errors: BELAY_NOTFOUND, BELAY_NOMEM, BELAY_CORRUPT. */
int saga_cache_get(struct belay_sagas *s, const struct saga_key *key, struct saga **ret_saga,
                   struct belay_err *err) BELAY_MUST_CHECK;
/* A fresh one from the pool, not yet in memory's map. NULL: no memory. */
struct saga *saga_cache_fresh(struct belay_sagas *s, uint8_t step_count);
int saga_cache_add(struct belay_sagas *s, struct saga *i) BELAY_MUST_CHECK;
/* Where it belongs now: ready, idle until it is due, or out of memory when it ended (i may be
 * gone). */
void saga_cache_place(struct belay_sagas *s, struct saga *i, belay_time now);
/* In memory and in no queue, as after a load. */
bool saga_cache_is_loose(const struct saga *i);
/* Not before `until`, in memory only. */
void saga_cache_delay(struct belay_sagas *s, struct saga *i, belay_time until);
/* Out of every queue: its turn. */
void saga_cache_take(struct belay_sagas *s, struct saga *i);
/* Out of memory without a trace (its row stays what it is). */
void saga_cache_drop(struct belay_sagas *s, struct saga *i);
/* Evicts what is too much; does what the store has room for. */
void saga_cache_trim(struct belay_sagas *s);
/* Apply: its row; memory was reserved. */
void saga_cache_write(struct belay_sagas *s, const struct saga *i);
/* Errors: BELAY_NOMEM. */
int saga_cache_save(struct belay_sagas *s, struct belay_err *err) BELAY_MUST_CHECK;
/* Apply: both gone, i too. */
void saga_cache_erase(struct belay_sagas *s, struct saga *i);
size_t saga_row_bytes(const struct saga *i);
void saga_cache_free(struct belay_sagas *s);

/* ---- queue.c: who is next ---- */
/* Moves to ready what is due, from memory and from rows. */
void saga_queue_fill(struct belay_sagas *s, belay_time now);
void saga_queue_scan(struct belay_sagas *s, belay_time now);
/* i becomes a row: it is to be found when it is due. */
void saga_queue_note(struct belay_sagas *s, const struct saga *i);
/* An entry of SAGA_DUE was written. */
void saga_queue_due(struct belay_sagas *s, belay_time due);
/* Behind the others that wait for this connection, or before them. */
int saga_gate_wait(struct belay_sagas *s, struct belay_str connection, struct saga *i,
                   bool first) BELAY_MUST_CHECK;
void saga_gates_free(struct belay_sagas *s);
/* A slot for a call; the request's id. Errors: BELAY_NOMEM. */
int saga_flight_reserve(struct belay_sagas *s) BELAY_MUST_CHECK;
uint64_t saga_flight_begin(struct belay_sagas *s, struct saga *i, enum flight purpose,
                           bool repeatable);
struct saga *saga_flight_of(struct belay_sagas *s, uint64_t id);
void saga_flight_end(struct belay_sagas *s, struct saga *i);

/* ---- apply.c ---- */
/* As the instance is, `now`; the step it is at. */
void saga_move_init(struct saga_move *m, const struct saga *i, belay_time now,
                    enum saga_event event);
/* Room for the move and `extra` bytes of other records. On error nothing happened. */
int saga_move_reserve(struct belay_sagas *s, struct saga *i, const struct saga_move *m,
                      size_t extra, struct belay_err *err) BELAY_MUST_CHECK;
void saga_move_append(struct belay_sagas *s, struct saga *i, struct saga_move *m);
int saga_move_commit(struct belay_sagas *s, struct saga *i, struct saga_move *m,
                     struct belay_err *err) BELAY_MUST_CHECK;
int saga_start_append(struct belay_sagas *s, struct saga_kind *kind, const struct saga_start *r,
                      struct saga **ret_saga, struct belay_err *err) BELAY_MUST_CHECK;
void saga_forget_append(struct belay_sagas *s, struct saga *i);

/* ---- news.c ---- */
/* Before i is as the move says. */
void saga_tell(struct belay_sagas *s, const struct saga *i, const struct saga_move *m);

/* ---- redact.c: as it may be told; memory of the turn ---- */
void saga_gather(struct belay_sagas *s, const struct saga *i, struct belay_redact_words *words);
void saga_redact_fault(struct belay_sagas *s, const struct saga *i, struct belay_fault *fault);
void saga_redact_letter(struct belay_sagas *s, const struct belay_message *m, struct belay_fault *fault);

/* ---- kept.c: events that came before their saga ---- */
int saga_kept_append(struct belay_sagas *s, const struct saga_kept *r,
                     struct belay_err *err) BELAY_MUST_CHECK;
/* Views until the state changes. */
bool saga_kept_find(struct belay_sagas *s, const struct saga_kind *kind, struct belay_str id,
                    struct belay_str step, struct saga_kept *ret_kept);
/* It was reserved for. */
void saga_kept_gone(struct belay_sagas *s, struct saga_kind *kind, struct belay_str id,
                    struct belay_str step);
/* The instance ended: what waits for it is done. */
void saga_kept_apply_end(struct belay_sagas *s, const struct saga *i);
int saga_kept_apply(struct belay_sagas *s, struct belay_str body, bool gone,
                    struct belay_err *err) BELAY_MUST_CHECK;

/* ---- turn: what an instance does next ---- */
enum saga_act {
    ACT_CALL,    /* turn->request, turn->connection */
    ACT_AGAIN,   /* it can go on at once */
    ACT_LATER,   /* nothing before it is due, or ended */
    ACT_BLOCKED, /* turn->connection has no free slot */
    ACT_NOT_BEFORE, /* not before turn->not_before: a retry that its connection does not take, a full queue */
    ACT_NO_ROOM, /* the store or the memory has none: soon again */
    ACT_WAIT,    /* for somebody else (a message in flight): look again soon */
    ACT_GONE     /* forgotten */
};

void saga_turn_init(struct saga_turn *t, struct belay_sagas *s, struct saga *i, belay_time now);
/* forward.c */
enum saga_act saga_forward(struct saga_turn *t);
/* Its pivot is done: it only goes forward, and what fails waits for a person. */
bool saga_past_pivot(const struct saga_turn *t);
/* When it has to be over; NEVER where nothing bounds it any more. */
belay_time saga_deadline(const struct saga_turn *t);
/* The step's time begins now. */
void saga_move_begins(struct saga_turn *t, struct saga_move *m);
void saga_move_next(struct saga_turn *t, struct saga_move *m); /* on to the next step, or the end */
/* The step it is at is done as far as call or publish go: DONE and on to the next, or AWAITING. */
void saga_move_done(struct saga_turn *t, struct saga_move *m);
/* The step it is at failed, or all is to be given up: into m what follows (COMPENSATING or FAILED;
 * past the pivot PARKED). */
void saga_move_fail(struct saga_turn *t, struct saga_move *m, const struct belay_fault *fault);
void saga_move_park(struct saga_turn *t, struct saga_move *m, const struct belay_fault *fault);
void saga_move_fault(struct saga_turn *t, struct saga_move *m, const struct belay_fault *fault);
/* Of i's history: as it may be told. */
struct belay_str saga_fault_text(struct belay_sagas *s, const struct saga *i, const struct belay_fault *fault);
bool saga_build_call(struct saga_turn *t, const struct belay_call_def *call, enum flight purpose,
                     struct belay_call_request *ret_request, struct belay_fault *ret_fault);
enum saga_act saga_commit(struct saga_turn *t, struct saga_move *m); /* ACT_AGAIN or ACT_NO_ROOM */
enum saga_act saga_make_call(struct saga_turn *t, const struct belay_call_def *call,
                             enum flight purpose);
enum saga_act saga_make_publish(struct saga_turn *t, const struct belay_publish_def *publish,
                                uint64_t index, struct saga_move *m, struct belay_fault *ret_fault,
                                bool *ret_failed);
/* suspect.c */
/* The flags of one whose step was left behind, or whose call was answered. */
uint8_t saga_innocent(uint8_t flags);
uint8_t saga_answered(uint8_t flags, bool ok);
/* Has it killed so often that it is not run any more? Then it is parked with its story. */
bool saga_is_deadly(const struct saga_turn *t);
enum saga_act saga_quarantine(struct saga_turn *t);
/* sagas.c: its turn, to where it belongs then. It was taken out of every queue. */
enum saga_act saga_take_turn(struct belay_sagas *s, struct saga *i, belay_time now, struct belay_call_request *ret_request,
                             const struct belay_connection_def **ret_connection, bool *ret_retry);
/* undo.c */
enum saga_act saga_undo(struct saga_turn *t);
/* Step below `from` (not included) that is to be undone, as it will be after m; -1: none. */
int saga_undo_next(const struct saga_turn *t, const struct saga_move *m, int from);
/* state: UNDONE, or LEFT as it is. */
void saga_move_undone(struct saga_turn *t, struct saga_move *m, enum saga_step_state state);
/* outcome.c: what the outcome of a call makes of its step. o NULL: it was interrupted. */
int saga_outcome(struct saga_turn *t, enum flight purpose, bool repeatable,
                 const struct belay_call_outcome *o, struct belay_err *err) BELAY_MUST_CHECK;
/* event.c: the event it waits for came. Into m. */
int saga_move_event(struct saga_turn *t, struct saga_move *m, const struct belay_message *event,
                    struct belay_err *err) BELAY_MUST_CHECK;
/* scope.c: what expressions see. Bits of `sees`. Errors: BELAY_NOMEM, BELAY_LIMIT, BELAY_CORRUPT.
 */
#define SEES_MESSAGE 0x01
#define SEES_HEADERS 0x02
#define SEES_STEPS 0x04
#define SEES_ERROR 0x08
unsigned saga_sees(const struct belay_template *t); /* NULL: nothing */
unsigned saga_sees_call(const struct belay_call_def *call);
unsigned saga_sees_publish(const struct belay_publish_def *p);
int saga_scope(struct saga_turn *t, unsigned sees, struct belay_err *err) BELAY_MUST_CHECK;
/* Of a message alone: id, match, fail_when. */
int saga_scope_message(struct belay_sagas *s, const struct belay_message *m, unsigned sees,
                       belay_time now, struct belay_scope *ret_scope,
                       struct belay_binding *bindings, struct belay_err *err) BELAY_MUST_CHECK;
struct belay_expr_env saga_env(const struct belay_scope *scope);

#endif
