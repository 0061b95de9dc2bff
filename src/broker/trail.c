/* trail.c - what persons did, in rows that outlive what they did it to.  trail.h says which rows. */
#include "broker/trail.h"

#include "base/planted.h"
#include "broker/exception.h"
#include "broker/record.h"
#include "broker/window.h"

#define DROPS_PER_ADD 4   /* more than one comes, so old ones go in time */
#define DROPS_PER_TICK 32
#define LOOK_MS 600000    /* between two looks for old ones */

enum { ROW_RANGE, ROW_ENTRY, ROW_SUBJECT };

static const char *const kind_names[BELAY_TRAIL_KINDS] = {
    [BELAY_TRAIL_LETTER] = "letter", [BELAY_TRAIL_LANE] = "lane", [BELAY_TRAIL_SAGA] = "saga",
    [BELAY_TRAIL_JOB] = "job",       [BELAY_TRAIL_FLOW] = "flow", [BELAY_TRAIL_SILENCE] = "silence",
    [BELAY_TRAIL_MESSAGES] = "messages",
};

const char *belay_trail_kind_name(enum belay_trail_kind kind)
{
    BELAY_ASSERT(kind > 0 && kind < BELAY_TRAIL_KINDS);
    return kind_names[kind];
}

/* ---- rows ---- */

static struct row_key key_range(void)
{
    return (struct row_key){ .bytes = { ROW_RANGE }, .n = 1 };
}

static struct row_key key_entry(uint64_t number)
{
    struct row_key k = { .bytes = { ROW_ENTRY }, .n = 9 };
    belay_store_be64(k.bytes + 1, number);
    return k;
}

static struct row_key key_subject(uint64_t subject, uint64_t number)
{
    struct row_key k = { .bytes = { ROW_SUBJECT }, .n = 17 };
    belay_store_be64(k.bytes + 1, subject);
    belay_store_be64(k.bytes + 9, number);
    return k;
}

static uint64_t subject_of(enum belay_trail_kind kind, struct belay_str owner, struct belay_str id)
{
    const uint8_t byte = (uint8_t)kind;
    struct belay_str parts[] = { belay_str((const char *)&byte, 1), owner, id };
    return belay_hash128_parts(parts, 3).hi;
}

static struct belay_str row(struct belay_broker *b, struct row_key key)
{
    struct belay_str value;
    return belay_state_get(b->state, BELAY_TABLE_TRAIL, row_key_str(&key), &value) ? value : BELAY_STR_NONE;
}

/* Without a row nobody did anything yet. Errors: BELAY_VERSION, BELAY_CORRUPT. */
static int get_range(struct belay_broker *b, uint64_t *ret_first, uint64_t *ret_next)
{
    struct belay_str value = row(b, key_range());
    struct belay_unpack u = belay_unpack_init(value);
    uint64_t first = 1, next = 1;
    if (value.p) {
        if (belay_unpack_u8(&u) != ROW_VERSION)
            return BELAY_VERSION;
        first = belay_unpack_varint(&u);
        next = belay_unpack_varint(&u);
        if (!belay_unpack_done(&u) || !first || first > next)
            return BELAY_CORRUPT;
    }
    *ret_first = first;
    *ret_next = next;
    return BELAY_OK;
}

/* Taken for empty, an unreadable trail would be written over from its begin. */
int trail_load(struct belay_broker *b)
{
    uint64_t first, next;
    return get_range(b, &first, &next);
}

void belay_trail_range(struct belay_broker *b, uint64_t *ret_first, uint64_t *ret_next)
{
    int status = get_range(b, ret_first, ret_next);
    BELAY_ASSERT(status == BELAY_OK); /* load read it, and since then only put_range wrote it */
}

static bool decode(struct belay_str value, struct belay_trail_entry *ret_entry)
{
    struct belay_unpack u = belay_unpack_init(value);
    bool known = belay_unpack_u8(&u) == ROW_VERSION;
    struct belay_trail_entry e = { .at = belay_unpack_svarint(&u) };
    e.kind = belay_unpack_u8(&u);
    e.owner = belay_unpack_str(&u);
    e.id = belay_unpack_str(&u);
    e.who = belay_unpack_str(&u);
    e.verb = belay_unpack_str(&u);
    e.reason = belay_unpack_str(&u);
    e.detail = belay_unpack_str(&u);
    if (!known || !belay_unpack_done(&u) || e.kind == 0 || e.kind >= BELAY_TRAIL_KINDS)
        return false;
    *ret_entry = e;
    return true;
}

/* ---- adding ---- */

/* Of the row and of the record's part that is it. */
static size_t entry_bytes(const struct belay_trail_entry *e)
{
    return 64 + e->owner.n + e->id.n + e->who.n + e->verb.n + e->reason.n + e->detail.n;
}

