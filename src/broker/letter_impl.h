/* letter_impl.h - what is written down about a letter, and how it is found: private to the broker.
 *
 *   LETTER  sub,seq,FACTS            what a list tells; MESSAGE; ORIGINAL: the message before the first edit
 *   INDEX   'g' group,created,sub,seq   'k' key,sub,seq   't' sub,created,seq
 *   GROUP   fingerprint              of letters alike: how many, since when, an hour's and a day's arrivals
 *
 * Rows of the index live as long as FACTS, also while the letter is replayed: whoever looks skips what is none now.
 * A group counts only what is a letter; it stays when it is empty, until it is old (group_tick).
 *
 * Uses: exception.h.  Thread: engine only; what changes rows is called by apply. */
#ifndef BELAY_BROKER_LETTER_IMPL_H
#define BELAY_BROKER_LETTER_IMPL_H

#include "broker/exception.h"

#define FACTS_VERSION 2
#define FACTS_BYTES_MAX (BELAY_KEY_BYTES_MAX + 80)

struct letter_facts {
    belay_time created_at;
    uint64_t fingerprint;
    struct belay_hash128 payload_hash; /* of the body as it is now */
    uint32_t edits;                    /* how often a person changed the message */
    struct belay_str key;              /* of its lane, else of its message */
};

void facts_pack(struct belay_buf *out, const struct letter_facts *f);
/* key is a view. */
bool facts_unpack(struct belay_str value, struct letter_facts *ret_f);
/* A view of the state. */
bool facts_get(struct belay_broker *b, uint32_t sub, uint64_t sequence, struct letter_facts *ret_f);
/* With the rows of the index, in the place of those of the facts before; facts: packed and valid. */
void facts_put(struct belay_broker *b, uint32_t sub, uint64_t sequence, struct belay_str facts);
/* Would the flow, going on where x failed, never see what its message says now: because it goes on with what it had made of
 * another one, before an edit, or before an edit was taken back? */
bool letter_unseen(struct belay_broker *b, uint32_t sub, uint64_t sequence, const struct exception *x);
/* All rows of a letter. */
void letter_rows_del(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence);

/* A letter more; failure: the value of its row of the history. */
void group_arrived(struct belay_broker *b, uint32_t sub, const struct letter_facts *f, struct belay_str failure);
struct letter_place {
    belay_time at; /* it became a letter */
    uint64_t sequence;
};
/* The oldest letter after place (zero: of all) in the order of their times; those that are being replayed are none.
 * False: none, or none among the first some hundred. */
bool letter_oldest(struct belay_broker *b, const struct belay_subscription *sub, struct letter_place *place);
/* Groups of sub that made their first letter not long ago. */
uint32_t groups_new(const struct belay_broker *b, const struct belay_subscription *sub);
/* Are they as many as there are? Slow: for tests. Errors: BELAY_CORRUPT. */
int groups_new_check(struct belay_broker *b, struct belay_err *err) BELAY_MUST_CHECK;
/* A letter less. */
void group_left(struct belay_broker *b, uint64_t fingerprint);
#define GROUP_BYTES_MAX 1200
/* Forgets groups that are empty and old, a bite. */
void group_tick(struct belay_broker *b);
/* I7: facts, index and groups tell of the same letters. */
int letters_check(struct belay_broker *b, struct belay_err *err) BELAY_MUST_CHECK;

/* ---- letter_expire.c: letters go as their flow says ---- */

void letters_expire_tick(struct belay_broker *b);
/* There are others than before. */
void letters_expire_look(struct belay_broker *b);
/* I9. */
int letters_expire_check(struct belay_broker *b, struct belay_err *err) BELAY_MUST_CHECK;

/* What the exception's row, history, message and progress say; memory from arena. last_only: of the history. */
int letter_take(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, const struct exception *x,
                bool last_only, struct belay_arena *arena, struct belay_letter *ret_letter) BELAY_MUST_CHECK;

/* A letter now. Errors: BELAY_NOTFOUND, BELAY_CONFLICT: it is none any more, err says what became of it. */
int letter_find(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, struct exception *ret_x,
                struct belay_err *err) BELAY_MUST_CHECK;
/* As letter_find, one whose rows can be read: what goes on with it needs them when nothing may fail any more.
 * *ret_facts: views of the state. Besides: BELAY_CORRUPT. */
int letter_find_whole(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, struct exception *ret_x,
                      struct letter_facts *ret_facts, struct belay_err *err) BELAY_MUST_CHECK;
/* Its message can be read. Errors: BELAY_CORRUPT: never; BELAY_NOMEM: nobody knows. */
int letter_readable(struct belay_broker *b, uint32_t sub, uint64_t sequence) BELAY_MUST_CHECK;

/* What its last attempt failed of; false: it is not known. */
bool exception_last_fault(struct belay_broker *b, uint32_t sub, uint64_t sequence, const struct exception *x,
                          struct belay_fault *ret_fault);
/* The letter x waits from now on, replayed by job (0: a person). Called by apply. */
void letter_replayed(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, struct exception *x,
                     bool from_start, uint32_t job, belay_time now);

#endif
