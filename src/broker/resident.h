/* resident.h - the broker's resident state: what its rooms keep in memory.  Private to broker.
 *
 *   durable   topics, subscriptions (rows loaded at start, saved before a freeze); everything that
 *             grows with the exceptions is rows of the state and is read where it is needed.
 *   volatile  the window (window.h).  Bounded; a restart begins with none of it.
 *
 * Only functions called by apply (the table in broker.c) change the durable part.  Where they also touch the window,
 * it is a cache of the durable part (a lane's `trouble`, a subscription's `next_due`).  But for rows that say nothing any
 * more: sweep, group_tick and poison_tick delete them without a record; a crash may bring them back. */
#ifndef BELAY_BROKER_RESIDENT_H
#define BELAY_BROKER_RESIDENT_H

#include "base/arena.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/heap.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/pack.h"
#include "broker/declare.h"
#include "broker/key_filter.h"
#include "broker/letter.h"
#include "broker/ranges.h"
#include "broker/rows.h"
#include "policy/drain.h"

#define CRASHES_KEPT 16       /* of which it is known what was in flight */
#define CRASH_NAMED 6         /* messages in flight at a crash that are named */
#define STORY_CRASHES 8       /* of a message, the last ones */
#define BUCKETS 32            /* idempotency: classes x slots */

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
    belay_time full_at;           /* the last time */
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
/* Nothing is taken away that was not counted (I4). */
static inline void count_less(uint64_t *counter, uint64_t n)
{
    BELAY_ASSERT(*counter >= n);
    *counter -= n;
}

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

/* Rows that say nothing any more (sweep.c). */
enum { SWEEP_LANES, SWEEP_EXCEPTIONS, SWEEPS };
struct sweep {
    uint64_t over;              /* of them came since the last sweep began ... */
    uint64_t low, high;         /* ... within these sequences: of exceptions */
    bool on;
    struct row_key at;          /* rows up to this key were looked at */
    uint64_t end;               /* and none are to be looked at above it */
};

struct belay_subscription {
    uint32_t id, topic_id;
    bool dirty;
    struct belay_str name;
    uint64_t start;               /* first sequence that was ever given to it */
    uint64_t cursor;
    struct ranges covered;        /* above the cursor: done, or exceptions */
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
    char letters_reason[BELAY_LANE_REASON_BYTES_MAX + 1]; /* opt.letters.reason, which belongs to the configuration */
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
    bool broken_told;
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
    uint64_t covered_before;      /* while a seek is applied */
    uint64_t pin_low;             /* no exception below it needs the topic's log */
    struct sweep sweeps[SWEEPS];
    uint64_t removed_last;        /* of its exceptions */
    belay_time sweep_at;          /* not before */
    struct lane_watch watch;
    struct new_groups {
        int64_t slice;  /* of time, since the epoch */
        uint32_t count; /* groups with letters that made their first one in it */
    } new_groups[BELAY_GROUP_NEW_SLICES]; /* of the last hour (letter_group.c) */
    struct belay_list ring_node;
    struct belay_heap_node wake;
};

struct bucket {
    uint64_t epoch; /* time / span of the class when it was opened */
    uint64_t count;
    uint32_t open;       /* slot of the part that takes keys, plus 1; 0: none */
    uint8_t *bits;       /* its filter by itself (key_filter.h) */
};

/* Some of a bucket's keys; its table and its filter have the part's slot (key_parts.h). Numbers are on the disk. */
enum key_part_state { PART_NONE, PART_OPEN, PART_FULL, PART_OVER };
struct key_part {
    uint32_t keys;
    uint32_t run_keys;   /* that came in its present run */
    uint8_t state;
    uint8_t bucket;
    uint8_t run;         /* new keys go into it */
};

/* Lanes that may have rows (lane_filter.h). */
struct lane_filter {
    uint64_t *words, *next; /* next: of the walk under way */
    bool complete, walking;
    bool look;              /* something changed that may make it empty, or has to be walked for */
    struct row_key at;      /* rows up to this key were walked */
    uint64_t added;         /* since the last walk began */
};

