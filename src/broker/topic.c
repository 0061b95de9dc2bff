/* topic.c - topics and queues: declared, published to, looked at; and the broker's own row. */
#include "broker/topic.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "broker/deliver.h"
#include "broker/key_parts.h"
#include "broker/record.h"
#include "broker/retention.h"

struct topic *topic_find(struct belay_broker *b, struct belay_str name)
{
    return belay_map_get(&b->topics_by_name, name);
}

struct topic *topic_by_id(struct belay_broker *b, uint32_t id)
{
    return id && id <= b->topic_count ? b->topics[id - 1] : NULL;
}

static struct topic *topic_new(struct belay_str name)
{
    struct topic *t = belay_calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->name = belay_str(belay_memdup0(name.p, name.n), name.n);
    if (!t->name.p) {
        belay_free(t);
        return NULL;
    }
    belay_list_init(&t->subscriptions);
    return t;
}

static void topic_free(struct topic *t)
{
    if (!t)
        return;
    belay_free((void *)t->name.p);
    belay_free(t);
}

void topics_free(struct belay_broker *b)
{
    for (uint32_t i = 0; i < b->topic_count; i++)
        topic_free(b->topics[i]);
    topic_free(b->spare_topic);
    belay_free(b->topics);
}

/* Room for one more topic in array and map. */
static int make_place(struct belay_broker *b)
{
    if (b->topic_count == b->topic_cap) {
        uint32_t cap = b->topic_cap ? b->topic_cap * 2 : 16;
        struct topic **topics = belay_realloc(b->topics, cap * sizeof *topics);
        if (!topics)
            return BELAY_NOMEM;
        b->topics = topics;
        b->topic_cap = cap;
    }
    return BELAY_OK;
}

/* Into array and map; on failure it still belongs to the caller. */
static int place(struct belay_broker *b, struct topic *t)
{
    if (make_place(b) != BELAY_OK || belay_map_put(&b->topics_by_name, t->name, t, NULL) != BELAY_OK)
        return BELAY_NOMEM;
    b->topics[b->topic_count++] = t;
    t->id = b->topic_count;
    return BELAY_OK;
}

/* ---- declaring ---- */

#define TOPIC_RECORD_BYTES (1 + 4 * BELAY_VARINT_MAX) /* beside the name */
#define DECLARE_RECORD_BYTES_MAX (3 * BELAY_NAME_BYTES_MAX + BELAY_KIB(1)) /* a topic's, a subscription's, a pause's */

static int check(struct belay_broker *b, const struct belay_topic_def *def, const struct topic *t, uint32_t others,
                 struct belay_err *err)
{
    if (def->name.n == 0 || def->name.n > BELAY_NAME_BYTES_MAX)
        return belay_fail(err, BELAY_LIMIT, "a topic's name has 1 to %d bytes", BELAY_NAME_BYTES_MAX);
    if (t && t->queue != def->queue)
        return belay_fail(err, BELAY_CONFLICT, "%.*s is a %s in the store and cannot become a %s",
                          BELAY_STR_ARG(def->name), t->queue ? "queue" : "topic", def->queue ? "queue" : "topic");
    if (!t && b->topic_count + others >= BELAY_TOPICS_MAX)
        return belay_fail(err, BELAY_LIMIT, "more than %d topics", BELAY_TOPICS_MAX);
    return BELAY_OK;
}

static bool kept_alike(const struct topic *t, const struct belay_topic_def *def)
{
    return t->retain_ms == def->retain_ms && t->retain_bytes == def->retain_bytes;
}

int belay_broker_declare_check(struct belay_broker *b, const struct belay_topic_def *def, struct belay_declare_need *need,
                               struct belay_err *err)
{
    const struct topic *t = topic_find(b, def->name);
    int status = check(b, def, t, need->topics, err);
    if (status != BELAY_OK || (t && kept_alike(t, def)))
        return status;
    need->bytes += def->name.n + TOPIC_RECORD_BYTES;
    need->records++;
    need->topics += !t;
    need->grows = true;
    return BELAY_OK;
}