static int check(const struct belay_trail_entry *e, struct belay_err *err)
{
    BELAY_ASSERT(e->kind > 0 && e->kind < BELAY_TRAIL_KINDS && e->who.n && e->verb.n);
    if (e->who.n > BELAY_TRAIL_WHO_BYTES_MAX)
        return belay_fail(err, BELAY_LIMIT, "a name of more than %d bytes", BELAY_TRAIL_WHO_BYTES_MAX);
    if (e->reason.n > BELAY_TRAIL_TEXT_BYTES_MAX || e->detail.n > BELAY_TRAIL_TEXT_BYTES_MAX)
        return belay_fail(err, BELAY_LIMIT, "a reason of more than %d bytes", BELAY_TRAIL_TEXT_BYTES_MAX);
    if (e->owner.n > 2 * BELAY_NAME_BYTES_MAX || e->id.n > BELAY_KEY_BYTES_MAX || e->verb.n > BELAY_NAME_BYTES_MAX)
        return belay_fail(err, BELAY_LIMIT, "the name of what it is about is too long");
    return BELAY_OK;
}

static struct cost cost_of(size_t bytes)
{
    return (struct cost){ bytes + 512, 3 + 2 * DROPS_PER_ADD };
}

int belay_trail_begin(struct belay_broker *b, const struct belay_trail_entry *entry, size_t bytes, uint32_t records,
                      struct belay_err *err)
{
    int status = check(entry, err);
    if (status != BELAY_OK)
        return status;
    size_t entry_n = entry_bytes(entry);
    struct cost cost = cost_of(entry_n);
    cost.state_bytes += bytes + EXCEPTION_COST.state_bytes + BELAY_KIB(4);
    cost.changes += 4 * records + EXCEPTION_COST.changes + 16;
    b->unit = (struct cost){ 0 };
    status = belay_store_reserve(b->store, bytes + entry_n + BELAY_KIB(4), records + 3, true, err);
    if (status == BELAY_OK)
        status = belay_state_reserve(b->state, cost.state_bytes, cost.changes, err);
    if (status == BELAY_OK)
        b->unit = cost;
    return status;
}

/* The first number that stays, when at most `drops` go: the record says it, since apply knows no limit. */
static uint64_t first_kept(struct belay_broker *b, uint64_t first, uint64_t next, uint32_t drops)
{
    belay_time since = b->now - (belay_time)(BELAY_TRAIL_KEEP_MS * BELAY_US_PER_MS);
    struct belay_trail_entry e;
    for (; drops && first < next; drops--, first++) {
        bool many = next - first >= b->trail_entries_max;
        if (!many && decode(row(b, key_entry(first)), &e) && e.at >= since)
            break;
    }
    return first;
}

/* record: varint first that is kept from now on | u8 1, with an entry: its row. */
int belay_trail_add(struct belay_broker *b, const struct belay_trail_entry *entry, belay_time now, struct belay_err *err)
{
    uint64_t first, next;
    int status = check(entry, err);
    if (status != BELAY_OK)
        return status;
    broker_advance(b, now);
    belay_trail_range(b, &first, &next);
    struct belay_buf *r = record_begin(b);
    belay_pack_varint(r, first_kept(b, first, next, DROPS_PER_ADD));
    belay_pack_u8(r, ROW_VERSION);
    belay_pack_svarint(r, b->now);
    belay_pack_u8(r, (uint8_t)entry->kind);
    belay_pack_str(r, entry->owner);
    belay_pack_str(r, entry->id);
    belay_pack_str(r, entry->who);
    belay_pack_str(r, entry->verb);
    belay_pack_str(r, entry->reason);
    belay_pack_str(r, entry->detail);
    return record_commit(b, RECORD_TRAIL, cost_of(entry_bytes(entry)), true, err);
}

static void drop(struct belay_broker *b, uint64_t number)
{
    struct belay_trail_entry e;
    struct row_key key = key_entry(number);
    if (decode(row(b, key), &e)) {
        struct row_key by_subject = key_subject(subject_of(e.kind, e.owner, e.id), number);
        if (!BELAY_PLANTED(50)) /* a row that leads nowhere, for good */
            belay_state_del(b->state, BELAY_TABLE_TRAIL, row_key_str(&by_subject));
    }
    belay_state_del(b->state, BELAY_TABLE_TRAIL, row_key_str(&key));
}

static void put_range(struct belay_broker *b, uint64_t first, uint64_t next)
{
    char bytes[1 + 2 * BELAY_VARINT_MAX];
    struct belay_buf out = { .p = bytes, .cap = sizeof bytes, .size_bytes_max = sizeof bytes };
    struct row_key key = key_range();
    BELAY_ASSERT(first && first <= next);
    belay_pack_u8(&out, ROW_VERSION);
    belay_pack_varint(&out, first);
    belay_pack_varint(&out, next);
    belay_state_put(b->state, BELAY_TABLE_TRAIL, row_key_str(&key), belay_buf_view(&out));
}

