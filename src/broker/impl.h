/* impl.h - what the files of the broker share: the resident state, the window of messages in memory.
 *
 *   durable   topics, subscriptions (rows loaded at start, saved before a freeze); everything that
 *             grows with the exceptions is rows of the state and is read where it is needed.
 *   volatile  the window: entries (messages read ahead or in flight), the pages that hold their bytes,
 *             the lanes they stand in.  Bounded; a restart begins with none of it.
 *
 * Only functions called by apply (the table in broker.c) change the durable part.  Where they also touch the window,
 * it is a cache of the durable part (a lane's `trouble`, a subscription's `next_due`).  But for rows that say nothing any
 * more: sweep, group_tick and poison_tick delete them without a record; a crash may bring them back. */
#ifndef BELAY_BROKER_IMPL_H
#define BELAY_BROKER_IMPL_H

#include "base/arena.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/heap.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/pack.h"
#include "broker/broker.h"
#include "broker/key_filter.h"
#include "broker/ranges.h"
#include "policy/drain.h"

#define GATHER_RANGES_MAX 256 /* of one subscription in a step, before they are flushed */
#define RANGES_MAX 8192       /* above a cursor; a cancel or seek that would make more is refused */
#define CRASHES_KEPT 16       /* of which it is known what was in flight */
#define CRASH_NAMED 6         /* messages in flight at a crash that are named */
#define STORY_CRASHES 8       /* of a message, the last ones */
#define READ_COUNT 64         /* messages of one read */
#define READ_BYTES BELAY_KIB(64)
#define FEW_MESSAGES 8        /* that share memory in the window */
#define FEW_BYTES BELAY_KIB(4)
#define PAGE_CHUNK_BYTES (READ_BYTES + BELAY_KIB(32))
#define WINDOW_BYTES_MAX BELAY_MIB(16) /* of pages, all subscriptions */
#define FETCHES_MAX 64        /* reads of exceptions under way */
#define SWEEP_PERIOD_US BELAY_US_PER_MS /* between two bites where no step comes by itself */
#define SPILL_AFTER_US 5000   /* a lane busy for so long with one message makes room for others */
#define SPILL_WAIT_TIMES 40   /* so does one in which a message has waited for so many times that */
#define BUCKETS 32            /* idempotency: classes x slots */

/* A key of a table (rows.c). */
struct row_key {
    uint8_t bytes[40];
    size_t n;
};
static inline struct belay_str row_key_str(const struct row_key *k)
{
    return belay_str((const char *)k->bytes, k->n);
}

/* ---- durable, resident ---- */

struct topic {
    uint32_t id;
    bool queue, dirty;
    uint64_t retain_ms, retain_bytes;
    struct belay_str name;
    /* volatile */
    struct belay_topic_def limit; /* configuration: how much it may hold; without its name */
    bool limited, aged;
    belay_time aged_until;        /* `aged` holds until then */
    uint64_t full_seen;           /* how often a producer found it full */
    struct belay_drain drain;     /* of its slowest subscription ... */
    uint32_t drain_of;            /* ... which is this one */
    uint64_t drain_length;        /* of the topic when its drain was looked at last */
    uint64_t low;                 /* told to the store */
    bool low_dirty;               /* a subscription moved */
    struct belay_list subscriptions;
    uint32_t subscription_count;
};

/* A message that was in flight when a process died (suspect.c). */
struct suspect {
    uint64_t sequence;
    bool suspected;               /* is to run alone; else only its deaths are remembered */
    bool in_hand;                 /* its flow was just being stepped: asked first */
    uint8_t deaths;               /* of processes in which it ran alone */
    uint8_t crash_count;
    uint64_t crashes[STORY_CRASHES]; /* their numbers, oldest first */
};

/* One death of a process. */
struct crash {
    uint64_t number;              /* from 1; 0: none */
    belay_time at;                /* when the next process found it */
    uint32_t messages, others;    /* in flight: messages; calls of sagas and requests */
    struct {
        uint32_t sub;
        uint64_t sequence;
    } named[CRASH_NAMED];
};

struct counters {
    uint64_t done, discarded, expired;               /* ends */
    uint64_t waiting, held, parked, dead;            /* exceptions */
    uint64_t lanes_in_trouble;                       /* those by hand included */
    uint64_t lanes_by_hand;
    uint64_t stuck;                                  /* of held: behind a parked letter, until a person comes */
};

/* A lane that stands, with one head since then; and what the watch knows of a subscription's (lane_watch.c). */
struct stand {
    bool there, parked;
    struct belay_hash128 lane;
    belay_time since;
};
struct lane_watch {
    struct row_key at;          /* rows of LANE up to this key were walked */
    bool walking;
    struct stand best, longest; /* so far in this walk; in the one before */
    struct stand open;          /* of lanes without a row */
    struct stand told;
};

