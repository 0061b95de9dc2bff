/* letter_group.c - letters that failed alike: one row for each kind of failure, kept by apply with the letters themselves. */
#include "base/planted.h"
#include "broker/letter_impl.h"
#include "broker/record.h"

#define HOUR_US ((belay_time)3600 * BELAY_US_PER_S)
#define DAY_US (24 * HOUR_US)
#define FORGET_BITE 64   /* groups looked at in a tick */
#define FORGET_LOOK_MS 3600000
#define KEEP_EMPTY_US (30 * DAY_US)

struct group {
    uint32_t sub;
    struct belay_letter_group g;
    uint64_t hour, day; /* number of the newest bucket */
};

static struct row_key key_of(uint64_t fingerprint)
{
    struct row_key k = { .n = 8 };
    belay_store_be64(k.bytes, fingerprint);
    return k;
}

/* ---- the row ---- */

static void pack_trend(struct belay_buf *out, uint64_t newest, const uint32_t *counts, uint32_t n)
{
    belay_pack_varint(out, newest);
    for (uint32_t i = 0; i < n; i++)
        belay_pack_varint(out, counts[i]);
}

static uint64_t unpack_trend(struct belay_unpack *u, uint32_t *counts, uint32_t n)
{
    uint64_t newest = belay_unpack_varint(u);
    for (uint32_t i = 0; i < n; i++)
        counts[i] = (uint32_t)belay_unpack_varint(u);
    return newest;
}

static void put(struct belay_broker *b, const struct group *g)
{
    char bytes[GROUP_BYTES_MAX];
    struct belay_buf out = { .p = bytes, .cap = sizeof bytes, .size_bytes_max = sizeof bytes };
    struct row_key key = key_of(g->g.fingerprint);
    belay_pack_u8(&out, ROW_VERSION);
    belay_pack_varint(&out, g->sub);
    belay_pack_svarint(&out, g->g.first_seen);
    belay_pack_svarint(&out, g->g.last_seen);
    belay_pack_varint(&out, g->g.count);
    belay_pack_varint(&out, g->g.ever);
    belay_pack_u8(&out, (uint8_t)g->g.class_);
    belay_pack_varint(&out, g->g.status);
    belay_pack_str(&out, g->g.type);
    belay_pack_str(&out, g->g.step);
    belay_pack_str(&out, g->g.message);
    pack_trend(&out, g->hour, g->g.hours, BELAY_GROUP_HOURS);
    pack_trend(&out, g->day, g->g.days, BELAY_GROUP_DAYS);
    BELAY_ASSERT(belay_buf_status(&out) == BELAY_OK);
    belay_state_put(b->state, BELAY_TABLE_GROUP, row_key_str(&key), belay_buf_view(&out));
}

static bool decode(struct belay_str value, uint64_t fingerprint, struct group *ret_g)
{
    struct belay_unpack u = belay_unpack_init(value);
    bool known = belay_unpack_u8(&u) == ROW_VERSION;
    struct group g = { .sub = (uint32_t)belay_unpack_varint(&u), .g.fingerprint = fingerprint };
    g.g.first_seen = belay_unpack_svarint(&u);
    g.g.last_seen = belay_unpack_svarint(&u);
    g.g.count = belay_unpack_varint(&u);
    g.g.ever = belay_unpack_varint(&u);
    g.g.class_ = belay_unpack_u8(&u);
    g.g.status = (uint32_t)belay_unpack_varint(&u);
    g.g.type = belay_unpack_str(&u);
    g.g.step = belay_unpack_str(&u);
    g.g.message = belay_unpack_str(&u);
    g.hour = unpack_trend(&u, g.g.hours, BELAY_GROUP_HOURS);
    g.day = unpack_trend(&u, g.g.days, BELAY_GROUP_DAYS);
    if (!known || !belay_unpack_done(&u))
        return false;
    *ret_g = g;
    return true;
}

/* Texts are views of the state: copy what is kept beyond the next put. */
static bool get(struct belay_broker *b, uint64_t fingerprint, struct group *ret_g)
{
    struct row_key key = key_of(fingerprint);
    struct belay_str value;
    return belay_state_get(b->state, BELAY_TABLE_GROUP, row_key_str(&key), &value) && decode(value, fingerprint, ret_g);
}

/* ---- changes ---- */

