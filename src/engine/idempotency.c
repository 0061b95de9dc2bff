/* Idempotency as far as memory goes: who works under a key just now, and answers as bytes.
 * What is durable of it is the broker's. */
#include "engine/idempotency.h"

#include <string.h>

#include "base/assert.h"
#include "base/map.h"
#include "base/pack.h"
#include "engine/room.h"
#include "engine/runs.h"

#define ANSWER_VERSION 1

/* False: no memory. */
bool engine_key_set(struct belay_engine *e, struct engine_run *r, struct belay_str scope,
                    struct belay_str key)
{
    (void)e;
    BELAY_ASSERT(scope.n && !r->keyed);
    char *p = belay_arena_bytes(&r->arena, scope.n + 1 + key.n);
    if (!p)
        return false;
    memcpy(p, scope.p, scope.n);
    p[scope.n] = '\0';
    if (key.n)
        memcpy(p + scope.n + 1, key.p, key.n);
    r->map_key = belay_str(p, scope.n + 1 + key.n);
    r->scope = belay_str(p, scope.n);
    r->key = belay_str(p + scope.n + 1, key.n);
    return true;
}

struct engine_run *engine_key_holder(struct belay_engine *e, const struct engine_run *r)
{
    return belay_map_get(&e->keys, r->map_key);
}

int engine_key_claim(struct belay_engine *e, struct engine_run *r)
{
    BELAY_ASSERT(!r->keyed && r->map_key.n);
    int status = belay_map_put(&e->keys, r->map_key, r, NULL);
    r->keyed = status == BELAY_OK;
    return status;
}

void engine_key_release(struct belay_engine *e, struct engine_run *r)
{
    if (!r->keyed)
        return;
    BELAY_ASSERT(belay_map_get(&e->keys, r->map_key) == r); /* nobody lets another one's key go */
    belay_map_del(&e->keys, r->map_key);
    r->keyed = false;
}

/* version, status, count, (name, value)*, body */
void engine_answer_pack(struct belay_buf *out, const struct belay_action_reply *reply)
{
    belay_pack_u8(out, ANSWER_VERSION);
    belay_pack_varint(out, reply->status);
    belay_pack_varint(out, reply->header_count);
    for (uint32_t i = 0; i < reply->header_count; i++) {
        belay_pack_str(out, reply->headers[i].name);
        belay_pack_str(out, reply->headers[i].value);
    }
    belay_pack_str(out, reply->body);
}

bool engine_answer_unpack(struct belay_str bytes, struct belay_arena *arena,
                          struct belay_action_reply *ret_reply)
{
    struct belay_unpack u = belay_unpack_init(bytes);
    struct belay_action_reply reply = { 0 };
    if (belay_unpack_u8(&u) != ANSWER_VERSION)
        return false;
    reply.status = (uint32_t)belay_unpack_varint(&u);
    uint64_t count = belay_unpack_varint(&u);
    if (!belay_unpack_ok(&u) || count > belay_unpack_left(&u))
        return false;
    struct belay_field *headers = BELAY_ARENA_ARRAY(arena, struct belay_field, count + 1);
    if (!headers)
        return false;
    for (uint64_t i = 0; i < count; i++) {
        headers[i].name = belay_unpack_str(&u);
        headers[i].value = belay_unpack_str(&u);
    }
    reply.body = belay_unpack_str(&u);
    reply.headers = headers;
    reply.header_count = (uint32_t)count;
    if (!belay_unpack_done(&u))
        return false;
    *ret_reply = reply;
    return true;
}
