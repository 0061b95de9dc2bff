/* world.h - the world around one engine: disk, jobs, time, endpoints, clients and operators, all out of
 * one seed, and an outside ledger of what must be true (docs/internals/simulation.md).
 *
 *   world.c      what happens next; the engine's life and deaths
 *   endpoints.c  outside systems: they do work, lose answers, fail, and keep a ledger of their own
 *   clients.c    callers of the APIs with idempotency keys, who ask again until they are answered
 *   operators.c  people: letters, reloads
 *   persons.c    people: what they say about sagas
 *   questions.c  people ask the admin API; what may not be told
 *   mails.c      calls that nobody may repeat blindly, and people who know what became of them
 *   imports.c    letters by the handful: discarded by a filter, exported, imported
 *   notes.c      silences
 *   alerts.c     what was told as wrong is told as over
 *   crashes.c    the process dies with a message in hand
 *   poison.c     what trips, against what was refused for good
 *   backups.c    somebody backs up the store
 *   audit.c      the balance out of the rows
 *   newest.c     the newest segment of the journal goes missing
 *   seeks.c      people: seeks and pauses, and what must come of them
 *   replays.c    people: replay jobs, and what must come of them
 *   lanes.c      people: lanes that they park, release, retry, skip and move
 *   transfers.c  requests of two calls that nobody may repeat blindly
 *   edge.c       a limit by caller in front of the APIs
 *   notices.c    what is told of the engine's figures, in groups
 *   limits.c     full queues, messages whose time is over, what is in memory
 *   gates.c      what connections let through: rate, budget, attempts
 *   checks.c     G1-G8 against the ledgers
 *   trace.c      what happened, hashed and readable
 *
 * Uses: engine, app.h, disk.h, jobs.h.  Thread: one.
 * A violation ends the process (sim_violation): the seed says all that is needed to see it again. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "base/list.h"
#include "base/random.h"
#include "broker/letter.h"
#include "engine/engine.h"
#include "sim/disk.h"
#include "sim/jobs.h"

#define SIM_ORDERS_MAX 16
#define SIM_LANES_MAX 4
#define SIM_EVENTS_MAX 24 /* of a lane */
#define SIM_QUOTES_MAX 6
#define SIM_TRANSFERS_MAX 6
#define SIM_TRACE_LINES 400

#define SIM_ACCUSED_MAX 4096
#define SIM_CANARY "canary-4711" /* in what may not be told */
#define SIM_COMPANY 2 /* deaths of a killer that had company, before it ran alone */

enum { SIM_MS = 1000, SIM_S = 1000000 };

/* ---- trace.c ---- */

struct sim_trace {
    uint64_t hash, lines;
    bool print;
    char last[SIM_TRACE_LINES][240];
};

/* ---- ledgers ---- */

enum sim_client_state {
    SIM_IDLE,    /* may ask (again) */
    SIM_ASKED,   /* an answer is due */
    SIM_ANSWERED /* with the answer that counts */
};

/* One thing that a client wants done, under one idempotency key. */
struct sim_wish {
    enum sim_client_state state;
    char key[40], operation[16], body[96];
    uint32_t asked;            /* how often */
    uint32_t answer_status;    /* of the answer that counts */
    uint64_t answer_hash;
    bool other_payload;        /* what is asked now comes with another payload: 422 is due */
};

struct sim_order {
    struct sim_wish wish;
    char id[16];
    bool declined, unshippable; /* its card, its goods: permanent refusals */
    bool unbookable, stuck;     /* past the pivot: refused for good; busy until a person sees to it */
    /* of the endpoints */
    bool reserved, unreserved, charged, refunded, shipped, unshipped;
    bool booked, book_asked;
    uint32_t book_calls;       /* since a person said something about it */
    bool book_skipped;         /* a person may have said so; what follows likewise */
    bool left_reserved, left_charged, left_shipped;
    bool undoing;              /* a compensation was seen */
    char charge_key[80];
    uint32_t mails, texts;     /* that it was sent */
    bool unmailable;           /* refused for good */
};