int belay_broker_declare_room(struct belay_broker *b, const struct belay_declare_need *need, struct belay_err *err)
{
    if (!belay_buf_reserve(record_begin(b), DECLARE_RECORD_BYTES_MAX))
        return belay_fail(err, BELAY_NOMEM, "no memory for a record");
    return need->records ? belay_store_reserve(b->store, need->bytes, need->records, !need->grows, err) : BELAY_OK;
}

int belay_broker_declare_topic(struct belay_broker *b, const struct belay_topic_def *def, struct belay_err *err)
{
    struct topic *t = topic_find(b, def->name);
    int status = check(b, def, t, 0, err);
    if (status != BELAY_OK)
        return status;
    if (t)
        topic_limit(t, def);
    if (t && kept_alike(t, def))
        return BELAY_OK;
    if (!t && (make_place(b) != BELAY_OK || !(b->spare_topic = topic_new(def->name))
               || belay_map_put(&b->topics_by_name, b->spare_topic->name, b->spare_topic, NULL) != BELAY_OK)) {
        topic_free(b->spare_topic);
        b->spare_topic = NULL;
        return belay_fail(err, BELAY_NOMEM, "no memory for a topic");
    }
    struct belay_buf *r = record_begin(b);
    belay_pack_varint(r, t ? t->id : b->topic_count + 1);
    belay_pack_u8(r, def->queue);
    belay_pack_varint(r, def->retain_ms);
    belay_pack_varint(r, def->retain_bytes);
    belay_pack_str(r, def->name);
    status = record_commit(b, RECORD_TOPIC, (struct cost){ 0 }, false, err);
    if (status != BELAY_OK && b->spare_topic) {
        belay_map_del(&b->topics_by_name, def->name);
        topic_free(b->spare_topic);
        b->spare_topic = NULL;
    }
    if (status == BELAY_OK)
        topic_limit(topic_find(b, def->name), def);
    return status;
}

/* id | queue | retain_ms | retain_bytes | name: of the record and of the row. */
static int take_topic(struct belay_broker *b, struct belay_unpack *u)
{
    uint64_t id = belay_unpack_varint(u);
    bool queue = belay_unpack_u8(u);
    uint64_t retain_ms = belay_unpack_varint(u), retain_bytes = belay_unpack_varint(u);
    struct belay_str name = belay_unpack_str(u);
    if (!belay_unpack_ok(u) || id == 0 || id > b->topic_count + 1)
        return BELAY_CORRUPT;
    struct topic *t = topic_by_id(b, (uint32_t)id);
    if (!t) {
        t = b->spare_topic;
        if (!t && !(t = topic_new(name)))
            return BELAY_NOMEM;
        b->spare_topic = NULL;
        if (place(b, t) != BELAY_OK) {
            topic_free(t);
            return BELAY_NOMEM;
        }
    }
    t->queue = queue;
    t->retain_ms = retain_ms;
    t->retain_bytes = retain_bytes;
    t->dirty = t->low_dirty = true;
    b->retention_at = b->now;
    return BELAY_OK;
}

int apply_topic(struct belay_broker *b, struct belay_unpack *u)
{
    return take_topic(b, u);
}

/* ---- rows ---- */

void topics_save(struct belay_broker *b, struct belay_state *state)
{
    for (uint32_t i = 0; i < b->topic_count; i++) {
        struct topic *t = b->topics[i];
        char bytes[BELAY_NAME_BYTES_MAX + 6 * BELAY_VARINT_MAX];
        struct belay_buf out = { .p = bytes, .cap = sizeof bytes, .size_bytes_max = sizeof bytes };
        struct row_key key = key_id(t->id);
        if (!t->dirty)
            continue;
        belay_pack_u8(&out, ROW_VERSION);
        belay_pack_varint(&out, t->id);
        belay_pack_u8(&out, t->queue);
        belay_pack_varint(&out, t->retain_ms);
        belay_pack_varint(&out, t->retain_bytes);
        belay_pack_str(&out, t->name);
        belay_state_put(state, BELAY_TABLE_TOPIC, row_key_str(&key), belay_buf_view(&out));
        t->dirty = false;
    }
}

