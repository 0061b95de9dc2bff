/* impl.h - what the files of this room share.  Thread: each member says. */
#ifndef BELAY_RUNTIME_IMPL_H
#define BELAY_RUNTIME_IMPL_H

#include <stdatomic.h>

#include "base/limits.h"
#include "base/list.h"
#include "connector/http/server.h"
#include "platform/disk.h"
#include "platform/mailbox.h"
#include "platform/thread.h"
#include "runtime/clock_watch.h"
#include "runtime/alerts.h"
#include "runtime/certificates.h"
#include "runtime/jobs.h"
#include "runtime/keeper.h"
#include "runtime/listeners.h"
#include "runtime/outside.h"
#include "runtime/record.h"
#include "runtime/runtime.h"

/* What comes through the mailbox: a pointer with its kind in the lowest bits (everything that is posted is
 * aligned to 8), so that handing over costs no memory. */
enum mail_kind { MAIL_REQUEST, MAIL_OUTCOME, MAIL_JOB, MAIL_VISIT };
#define MAIL_KIND_BITS ((uintptr_t)7)

static inline void *mail_of(void *item, enum mail_kind kind)
{
    return (void *)((uintptr_t)item | kind);
}

struct belay_runtime {
    struct belay_runtime_opt opt;
    struct belay_disk *disk;
    struct belay_state_backend state;
    bool state_open;
    struct jobs jobs;
    struct belay_engine *engine;       /* engine thread, once it runs */
    struct belay_mailbox *mail;        /* to the engine thread */
    struct belay_thread thread;
    struct listeners listeners;        /* main thread; replies from the engine's */
    struct outside outside;            /* engine thread, once it runs */
    struct record record;              /* engine thread */
    struct alerts alerts;              /* engine thread */
    struct certificates certificates;
    struct keeper audits, backups;     /* engine thread, but for what their jobs own */
    struct belay_list visits;          /* under way or waiting for durability; engine thread */
    uint32_t again;                    /* of them: want another turn */
    struct belay_list requests;        /* the engine has and has not answered; engine thread */
    struct belay_runtime_stats stats;  /* engine thread */
    struct clock_watch clock_watch;    /* engine thread */
    _Atomic bool ready, stopping, hurry, closing;
    belay_time stop_by;                /* engine thread */
    bool stop_seen;                    /* engine thread */
    char restored[256];                /* what RESTORED says; "": there is none */
    int failed;                        /* written by the engine thread before it ends */
    struct belay_err failure;
};

/* The engine thread's life (shard.c). */
void shard_run(void *runtime);
/* Any thread; the sender wakes the mailbox when it has put all it has. Errors: BELAY_BUSY (room for what must
 * get in is kept); item stays the caller's. */
int shard_offer(struct belay_runtime *rt, void *item, enum mail_kind kind) BELAY_MUST_CHECK;
/* Posts what may not be lost: there is always room. Any thread. */
void shard_post(struct belay_runtime *rt, void *item, enum mail_kind kind);
/* Takes mail that the engine will not act on any more: who asks is told so, jobs get their end. The engine
 * thread, or main when that does not run. */
void shard_turn_away(struct belay_runtime *rt);

#endif
