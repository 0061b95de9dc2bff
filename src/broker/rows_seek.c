/* rows_seek.c - rows of the broker's tables in the order of their keys, and none but the broker's. */
#include "broker/unreadable.h"

#define BYTES(n) (1ull << (n))
#define PARTS_BIT 63 /* of the tables told: all parts of idempotency keys together */

/* How long a table's keys are (docs/format/broker-records.md). */
static const struct {
    const char *name;
    uint64_t lengths;
} tables[BELAY_TABLE_STATIC_COUNT] = {
    [BELAY_TABLE_EXCEPTION] = { "EXCEPTION", BYTES(13) | BYTES(17) },
    [BELAY_TABLE_DUE] = { "DUE", BYTES(20) },
    [BELAY_TABLE_LANE] = { "LANE", BYTES(20) },
    [BELAY_TABLE_HELD] = { "HELD", BYTES(28) },
    [BELAY_TABLE_LETTER] = { "LETTER", BYTES(13) },
    [BELAY_TABLE_LETTER_INDEX] = { "LETTER_INDEX", BYTES(21) | BYTES(29) | BYTES(32) },
    [BELAY_TABLE_GROUP] = { "GROUP", BYTES(8) },
    [BELAY_TABLE_SCHEDULED] = { "SCHEDULED", BYTES(16) },
    [BELAY_TABLE_TRAIL] = { "TRAIL", BYTES(1) | BYTES(9) | BYTES(17) },
    [BELAY_TABLE_REPLAY] = { "REPLAY", BYTES(4) | BYTES(25) | BYTES(33) },
    [BELAY_TABLE_POISON] = { "POISON", BYTES(21) },
};

static bool is_ours(uint32_t table, struct belay_str key)
{
    uint64_t lengths = table >= BELAY_TABLE_DROPPABLE ? BYTES(2) | BYTES(18) : tables[table].lengths;
    return key.n < 64 && lengths & BYTES(key.n);
}

/* Once a table: a walk comes by again and again. */
static void tell(struct belay_broker *b, uint32_t table, struct belay_str key)
{
    bool part = table >= BELAY_TABLE_DROPPABLE;
    uint64_t bit = BYTES(part ? PARTS_BIT : table);
    if (b->strangers & bit)
        return;
    b->strangers |= bit;
    unreadable_found(b, "a row of %s whose key has %zu bytes, as none of that table has: it stays in the store and means nothing",
                     part ? "the idempotency keys" : tables[table].name, key.n);
}

bool rows_strangers(const struct belay_broker *b, char *ret_names, size_t n)
{
    struct belay_buf names = { .p = ret_names, .cap = n, .size_bytes_max = n };
    for (uint32_t table = 0; table < BELAY_TABLE_STATIC_COUNT; table++)
        if (b->strangers & BYTES(table))
            belay_buf_printf(&names, "%s%s", names.n ? ", " : "", tables[table].name);
    if (b->strangers & BYTES(PARTS_BIT))
        belay_buf_printf(&names, "%sthe idempotency keys", names.n ? ", " : "");
    belay_buf_put_c(&names, '\0');
    BELAY_ASSERT(belay_buf_status(&names) == BELAY_OK); /* all of them have room */
    return b->strangers != 0;
}

bool rows_seek(struct belay_broker *b, uint32_t table, struct belay_str from, bool after, struct belay_str prefix,
               struct belay_str *ret_key, struct belay_str *ret_value)
{
    char stranger[BELAY_STATE_KEY_BYTES_MAX];
    struct belay_str key, value;
    BELAY_ASSERT(table >= BELAY_TABLE_DROPPABLE || tables[table].name);
    while (belay_state_seek(b->state, table, from, after, prefix, &key, &value)) {
        if (is_ours(table, key)) {
            *ret_key = key;
            *ret_value = value;
            return true;
        }
        tell(b, table, key);
        BELAY_ASSERT(key.n <= sizeof stranger);
        memcpy(stranger, key.p, key.n);
        from = belay_str(stranger, key.n);
        after = true;
    }
    return false;
}