struct belay_subscription {
    uint32_t id, topic_id;
    bool dirty;
    struct belay_str name;
    uint64_t start;               /* first sequence that was ever given to it */
    uint64_t cursor;
    struct ranges settled;        /* above the cursor: done, or exceptions */
    struct ranges started;        /* an attempt began: the first, or of an exception the one after those it counts */
    struct counters n;
    char paused[128];             /* durable reason; "" running */
    struct suspect *suspects;     /* in the order of their sequences */
    uint32_t suspect_count, suspect_cap, suspected_count;
    bool went_back;               /* a seek queued messages again: no order to earlier ones */
    /* configuration */
    bool active;                  /* a flow takes its messages */
    bool stopped;                 /* paused without a reason: not durable */
    struct belay_subscription_opt opt;
    /* volatile */
    struct topic *topic;
    struct belay_list topic_node;
    struct ranges acks, starts;   /* gathered in this step */
    struct belay_list gather_node;
    uint64_t read_next;           /* the window was read up to here */
    uint32_t generation;          /* of the window; a fetch of an older one is dropped */
    bool fetching;                /* a read of fresh messages is under way */
    struct page *open_page;       /* has room for more of them; a reference, while any is in memory */
    bool broken;                  /* what it should read is corrupt */
    char broken_why[BELAY_ERR_MSG_MAX];
    struct belay_map index;       /* sequence -> entry in memory */
    struct belay_map lanes;       /* hash -> lane in memory */
    struct belay_list ready;      /* entries to deliver */
    struct belay_list troubled;   /* lanes whose pending entries are to become held */
    struct belay_heap later;      /* deferred entries */
    uint32_t in_flight;
    uint32_t fresh;               /* entries of messages that are no exceptions */
    uint32_t loaded;              /* entries of exceptions */
    belay_time next_due;          /* no row of DUE that was not taken is due before */
    belay_time due_at;            /* rows of DUE up to (due_at, due_sequence) were taken */
    uint64_t due_sequence;
    belay_time retry_at;          /* something was refused: look again then */
    uint64_t settled_before;      /* while a seek is applied */
    uint64_t pin_low;             /* no exception below it needs the topic's log */
    uint64_t lanes_over;          /* rows of LANE that say nothing any more, since the last sweep began */
    struct lane_watch watch;
    bool sweeping;
    struct row_key swept;         /* rows of LANE up to this key were looked at */
    belay_time oldest_read_at;    /* accepted_at of the first message last read at the cursor */
    struct belay_list ring_node;
    struct belay_heap_node wake;
};

struct bucket {
    uint64_t epoch; /* time / span of the class when it was opened */
    uint64_t count;
    uint32_t open;       /* slot of the part that takes keys, plus 1; 0: none */
    uint8_t *bits;       /* its filter by itself (key_filter.h) */
};

/* Some of a bucket's keys; its filter has the part's slot. */
struct key_part {
    uint32_t number;     /* 0: no part */
    uint32_t keys;
    uint8_t bucket;
    bool full;
};

/* ---- volatile ---- */

enum where { ENTRY_LOADING, ENTRY_PENDING, ENTRY_READY, ENTRY_FLIGHT, ENTRY_DEFERRED };

struct entry {
    struct belay_delivery d; /* d.node: of pending, ready */
    struct belay_str encoded;
    struct page *page;
    struct lane *lane;
    struct belay_hash128 hash;
    enum where where;
    bool taken;      /* was delivered: a seek leaves it alone, also where it was deferred */
    bool keyed;      /* has a lane */
    bool exception;  /* has rows */
    bool letter;     /* has a letter's rows: the message is in them */
    bool loner;      /* left its lane: shares it only so as not to run beside it */
    bool progress;   /* has progress that is recorded */
    bool inside;     /* an exception whose row has the message */
    bool unchanged;  /* d.progress is what is recorded */
    bool begun;      /* that its attempt began is recorded: once, as an exception counts what it is told */
    belay_time read_at;  /* fresh: into the window */
    belay_time taken_at; /* delivered, the last time */
    belay_time due;  /* of an exception: its row in DUE */
    bool lane_fault; /* its lane key cannot be told: becomes a letter */
    struct belay_heap_node later;
};

struct lane {
    struct belay_hash128 hash; /* key in the map */
    struct entry *busy;        /* ready or in flight */
    struct belay_list pending; /* fresh entries behind it, in order */
    struct belay_list others;  /* exceptions that wait for it to be free */
    uint32_t pending_count;
    bool trouble;              /* it has a LANE row */
    bool hand;                 /* parked by hand: nothing of it becomes ready */
    struct belay_list troubled_node;
};

/* Bytes of messages read together; lives as long as one of their entries. */
struct page {
    struct belay_fetch fetch;  /* its arena is the page's memory */
    struct belay_broker *broker;
    struct belay_subscription *sub;
    bool single;               /* read for one exception */
    struct entry *entry;       /* that one; NULL when it is gone meanwhile */
    uint32_t generation;
    uint32_t refs;
    size_t bytes;              /* counted in window_bytes */
    uint32_t messages;         /* that were copied into it */
    struct belay_list node;    /* of the spare ones */
};

struct cost {
    size_t state_bytes; /* keys and values that apply may put */
    uint32_t changes;
};