/* Makes bucket `at` the newest, counts[0]; what lies too far back is forgotten. */
static uint64_t advance(uint32_t *counts, uint32_t n, uint64_t newest, uint64_t at)
{
    uint64_t by = at > newest ? at - newest : 0;
    if (!by)
        return newest;
    for (uint32_t i = n; i-- > 0;)
        counts[i] = i >= by ? counts[i - by] : 0;
    return at;
}

static uint64_t bucket(belay_time at, belay_time width)
{
    return at > 0 ? (uint64_t)(at / width) : 0;
}

/* Room for the texts of a new one; they are of the failure that made it. */
struct texts {
    struct belay_fault fault;
    char message[sizeof(struct belay_fault){ 0 }.description];
};

static void name_group(struct group *g, struct belay_str failure, struct texts *t)
{
    struct belay_unpack u = belay_unpack_init(failure);
    belay_unpack_u8(&u);
    belay_unpack_u32(&u);
    belay_fault_unpack(&u, &t->fault);
    belay_fault_message(&t->fault, t->message);
    g->g.class_ = t->fault.class_;
    g->g.status = t->fault.status;
    g->g.type = belay_str_c(t->fault.type);
    g->g.step = belay_str_c(t->fault.step);
    g->g.message = belay_str_c(t->message);
}

/* ---- new ones ---- */

/* A group with letters is new for an hour after its first one. One that has none any more is not: they were withdrawn by
 * their saga, say, before anybody could look. What is counted is in memory only: the first walk of group_tick after a
 * start counts what is there, so that a group that nobody was told of before a crash is told of after it. */
static int64_t slice_of(belay_time t)
{
    return t / ((belay_time)BELAY_GROUP_NEW_MS * BELAY_US_PER_MS / BELAY_GROUP_NEW_SLICES);
}

static bool walk_was_here(const struct belay_broker *b, uint64_t fingerprint)
{
    return b->groups_known || fingerprint <= b->group_swept;
}

static void count_new(struct belay_broker *b, const struct group *g, int by)
{
    struct belay_subscription *sub = belay_broker_find_id(b, g->sub);
    int64_t slice = slice_of(g->g.first_seen);
    struct new_groups *n = sub ? &sub->new_groups[(uint64_t)slice % BELAY_GROUP_NEW_SLICES] : NULL;
    if (!n || n->slice > slice)
        return; /* an old one */
    if (n->slice < slice)
        *n = (struct new_groups){ .slice = slice };
    BELAY_ASSERT(by > 0 || n->count > 0);
    n->count += (uint32_t)by;
}

uint32_t groups_new(const struct belay_broker *b, const struct belay_subscription *sub)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < BELAY_GROUP_NEW_SLICES; i++)
        if (sub->new_groups[i].slice > slice_of(b->now) - BELAY_GROUP_NEW_SLICES)
            count += sub->new_groups[i].count;
    return count;
}

void group_arrived(struct belay_broker *b, uint32_t sub, const struct letter_facts *f, struct belay_str failure)
{
    struct group g;
    struct texts texts;
    if (!get(b, f->fingerprint, &g)) {
        g = (struct group){ .sub = sub, .g = { .fingerprint = f->fingerprint, .first_seen = f->created_at } };
        name_group(&g, failure, &texts);
    }
    if (!g.g.count && walk_was_here(b, f->fingerprint)) /* else the walk will come to it */
        count_new(b, &g, 1);
    g.hour = advance(g.g.hours, BELAY_GROUP_HOURS, g.hour, bucket(f->created_at, HOUR_US));
    g.day = advance(g.g.days, BELAY_GROUP_DAYS, g.day, bucket(f->created_at, DAY_US));
    g.g.hours[0]++;
    g.g.days[0]++;
    g.g.last_seen = f->created_at;
    g.g.count++;
    g.g.ever++;
    put(b, &g);
    letters_expire_look(b);
}

void group_left(struct belay_broker *b, uint64_t fingerprint)
{
    struct group g;
    if (!get(b, fingerprint, &g) || !g.g.count)
        return; /* its row could not be read and began anew: what came before is not counted in it (else I7) */
    if (!BELAY_PLANTED(51)) /* a group that counts what is no letter any more */
        g.g.count--;
    if (!g.g.count && walk_was_here(b, fingerprint) && !BELAY_PLANTED(112)) /* news of what is gone */
        count_new(b, &g, -1);
    put(b, &g);
}

/* ---- forgetting ---- */