struct sim_event {
    struct sim_wish wish;
    bool first, second;        /* the sink did it */
    bool second_ok;            /* and the engine was told */
    bool first_asked, second_asked;
    uint32_t asked;            /* calls that came for it */
    bool left;                 /* its lane: an operator's word */
    bool passed;               /* the same: it may have been moved aside */
    bool bad;                  /* the sink refuses it for good, while faults are on */
    bool see_replayed;         /* a person wanted `see` to handle it, late or not */
    bool refused;              /* it did */
    bool hint_gone;            /* its letter was discarded by a person, for sure */
    bool hint_open;            /* that, or not */
    bool imported;             /* it has all the time of the world */
};

struct sim_lane {
    char name[16];
    uint32_t count;
    bool hand, spare;          /* surely parked by hand; but for one that was in flight */
    struct sim_event events[SIM_EVENTS_MAX];
};

/* What people did with the subscription `read`, and what is sure of it. */
struct sim_seeks {
    uint64_t back[SIM_LANES_MAX * SIM_EVENTS_MAX + 1]; /* by sequence: may have been handed out again */
    bool skipped[SIM_LANES_MAX * SIM_EVENTS_MAX + 1];  /* may have been passed over since it was last sure */
    uint64_t sure_to, sure_mark; /* from there on again, behind that place of counts; 0: nothing */
};

#define SIM_REPLAYS_MAX 8

/* A replay job, as far as somebody knows. */
struct sim_replay {
    uint32_t id;
    bool sure;      /* it began for sure */
    uint8_t surely; /* enum belay_replay_state that it has for sure; 0: none */
    uint64_t taken; /* when it was paused */
};

/* A key of a short window that was used (keys.c). */
#define SIM_KEYS 48
struct sim_key {
    uint64_t number;   /* its answer; 0: none that is certain */
    belay_time until;
    uint64_t position; /* the commit it is in */
};

/* A letter that somebody exported, and discarded for sure. */
struct sim_file {
    char text[4096];         /* what an import asks; "" none */
    struct sim_event *event; /* whose hint it is; NULL: none */
    bool sure;               /* it was imported for sure */
};

#define SIM_SILENCES_MAX 4
#define SIM_NAME_BYTES 40
struct sim_silence {
    bool there, open; /* for sure; nobody knows */
    belay_time until;
};

#define SIM_ALERTS 3
struct belay_alerts;
struct sim_alerts {
    struct belay_alerts *rules;  /* the process's; NULL: it is dead */
    struct belay_random random;
    bool ill[SIM_ALERTS];
    char sent[SIM_ALERTS];       /* of each what was told last: 'f' ill, 'o' well, '-' nothing */
    belay_time now;              /* never back */
    bool no_room;                /* a row found none in this life */
    bool twice;                  /* ... in the one before: so something may be told twice */
};

#define SIM_TOPICS_MAX 32
/* How much the topics held after the event before (limits.c). */
struct sim_limits {
    bool loose; /* since then something happened that no limit stops */
    uint64_t next[SIM_TOPICS_MAX], length[SIM_TOPICS_MAX];
    uint64_t aside[SIM_TOPICS_MAX]; /* letters of their subscriptions, and what is stuck behind them */
};

struct sim_quote {
    struct sim_wish wish;
    char id[16];
};

/* Money taken here and brought there (transfers.c). */
struct sim_transfer {
    struct sim_wish wish;
    char id[16];
    uint32_t debits, credits; /* that the bank made */
    bool bad;                 /* the credit is refused for good, while faults are on */
};

#define SIM_CALLERS 16
#define SIM_CALLERS_FEW 6
#define SIM_PASSES 16 /* a ring */

