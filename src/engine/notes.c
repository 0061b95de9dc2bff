/* notes.c - small texts that whoever runs the engine wants to know again after a restart (silences of alerts).
 *
 * A note is a row of BELAY_TABLE_META under "note/NAME"; a record says what it is from now on.
 *   record: string name | the value; none: the note goes */
#include "engine/notes.h"

#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/pack.h"
#include "base/planted.h"
#include "engine/record.h"
#include "engine/room.h"

#define META_PREFIX "note/"
#define KEY_BYTES (sizeof META_PREFIX - 1 + BELAY_NOTE_NAME_BYTES_MAX)

static struct belay_str key_of(struct belay_str name, char key[KEY_BYTES])
{
    BELAY_ASSERT(name.n <= BELAY_NOTE_NAME_BYTES_MAX);
    memcpy(key, META_PREFIX, sizeof META_PREFIX - 1);
    if (name.n)
        memcpy(key + sizeof META_PREFIX - 1, name.p, name.n);
    return belay_str(key, sizeof META_PREFIX - 1 + name.n);
}

int engine_note_apply(struct belay_engine *e, struct belay_str body, struct belay_err *err)
{
    struct belay_unpack u = belay_unpack_init(body);
    struct belay_str name = belay_unpack_str(&u);
    char key[KEY_BYTES];
    if (!belay_unpack_ok(&u) || name.n == 0 || name.n > BELAY_NOTE_NAME_BYTES_MAX)
        return belay_fail(err, BELAY_CORRUPT, "note record of %zu bytes", body.n);
    struct belay_str value = belay_unpack_bytes(&u, belay_unpack_left(&u));
    if (value.n)
        belay_state_put(e->state, BELAY_TABLE_META, key_of(name, key), value);
    else
        belay_state_del(e->state, BELAY_TABLE_META, key_of(name, key));
    return BELAY_OK;
}

int belay_engine_note(struct belay_engine *e, struct belay_str name, struct belay_str value, struct belay_err *err)
{
    BELAY_ASSERT(name.n > 0 && name.n <= BELAY_NOTE_NAME_BYTES_MAX);
    if (value.n > BELAY_NOTE_BYTES_MAX)
        return belay_fail(err, BELAY_LIMIT, "more than %d bytes", (int)BELAY_NOTE_BYTES_MAX);
    belay_buf_clear(&e->buf);
    belay_pack_str(&e->buf, name);
    belay_buf_put_str(&e->buf, value);
    int status = belay_buf_status(&e->buf);
    if (status != BELAY_OK)
        return belay_fail(err, status, "a note");
    status = belay_store_reserve(e->store, e->buf.n + 64, 1, true, err);
    if (status == BELAY_OK)
        status = belay_state_reserve(e->state, KEY_BYTES + value.n, 1, err);
    if (status != BELAY_OK)
        return status;
    if (BELAY_PLANTED(116)) /* only until the process ends */
        return engine_note_apply(e, belay_buf_view(&e->buf), err);
    struct belay_str body = belay_store_append(e->store, RECORD_NOTE, RECORD_VERSION, belay_buf_view(&e->buf));
    return engine_note_apply(e, body, err);
}

bool belay_engine_note_next(struct belay_engine *e, struct belay_str prefix, struct belay_str after,
                            struct belay_str *ret_name, struct belay_str *ret_value)
{
    char from[BELAY_STATE_KEY_BYTES_MAX], within[KEY_BYTES];
    struct belay_str key, value;
    bool begun = after.n > 0;
    struct belay_str at = key_of(begun ? after : prefix, from);
    for (; belay_state_seek(e->state, BELAY_TABLE_META, at, begun, key_of(prefix, within), &key, &value); begun = true) {
        if (key.n <= KEY_BYTES) {
            *ret_name = belay_str_sub(key, sizeof META_PREFIX - 1, key.n);
            *ret_value = value;
            return true;
        }
        memcpy(from, key.p, key.n); /* no note's: whoever put it there, it is passed over */
        at = belay_str(from, key.n);
    }
    return false;
}
