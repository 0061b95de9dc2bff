/* letter_facts.c - the row that a list of letters tells from, and the rows of the index that lead to it. */
#include "base/planted.h"
#include "broker/letter_impl.h"
#include "broker/record.h"

/* ---- facts ---- */

void facts_pack(struct belay_buf *out, const struct letter_facts *f)
{
    belay_pack_u8(out, FACTS_VERSION);
    belay_pack_svarint(out, f->created_at);
    belay_pack_u64(out, f->fingerprint);
    pack_hash(out, f->payload_hash);
    belay_pack_varint(out, f->edits);
    belay_pack_str(out, f->key);
}

bool facts_unpack(struct belay_str value, struct letter_facts *ret_f)
{
    struct belay_unpack u = belay_unpack_init(value);
    bool known = belay_unpack_u8(&u) == FACTS_VERSION;
    struct letter_facts f = { .created_at = belay_unpack_svarint(&u) };
    f.fingerprint = belay_unpack_u64(&u);
    f.payload_hash = unpack_hash(&u);
    f.edits = (uint32_t)belay_unpack_varint(&u);
    f.key = belay_unpack_str(&u);
    if (!known || !belay_unpack_done(&u))
        return false;
    *ret_f = f;
    return true;
}

bool facts_get(struct belay_broker *b, uint32_t sub, uint64_t sequence, struct letter_facts *ret_f)
{
    struct row_key key = key_letter(sub, sequence, LETTER_FACTS);
    struct belay_str value;
    return belay_state_get(b->state, BELAY_TABLE_LETTER, row_key_str(&key), &value) && facts_unpack(value, ret_f);
}

/* ---- index ---- */

struct row_key key_by_group(uint64_t group, belay_time at, uint32_t sub, uint64_t sequence)
{
    struct row_key k = { .bytes = { 'g' }, .n = 29 };
    belay_store_be64(k.bytes + 1, group);
    belay_store_be64(k.bytes + 9, (uint64_t)at);
    belay_store_be32(k.bytes + 17, sub);
    belay_store_be64(k.bytes + 21, sequence);
    return k;
}

/* By the begin of its text first: keys that are counted up (orders, invoices) fail in that order too, so that their rows
 * lie together; a hash alone would be a page of the checkpoint for each. */
struct row_key key_by_key(struct belay_str key, uint32_t sub, uint64_t sequence)
{
    struct row_key k = { .bytes = { 'k' }, .n = KEY_BY_KEY_SUB + 12 };
    if (key.n)
        memcpy(k.bytes + 1, key.p, key.n < KEY_BY_KEY_TEXT ? key.n : KEY_BY_KEY_TEXT);
    belay_store_be64(k.bytes + 1 + KEY_BY_KEY_TEXT, belay_hash64(key));
    belay_store_be32(k.bytes + KEY_BY_KEY_SUB, sub);
    belay_store_be64(k.bytes + KEY_BY_KEY_SUB + 4, sequence);
    return k;
}

struct row_key key_by_time(uint32_t sub, belay_time at, uint64_t sequence)
{
    struct row_key k = { .bytes = { 't' }, .n = 21 };
    belay_store_be32(k.bytes + 1, sub);
    belay_store_be64(k.bytes + 5, (uint64_t)at);
    belay_store_be64(k.bytes + 13, sequence);
    return k;
}

static void index_each(struct belay_broker *b, uint32_t sub, uint64_t sequence, const struct letter_facts *f, bool put)
{
    struct row_key keys[] = { key_by_group(f->fingerprint, f->created_at, sub, sequence),
                              key_by_time(sub, f->created_at, sequence),
                              key_by_key(f->key, sub, sequence) };
    uint32_t count = f->key.n ? 3 : 2;
    for (uint32_t i = 0; i < count; i++)
        if (put)
            belay_state_put(b->state, BELAY_TABLE_LETTER_INDEX, row_key_str(&keys[i]), BELAY_STR(""));
        else
            belay_state_del(b->state, BELAY_TABLE_LETTER_INDEX, row_key_str(&keys[i]));
}

void facts_put(struct belay_broker *b, uint32_t sub, uint64_t sequence, struct belay_str facts)
{
    struct row_key key = key_letter(sub, sequence, LETTER_FACTS);
    struct letter_facts f, old;
    bool known = facts_unpack(facts, &f);
    BELAY_ASSERT(known);
    if (facts_get(b, sub, sequence, &old))
        index_each(b, sub, sequence, &old, false);
    belay_state_put(b->state, BELAY_TABLE_LETTER, row_key_str(&key), facts);
    index_each(b, sub, sequence, &f, true);
}

void letter_rows_del(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence)
{
    struct letter_facts f;
    bool known = facts_get(b, sub->id, sequence, &f);
    bool edited = !known || f.edits;
    if (known)
        index_each(b, sub->id, sequence, &f, false);
    for (uint8_t part = LETTER_FACTS; part < LETTER_PARTS; part++) {
        struct row_key key = key_letter(sub->id, sequence, part);
        if (part == LETTER_ORIGINAL && !edited)
            continue; /* there is none: a deletion would be a change of the next checkpoint all the same */
        if (part == LETTER_MESSAGE && BELAY_PLANTED(38))
            continue;
        belay_state_del(b->state, BELAY_TABLE_LETTER, row_key_str(&key));
    }
}