int topics_load(struct belay_broker *b, struct belay_state *state)
{
    for (uint32_t id = 1;; id++) {
        struct row_key key = key_id(id);
        struct belay_str value;
        if (!belay_state_get(state, BELAY_TABLE_TOPIC, row_key_str(&key), &value))
            return BELAY_OK;
        struct belay_unpack u = belay_unpack_init(value);
        if (belay_unpack_u8(&u) != ROW_VERSION)
            return BELAY_VERSION;
        int status = take_topic(b, &u);
        if (status != BELAY_OK || !belay_unpack_done(&u))
            return status != BELAY_OK ? status : BELAY_CORRUPT;
        b->topics[id - 1]->dirty = false;
    }
}

#define ROW_0_VERSION 3 /* 1: keys of a part without runs; 2: parts within the table of their bucket */

void broker_row_save(struct belay_broker *b, struct belay_state *state)
{
    char bytes[8 * BELAY_VARINT_MAX + BUCKETS * 2 * BELAY_VARINT_MAX + KEY_FILTER_SLOTS * (3 + 4 * BELAY_VARINT_MAX)];
    struct belay_buf out = { .p = bytes, .cap = sizeof bytes, .size_bytes_max = sizeof bytes };
    struct row_key key = key_id(0);
    if (!b->dirty)
        return;
    belay_pack_u8(&out, ROW_0_VERSION);
    belay_pack_varint(&out, b->scheduled_next);
    belay_pack_varint(&out, b->scheduled_count);
    belay_pack_varint(&out, b->incarnation_seen);
    for (uint32_t i = 0; i < BUCKETS; i++) {
        belay_pack_varint(&out, b->buckets[i].epoch);
        belay_pack_varint(&out, b->buckets[i].count);
    }
    parts_begin_runs(b);
    parts_pack(b, &out);
    belay_state_put(state, BELAY_TABLE_TOPIC, row_key_str(&key), belay_buf_view(&out));
    b->dirty = false;
}

int broker_row_load(struct belay_broker *b, struct belay_state *state)
{
    struct row_key key = key_id(0);
    struct belay_str value;
    if (!belay_state_get(state, BELAY_TABLE_TOPIC, row_key_str(&key), &value))
        return BELAY_OK;
    struct belay_unpack u = belay_unpack_init(value);
    if (belay_unpack_u8(&u) != ROW_0_VERSION)
        return BELAY_VERSION;
    b->scheduled_next = belay_unpack_varint(&u);
    b->scheduled_count = belay_unpack_varint(&u);
    b->incarnation_seen = belay_unpack_varint(&u);
    for (uint32_t i = 0; i < BUCKETS; i++) {
        b->buckets[i].epoch = belay_unpack_varint(&u);
        b->buckets[i].count = belay_unpack_varint(&u);
    }
    int status = parts_unpack(b, &u);
    return status != BELAY_OK ? status : belay_unpack_done(&u) ? BELAY_OK : BELAY_CORRUPT;
}

/* ---- publishing ---- */

/* Something may be there to deliver from the topic. */
static void topic_kick(struct belay_broker *b, struct topic *t)
{
    for (struct belay_list *node = t->subscriptions.next; node != &t->subscriptions; node = node->next)
        subscription_kick(b, BELAY_CONTAINER_OF(node, struct belay_subscription, topic_node));
}

uint64_t topic_append(struct belay_broker *b, struct topic *t, struct belay_str encoded)
{
    BELAY_ASSERT(t == topic_by_id(b, t->id) && encoded.n);
    uint64_t sequence = belay_store_append_message(b->store, t->id, b->now, encoded);
    topic_kick(b, t);
    return sequence;
}