struct sim_caller {
    belay_time passes[SIM_PASSES];
    uint64_t count;
    double tokens; /* a naive bucket */
    belay_time counted_at;
};
struct sim_edge { /* edge.c */
    struct belay_buckets *buckets;
    bool crowded; /* somebody had no place of his own */
    struct sim_caller callers[SIM_CALLERS];
};

#define SIM_RULES 2
#define SIM_SUBJECTS 32

struct sim_news { /* of a rule and a subject */
    bool wrong, told;
    belay_time since, told_at;
    double value, told_value;
};
struct sim_notices { /* notices.c */
    struct belay_alerts *alerts;
    struct belay_random random;
    belay_time again_at, last_at[SIM_RULES][2]; /* firing, over */
    uint32_t subject_count;
    char subjects[SIM_SUBJECTS][32];
    struct sim_news news[SIM_RULES][SIM_SUBJECTS];
};

/* ---- what is under way ---- */

struct sim_request {
    struct belay_list node;
    struct belay_engine_request request;
    struct belay_field headers[2];
    struct belay_arena arena;
    struct sim_wish *wish; /* NULL: nobody counts on the answer */
};

struct sim_call {
    struct belay_list node;
    uint64_t id;
    belay_time due;
    struct belay_call_outcome outcome;
    bool works, worked;    /* it is to have an effect; it had it */
    char connection[16], method[8], path[64], key[80], body[192], answer[64];
};

#define SIM_GATES_MAX 4
#define SIM_GRANTS_MAX 4096 /* a ring */

struct sim_grant {
    belay_time at;
    double allowed; /* of retries, a second, as it was then */
    bool retry, undone;
};
struct sim_gate { /* what a connection let through since the process began */
    char name[24];
    struct sim_grant log[SIM_GRANTS_MAX];
    uint64_t count;
};

/* A message that was in flight when a process died. */
struct sim_accused {
    uint32_t sub, alone, maybe; /* deaths while it was all that was in flight; those that pages may tell again */
    uint64_t sequence;
};

/* Of some worlds, by their seeds: what is rare elsewhere happens all the time. */
enum sim_kind {
    SIM_FULL_STOPS = 1, /* stops on a full disk, with calls that come back */
    SIM_DEATHLESS = 2,  /* nothing dies, and partners fail: each attempt is one that was made */
    SIM_LETTERS = 3,    /* letters that lie there, and people who replay them by jobs */
    SIM_KILLING = 5,    /* a request that kills */
    SIM_UNDOING = 7,    /* orders that are undone, with people who leave some of it as it is */
    SIM_KINDS = 8
};

enum sim_life { SIM_DEAD, SIM_ALIVE, SIM_STOPPING };

struct sim_world {
    uint64_t seed;
    enum sim_kind kind;
    struct belay_random random;
    belay_time now;
    int64_t skew_us;           /* of the clock that the engine is told */
    struct sim_trace trace;

    struct belay_disk *disk;
    struct sim_jobs jobs;
    struct belay_state_backend state, model; /* what the engine sees; the model behind it */
    struct belay_engine *engine;
    enum sim_life life;
    bool cut; /* STOPPING: its drain is over */
    bool model_dead, sync_fault;
    bool calm;                 /* faults are over */
    int edition;
    uint32_t faults;           /* percent of what can go wrong */
    uint64_t ticks, crashes;
    uint64_t records_checked;  /* applied when the invariants were asked last */
    uint64_t segment_bytes, journal_bytes_max;
    size_t overlay_bytes_max;