struct belay_broker {
    struct belay_store *store;
    struct belay_state *state;
    belay_time now;
    /* durable, resident: row 0 of TOPIC */
    uint64_t scheduled_next, scheduled_count;
    uint64_t incarnation_seen;   /* highest that began an idempotency key */
    struct bucket buckets[BUCKETS];
    struct crash crashes[CRASHES_KEPT]; /* row 0 of SUBSCRIPTION: the one numbered n is at n % CRASHES_KEPT */
    uint64_t crash_last;
    bool crashes_dirty;
    uint32_t poison_count;       /* rows of POISON */
    belay_time poison_at;        /* next look at those that expired */
    struct row_key poison_swept;
    struct key_part parts[KEY_FILTER_SLOTS];
    uint32_t part_last;          /* number */
    uint32_t part_keys;          /* BELAY_IDEMPOTENCY_PART_KEYS; less in tests */
    struct key_filter filter;
    struct belay_hash128 absent; /* hash of the key that was looked for last and is in no bucket */
    bool absent_known;
    bool dirty;
    struct topic **topics;       /* by id - 1 */
    uint32_t topic_count, topic_cap;
    struct belay_subscription **subs;
    uint32_t sub_count, sub_cap;
    struct belay_map topics_by_name, subs_by_name;
    /* made by decide, taken by apply */
    struct topic *spare_topic;
    struct belay_subscription *spare_sub;
    /* volatile */
    uint64_t incarnation;
    struct belay_buf record, message;
    struct cost unit;            /* reserved by belay_broker_begin and not used up */
    struct belay_list gathering; /* subscriptions with gathered acks or starts */
    struct belay_list ring;      /* subscriptions that may have something to deliver */
    uint32_t ring_count;
    struct belay_heap wakes;
    struct belay_list free_entries, free_lanes, free_pages;
    uint32_t free_entry_count, free_page_count;
    size_t window_bytes;
    uint32_t read_ahead_max;     /* BELAY_LANE_READ_AHEAD_MAX; less in tests */
    belay_time spill_after_us;   /* SPILL_AFTER_US; less in tests */
    uint32_t fetches;
    belay_time scheduled_due;    /* of the first entry of SCHEDULED; NEVER none */
    uint32_t sweeping;           /* subscriptions whose lanes are being swept, or should be */
    uint32_t watch_from;         /* index of the subscription whose lanes are watched first */
    belay_time retention_at;     /* next look at retention by time */
    belay_time group_at;         /* next look for groups that are old and empty */
    uint64_t group_swept;        /* groups up to this one were looked at */
    belay_time trail_at;         /* next look at the oldest entry of the trail */
    uint64_t trail_entries_max;  /* BELAY_TRAIL_ENTRIES_MAX; less in tests */
    /* replay jobs (replay.c), oldest first; durable, resident */
    struct replay_job **replays;
    uint32_t replay_count, replays_open; /* open: not ended */
    struct replay_job *spare_replay;     /* made by decide, taken by apply */
    uint32_t replay_turn;
    bool replay_stopped, replay_news; /* news: one that is over may be untold */
    const struct belay_replay_where *replay_where; /* NULL: nobody can tell */
};

enum record_type {
    RECORD_TOPIC = BELAY_RECORD_BROKER + 1,
    RECORD_SUBSCRIPTION,
    RECORD_PAUSE,
    RECORD_ACK,
    RECORD_START,
    RECORD_SETTLE,
    RECORD_RETRY,
    RECORD_LETTER,
    RECORD_POISON,
    RECORD_PROGRESS,
    RECORD_HOLD,
    RECORD_REPLAY,
    RECORD_RELEASE,
    RECORD_SEEK,
    RECORD_CRASH,
    RECORD_SCHEDULE,
    RECORD_UNSCHEDULE,
    RECORD_IDEM_PUT,
    RECORD_IDEM_FORGET,
    RECORD_IDEM_DROP,
    RECORD_POSTPONE,
    RECORD_TRAIL,
    RECORD_REPLAY_START,
    RECORD_REPLAY_STATE,
    RECORD_REPLAY_BITE,
    RECORD_LANE_PARK,
    RECORD_LANE_RELEASE,
    RECORD_LANE_RETRY,
    RECORD_LANE_SKIP,
    RECORD_LANE_MOVE,
    RECORD_RESUME,
    RECORD_EDIT,
    RECORD_END
};
#define RECORD_VERSION 1
#define ROW_VERSION 1 /* first byte of a row, where nothing else is said */

/* ---- records ---- */

/* Empties b->record, for the body of the next one. */
struct belay_buf *record_begin(struct belay_broker *b);
/* Reserves room for the body in b->record and what apply puts, appends and applies it. On an error
 * nothing happened. */
int record_commit(struct belay_broker *b, enum record_type type, struct cost cost, bool use_reserve,
                  struct belay_err *err) BELAY_MUST_CHECK;
/* The same where room was reserved already. */
void record_append(struct belay_broker *b, enum record_type type);
int record_reserve(struct belay_broker *b, size_t bytes, uint32_t records, struct cost cost, bool use_reserve,
                   struct belay_err *err) BELAY_MUST_CHECK;
