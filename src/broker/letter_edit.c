/* letter_edit.c - a person changes the message of a letter; the one that came is kept.
 *
 *   record EDIT: sub | seq | edits before | hash of the body | text: the encoded message
 *
 * The first edit puts the message as it came aside (LETTER part ORIGINAL), where it stays as long as the letter, so that
 * it can be shown and put back (an edit like any other).  `edits` is the letter's version: whoever changes it says which
 * one he has seen, and of two at once the second is told.
 */
#include "base/planted.h"
#include "broker/letter_impl.h"
#include "broker/record.h"
#include "broker/subscription.h"

static int check(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, uint32_t version,
                 struct belay_err *err)
{
    struct exception x;
    struct letter_facts facts;
    int status = letter_find_whole(b, sub, sequence, &x, &facts, err);
    if (status != BELAY_OK)
        return status;
    if (facts.edits != version && !BELAY_PLANTED(53)) /* the second of two editors wins, and nobody is told */
        return belay_fail(err, BELAY_CONFLICT, "letter %llu of %.*s was edited meanwhile: it is version %u now, not %u",
                          (unsigned long long)sequence, BELAY_STR_ARG(sub->name), facts.edits, version);
    return BELAY_OK;
}

/* A person's own words are a message like others; what came larger may be put back as it came. */
static size_t bytes_max(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence)
{
    struct row_key first = key_letter(sub->id, sequence, LETTER_ORIGINAL), as_is = key_letter(sub->id, sequence, LETTER_MESSAGE);
    struct belay_str came = BELAY_STR_NONE;
    if (!belay_state_get(b->state, BELAY_TABLE_LETTER, row_key_str(&first), &came))
        (void)belay_state_get(b->state, BELAY_TABLE_LETTER, row_key_str(&as_is), &came);
    return came.n > BELAY_MESSAGE_BYTES_DEFAULT ? came.n : BELAY_MESSAGE_BYTES_DEFAULT;
}

int belay_broker_letter_edit(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, uint32_t version,
                             const struct belay_message *m, belay_time now, struct belay_err *err)
{
    struct row_key key = key_letter(sub->id, sequence, LETTER_MESSAGE);
    struct belay_str before;
    broker_advance(b, now);
    int status = check(b, sub, sequence, version, err);
    if (status != BELAY_OK)
        return status;
    size_t most = bytes_max(b, sub, sequence);
    if (m->body.n > most)
        return belay_fail(err, BELAY_LIMIT, "a message of %zu bytes: at most %zu", m->body.n, most);
    belay_buf_clear(&b->message);
    belay_message_encode(&b->message, m);
    status = belay_buf_status(&b->message);
    if (status != BELAY_OK)
        return belay_fail(err, status, "the edited message: %s", belay_status_text(status));
    struct belay_buf *r = record_begin(b);
    belay_pack_varint(r, sub->id);
    belay_pack_varint(r, sequence);
    belay_pack_varint(r, version);
    pack_hash(r, belay_hash128(m->body));
    belay_pack_str(r, belay_buf_view(&b->message));
    struct cost cost = { r->n + FACTS_BYTES_MAX + 512, 12 };
    if (belay_state_get(b->state, BELAY_TABLE_LETTER, row_key_str(&key), &before))
        cost.state_bytes += before.n;
    return record_commit(b, RECORD_EDIT, cost, true, err);
}

/* The message as it came, before the first edit. */
static int keep_original(struct belay_broker *b, uint32_t sub, uint64_t sequence)
{
    struct row_key from = key_letter(sub, sequence, LETTER_MESSAGE), to = key_letter(sub, sequence, LETTER_ORIGINAL);
    struct belay_str message;
    if (!belay_state_get(b->state, BELAY_TABLE_LETTER, row_key_str(&from), &message))
        return BELAY_CORRUPT;
    if (!BELAY_PLANTED(54)) /* the first edit is for good */
        belay_state_put(b->state, BELAY_TABLE_LETTER, row_key_str(&to), message);
    return BELAY_OK;
}

int apply_edit(struct belay_broker *b, struct belay_unpack *u)
{
    struct belay_subscription *sub = unpack_subscription(b, u);
    uint64_t sequence = belay_unpack_varint(u), version = belay_unpack_varint(u);
    struct belay_hash128 hash = unpack_hash(u);
    struct belay_str encoded = belay_unpack_str(u);
    char bytes[FACTS_BYTES_MAX], text[BELAY_KEY_BYTES_MAX];
    struct belay_buf facts = { .p = bytes, .cap = sizeof bytes, .size_bytes_max = sizeof bytes };
    struct letter_facts f;
    if (!sub || !belay_unpack_ok(u) || !facts_get(b, sub->id, sequence, &f) || f.key.n > sizeof text)
        return BELAY_CORRUPT;
    memcpy(text, f.key.p ? f.key.p : "", f.key.n); /* a view of the state */
    f.key = belay_str(text, f.key.n);
    int status = f.edits == 0 ? keep_original(b, sub->id, sequence) : BELAY_OK;
    if (status != BELAY_OK)
        return status;
    struct row_key key = key_letter(sub->id, sequence, LETTER_MESSAGE);
    belay_state_put(b->state, BELAY_TABLE_LETTER, row_key_str(&key), encoded);
    f.edits = (uint32_t)version + 1;
    f.payload_hash = hash;
    facts_pack(&facts, &f);
    BELAY_ASSERT(belay_buf_status(&facts) == BELAY_OK);
    facts_put(b, sub->id, sequence, belay_buf_view(&facts));
    return BELAY_OK;
}

bool letter_unseen(struct belay_broker *b, uint32_t sub, uint64_t sequence, const struct exception *x)
{
    struct row_key key = key_letter(sub, sequence, LETTER_MESSAGE);
    struct belay_hash128 content;
    struct belay_str message;
    struct progress p;
    if (!x->progress || !progress_get(b, sub, sequence, true, &p) || !progress_carries(b, p.bytes))
        return false;
    return belay_state_get(b->state, BELAY_TABLE_LETTER, row_key_str(&key), &message)
           && belay_message_content_hash(message, &content) && !belay_hash128_eq(content, p.made_of);
}

bool belay_broker_letter_unseen(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence)
{
    struct exception x;
    return exception_get(b, sub->id, sequence, &x) && exception_is_letter(&x) && letter_unseen(b, sub->id, sequence, &x);
}

void belay_broker_set_carries(struct belay_broker *b, bool (*carries)(struct belay_str progress))
{
    b->carries = carries;
}

int belay_broker_letter_original(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                                 struct belay_arena *arena, struct belay_message *ret_message, struct belay_err *err)
{
    struct exception x;
    struct letter_facts f;
    int status = letter_find(b, sub, sequence, &x, err);
    if (status != BELAY_OK)
        return status;
    bool edited = facts_get(b, sub->id, sequence, &f) && f.edits;
    struct row_key key = key_letter(sub->id, sequence, edited ? LETTER_ORIGINAL : LETTER_MESSAGE);
    struct belay_str value;
    if (!belay_state_get(b->state, BELAY_TABLE_LETTER, row_key_str(&key), &value))
        return belay_fail(err, BELAY_CORRUPT, "the original of letter %llu is gone", (unsigned long long)sequence);
    value = belay_arena_str(arena, value);
    return value.p ? belay_message_decode(value, arena, ret_message, err)
                   : belay_fail(err, BELAY_NOMEM, "no memory for a message");
}