    struct sim_gate gates[SIM_GATES_MAX];
    struct belay_list requests, calls;
    struct sim_order orders[SIM_ORDERS_MAX];
    struct sim_lane lanes[SIM_LANES_MAX];
    struct sim_quote quotes[SIM_QUOTES_MAX];
    struct sim_transfer transfers[SIM_TRANSFERS_MAX];
    uint32_t transfer_count;
    struct sim_edge edge;
    struct sim_notices notices;
    uint32_t order_count, lane_count, quote_count;
    uint32_t quotes_made;
    struct sim_seeks seeks;
    struct sim_replay replays[SIM_REPLAYS_MAX];
    struct sim_file file;
    bool imports_due;          /* there are letters to look at */
    struct sim_silence silences[SIM_SILENCES_MAX];
    struct sim_alerts alerts;
    bool hoards;               /* people let letters lie, and replay many at once */
    struct sim_limits limits;
    bool dying;                /* inside of a step: dead when it returns */
    bool dies_soon;            /* behind a checkpoint, before anything else happens */
    uint64_t poison;           /* message of events that kills `pipe`; 0: none */
    bool poison_durable;
    uint64_t poison_deaths, pipe_replays, stumbles;
    struct sim_key keys[SIM_KEYS];
    uint64_t key_last;
    bool short_keys;
    struct belay_state_backend backup; /* the state of one that is under way; self NULL: none */
    uint32_t newest;           /* segment that took a durable commit last, when the process died; 0: none */
    char killer[40];           /* of the body of a call that kills; "": none */
    uint64_t killer_deaths, killer_words;
    char saga_killer[48];      /* the same of a saga's charge or booking; "": none */
    uint64_t saga_killer_deaths, saga_killer_words;
    char request_killer[24];   /* the same of a quote; "": none */
    bool request_dies;         /* it does just now */
    uint64_t request_alone, request_words; /* deaths of it while it was all that was at work */
    struct sim_accused accused[SIM_ACCUSED_MAX];
    uint32_t accused_count;
    bool died_noted, power_fails;
};

struct sim_result {
    uint64_t trace_hash, ticks, crashes, orders, events;
};

/* Runs one world to its end. A violation does not return. */
void sim_run(uint64_t seed, bool print, struct sim_result *ret_result);

/* ---- for the files of the simulation ---- */

static inline bool sim_chance(struct sim_world *w, unsigned per_mille)
{
    return belay_random_below(&w->random, 1000) < per_mille;
}
static inline uint64_t sim_below(struct sim_world *w, uint64_t n)
{
    return belay_random_below(&w->random, n);
}
static inline belay_time sim_clock(const struct sim_world *w)
{
    return w->now + w->skew_us;
}

/* Of its own accord. */
static inline bool sim_may_die(const struct sim_world *w)
{
    return !w->calm && w->kind != SIM_DEATHLESS;
}

/* Of what somebody asks the engine: no room, or the disk is about to end it. */
static inline bool sim_may_fail(const struct sim_world *w, int status)
{
    return status == BELAY_OK || status == BELAY_BUSY || status == BELAY_NOSPACE || w->sync_fault
           || sim_disk_stopped(w->disk);
}

void sim_trace(struct sim_world *w, const char *fmt, ...) BELAY_PRINTF(2, 3);
/* Prints guarantee, what is wrong, the seed and how it came to it; ends the process. */
_Noreturn void sim_violation(struct sim_world *w, const char *guarantee, const char *fmt, ...)
    BELAY_PRINTF(3, 4);
/* Called with the world that runs, so that a crash of the code names its seed. */
void sim_trace_begin(struct sim_world *w);
/* What the process returns when a guarantee is broken (0 when it was to be found). */
extern int sim_violation_exit;

void sim_clients_init(struct sim_world *w);
/* Somebody asks for something. False: nobody wants anything now. */
bool sim_clients_act(struct sim_world *w);
void sim_clients_reply(struct sim_world *w, const struct belay_action_reply *reply);
/* The process is gone: no answer will come. */
void sim_clients_cut_off(struct sim_world *w);
bool sim_clients_content(const struct sim_world *w);

void sim_endpoint_call(struct sim_world *w, const struct belay_connection_def *connection,
                       const struct belay_call_request *request);
void sim_endpoint_cancel(struct sim_world *w, uint64_t id);
/* Tells the outcome of a call that is due; NULL-safe pick by time. False: none is due. */
bool sim_endpoints_answer(struct sim_world *w);
belay_time sim_endpoints_wake_at(const struct sim_world *w);
void sim_endpoints_cut_off(struct sim_world *w);