int broker_encode(struct belay_broker *b, const struct topic *t, const struct belay_message *m, struct belay_err *err)
{
    struct belay_message stamped = *m;
    stamped.accepted_at = b->now;
    if (t && t->limit.ttl_ms) {
        belay_time at = belay_time_add_ms(b->now, (int64_t)t->limit.ttl_ms);
        stamped.expires_at = m->expires_at && m->expires_at < at ? m->expires_at : at;
    }
    belay_buf_clear(&b->message);
    belay_message_encode(&b->message, &stamped);
    int status = belay_buf_status(&b->message);
    if (status == BELAY_OK && b->message.n > BELAY_MESSAGE_BYTES_MAX)
        status = BELAY_LIMIT;
    if (status == BELAY_OK && m->key.n > BELAY_KEY_BYTES_MAX)
        return belay_fail(err, BELAY_LIMIT, "the key has %zu bytes, at most %d", m->key.n, BELAY_KEY_BYTES_MAX);
    if (status != BELAY_OK)
        return belay_fail(err, status, "a message of %zu bytes: %s", m->body.n, belay_status_text(status));
    return BELAY_OK;
}

static int room_in_topic(struct belay_broker *b, struct topic *t, size_t bytes, struct belay_err *err)
{
    if (!t->retain_bytes || retention_make_room(b, t, bytes))
        return BELAY_OK;
    return belay_fail(err, BELAY_NOSPACE, "%.*s is full: %llu bytes wait for their subscriptions",
                      BELAY_STR_ARG(t->name), (unsigned long long)t->retain_bytes);
}

int belay_broker_topic_room(struct belay_broker *b, struct belay_str topic, size_t bytes, struct belay_err *err)
{
    struct topic *t = topic_find(b, topic);
    if (!t)
        return belay_fail(err, BELAY_NOTFOUND, "no topic or queue %.*s", BELAY_STR_ARG(topic));
    return room_in_topic(b, t, bytes, err);
}

int belay_broker_publish(struct belay_broker *b, struct belay_str topic, const struct belay_message *m,
                         belay_time now, uint64_t *ret_sequence, struct belay_err *err)
{
    struct topic *t = topic_find(b, topic);
    broker_advance(b, now);
    if (!t)
        return belay_fail(err, BELAY_NOTFOUND, "no topic or queue %.*s", BELAY_STR_ARG(topic));
    int status = broker_encode(b, t, m, err);
    if (status != BELAY_OK)
        return status;
    status = room_in_topic(b, t, b->message.n, err);
    if (status != BELAY_OK)
        return status;
    status = belay_store_reserve(b->store, b->message.n, 1, false, err);
    if (status != BELAY_OK)
        return status;
    uint64_t sequence = topic_append(b, t, belay_buf_view(&b->message));
    if (ret_sequence)
        *ret_sequence = sequence;
    return BELAY_OK;
}

int belay_broker_admit(struct belay_broker *b, size_t bytes, struct belay_err *err)
{
    return belay_store_reserve(b->store, bytes, 1, false, err);
}

/* ---- looking ---- */

uint32_t belay_broker_topic_id(struct belay_broker *b, struct belay_str topic)
{
    struct topic *t = topic_find(b, topic);
    return t ? t->id : 0;
}

bool belay_broker_topic_stats(struct belay_broker *b, uint32_t index, struct belay_topic_stats *ret_stats)
{
    if (index >= b->topic_count)
        return false;
    struct topic *t = b->topics[index];
    struct belay_topic_stats s = { .name = t->name, .queue = t->queue };
    s.first = belay_store_first_sequence(b->store, t->id);
    s.next = belay_store_next_sequence(b->store, t->id);
    belay_store_topic_size(b->store, t->id, &s.messages, &s.bytes);
    topic_limit_stats(b, t, &s);
    *ret_stats = s;
    return true;
}

struct belay_subscription *belay_broker_topic_subscription(struct belay_broker *b, struct belay_str topic,
                                                           uint32_t index)
{
    struct topic *t = topic_find(b, topic);
    if (!t || index >= t->subscription_count)
        return NULL;
    struct belay_list *node = t->subscriptions.next;
    while (index--)
        node = node->next;
    return BELAY_CONTAINER_OF(node, struct belay_subscription, topic_node);
}