/* An empty group that is old goes. This is no record: a group that is not there is one without letters, and what a
 * crash brings back goes again. */
void group_tick(struct belay_broker *b)
{
    struct belay_str key, value;
    struct belay_err err;
    struct row_key from = key_of(b->group_swept);
    if (b->now < b->group_at || belay_state_reserve(b->state, FORGET_BITE * 16 + b->unit.state_bytes,
                                                    FORGET_BITE + b->unit.changes, &err) != BELAY_OK)
        return;
    for (uint32_t i = 0; i < FORGET_BITE; i++) {
        struct group g;
        if (!rows_seek(b, BELAY_TABLE_GROUP, row_key_str(&from), true, BELAY_STR_NONE, &key, &value)) {
            b->group_swept = 0;
            b->groups_known = true;
            b->group_at = belay_time_add_ms(b->now, FORGET_LOOK_MS);
            return;
        }
        b->group_swept = belay_load_be64(key.p);
        from = key_of(b->group_swept);
        if (!decode(value, b->group_swept, &g))
            continue;
        if (!b->groups_known && g.g.count)
            count_new(b, &g, 1);
        if (!g.g.count && g.g.last_seen < b->now - KEEP_EMPTY_US)
            belay_state_del(b->state, BELAY_TABLE_GROUP, row_key_str(&from));
    }
}

/* ---- looking ---- */

static bool show(struct belay_broker *b, struct group *g, struct belay_arena *arena, struct belay_letter_group *ret_group)
{
    struct belay_subscription *sub = belay_broker_find_id(b, g->sub);
    g->hour = advance(g->g.hours, BELAY_GROUP_HOURS, g->hour, bucket(b->now, HOUR_US));
    g->day = advance(g->g.days, BELAY_GROUP_DAYS, g->day, bucket(b->now, DAY_US));
    g->g.subscription = sub ? sub->name : BELAY_STR("");
    g->g.type = belay_arena_str(arena, g->g.type);
    g->g.step = belay_arena_str(arena, g->g.step);
    g->g.message = belay_arena_str(arena, g->g.message);
    *ret_group = g->g;
    return g->g.type.p && g->g.step.p && g->g.message.p;
}

bool belay_broker_group_next(struct belay_broker *b, uint64_t *fingerprint, struct belay_arena *arena,
                             struct belay_letter_group *ret_group)
{
    struct row_key from = key_of(*fingerprint);
    struct belay_str key, value;
    struct group g;
    while (rows_seek(b, BELAY_TABLE_GROUP, row_key_str(&from), true, BELAY_STR_NONE, &key, &value)) {
        *fingerprint = belay_load_be64(key.p);
        if (decode(value, *fingerprint, &g))
            return show(b, &g, arena, ret_group);
        from = key_of(*fingerprint);
    }
    return false;
}

/* ---- the invariant ---- */

static void count_in(struct belay_broker *b, const struct belay_subscription *sub, uint32_t counts[BELAY_GROUP_NEW_SLICES])
{
    struct row_key from = key_of(0);
    struct belay_str key, value;
    while (rows_seek(b, BELAY_TABLE_GROUP, row_key_str(&from), true, BELAY_STR_NONE, &key, &value)) {
        uint64_t fingerprint = belay_load_be64(key.p);
        struct group g;
        from = key_of(fingerprint);
        if (!decode(value, fingerprint, &g) || g.sub != sub->id || !g.g.count)
            continue;
        uint64_t at = (uint64_t)slice_of(g.g.first_seen) % BELAY_GROUP_NEW_SLICES;
        counts[at] += sub->new_groups[at].slice == slice_of(g.g.first_seen);
    }
}

int groups_new_check(struct belay_broker *b, struct belay_err *err)
{
    for (uint32_t i = 0; b->groups_known && i < b->sub_count; i++) {
        uint32_t counts[BELAY_GROUP_NEW_SLICES] = { 0 };
        count_in(b, b->subs[i], counts);
        for (uint32_t k = 0; k < BELAY_GROUP_NEW_SLICES; k++)
            if (counts[k] != b->subs[i]->new_groups[k].count)
                return belay_fail(err, BELAY_CORRUPT, "I7: %.*s counts %u new groups of a time, and there are %u",
                                  BELAY_STR_ARG(b->subs[i]->name), b->subs[i]->new_groups[k].count, counts[k]);
    }
    return BELAY_OK;
}
