/* kept.c - events that came before their saga: SAGA_EVENT rows, one for each instance and step.
 *
 * Key: number of the saga's kind, length of the id part, id part, name of the step.  The first event
 * of a step waits; a later one says nothing that the first did not, and is done.  The instance takes
 * it when it comes to the step; when the instance ends, what still waits for it is done; and when
 * neither happens in time, it becomes a letter.
 */
#include "base/assert.h"
#include "saga/room.h"

static struct belay_str prefix_of(char *to, const struct saga_key *key)
{
    memcpy(to, key->bytes + 1, 4); /* number */
    to[4] = (char)(key->n - 5);
    memcpy(to + 5, key->bytes + 5, key->n - 5u);
    return belay_str(to, key->n);
}

static struct belay_str event_key(char *to, uint32_t kind, struct belay_str id, struct belay_str step)
{
    struct saga_key key;
    saga_key_init(&key, kind, id);
    struct belay_str prefix = prefix_of(to, &key);
    struct belay_str name = belay_str_sub(step, 0, BELAY_NAME_BYTES_MAX);
    memcpy(to + prefix.n, name.p, name.n);
    return belay_str(to, prefix.n + name.n);
}

static struct belay_str due_key(char *to, belay_time due, struct belay_str event)
{
    belay_store_be64(to, (uint64_t)due);
    to[8] = DUE_EVENT;
    memcpy(to + 9, event.p, event.n);
    return belay_str(to, 9 + event.n);
}

/* The row is the record's body. */
static void apply_kept(struct belay_sagas *s, const struct saga_kept *r, struct belay_str body)
{
    char key[EVENT_KEY_BYTES_MAX], due[DUE_KEY_BYTES_MAX];
    struct belay_str event = event_key(key, r->kind, r->id, r->step);
    belay_state_put(s->state, BELAY_TABLE_SAGA_EVENT, event, body);
    belay_state_put(s->state, BELAY_TABLE_SAGA_DUE, due_key(due, r->expires, event), BELAY_STR(""));
    saga_queue_due(s, r->expires);
    struct saga_kind *kind = saga_kind_at(s, r->kind);
    kind->stats.events_waiting++;
    kind->dirty = true;
}

static void apply_gone(struct belay_sagas *s, uint32_t kind_number, struct belay_str event, belay_time expires)
{
    char due[DUE_KEY_BYTES_MAX];
    struct saga_kind *kind = saga_kind_at(s, kind_number);
    belay_state_del(s->state, BELAY_TABLE_SAGA_EVENT, event);
    belay_state_del(s->state, BELAY_TABLE_SAGA_DUE, due_key(due, expires, event));
    BELAY_ASSERT(kind->stats.events_waiting > 0);
    kind->stats.events_waiting--;
    kind->dirty = true;
}

int saga_kept_append(struct belay_sagas *s, const struct saga_kept *r, struct belay_err *err)
{
    belay_buf_clear(&s->record);
    saga_kept_pack(&s->record, r);
    int status = belay_buf_status(&s->record);
    if (status != BELAY_OK) {
        belay_buf_clear(&s->record);
        return belay_fail(err, status, "no memory for an event that waits for its saga");
    }
    status = saga_room_reserve(s, 2 * s->record.n + 2 * BELAY_STATE_KEY_BYTES_MAX, 3, true, err);
    if (status != BELAY_OK)
        return status;
    struct belay_str body = belay_buf_view(&s->record);
    belay_store_append(s->opt.store, SAGA_RECORD_EVENT_KEPT, SAGA_RECORD_VERSION, body);
    apply_kept(s, r, body);
    return BELAY_OK;
}

static bool get(struct belay_sagas *s, struct belay_str event, struct saga_kept *ret_kept)
{
    struct belay_str row;
    return belay_state_get(s->state, BELAY_TABLE_SAGA_EVENT, event, &row)
           && saga_kept_unpack(row, ret_kept);
}

bool saga_kept_exists(struct belay_sagas *s, uint32_t kind, struct belay_str id, struct belay_str step)
{
    char key[EVENT_KEY_BYTES_MAX];
    struct saga_kept kept;
    return get(s, event_key(key, kind, id, step), &kept);
}

bool saga_kept_find(struct belay_sagas *s, const struct saga *i, struct belay_str step,
                    struct saga_kept *ret_kept)
{
    char key[EVENT_KEY_BYTES_MAX];
    return i->kind->stats.events_waiting
           && get(s, event_key(key, i->kind->number, saga_id(i), step), ret_kept);
}

void saga_kept_gone(struct belay_sagas *s, const struct saga_kept *r)
{
    char key[EVENT_KEY_BYTES_MAX];
    struct belay_str event = event_key(key, r->kind, r->id, r->step);
    belay_time expires = r->expires;
    uint32_t kind = r->kind;
    belay_buf_clear(&s->record);
    belay_pack_varint(&s->record, kind);
    belay_pack_str(&s->record, r->id);
    belay_pack_str(&s->record, r->step);
    BELAY_ASSERT(belay_buf_status(&s->record) == BELAY_OK); /* reserved */
    belay_store_append(s->opt.store, SAGA_RECORD_EVENT_GONE, SAGA_RECORD_VERSION,
                       belay_buf_view(&s->record));
    apply_gone(s, kind, event, expires);
}

void saga_kept_apply_end(struct belay_sagas *s, const struct saga *i)
{
    char buf[EVENT_KEY_BYTES_MAX], key[EVENT_KEY_BYTES_MAX];
    struct belay_str prefix = prefix_of(buf, &i->key), found, row;
    struct saga_kept kept;
    while (belay_state_seek(s->state, BELAY_TABLE_SAGA_EVENT, prefix, false, prefix, &found, &row)
           && found.n <= sizeof key && saga_kept_unpack(row, &kept)) {
        memcpy(key, found.p, found.n);
        apply_gone(s, kept.kind, belay_str(key, found.n), kept.expires);
    }
}

static int apply_gone_record(struct belay_sagas *s, struct belay_str body, struct belay_err *err)
{
    char key[EVENT_KEY_BYTES_MAX];
    struct belay_unpack u = belay_unpack_init(body);
    uint32_t kind = (uint32_t)belay_unpack_varint(&u);
    struct belay_str id = belay_unpack_str(&u), step = belay_unpack_str(&u);
    struct saga_kept kept;
    if (!belay_unpack_done(&u) || !saga_kind_at(s, kind))
        return belay_fail(err, BELAY_CORRUPT, "record of an event taken makes no sense");
    struct belay_str event = event_key(key, kind, id, step);
    if (!get(s, event, &kept))
        return belay_fail(err, BELAY_CORRUPT, "record takes an event that there is not");
    apply_gone(s, kind, event, kept.expires);
    return BELAY_OK;
}

int saga_kept_apply(struct belay_sagas *s, struct belay_str body, bool gone, struct belay_err *err)
{
    struct saga_kept kept;
    if (gone)
        return apply_gone_record(s, body, err);
    if (!saga_kept_unpack(body, &kept) || !saga_kind_at(s, kept.kind))
        return belay_fail(err, BELAY_CORRUPT, "record of an event that waits makes no sense");
    apply_kept(s, &kept, body);
    return BELAY_OK;
}