void broker_advance(struct belay_broker *b, belay_time now);

void pack_hash(struct belay_buf *out, struct belay_hash128 h);
struct belay_hash128 unpack_hash(struct belay_unpack *u);
static inline bool hash_none(struct belay_hash128 h)
{
    return h.hi == 0 && h.lo == 0;
}

/* Apply functions, one a record type. BELAY_OK, BELAY_CORRUPT, BELAY_NOMEM (only at recovery). */
int apply_topic(struct belay_broker *b, struct belay_unpack *u);
int apply_subscription(struct belay_broker *b, struct belay_unpack *u);
int apply_pause(struct belay_broker *b, struct belay_unpack *u);
int apply_ack(struct belay_broker *b, struct belay_unpack *u);
int apply_start(struct belay_broker *b, struct belay_unpack *u);
int apply_settle(struct belay_broker *b, struct belay_unpack *u);
int apply_retry(struct belay_broker *b, struct belay_unpack *u);
int apply_letter(struct belay_broker *b, struct belay_unpack *u);
int apply_postpone(struct belay_broker *b, struct belay_unpack *u);
int apply_trail(struct belay_broker *b, struct belay_unpack *u);
int apply_resume(struct belay_broker *b, struct belay_unpack *u);
int apply_edit(struct belay_broker *b, struct belay_unpack *u);
int apply_progress(struct belay_broker *b, struct belay_unpack *u);
int apply_hold(struct belay_broker *b, struct belay_unpack *u);
int apply_replay(struct belay_broker *b, struct belay_unpack *u);
int apply_release(struct belay_broker *b, struct belay_unpack *u);
int apply_seek(struct belay_broker *b, struct belay_unpack *u);
int apply_crash(struct belay_broker *b, struct belay_unpack *u);
int apply_poison(struct belay_broker *b, struct belay_unpack *u);
int apply_schedule(struct belay_broker *b, struct belay_unpack *u);
int apply_unschedule(struct belay_broker *b, struct belay_unpack *u);
int apply_idem_put(struct belay_broker *b, struct belay_unpack *u);
int apply_idem_forget(struct belay_broker *b, struct belay_unpack *u);
int apply_idem_drop(struct belay_broker *b, struct belay_unpack *u);
int apply_replay_start(struct belay_broker *b, struct belay_unpack *u);
int apply_replay_state(struct belay_broker *b, struct belay_unpack *u);
int apply_replay_bite(struct belay_broker *b, struct belay_unpack *u);
int apply_lane_park(struct belay_broker *b, struct belay_unpack *u);
int apply_lane_release(struct belay_broker *b, struct belay_unpack *u);
int apply_lane_retry(struct belay_broker *b, struct belay_unpack *u);
int apply_lane_skip(struct belay_broker *b, struct belay_unpack *u);
int apply_lane_move(struct belay_broker *b, struct belay_unpack *u);

/* ---- topics (topic.c), subscriptions (subscription.c) ---- */

struct topic *topic_find(struct belay_broker *b, struct belay_str name);
struct topic *topic_by_id(struct belay_broker *b, uint32_t id);
int topics_load(struct belay_broker *b, struct belay_state *state);
void topics_save(struct belay_broker *b, struct belay_state *state);
void topics_free(struct belay_broker *b);
int broker_row_load(struct belay_broker *b, struct belay_state *state);
void broker_row_save(struct belay_broker *b, struct belay_state *state);
/* Into b->message, stamped with b->now, and with the time that t (NULL: not there yet) gives it to live. Errors:
 * BELAY_LIMIT, BELAY_NOMEM. */
int broker_encode(struct belay_broker *b, const struct topic *t, const struct belay_message *m,
                  struct belay_err *err) BELAY_MUST_CHECK;
/* Appends an encoded message (room was reserved), tells the subscriptions. */
uint64_t topic_append(struct belay_broker *b, struct topic *t, struct belay_str encoded);

/* How much it may hold (limit.c); def is borrowed for the call. */
void topic_limit(struct topic *t, const struct belay_topic_def *def);
void topic_limit_stats(struct belay_broker *b, struct topic *t, struct belay_topic_stats *s);
/* What the slowest subscription has yet to handle, but for what waits for a person. */
uint64_t topic_length(struct belay_broker *b, struct topic *t);

int subscriptions_load(struct belay_broker *b, struct belay_state *state);
void subscriptions_save(struct belay_broker *b, struct belay_state *state);
void subscriptions_free(struct belay_broker *b);
/* Unpacks an id; NULL (and u failed) where there is none. */
struct belay_subscription *unpack_subscription(struct belay_broker *b, struct belay_unpack *u);
/* Pauses with a durable reason; room was reserved. */
void subscription_pause_append(struct belay_broker *b, struct belay_subscription *sub, struct belay_str reason);

/* ---- cursor (cursor.c) ---- */

/* [first, end) is settled or an exception from now on. Needs room for one range in settled. Returns
 * how many were not before. */
