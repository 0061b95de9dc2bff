/* letter_import.c - a letter that was exported, here or elsewhere, is one again.
 *
 *   record IMPORT: head | attempts before | progress | count | failure... | facts | text: the encoded message
 *
 * Its message is appended to the topic under a new sequence, so that it is counted as every other one (G4), and in the same
 * commit it is a dead letter of its subscription and discarded, with a reason, in the others that read the topic: nobody
 * handles it but who replays it.  What its run had achieved comes along: a replay goes on at the failed step.
 */
#include <stdio.h>

#include "base/assert.h"
#include "broker/cursor.h"
#include "broker/deliver.h"
#include "broker/head.h"
#include "broker/letter_impl.h"
#include "broker/outcome.h"
#include "broker/record.h"
#include "broker/subscription.h"
#include "broker/topic.h"

#define FAILURE_BYTES 2100 /* at most, of an entry of the history */

static struct belay_subscription *next_reader(const struct topic *t, struct belay_list **node)
{
    *node = *node ? (*node)->next : t->subscriptions.next;
    return *node == &t->subscriptions ? NULL : BELAY_CONTAINER_OF(*node, struct belay_subscription, topic_node);
}

/* What gathered in each comes first, and there is memory for its ranges. */
static int prepare_readers(struct belay_broker *b, const struct topic *t, uint32_t *ret_count, struct belay_err *err)
{
    struct belay_list *node = NULL;
    struct belay_subscription *sub;
    int status = BELAY_OK;
    for (*ret_count = 0; status == BELAY_OK && (sub = next_reader(t, &node)); ++*ret_count)
        status = delivery_prepare(b, sub, err);
    return status;
}

static void discard_elsewhere(struct belay_broker *b, const struct belay_subscription *of, uint64_t sequence)
{
    struct belay_list *node = NULL;
    struct belay_subscription *sub;
    char reason[2 * BELAY_NAME_BYTES_MAX];
    int n = snprintf(reason, sizeof reason, "imported as a letter of %.*s", BELAY_STR_ARG(of->name));
    while ((sub = next_reader(of->topic, &node))) {
        if (sub == of)
            continue;
        struct belay_err err;
        int status = finish_commit(b, sub, sequence, FINISH_DISCARDED, NULL, belay_str(reason, (size_t)n), BELAY_STR_NONE, &err);
        BELAY_ASSERT(status == BELAY_OK); /* room was reserved */
        subscription_kick(b, sub);
    }
}

/* Begins with what head_unpack reads: of a message that nobody tried here. */
static void pack(struct belay_broker *b, const struct belay_subscription *sub, uint64_t sequence, const struct belay_letter *l,
                 const struct letter_facts *facts, struct belay_str encoded)
{
    const struct head_told told = { .sub = sub, .sequence = sequence, .attempt = 1, .keyed = sub->opt.ordered && l->lane_key.n,
                                    .first_attempt_at = l->first_attempt_at, .accepted_at = b->now,
                                    .definition = l->definition, .lane = belay_hash128(l->lane_key), .key = l->lane_key };
    struct belay_buf *r = head_pack(b, &told);
    belay_pack_varint(r, l->attempts);
    const struct progress p = { l->definition, l->made_of, l->first_attempt_at, l->progress };
    head_pack_first_progress(r, &p);
    belay_pack_varint(r, l->history_count);
    for (uint32_t i = 0; i < l->history_count; i++)
        head_pack_failure(b, r, l->history[i].attempt, &l->history[i].fault);
    belay_pack_str(r, encoded);
    letter_pack_facts(b, r, facts); /* takes b->message for itself */
}

static int check(const struct belay_subscription *sub, const struct belay_letter *l, struct belay_err *err)
{
    if (!l->history_count || l->history_count > BELAY_LETTER_ATTEMPTS_MAX)
        return belay_fail(err, BELAY_INVALID, "a letter has a history of 1 to %d attempts, this one has %u", BELAY_LETTER_ATTEMPTS_MAX,
                          l->history_count);
    if (l->lane_key.n > BELAY_KEY_BYTES_MAX)
        return belay_fail(err, BELAY_INVALID, "its key has %zu bytes, at most %d", l->lane_key.n, BELAY_KEY_BYTES_MAX);
    if (l->progress.n > BELAY_PROGRESS_BYTES_MAX)
        return belay_fail(err, BELAY_INVALID, "its progress has %zu bytes, at most %zu", l->progress.n, (size_t)BELAY_PROGRESS_BYTES_MAX);
    if (!belay_str_eq(l->topic, sub->topic->name))
        return belay_fail(err, BELAY_CONFLICT, "%.*s reads %.*s here, the letter came from %.*s", BELAY_STR_ARG(sub->name),
                          BELAY_STR_ARG(sub->topic->name), BELAY_STR_ARG(l->topic));
    return BELAY_OK;
}

