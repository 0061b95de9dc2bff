/* Definitions: the current ones, and those that work in flight began with; which come into force, configure.c says.  Every definition is stored by its hash when it becomes current; what is not in memory any more
 * is compiled again from its text. */
#include "engine/definitions.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/pack.h"
#include "engine/record.h"
#include "engine/room.h"

/* ---- by hash ---- */

static void key_of(uint8_t key[17], char kind, struct belay_hash128 hash)
{
    key[0] = (uint8_t)kind;
    belay_store_be64(key + 1, hash.hi);
    belay_store_be64(key + 9, hash.lo);
}

static struct belay_str key_view(const uint8_t key[17])
{
    return belay_str((const char *)key, 17);
}

static void kept_free(struct engine_kept *k)
{
    belay_definitions_unref(k->set);
    belay_free(k);
}

static struct engine_kept *kept_put(struct belay_engine *e, const uint8_t key[17],
                                    struct belay_definitions *set,
                                    const struct belay_flow_def *flow,
                                    const struct belay_saga_def *saga)
{
    struct engine_kept *k = belay_calloc(1, sizeof *k);
    void *old = NULL;
    if (!k)
        return NULL;
    memcpy(k->key, key, 17);
    if (belay_map_put(&e->kept, key_view(k->key), k, &old) != BELAY_OK) {
        belay_free(k);
        return NULL;
    }
    k->set = belay_definitions_ref(set);
    k->flow = flow;
    k->saga = saga;
    if (old)
        kept_free(old);
    return k;
}

/* Old ones beyond a bound go: they can be compiled again. Runs hold references of their own. */
void engine_definitions_trim(struct belay_engine *e)
{
    struct engine_kept *old[BELAY_OLD_DEFINITIONS_MAX];
    size_t count = 0, at = 0;
    for (struct belay_map_slot *s; (s = belay_map_next(&e->kept, &at));) {
        struct engine_kept *k = s->value;
        if (!k->current && count < BELAY_OLD_DEFINITIONS_MAX)
            old[count++] = k;
    }
    if (count < BELAY_OLD_DEFINITIONS_MAX)
        return;
    for (size_t i = 0; i < count; i++) {
        belay_map_del(&e->kept, key_view(old[i]->key));
        kept_free(old[i]);
    }
}

/* From its stored text. NULL: unknown, or it does not compile any more. */
static struct engine_kept *kept_again(struct belay_engine *e, const uint8_t key[17])
{
    struct belay_str value;
    if (!e->opt.recompile || !e->current
        || !belay_state_get(e->state, BELAY_TABLE_DEFINITION, key_view(key), &value))
        return NULL;
    struct belay_unpack u = belay_unpack_init(value);
    belay_unpack_str(&u); /* its name */
    struct belay_str text = belay_unpack_str(&u);
    struct belay_definitions *one = NULL;
    struct belay_err err;
    bool is_flow = key[0] == 'f';
    if (!belay_unpack_done(&u)
        || e->opt.recompile(e->opt.arg, e->current, is_flow ? "flow" : "saga", text, &one, &err))
        return NULL;
    bool found = is_flow ? one->flow_count > 0 : one->saga_count > 0;
    struct engine_kept *k = found ? kept_put(e, key, one, is_flow ? &one->flows[0] : NULL,
                                             is_flow ? NULL : &one->sagas[0])
                                  : NULL;
    belay_definitions_unref(one);
    return k;
}

static struct engine_kept *kept_find(struct belay_engine *e, char kind, struct belay_hash128 hash)
{
    uint8_t key[17];
    key_of(key, kind, hash);
    struct engine_kept *k = belay_map_get(&e->kept, key_view(key));
    if (k)
        return k;
    engine_definitions_trim(e);
    return kept_again(e, key);
}

const struct belay_flow_def *engine_flow_of(struct belay_engine *e, struct belay_hash128 hash,
                                            struct belay_definitions **ret_set)
{
    struct engine_kept *k = kept_find(e, 'f', hash);
    if (!k)
        return NULL;
    *ret_set = k->set;
    return k->flow;
}