uint64_t cursor_cover(struct belay_subscription *sub, uint64_t first, uint64_t end);
/* The same, and no attempt of it is under way. Needs room for one range in started. */
uint64_t cursor_settle(struct belay_subscription *sub, uint64_t first, uint64_t end);
bool cursor_settled(const struct belay_subscription *sub, uint64_t sequence);
/* Room for what the next record may add. Errors: BELAY_NOMEM. */
int cursor_reserve(struct belay_subscription *sub, struct belay_err *err) BELAY_MUST_CHECK;
/* After it an ack of sub in this step does not fail. */
int gather_prepare(struct belay_broker *b, struct belay_subscription *sub, struct ranges *set, struct belay_err *err) BELAY_MUST_CHECK;
int gather_ack(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, struct belay_err *err) BELAY_MUST_CHECK;
int gather_start(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, struct belay_err *err) BELAY_MUST_CHECK;
void gather_flush(struct belay_broker *b, struct belay_subscription *sub);

/* ---- window (window.c): entries, pages, lanes in memory ---- */

struct entry *entry_new(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence);
/* Out of the window, whatever it does there; its lane goes on. */
void entry_drop(struct belay_broker *b, struct entry *e);
struct entry *entry_find(const struct belay_subscription *sub, uint64_t sequence);
static inline struct entry *entry_of(struct belay_delivery *d)
{
    return BELAY_CONTAINER_OF(d, struct entry, d);
}
/* An entry whose message is there: into its lane, or ready. Errors: BELAY_NOMEM. */
int entry_enter(struct belay_broker *b, struct entry *e) BELAY_MUST_CHECK;
void entry_ready(struct entry *e);
struct page *page_new(struct belay_broker *b, struct belay_subscription *sub, size_t chunk_bytes);
void page_ref(struct page *p);
void page_unref(struct page *p);
/* What is read next begins a page of its own. */
void page_close(struct belay_subscription *sub);
void pages_count(struct page *p);
struct lane *lane_find(const struct belay_subscription *sub, struct belay_hash128 hash);
/* Its next entry becomes ready, or it goes. */
void lane_pump(struct belay_broker *b, struct belay_subscription *sub, struct lane *lane);
void lane_mark_troubled(struct belay_subscription *sub, struct lane *lane);
/* An entry that was not delivered, or given back, goes: its rows, or the cursor, bring it again. */
void entry_recall(struct belay_broker *b, struct entry *e);
/* Fresh entries that are not in flight go; they will be read again. */
void window_reset(struct belay_broker *b, struct belay_subscription *sub);
void window_free(struct belay_subscription *sub);
void window_init(struct belay_subscription *sub);

/* ---- delivering (deliver.c, read.c) ---- */

void subscription_kick(struct belay_broker *b, struct belay_subscription *sub);
void subscription_rearm(struct belay_broker *b, struct belay_subscription *sub);
/* An entry that is ready becomes the delivery. */
void deliver_take(struct belay_broker *b, struct entry *e);
/* The lane key of a ready entry could not be told: it becomes a letter. True: it did, or could not now. */
bool deliver_refused(struct belay_broker *b, struct entry *e, bool *ret_stop);
bool subscription_may_deliver(const struct belay_subscription *sub);
void deferred_ready(struct belay_broker *b, struct belay_subscription *sub);
/* Messages of the subscription that may be in memory. */
static inline uint32_t prefetch_of(const struct belay_broker *b, const struct belay_subscription *sub)
{
    uint32_t own = sub->opt.prefetch;
    return own && own < b->read_ahead_max ? own : b->read_ahead_max;
}
/* May another exception be loaded? At least one of each subscription, however large the others are. */
static inline bool may_load(const struct belay_broker *b, const struct belay_subscription *sub)
{
    return sub->loaded < prefetch_of(b, sub) && b->fetches < FETCHES_MAX
           && (b->window_bytes < WINDOW_BYTES_MAX || !sub->loaded);
}
/* Reads fresh messages into the window. True: there is more to read at once. */
bool read_fresh(struct belay_broker *b, struct belay_subscription *sub);
void read_due(struct belay_broker *b, struct belay_subscription *sub);
/* The row at (due, sequence) is to be read again. */
void due_rewind(struct belay_subscription *sub, belay_time due, uint64_t sequence);
void exception_loaded(struct belay_broker *b, struct entry *e, struct belay_str encoded);
void subscription_broken(struct belay_subscription *sub, const struct belay_err *err);

/* ---- rows (rows.c): keys and values of the broker's tables ---- */

/* A lane's key by value: what is read from the state would not outlive the next put. */
struct key_text {
    uint16_t n;
    char bytes[BELAY_KEY_BYTES_MAX];
};
static inline struct belay_str key_text_str(const struct key_text *k)
{
    return belay_str(k->bytes, k->n);
}
static inline void key_text_set(struct key_text *k, struct belay_str s)
{
    k->n = (uint16_t)(s.n < sizeof k->bytes ? s.n : sizeof k->bytes);
    if (k->n)
        memcpy(k->bytes, s.p, k->n);
}

