/* schedule.c - messages that appear in their topic later.
 *
 *   SCHEDULED due,number   version | varint topic | encoded message
 *
 * When one is due its message is appended and its row goes in the same commit: it appears once.  One that cannot be read
 * is told by name and passed over: it holds up nobody.
 */
#include "broker/schedule.h"

#include "broker/record.h"
#include "broker/retention.h"
#include "broker/topic.h"
#include "broker/unreadable.h"

#define BITE 64 /* messages published a tick */
#define SCHEDULED_KEY_BYTES 16

static struct row_key key_scheduled(belay_time due, uint64_t number)
{
    struct row_key k = { .n = SCHEDULED_KEY_BYTES };
    belay_store_be64(k.bytes, (uint64_t)due);
    belay_store_be64(k.bytes + 8, number);
    return k;
}

struct scheduled {
    struct row_key key;
    belay_time due;
    uint64_t number;
    struct topic *topic;      /* NULL: the row cannot be read */
    struct belay_str encoded; /* a view of the state */
};

/* What the row says; topic NULL: it cannot be read. */
static struct scheduled scheduled_read(struct belay_broker *b, struct belay_str key, struct belay_str value)
{
    struct scheduled s = { .key = row_key_of(key) };
    struct belay_unpack u = belay_unpack_init(value);
    bool known = belay_unpack_u8(&u) == ROW_VERSION;
    uint32_t topic = (uint32_t)belay_unpack_varint(&u);
    s.encoded = belay_unpack_bytes(&u, belay_unpack_left(&u));
    s.due = (belay_time)belay_load_be64(key.p);
    s.number = belay_load_be64(key.p + 8);
    if (known && belay_unpack_ok(&u))
        s.topic = topic_by_id(b, topic);
    return s;
}

/* The row stays where it is, so that somebody may still read it; the others go on. */
static void pass_over(struct belay_broker *b, const struct scheduled *s)
{
    char due[BELAY_TIME_TEXT_BYTES];
    b->scheduled_passed = s->key;
    belay_time_text(s->due, due);
    unreadable_found(b, "scheduled message %llu of %.*s, due at %s: it stays in the store and is not published",
                     (unsigned long long)s->number, BELAY_STR_ARG(s->topic ? s->topic->name : BELAY_STR("an unknown topic")), due);
}

int belay_broker_schedule(struct belay_broker *b, struct belay_str topic, const struct belay_message *m,
                          belay_time due, uint64_t *ret_number, struct belay_err *err)
{
    struct topic *t = topic_find(b, topic);
    uint64_t number = b->scheduled_next;
    if (!t)
        return belay_fail(err, BELAY_NOTFOUND, "no topic or queue %.*s", BELAY_STR_ARG(topic));
    int status = broker_encode(b, NULL, m, err); /* its time to live begins when it appears */
    if (status != BELAY_OK)
        return status;
    struct belay_buf *r = record_begin(b);
    belay_pack_varint(r, number);
    belay_pack_svarint(r, due);
    size_t value_at = r->n;
    belay_pack_u8(r, ROW_VERSION);
    belay_pack_varint(r, t->id);
    belay_buf_put_str(r, belay_buf_view(&b->message));
    struct cost cost = { r->n - value_at + 64, 2 };
    status = record_commit(b, RECORD_SCHEDULE, cost, false, err);
    if (status == BELAY_OK && ret_number)
        *ret_number = number;
    return status;
}

int apply_schedule(struct belay_broker *b, struct belay_unpack *u)
{
    uint64_t number = belay_unpack_varint(u);
    belay_time due = belay_unpack_svarint(u);
    struct belay_str value = belay_unpack_bytes(u, belay_unpack_left(u));
    if (!belay_unpack_ok(u) || !value.n)
        return BELAY_CORRUPT;
    struct row_key key = key_scheduled(due, number);
    belay_state_put(b->state, BELAY_TABLE_SCHEDULED, row_key_str(&key), value);
    if (belay_str_cmp(row_key_str(&key), row_key_str(&b->scheduled_passed)) < 0)
        b->scheduled_passed.n = 0; /* it is before them: the walk begins anew, and tells them once more */
    b->scheduled_next = number + 1;
    b->scheduled_count++;
    b->dirty = true;
    if (due < b->scheduled_due)
        b->scheduled_due = due;
    return BELAY_OK;
}