const struct belay_saga_def *engine_saga_of(void *arg, struct belay_str name,
                                            struct belay_hash128 hash)
{
    (void)name;
    struct engine_kept *k = kept_find(arg, 's', hash);
    return k ? k->saga : NULL;
}

int engine_definition_apply(struct belay_engine *e, struct belay_str body, struct belay_err *err)
{
    if (body.n < 17)
        return belay_fail(err, BELAY_CORRUPT, "definition record of %zu bytes", body.n);
    belay_state_put(e->state, BELAY_TABLE_DEFINITION, belay_str_sub(body, 0, 17),
                    belay_str_sub(body, 17, body.n - 17));
    return BELAY_OK;
}

/* ---- becoming the current ones ---- */

#define DEFINITION_BYTES (17 + 2 * BELAY_VARINT_MAX + 64) /* beside name and text */

/* A flow or a saga of a set. */
struct part {
    char kind;
    struct belay_hash128 hash;
    struct belay_str name, text;
    const struct belay_flow_def *flow;
    const struct belay_saga_def *saga;
};

/* By index, flows first; false at the end. */
static bool part_at(const struct belay_definitions *d, uint32_t i, struct part *ret_part)
{
    if (i < d->flow_count) {
        const struct belay_flow_def *f = &d->flows[i];
        *ret_part = (struct part){ 'f', f->hash, f->name, f->text, f, NULL };
        return true;
    }
    i -= d->flow_count;
    if (i >= d->saga_count)
        return false;
    const struct belay_saga_def *s = &d->sagas[i];
    *ret_part = (struct part){ 's', s->hash, s->name, s->text, NULL, s };
    return true;
}

static bool stored(struct belay_engine *e, const uint8_t key[17])
{
    struct belay_str value;
    return belay_state_get(e->state, BELAY_TABLE_DEFINITION, key_view(key), &value);
}

void engine_definitions_need(struct belay_engine *e, const struct belay_definitions *d, struct belay_declare_need *need)
{
    struct part part;
    for (uint32_t i = 0; part_at(d, i, &part); i++) {
        uint8_t key[17];
        key_of(key, part.kind, part.hash);
        if (stored(e, key))
            continue;
        need->bytes += part.name.n + part.text.n + DEFINITION_BYTES;
        need->records++;
    }
}

static int store(struct belay_engine *e, const uint8_t key[17], const struct part *part, struct belay_err *err)
{
    belay_buf_clear(&e->buf);
    belay_buf_put(&e->buf, key, 17);
    belay_pack_str(&e->buf, part->name);
    belay_pack_str(&e->buf, part->text);
    int status = belay_buf_status(&e->buf);
    if (status != BELAY_OK)
        return belay_fail(err, status, "the definition of %.*s", BELAY_STR_ARG(part->name));
    status = belay_store_reserve(e->store, e->buf.n + 64, 1, true, err);
    if (status != BELAY_OK)
        return status;
    struct belay_str body = belay_store_append(e->store, RECORD_DEFINITION, RECORD_VERSION,
                                               belay_buf_view(&e->buf));
    return engine_definition_apply(e, body, err);
}

int engine_definitions_make(struct belay_engine *e, struct belay_definitions *d, struct belay_err *err)
{
    struct part part;
    int status = BELAY_OK;
    for (uint32_t i = 0; status == BELAY_OK && part_at(d, i, &part); i++) {
        uint8_t key[17];
        key_of(key, part.kind, part.hash);
        bool known = belay_map_get(&e->kept, key_view(key));
        if (!known && !kept_put(e, key, d, part.flow, part.saga))
            return belay_fail(err, BELAY_NOMEM, "definition of %.*s", BELAY_STR_ARG(part.name));
        if (!stored(e, key))
            status = store(e, key, &part, err);
    }
    return status;
}