/* HELD: the head of a lane that is parked by hand, and no letter; it waits for no time. */
enum exception_state { EXCEPTION_WAITING = 1, EXCEPTION_PARKED, EXCEPTION_DEAD, EXCEPTION_HELD };
enum exception_part { PART_META, PART_PROGRESS, PART_HISTORY };
/* What is small lies in the exception's row: most have one row. */
enum inside { INSIDE_FAILURE /* history entry 0 */, INSIDE_PROGRESS, INSIDE_MESSAGE, INSIDE_COUNT };
#define INSIDE_BYTES_MAX 1600 /* of all three: a larger row would get pages of its own in LMDB */
enum letter_part { LETTER_FACTS, LETTER_MESSAGE, LETTER_ORIGINAL, LETTER_PARTS };

struct exception {
    enum exception_state state;
    bool keyed, loner, letter, progress;
    uint32_t begun, ended;     /* attempts; begun > ended, or in `started`: the next one is, or was, under way */
    uint32_t total;            /* attempts before the last replay */
    uint32_t history;          /* entries ever made */
    uint32_t job;              /* that replayed it last; 0: a person, or nobody */
    uint8_t inside;            /* bits 1 << enum inside: what lies in the row itself */
    uint16_t inside_bytes[INSIDE_COUNT];
    struct belay_str given[INSIDE_COUNT]; /* what exception_put is to write there anew; p == NULL: what it has */
    belay_time due;            /* waiting */
    belay_time first_attempt_at, accepted_at;
    struct belay_hash128 definition, lane;
    struct key_text key;
};

struct row_key key_id(uint32_t id);
struct row_key key_exception(uint32_t sub, uint64_t sequence, enum exception_part part);
struct row_key key_history(uint32_t sub, uint64_t sequence, uint32_t number);
struct row_key key_letter(uint32_t sub, uint64_t sequence, enum letter_part part);
/* Of the letters' index (facts.c). */
struct row_key key_by_group(uint64_t group, belay_time at, uint32_t sub, uint64_t sequence);
#define KEY_BY_KEY_TEXT 11 /* bytes of the key, zeros behind a shorter one */
#define KEY_BY_KEY_SUB (1 + KEY_BY_KEY_TEXT + 8)
struct row_key key_by_key(struct belay_str key, uint32_t sub, uint64_t sequence);
struct row_key key_by_time(uint32_t sub, belay_time at, uint64_t sequence);
struct row_key key_due(uint32_t sub, belay_time due, uint64_t sequence);
struct row_key key_lane(uint32_t sub, struct belay_hash128 lane);
struct row_key key_held(uint32_t sub, struct belay_hash128 lane, uint64_t first);

/* ---- exceptions (exception.c): rows of what departed from the order; called by apply ---- */

bool exception_get(struct belay_broker *b, uint32_t sub, uint64_t sequence, struct exception *ret_x);
/* First at or above *sequence (set to it). key is a view of the state. */
bool exception_next(struct belay_broker *b, uint32_t sub, uint64_t *sequence, struct exception *ret_x);
void exception_put(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, const struct exception *x);
static inline bool exception_has_inside(const struct exception *x, enum inside part)
{
    return x->inside & (1u << part);
}
/* View of the row; p == NULL: not inside. */
struct belay_str exception_inside(struct belay_broker *b, uint32_t sub, uint64_t sequence, enum inside part);
/* exception_put is to write it into the row. False, and nothing happened: it does not fit. value lives until then. */
bool exception_give(struct exception *x, enum inside part, struct belay_str value);
void exception_take_out(struct exception *x, enum inside part);
/* Attempts that began since it was replayed last. */
uint32_t exception_begun(const struct belay_subscription *sub, uint64_t sequence, const struct exception *x);
void exception_set_state(struct belay_broker *b, struct belay_subscription *sub, struct exception *x,
                         enum exception_state state);
/* It waits, and is due then; or is held, where its lane is parked by hand. Put it afterwards. */
void exception_wait(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, struct exception *x,
                    belay_time due);
/* What its state has in DUE goes. */
void exception_unwait(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, const struct exception *x);
/* All its rows; its lane goes on when it was the head. */
void exception_remove(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                      const struct exception *x, belay_time now);
void exception_add_history(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                           struct exception *x, struct belay_str packed);
/* What the run of a message that is no exception achieved, a row of its own: packed by progress_pack; p == NULL:
 * none any more. */
void progress_put(struct belay_broker *b, uint32_t sub, uint64_t sequence, struct belay_str packed);
/* How a record tells the progress that the exception has from now on. */
enum progress_now { PROGRESS_NEW, PROGRESS_SAME, PROGRESS_NONE, PROGRESS_GONE };
/* exception_put, with its progress: inside where it fits. packed: of a new one. */
void exception_put_progress(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                            struct exception *x, enum progress_now now, struct belay_str packed);
#define PROGRESS_PREFIX_BYTES 25 /* version, definition, first attempt */
/* As a string of a record: definition | first_attempt_at | progress. */
void progress_pack(struct belay_buf *out, struct belay_hash128 definition, belay_time first_attempt_at,
                   struct belay_str progress);