/* Pages of one size that wait for the next (window.c). */
struct spare_pages {
    struct belay_list list;
    uint32_t count, max;
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
    uint32_t buckets_open;       /* a bit for each that has an open part */
    struct crash crashes[CRASHES_KEPT]; /* row 0 of SUBSCRIPTION: the one numbered n is at n % CRASHES_KEPT */
    uint64_t crash_last;
    bool crashes_dirty;
    uint32_t poison_count;       /* rows of POISON */
    belay_time poison_at;        /* next look at those that expired */
    struct row_key poison_swept;
    struct key_part parts[KEY_FILTER_SLOTS];
    uint32_t parts_over;         /* of them are OVER */
    bool part_dropped;           /* one was, since the last checkpoint was frozen */
    uint32_t part_keys;          /* BELAY_IDEMPOTENCY_PART_KEYS; less in tests */
    uint32_t windows_shrink;     /* 1; more in tests: all that has to do with windows is so much shorter */
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
    struct cost unit;            /* reserved by belay_broker_begin or _may_fail and not used up */
    struct belay_list gathering; /* subscriptions with gathered acks or starts */
    struct belay_list ring;      /* subscriptions that may have something to deliver */
    uint32_t ring_count;
    struct belay_heap wakes;
    struct belay_list free_entries, free_lanes;
    uint32_t free_entry_count;
    struct spare_pages spare_large, spare_few;
    size_t window_bytes;
    uint32_t read_ahead_max;     /* BELAY_LANE_READ_AHEAD_MAX; less in tests */
    belay_time spill_after_us;   /* SPILL_AFTER_US; less in tests */
    uint32_t fetches;
    belay_time scheduled_due;    /* of the first entry of SCHEDULED; NEVER none */
    struct row_key scheduled_passed; /* what is left of it up to this one cannot be read; n == 0: nothing was passed over */
    uint64_t unreadable;         /* rows found that cannot be read, until they were told (unreadable.c) */
    char unreadable_named[200];  /* what the first of them stands for */
    uint64_t strangers;          /* a bit for each table of which a row that is nobody's was told (rows_seek.c) */
    struct lane_filter lane_filter;
    uint64_t lane_filter_worn;   /* LANE_FILTER_WORN; less in tests */
    uint32_t sweeping;           /* sweeps under way */
    uint32_t sweep_waiting_min;  /* SWEEP_WAITING_MIN; less in tests, and with it what sweep.c counts by it */
    uint32_t watch_from;         /* index of the subscription whose lanes are watched first */
    belay_time retention_at;     /* next look at retention by time */
    belay_time group_at;         /* next look for groups that are old and empty */
    uint64_t group_swept;        /* groups up to this one were looked at */
    bool groups_known;           /* all of them were, once: new ones are counted as they come */
    bool expires;                /* some subscription lets letters go by themselves */
    belay_time expire_at;        /* next look for letters whose time is over */
    uint32_t expire_from;        /* index of the subscription that is looked at first */
    struct belay_expired expired; /* the last bite, until it was told; sub NULL: told */
    char expired_named[512];
    belay_time trail_at;         /* next look at the oldest entry of the trail */
    uint64_t trail_entries_max;  /* BELAY_TRAIL_ENTRIES_MAX; less in tests */
    /* replay jobs (replay.c), oldest first; durable, resident */
    struct replay_job **replays;
    uint32_t replay_count, replays_open; /* open: not ended */
    struct replay_job *spare_replay;     /* made by decide, taken by apply */
    uint32_t replay_turn;
    bool replay_stopped, replay_news; /* news: one that is over may be untold */
    const struct belay_replay_where *replay_where; /* NULL: nobody can tell */
    bool (*carries)(struct belay_str progress);    /* NULL: none does (broker.h) */
};

#endif