static void pack_unschedule(struct belay_broker *b, belay_time due, uint64_t number)
{
    struct belay_buf *r = record_begin(b);
    belay_pack_varint(r, number);
    belay_pack_svarint(r, due);
}

int belay_broker_schedule_cancel(struct belay_broker *b, belay_time due, uint64_t number, struct belay_err *err)
{
    struct row_key key = key_scheduled(due, number);
    struct belay_str value;
    if (!belay_state_get(b->state, BELAY_TABLE_SCHEDULED, row_key_str(&key), &value))
        return belay_fail(err, BELAY_NOTFOUND, "no message %llu waits for its time any more", (unsigned long long)number);
    pack_unschedule(b, due, number);
    return record_commit(b, RECORD_UNSCHEDULE, (struct cost){ 64, 2 }, true, err);
}

int apply_unschedule(struct belay_broker *b, struct belay_unpack *u)
{
    uint64_t number = belay_unpack_varint(u);
    belay_time due = belay_unpack_svarint(u);
    if (!belay_unpack_ok(u))
        return BELAY_CORRUPT;
    struct row_key key = key_scheduled(due, number);
    belay_state_del(b->state, BELAY_TABLE_SCHEDULED, row_key_str(&key));
    b->scheduled_count--;
    b->dirty = true;
    return BELAY_OK;
}

void schedule_recovered(struct belay_broker *b)
{
    b->scheduled_due = b->scheduled_count ? 0 : BELAY_TIME_NEVER;
}

/* The message anew, accepted now, into b->message.  CORRUPT: never, however long it waits: it does not decode, whatever the
 * reason, or is more than a message may be (damage, or the time to live that its topic gives it now). */
static int restamp(struct belay_broker *b, const struct topic *t, struct belay_str encoded)
{
    struct belay_arena arena;
    struct belay_message m;
    struct belay_err err;
    belay_arena_init(&arena, 4096, BELAY_MIB(1));
    int status = belay_message_decode(encoded, &arena, &m, &err);
    if (status == BELAY_OK)
        status = broker_encode(b, t, &m, &err);
    belay_arena_deinit(&arena);
    return status == BELAY_OK || status == BELAY_NOMEM ? status : BELAY_CORRUPT;
}

/* Errors: BELAY_CORRUPT: it cannot be published; others: not now. */
static int publish(struct belay_broker *b, const struct scheduled *s)
{
    struct belay_err err;
    int status = restamp(b, s->topic, s->encoded);
    if (status == BELAY_OK && s->topic->retain_bytes && !retention_make_room(b, s->topic, s->encoded.n))
        status = BELAY_NOSPACE;
    if (status == BELAY_OK)
        status = record_reserve(b, b->message.n + 64, 2, (struct cost){ 64, 2 }, false, &err);
    if (status != BELAY_OK)
        return status;
    pack_unschedule(b, s->due, s->number);
    record_append(b, RECORD_UNSCHEDULE);
    topic_append(b, s->topic, belay_buf_view(&b->message));
    return BELAY_OK;
}

/* The next one, where it is due. False: nothing more now; scheduled_due says when. */
static bool publish_next(struct belay_broker *b)
{
    const struct row_key *from = &b->scheduled_passed;
    struct belay_str key, value;
    if (!b->scheduled_count
        || !rows_seek(b, BELAY_TABLE_SCHEDULED, row_key_str(from), from->n > 0, BELAY_STR_NONE, &key, &value)) {
        b->scheduled_due = BELAY_TIME_NEVER;
        return false;
    }
    struct scheduled s = scheduled_read(b, key, value);
    if (s.due > b->now) {
        b->scheduled_due = s.due;
        return false;
    }
    int status = s.topic ? publish(b, &s) : BELAY_CORRUPT;
    if (status == BELAY_CORRUPT) {
        pass_over(b, &s);
    } else if (status != BELAY_OK) {
        b->scheduled_due = b->now + BELAY_US_PER_MS; /* no room now: the topic or the disk is full */
        return false;
    }
    return true;
}

void schedule_tick(struct belay_broker *b)
{
    for (uint32_t n = 0; b->scheduled_due <= b->now && n < BITE; n++)
        if (!publish_next(b))
            return;
}