/* False: there is none. Views of the state. */
bool progress_get(struct belay_broker *b, uint32_t sub, uint64_t sequence, bool exception,
                  struct belay_hash128 *ret_definition, belay_time *ret_first_attempt_at,
                  struct belay_str *ret_progress);
void due_put(struct belay_broker *b, struct belay_subscription *sub, belay_time due, uint64_t sequence);
void due_del(struct belay_broker *b, struct belay_subscription *sub, belay_time due, uint64_t sequence);
/* May the exception need its topic's log? */
bool exception_pins(struct belay_broker *b, const struct belay_subscription *sub, const struct exception *x);
/* Bytes that removing or moving an exception may put (its lane's next head). */
#define EXCEPTION_COST \
    ((struct cost){ 5 * BELAY_KEY_BYTES_MAX + 4096 + INSIDE_BYTES_MAX, 28 + 2 * BELAY_LETTER_ATTEMPTS_MAX })

/* ---- lanes in trouble and what they hold (held.c); called by apply ---- */

struct hand_text {
    uint8_t n;
    char bytes[BELAY_LANE_REASON_BYTES_MAX];
};
struct lane_row {
    uint64_t head, held;       /* head 0: none; else it may be gone: lane_has_head */
    uint64_t run_first;        /* key of the first run; 0: none */
    uint64_t run_taken;        /* the last sequence taken from it; 0: none yet */
    uint32_t run_at;           /* offset of the next delta */
    uint64_t last_first;       /* key of the last run, 0: begin a new one */
    belay_time since;          /* in trouble */
    belay_time head_since;     /* its head is the head */
    bool kept;                 /* of a message it holds an attempt began: a row of its progress says so */
    bool hand;                 /* parked by hand: at hand_at, by who, because of reason */
    belay_time hand_at;
    struct hand_text reason, who;
    struct key_text key;
};
bool lane_row_get(struct belay_broker *b, uint32_t sub, struct belay_hash128 lane, struct lane_row *ret_row);
void lane_row_by_hand(struct lane_row *row, belay_time at, struct belay_str reason, struct belay_str who);
/* The head that the row names lives, and is in the lane. */
bool lane_has_head(struct belay_broker *b, uint32_t sub, struct belay_hash128 lane, const struct lane_row *row);
bool lane_by_hand(struct belay_broker *b, const struct belay_subscription *sub, struct belay_hash128 lane);
/* The lane has a row, and its head lives, or it holds messages, or it is parked by hand: a row may outlive its
 * lane's trouble. */
bool lane_in_trouble(struct belay_broker *b, uint32_t sub, struct belay_hash128 lane, struct lane_row *ret_row);
void lane_row_put(struct belay_broker *b, uint32_t sub, struct belay_hash128 lane, const struct lane_row *row);
/* Its head is a parked letter: what it holds is stuck (counters). */
bool lane_head_parked(struct belay_broker *b, const struct belay_subscription *sub, const struct lane_row *row);
/* The lane is in trouble with this head. */
void lane_trouble(struct belay_broker *b, struct belay_subscription *sub, struct belay_hash128 lane,
                  struct belay_str key, uint64_t head, belay_time since);
/* A message that was never an exception becomes the head; row is put. */
void lane_promote(struct belay_broker *b, struct belay_subscription *sub, struct belay_hash128 lane,
                  struct lane_row *row, uint64_t sequence, belay_time now);
/* The trouble is over; row, if there is one, says nothing any more. */
void lane_healed(struct belay_broker *b, struct belay_subscription *sub, struct belay_hash128 lane);
/* The head is gone: the first held message is the next, due now; or the trouble is over. */
void lane_advance(struct belay_broker *b, struct belay_subscription *sub, struct belay_hash128 lane, belay_time now);
void held_append(struct belay_broker *b, uint32_t sub, struct belay_hash128 lane, struct lane_row *row, uint64_t sequence);
/* Takes the first; row is not put. Returns its sequence. */
uint64_t held_take(struct belay_broker *b, uint32_t sub, struct belay_hash128 lane, struct lane_row *row);
/* Takes one out of the middle. */
void held_remove(struct belay_broker *b, struct belay_subscription *sub, struct belay_hash128 lane, uint64_t sequence);
/* Which lane holds it; false: none. Looks through the runs of the subscription. */
bool held_find(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, struct belay_hash128 *ret_lane);
/* Calls fn for each held sequence of a lane in order, until it returns false. */
void held_each(struct belay_broker *b, uint32_t sub, struct belay_hash128 lane, const struct lane_row *row,
               bool (*fn)(void *arg, uint64_t sequence), void *arg);
/* The pending entries of a lane in trouble (or, with the busy entry as its head, of a long one) become
 * held. Errors: BELAY_BUSY, BELAY_NOSPACE, BELAY_NOMEM: they stay as they are. */