int apply_trail(struct belay_broker *b, struct belay_unpack *u)
{
    uint64_t first, next, keep = belay_unpack_varint(u);
    struct belay_str value = belay_unpack_bytes(u, belay_unpack_left(u));
    struct belay_trail_entry e;
    belay_trail_range(b, &first, &next);
    if (!belay_unpack_ok(u) || keep < first || keep > next || (value.n && !decode(value, &e)))
        return BELAY_CORRUPT;
    for (; first < keep; first++)
        drop(b, first);
    if (value.n) {
        struct row_key key = key_entry(next), by_subject = key_subject(subject_of(e.kind, e.owner, e.id), next);
        belay_state_put(b->state, BELAY_TABLE_TRAIL, row_key_str(&by_subject), BELAY_STR(""));
        belay_state_put(b->state, BELAY_TABLE_TRAIL, row_key_str(&key), value);
        next++;
    }
    put_range(b, first, next);
    return BELAY_OK;
}

/* Old ones go where nobody adds any. */
void trail_tick(struct belay_broker *b)
{
    uint64_t first, next;
    struct belay_err err;
    if (b->now < b->trail_at)
        return;
    b->trail_at = belay_time_add_ms(b->now, LOOK_MS);
    belay_trail_range(b, &first, &next);
    uint64_t keep = first_kept(b, first, next, DROPS_PER_TICK);
    if (keep == first)
        return;
    belay_pack_varint(record_begin(b), keep);
    struct cost cost = { 1024, 1 + 2 * DROPS_PER_TICK };
    if (record_commit(b, RECORD_TRAIL, cost, true, &err) == BELAY_OK && keep - first == DROPS_PER_TICK)
        b->trail_at = b->now; /* there may be more */
}

/* ---- reading ---- */

bool belay_trail_get(struct belay_broker *b, uint64_t number, struct belay_arena *arena,
                     struct belay_trail_entry *ret_entry)
{
    struct belay_trail_entry e;
    struct belay_str value = row(b, key_entry(number));
    if (value.p)
        value = belay_arena_str(arena, value);
    if (!value.p || !decode(value, &e))
        return false;
    e.number = number;
    *ret_entry = e;
    return true;
}

bool belay_trail_about(struct belay_broker *b, enum belay_trail_kind kind, struct belay_str owner, struct belay_str id,
                       uint64_t *number, struct belay_arena *arena, struct belay_trail_entry *ret_entry)
{
    uint64_t subject = subject_of(kind, owner, id);
    struct row_key from = key_subject(subject, *number), prefix = { .bytes = { ROW_SUBJECT }, .n = 9 };
    struct belay_str key, value;
    belay_store_be64(prefix.bytes + 1, subject);
    if (!rows_seek(b, BELAY_TABLE_TRAIL, row_key_str(&from), true, row_key_str(&prefix), &key, &value))
        return false;
    *number = belay_load_be64(key.p + 9);
    return belay_trail_get(b, *number, arena, ret_entry);
}

/* ---- the invariants ---- */

int trail_check(struct belay_broker *b, struct belay_err *err)
{
    uint64_t first, next, entries = 0, subjects = 0;
    struct row_key from = key_entry(0), by_subject;
    struct belay_str key, value;
    belay_trail_range(b, &first, &next);
    while (rows_seek(b, BELAY_TABLE_TRAIL, row_key_str(&from), true, BELAY_STR_NONE, &key, &value)) {
        struct belay_trail_entry e;
        bool entry = key.p[0] == ROW_ENTRY;
        uint64_t number = belay_load_be64(key.p + (entry ? 1 : 9));
        from = row_key_of(key);
        ++*(entry ? &entries : &subjects);
        if (number < first || number >= next)
            return belay_fail(err, BELAY_CORRUPT, "trail: entry %llu is not among those kept", (unsigned long long)number);
        if (!entry)
            continue;
        if (!decode(value, &e))
            return belay_fail(err, BELAY_CORRUPT, "trail: entry %llu cannot be read", (unsigned long long)number);
        by_subject = key_subject(subject_of(e.kind, e.owner, e.id), number);
        if (!row(b, by_subject).p)
            return belay_fail(err, BELAY_CORRUPT, "trail: entry %llu is not found by what it is about", (unsigned long long)number);
    }
    if (entries != next - first || subjects != entries)
        return belay_fail(err, BELAY_CORRUPT, "trail: %llu entries and %llu ways to them, of %llu",
                          (unsigned long long)entries, (unsigned long long)subjects, (unsigned long long)(next - first));
    return BELAY_OK;
}
