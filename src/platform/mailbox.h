/* mailbox.h - a bounded queue of pointers from many threads to one, with ownership hand-off.
 * Uses: base, eventfd.  Thread: post and close from any; everything else from the one receiver.
 *
 * What is posted belongs to the receiver from then on; what was refused still belongs to the
 * sender. A full box is back-pressure: the sender decides (429, pause), the box never grows.
 * Items of one sender arrive in the order it posted them.
 *
 * The receiver sleeps like this, and no wake-up is lost:
 *
 *     for (;;) {
 *         while ((item = belay_mailbox_take(box))) ...
 *         if (belay_mailbox_closed(box)) break;       // after the box was seen empty
 *         belay_mailbox_wait(box, timeout_ms);
 *     } */
#ifndef BELAY_PLATFORM_MAILBOX_H
#define BELAY_PLATFORM_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct belay_mailbox;

/* capacity: rounded up to a power of two, at least 2, at most BELAY_MAILBOX_CAPACITY_MAX.
 * *ret_box belongs to the caller (belay_mailbox_free). Errors: BELAY_NOMEM, BELAY_LIMIT. */
int belay_mailbox_new(size_t capacity, struct belay_mailbox **ret_box,
                      struct belay_err *err) BELAY_MUST_CHECK;
/* All senders have ended and the box was emptied (asserted). NULL is allowed. */
void belay_mailbox_free(struct belay_mailbox *box);

/* BELAY_OK: item is handed over. BELAY_BUSY: full; BELAY_CANCELLED: closed; item stays the
 * caller's. Never blocks. item is not NULL. */
int belay_mailbox_post(struct belay_mailbox *box, void *item) BELAY_MUST_CHECK;
/* As post, without waking the receiver: the sender calls wake before it sleeps itself. */
int belay_mailbox_put(struct belay_mailbox *box, void *item) BELAY_MUST_CHECK;
void belay_mailbox_wake(struct belay_mailbox *box);
/* Refuses later posts and wakes the receiver. A post at the same moment may still get in: the
 * receiver takes until empty once the senders have ended. */
void belay_mailbox_close(struct belay_mailbox *box);
bool belay_mailbox_closed(struct belay_mailbox *box);
/* About how many items wait; exact when nobody posts. Any thread. */
size_t belay_mailbox_depth(struct belay_mailbox *box);

/* The oldest item, now the caller's; NULL when empty. */
void *belay_mailbox_take(struct belay_mailbox *box);
/* Sleeps until something is there, the box is closed, or timeout_ms passed (-1: for ever).
 * May return early. */
void belay_mailbox_wait(struct belay_mailbox *box, int timeout_ms);

#endif