int belay_broker_letter_import(struct belay_broker *b, struct belay_subscription *sub, const struct belay_letter *l, belay_time now,
                               uint64_t *ret_sequence, struct belay_err *err)
{
    uint32_t readers;
    broker_advance(b, now);
    int status = check(sub, l, err);
    if (status == BELAY_OK)
        status = prepare_readers(b, sub->topic, &readers, err);
    struct belay_message message = l->message;
    message.expires_at = 0; /* who imports it wants it */
    if (status == BELAY_OK)
        status = broker_encode(b, NULL, &message, err);
    if (status != BELAY_OK)
        return status;
    const struct belay_fault *last = &l->history[l->history_count - 1].fault;
    struct letter_facts facts = { .created_at = b->now, .fingerprint = letter_fingerprint(last, sub->name),
                                  .payload_hash = belay_hash128(l->message.body),
                                  .key = l->lane_key.n ? l->lane_key : l->message.key };
    size_t bytes = 3 * b->message.n + l->progress.n + (size_t)l->history_count * FAILURE_BYTES + (size_t)readers * BELAY_KIB(1)
                   + FACTS_BYTES_MAX + BELAY_KIB(4);
    struct cost cost = EXCEPTION_COST;
    cost.state_bytes = (cost.state_bytes + BELAY_KIB(1)) * readers + 2 * bytes;
    cost.changes = (cost.changes + 8) * readers;
    status = record_reserve(b, bytes, 2 + readers, cost, true, err);
    struct belay_buf encoded;
    belay_buf_init(&encoded, BELAY_MESSAGE_BYTES_MAX + BELAY_KIB(1));
    belay_buf_put_str(&encoded, belay_buf_view(&b->message));
    uint64_t sequence = belay_store_next_sequence(b->store, sub->topic_id);
    if (status == BELAY_OK)
        pack(b, sub, sequence, l, &facts, belay_buf_view(&encoded));
    if (status == BELAY_OK && (belay_buf_status(&b->record) != BELAY_OK || belay_buf_status(&encoded) != BELAY_OK
                               || belay_buf_status(&b->message) != BELAY_OK))
        status = belay_fail(err, BELAY_NOMEM, "no memory for a letter");
    if (status == BELAY_OK) {
        uint64_t appended = topic_append(b, sub->topic, belay_buf_view(&encoded));
        BELAY_ASSERT(appended == sequence);
        record_append(b, RECORD_IMPORT);
        discard_elsewhere(b, sub, sequence);
        *ret_sequence = sequence;
    }
    belay_buf_deinit(&encoded);
    return status;
}

int apply_import(struct belay_broker *b, struct belay_unpack *u)
{
    struct head h;
    struct letter_facts f;
    int status = head_unpack(b, u, &h);
    if (status != BELAY_OK)
        return status;
    uint32_t total = (uint32_t)belay_unpack_varint(u);
    struct told_progress progress = head_unpack_progress(u);
    uint64_t count = belay_unpack_varint(u);
    struct belay_str failures[BELAY_LETTER_ATTEMPTS_MAX];
    if (!h.is_new || !belay_unpack_ok(u) || !count || count > BELAY_LETTER_ATTEMPTS_MAX)
        return BELAY_CORRUPT;
    for (uint64_t i = 0; i < count; i++)
        failures[i] = head_unpack_failure(u);
    struct belay_str message = belay_unpack_str(u), facts = belay_unpack_bytes(u, belay_unpack_u32(u));
    if (!belay_unpack_ok(u) || !facts_unpack(facts, &f))
        return BELAY_CORRUPT;
    h.x.total = total;
    letter_put(b, h.sub, h.sequence, &h.x, facts, message);
    group_arrived(b, h.sub->id, &f, failures[count - 1]);
    exception_set_state(b, h.sub, &h.x, EXCEPTION_DEAD);
    for (uint64_t i = 0; i < count; i++)
        exception_add_history(b, h.sub, h.sequence, &h.x, failures[i]);
    exception_put_progress(b, h.sub, h.sequence, &h.x, progress.now, progress.packed);
    head_enter(&h);
    h.sub->topic->low_dirty = true;
    return BELAY_OK;
}

bool belay_broker_letter_known(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, belay_time created_at)
{
    struct letter_facts f;
    return facts_get(b, sub->id, sequence, &f) && f.created_at / BELAY_US_PER_MS == created_at / BELAY_US_PER_MS;
}
