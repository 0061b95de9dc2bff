/* window.h - the messages of a subscription that are in memory: entries, their pages, their lanes.  Private to broker.
 * Uses: resident.h.  Thread: engine only. */
#ifndef BELAY_BROKER_WINDOW_H
#define BELAY_BROKER_WINDOW_H

#include "broker/delivery.h"
#include "broker/resident.h"

#define READ_COUNT 64         /* messages of one read */
#define READ_BYTES BELAY_KIB(64)
#define FEW_MESSAGES 8        /* that share memory in the window */
#define FEW_BYTES BELAY_KIB(4)
#define PAGE_CHUNK_BYTES (READ_BYTES + BELAY_KIB(32))
#define WINDOW_BYTES_MAX BELAY_MIB(16) /* of pages, all subscriptions */
#define SPILL_AFTER_US 5000   /* a lane busy for so long with one message makes room for others */
#define SPILL_WAIT_TIMES 40   /* so does one in which a message has waited for so many times that */

enum where { ENTRY_LOADING, ENTRY_PENDING, ENTRY_READY, ENTRY_FLIGHT, ENTRY_DEFERRED };

struct entry {
    struct belay_delivery d; /* d.node: of pending, ready */
    struct belay_str encoded;
    struct page *page;
    struct lane *lane;
    struct belay_hash128 hash, made_of;
    enum where where;
    bool taken;      /* was delivered: a seek leaves it alone, also where it was deferred */
    bool keyed;      /* has a lane */
    bool exception;  /* has rows */
    bool letter;     /* has a letter's rows: the message is in them */
    bool loner;      /* left its lane: shares it only so as not to run beside it */
    bool progress;   /* has progress that is recorded */
    bool inside;     /* an exception whose row has the message */
    bool at_once;    /* enters the window in the call that read its row */
    bool unchanged;  /* d.progress is what is recorded */
    bool goes_on;    /* with what its progress had made of a message, whose content is made_of */
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
void spare_pages_init(struct belay_broker *b);
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

#endif
