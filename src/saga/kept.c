/* kept.c - events that came before their saga: SAGA_EVENT rows, one for each instance and step.
 *
 * Key: number of the saga's kind, length of the id part, id part, name of the step.  The first
 * event of a step waits; a later one says nothing that the first did not, and is done.  The row is
 * a copy of the message, which stays in its subscription, waiting as for a retry, until its time is
 * up; then it is delivered again and becomes a letter (event.c).  The instance takes the copy when
 * it comes to the step, and the message out of its subscription; when the instance ends, its rows
 * go.
 */
#include "saga/kept.h"

#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "saga/cache.h"
#include "saga/kinds.h"
#include "saga/room.h"

static struct belay_str prefix_of(char *to, const struct saga_key *key)
{
    memcpy(to, key->bytes + 1, 4); /* number */
    to[4] = (char)(key->n - 5);
    memcpy(to + 5, key->bytes + 5, key->n - 5u);
    return belay_str(to, key->n);
}

static struct belay_str event_key(char *to, uint32_t kind, struct belay_str id,
                                  struct belay_str step)
{
    struct saga_key key;
    saga_key_init(&key, kind, id);
    struct belay_str prefix = prefix_of(to, &key);
    struct belay_str name = belay_str_sub(step, 0, BELAY_NAME_BYTES_MAX);
    memcpy(to + prefix.n, name.p, name.n);
    return belay_str(to, prefix.n + name.n);
}

/* The row is the record's body. */
static void apply_kept(struct belay_sagas *s, const struct saga_kept *r, struct belay_str body)
{
    char key[EVENT_KEY_BYTES_MAX];
    struct saga_kind *kind = saga_kind_at(s, r->kind);
    belay_state_put(s->state, BELAY_TABLE_SAGA_EVENT, event_key(key, r->kind, r->id, r->step),
                    body);
    kind->stats.events_waiting++;
    saga_kind_write(s, kind);
}

static void apply_gone(struct belay_sagas *s, struct saga_kind *kind, struct belay_str event)
{
    belay_state_del(s->state, BELAY_TABLE_SAGA_EVENT, event);
    BELAY_ASSERT(kind->stats.events_waiting > 0);
    kind->stats.events_waiting--;
    saga_kind_write(s, kind);
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
    const struct saga_cost cost = { s->record.n, 1, s->record.n + EVENT_KEY_BYTES_MAX, 1 };
    status = saga_room_reserve(s, &cost, true, err);
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

bool saga_kept_find(struct belay_sagas *s, const struct saga_kind *kind, struct belay_str id,
                    struct belay_str step, struct saga_kept *ret_kept)
{
    char key[EVENT_KEY_BYTES_MAX];
    return kind->stats.events_waiting && get(s, event_key(key, kind->number, id, step), ret_kept);
}

void saga_kept_gone(struct belay_sagas *s, struct saga_kind *kind, struct belay_str id,
                    struct belay_str step)
{
    char key[EVENT_KEY_BYTES_MAX];
    belay_buf_clear(&s->record);
    belay_pack_varint(&s->record, kind->number);
    belay_pack_str(&s->record, id);
    belay_pack_str(&s->record, step);
    BELAY_ASSERT(belay_buf_status(&s->record) == BELAY_OK); /* reserved */
    struct belay_str event = event_key(key, kind->number, id, step);
    belay_store_append(s->opt.store, SAGA_RECORD_EVENT_GONE, SAGA_RECORD_VERSION,
                       belay_buf_view(&s->record));
    apply_gone(s, kind, event);
}

void saga_kept_apply_end(struct belay_sagas *s, const struct saga *i)
{
    char buf[EVENT_KEY_BYTES_MAX], key[EVENT_KEY_BYTES_MAX];
    struct belay_str prefix = prefix_of(buf, &i->key), found, row;
    while (
        i->kind->stats.events_waiting
        && belay_state_seek(s->state, BELAY_TABLE_SAGA_EVENT, prefix, false, prefix, &found, &row)
        && found.n <= sizeof key) {
        memcpy(key, found.p, found.n);
        apply_gone(s, i->kind, belay_str(key, found.n));
    }
}

static int apply_gone_record(struct belay_sagas *s, struct belay_str body, struct belay_err *err)
{
    char key[EVENT_KEY_BYTES_MAX];
    struct belay_unpack u = belay_unpack_init(body);
    struct saga_kind *kind = saga_kind_at(s, (uint32_t)belay_unpack_varint(&u));
    struct belay_str id = belay_unpack_str(&u), step = belay_unpack_str(&u);
    struct saga_kept kept;
    if (!belay_unpack_done(&u) || !kind)
        return belay_fail(err, BELAY_CORRUPT, "record of an event taken makes no sense");
    struct belay_str event = event_key(key, kind->number, id, step);
    if (!get(s, event, &kept))
        return belay_fail(err, BELAY_CORRUPT, "record takes an event that there is not");
    apply_gone(s, kind, event);
    return BELAY_OK;
}

int saga_kept_apply(struct belay_sagas *s, struct belay_str body, bool gone, struct belay_err *err)
{
    struct saga_kept kept;
    int status = belay_state_reserve_save(
        s->state, body.n + 2 * EVENT_KEY_BYTES_MAX + KIND_ROW_BYTES, 3, err);
    if (status != BELAY_OK)
        return status;
    if (gone)
        return apply_gone_record(s, body, err);
    if (!saga_kept_unpack(body, &kept) || !saga_kind_at(s, kept.kind))
        return belay_fail(err, BELAY_CORRUPT, "record of an event that waits makes no sense");
    apply_kept(s, &kept, body);
    return BELAY_OK;
}