int lane_hold(struct belay_broker *b, struct belay_subscription *sub, struct lane *lane, struct belay_err *err) BELAY_MUST_CHECK;
/* For apply: a message in flight, so far no exception, is the head of the lane from now on. */
void lane_head_in_flight(struct belay_broker *b, struct belay_subscription *sub, struct belay_hash128 lane,
                         struct belay_str key, uint64_t head, belay_time first_attempt_at, bool progress);
/* All lanes in sub->troubled. False: some could not. */
bool lanes_hold(struct belay_broker *b, struct belay_subscription *sub);

/* ---- what an operator does with one (lanes.c) ---- */

/* Errors: BELAY_NOTFOUND: it is not in trouble. */
int lane_find_row(struct belay_broker *b, struct belay_subscription *sub, struct belay_str key, struct lane_row *ret_row,
                  struct belay_err *err) BELAY_MUST_CHECK;

/* Since when a lane stands that is not parked (lane_watch.c); NEVER: none does. */
belay_time lane_stands_since(struct belay_broker *b, const struct belay_subscription *sub);

/* ---- rows of lanes whose trouble is over (sweep.c) ---- */

void lane_over(struct belay_broker *b, struct belay_subscription *sub);
void sweep_tick(struct belay_broker *b);
void sweep_recovered(struct belay_broker *b);

/* ---- outcomes ---- */

/* Becomes a letter now; stop: and on_exhausted says whether its subscription stops. Errors: as belay_broker_letter. */
int letter_now(struct belay_broker *b, struct entry *e, const struct belay_fault *fault, bool park, bool stop,
               struct belay_str progress, struct belay_hash128 definition, struct belay_err *err) BELAY_MUST_CHECK;

/* ---- what was in flight when the process died (suspect.c) ---- */

/* NULL: nothing is held against it. */
struct suspect *suspect_find(const struct belay_subscription *sub, uint64_t sequence);
/* It succeeded, or is gone: nothing is held against it any more. */
void suspect_forget(struct belay_subscription *sub, uint64_t sequence);
void suspect_forget_range(struct belay_subscription *sub, uint64_t first, uint64_t end);
/* An attempt of it ended, and the process lives: it is not suspected, but its deaths are remembered. */
void suspect_clear(struct belay_subscription *sub, uint64_t sequence);
void suspects_pack(struct belay_buf *out, const struct belay_subscription *sub);
int suspects_unpack(struct belay_unpack *u, struct belay_subscription *sub);
void crashes_save(struct belay_broker *b, struct belay_state *state);
int crashes_load(struct belay_broker *b, struct belay_state *state);

enum settle_how { SETTLE_DONE, SETTLE_DISCARDED };
/* Ends a message that has rows, or one with a reason. lane: of a held one, NULL. */
int settle_commit(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, enum settle_how how,
                  const struct belay_hash128 *held_in, struct belay_str reason, struct belay_str who,
                  struct belay_err *err) BELAY_MUST_CHECK;

/* ---- background of a step ---- */

void schedule_tick(struct belay_broker *b);
void schedule_recovered(struct belay_broker *b);
void retention_tick(struct belay_broker *b);
/* Makes room for bytes more in a topic with retain_bytes; false: it is full of unsettled messages. */
bool retention_make_room(struct belay_broker *b, struct topic *t, size_t bytes);
void idempotency_tick(struct belay_broker *b);
/* Bytes of state that the next key may need beside its own: its part may be full. */
size_t idempotency_extra(const struct belay_broker *b);
void parts_pack(const struct belay_broker *b, struct belay_buf *out);
int parts_unpack(struct belay_broker *b, struct belay_unpack *u);
/* What the filter of each part says. */
int parts_load(struct belay_broker *b);
void parts_free(struct belay_broker *b);
void poison_tick(struct belay_broker *b);
int poison_load(struct belay_broker *b);
void trail_tick(struct belay_broker *b);
int trail_check(struct belay_broker *b, struct belay_err *err) BELAY_MUST_CHECK;

/* ---- replay (letter.c, replay.c) ---- */

/* What its last attempt failed of; false: it is not known. */
bool exception_last_fault(struct belay_broker *b, uint32_t sub, uint64_t sequence, const struct exception *x,
                          struct belay_fault *ret_fault);
/* Parked or dead. */
bool exception_is_letter(const struct exception *x);
/* The letter x waits from now on, replayed by job (0: a person). Called by apply. */
void letter_replayed(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, struct exception *x,
                     bool from_start, uint32_t job, belay_time now);
enum replay_outcome { REPLAYED_DONE, REPLAYED_FAILED, REPLAYED_DISCARDED };
/* What the job took has an outcome; called by apply, for each that waits no longer. */
void replay_outcome(struct belay_broker *b, struct belay_subscription *sub, const struct exception *x,
                    enum replay_outcome outcome);
int replays_load(struct belay_broker *b, struct belay_state *state);
void replays_save(struct belay_broker *b, struct belay_state *state);
void replays_recovered(struct belay_broker *b);
void replays_free(struct belay_broker *b);
void replays_tick(struct belay_broker *b);
belay_time replays_wake_at(const struct belay_broker *b);
int replays_check(struct belay_broker *b, struct belay_err *err) BELAY_MUST_CHECK;

#endif