/* ---- questions.c ---- */
/* As a command asks the admin API: params "flow=see&sequence=7", body JSON or "". Returns what it failed with.
 * ret_answer may be NULL. */
int sim_ask(struct sim_world *w, const char *operation, const char *params, struct belay_str body, bool reveal,
            struct belay_buf *ret_answer, struct belay_err *err);
void sim_no_canary(struct sim_world *w, const char *where, struct belay_str text);
void sim_no_canary_event(struct sim_world *w, const struct belay_action_event *e);
/* ---- mails.c ---- */
/* False: the call is none to `post`. */
bool sim_mails_effect(struct sim_world *w, const char *method, const char *path, struct sim_order *o);
/* A word on some letter of `mail`. False: there is none. */
bool sim_mails_act(struct sim_world *w);
/* What `mailed` says of an order. */
void sim_mails_told(struct sim_world *w, const struct sim_order *o, const struct belay_message *m);

/* ---- transfers.c ---- */
void sim_transfers_init(struct sim_world *w);
/* One that somebody wants now and then; NULL: not now. */
struct sim_wish *sim_transfers_wish(struct sim_world *w);
bool sim_transfers_content(const struct sim_world *w);
bool sim_transfers_concern(const char *path);
/* False: the call is none of theirs. */
bool sim_transfers_effect(struct sim_world *w, const struct sim_call *c);
/* The status with which it is refused; 0: it is not. */
uint32_t sim_transfers_refuse(struct sim_world *w, const struct sim_call *c);
/* Somebody is told that it is done. */
void sim_transfers_told(struct sim_world *w, const struct sim_wish *wish);
/* ---- edge.c ---- */
/* May it pass? */
bool sim_edge_lets(struct sim_world *w, const struct sim_wish *wish);
void sim_edge_cut_off(struct sim_world *w);
/* ---- notices.c ---- */
void sim_notices_look(struct sim_world *w);
void sim_notices_cut_off(struct sim_world *w);

/* ---- imports.c ---- */
void sim_imports_act(struct sim_world *w);
void sim_imports_event(struct sim_world *w, const struct belay_action_event *e);
/* In the calm: what is in a file and nowhere else is imported. */
void sim_imports_clear(struct sim_world *w);
bool sim_imports_done(const struct sim_world *w);
/* ---- notes.c ---- */
void sim_notes_act(struct sim_world *w);
/* After each start, and at the end. */
void sim_notes_look(struct sim_world *w);
/* ---- alerts.c ---- */
void sim_alerts_start(struct sim_world *w);
void sim_alerts_stop(struct sim_world *w);
void sim_alerts_act(struct sim_world *w);
/* At the end: all is told, then that all is well. */
void sim_alerts_check(struct sim_world *w);

/* A word on some saga; calm: what is parked must come to its end. False: nothing is parked. */
bool sim_persons_act(struct sim_world *w);