void engine_definitions_drop(struct belay_engine *e, const struct belay_definitions *d)
{
    struct part part;
    for (uint32_t i = 0; part_at(d, i, &part); i++) {
        uint8_t key[17];
        key_of(key, part.kind, part.hash);
        struct engine_kept *k = belay_map_get(&e->kept, key_view(key));
        if (!k || k->current || k->set != d)
            continue;
        belay_map_del(&e->kept, key_view(k->key));
        kept_free(k);
    }
}

void engine_definitions_take(struct belay_engine *e, struct belay_definitions *d)
{
    struct part part;
    size_t at = 0;
    for (struct belay_map_slot *s; (s = belay_map_next(&e->kept, &at));)
        ((struct engine_kept *)s->value)->current = false;
    for (uint32_t i = 0; part_at(d, i, &part); i++) {
        uint8_t key[17];
        key_of(key, part.kind, part.hash);
        struct engine_kept *k = belay_map_get(&e->kept, key_view(key));
        BELAY_ASSERT(k && (part.flow || part.saga));
        struct belay_definitions *before = k->set;
        k->set = belay_definitions_ref(d);
        k->flow = part.flow;
        k->saga = part.saga;
        k->current = true;
        belay_definitions_unref(before);
    }
    struct belay_definitions *old = e->current;
    e->current = belay_definitions_ref(d);
    e->redact = d->redact;
    if (old)
        belay_definitions_unref(old);
}

void engine_definitions_free(struct belay_engine *e)
{
    size_t at = 0;
    for (struct belay_map_slot *s; (s = belay_map_next(&e->kept, &at));)
        kept_free(s->value);
    belay_map_deinit(&e->kept);
    belay_free(e->consumers);
    if (e->current)
        belay_definitions_unref(e->current);
}

/* ---- consumers of subscriptions ---- */

struct engine_consumer *engine_consumer_of(struct belay_engine *e,
                                           const struct belay_subscription *sub)
{
    uint32_t id = belay_subscription_id(sub);
    return id < e->consumer_count ? &e->consumers[id] : NULL;
}

/* The template is older than a message only by configuration: evaluated with the current one. */
int engine_lane_key(void *arg, const struct belay_message *m, struct belay_arena *arena,
                    struct belay_str *ret_key, struct belay_fault *ret_fault)
{
    const struct belay_flow_def *def = arg;
    return belay_flow_key(def->lanes.key, m, NULL, m->accepted_at, arena, ret_key, ret_fault);
}

/* An event is of its saga: one that waits for a saga holds back no other's. Where the id cannot be told the saga room says why. */
int engine_event_key(void *arg, const struct belay_message *m, struct belay_arena *arena,
                     struct belay_str *ret_key, struct belay_fault *ret_fault)
{
    const struct belay_saga_step_def *step = arg;
    struct belay_str id;
    int status = belay_flow_key(step->await->match, m, NULL, m->accepted_at, arena, &id, ret_fault);
    if (status == BELAY_OK && id.n && id.n <= BELAY_KEY_BYTES_MAX)
        *ret_key = id;
    return status == BELAY_NOMEM ? status : BELAY_OK;
}

struct belay_str belay_engine_lane_key(struct belay_engine *e, const struct belay_subscription *sub, const struct belay_message *m,
                                       struct belay_arena *arena)
{
    const struct engine_consumer *consumer = engine_consumer_of(e, sub);
    struct belay_str key = m->key;
    struct belay_fault fault;
    if (consumer && consumer->kind == CONSUMER_AWAIT) {
        (void)engine_event_key((void *)&consumer->saga->steps[consumer->step], m, arena, &key, &fault);
        return key;
    }
    if (!consumer || consumer->kind != CONSUMER_FLOW || !consumer->flow->lanes.key)
        return m->key;
    return engine_lane_key((void *)consumer->flow, m, arena, &key, &fault) == BELAY_OK ? key : BELAY_STR_NONE;
}

const struct belay_definitions *belay_engine_definitions(const struct belay_engine *e)
{
    return e->current;
}