void sim_lanes_act(struct sim_world *w);
/* In the calm: nothing stays parked by hand. */
void sim_lanes_clear(struct sim_world *w);
/* The sink is asked to handle n of the lane. */
void sim_lanes_asked(struct sim_world *w, struct sim_lane *lane, const struct sim_event *ev, int64_t n);
void sim_lanes_cut_off(struct sim_world *w);
void sim_lanes_check(struct sim_world *w);
void sim_seeks_act(struct sim_world *w);
/* In the calm: nothing stays paused. */
void sim_seeks_clear(struct sim_world *w);
void sim_seeks_check(struct sim_world *w);
void sim_replays_act(struct sim_world *w);
void sim_replays_look(struct sim_world *w);
/* In the calm: what is paused goes on, or is cancelled. */
void sim_replays_clear(struct sim_world *w);
bool sim_replays_ended(struct sim_world *w);
/* What was replayed just now is nobody else's to replay. */
void sim_replays_check_conflict(struct sim_world *w, struct belay_subscription *sub, uint64_t sequence);
/* Each message is in exactly one state, by its rows. */
void sim_audit(struct sim_world *w, struct belay_engine *e);
/* The same before a start: nothing is changed. */
void sim_audit_look(struct sim_world *w);
/* ---- keys.c ---- */
void sim_keys_act(struct sim_world *w);
void sim_keys_died(struct sim_world *w);
/* Begins a backup, or ends the one that began. */
void sim_backups_act(struct sim_world *w);
void sim_backups_cut_off(struct sim_world *w);
void sim_newest_look(struct sim_world *w);
void sim_newest_check(struct sim_world *w);
void sim_crashes_init(struct sim_world *w);
void sim_crashes_look(struct sim_world *w);
void sim_crashes_check(struct sim_world *w);
/* The call kills. */
bool sim_crashes_call(struct sim_world *w, const struct belay_call_request *request);
/* ---- poison.c ---- */
void sim_small_parts(struct sim_world *w);
void sim_poison_event(struct sim_world *w, const struct belay_action_event *event);
void sim_crashes_died(struct sim_world *w, bool power);
/* While it starts. */
void sim_crashes_power(struct sim_world *w);
void sim_crashes_quarantined(struct sim_world *w, struct belay_str owner, uint64_t sequence);
/* A request was answered 422: it kills. */
void sim_crashes_refused(struct sim_world *w, struct belay_str detail);
void sim_crashes_saga_parked(struct sim_world *w, struct belay_str id, struct belay_str why);
/* A person says something about it: then it may kill again. */
void sim_crashes_word(struct sim_world *w, const char *id);
/* Everything is durable that was done so far, and sometimes the process dies of it; false: the disk is about to end it. */
bool sim_make_sure(struct sim_world *w);
/* How often each event is in a topic, and where it is first at or behind `from`. */
struct sim_count {
    uint32_t times[SIM_LANES_MAX][SIM_EVENTS_MAX];
    uint64_t last_at[SIM_LANES_MAX][SIM_EVENTS_MAX];
};
void sim_count_topic(struct sim_world *w, const char *topic, struct sim_count *ret_count);
/* ---- limits.c ---- */
void sim_limits_look(struct sim_world *w);
void sim_limits_replayed(struct sim_world *w, const char *subscription, const char *lane, int64_t n);
/* A message of `seen`. */
void sim_limits_seen(struct sim_world *w, const struct belay_message *m, const struct sim_event *ev,
                     const char *lane, int64_t n);
void sim_limits_check(struct sim_world *w);
/* ---- gates.c: what a connection lets through, against naive lists ---- */
void sim_gate_granted(void *arg, const char *connection, const struct belay_gate_def *def,
                      const struct belay_gate_ticket *ticket, bool undone, belay_time now);
void sim_gates_cut_off(struct sim_world *w);
/* A letter has no more attempts than calls were made for it. */
void sim_gate_check_letter(struct sim_world *w, const struct belay_letter *letter, struct belay_str lane, int64_t n);

void sim_operators_act(struct sim_world *w);
void sim_desk_act(struct sim_world *w);
/* In the calm: everything that waits for a person is settled. True: something was. */
bool sim_operators_clear(struct sim_world *w);

struct sim_order *sim_order_by_id(struct sim_world *w, struct belay_str id);
struct sim_event *sim_event_by_n(struct sim_world *w, struct belay_str lane, int64_t n,
                                 struct sim_lane **ret_lane);
/* Every invariant of the code itself. */
void sim_check_step(struct sim_world *w);
/* Nothing is under way and nothing waits? */
bool sim_drained(struct sim_world *w);
void sim_check_end(struct sim_world *w);
void sim_check_rotten(struct sim_world *w);
/* Runs jobs until the store has nothing to do (end checks). */
void sim_settle(struct sim_world *w);

#endif
