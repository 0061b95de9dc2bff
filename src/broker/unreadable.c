#include "broker/unreadable.h"

#include <stdarg.h>
#include <stdio.h>

void unreadable_found(struct belay_broker *b, const char *fmt, ...)
{
    va_list args;
    if (b->unreadable++)
        return; /* the first names itself, the others are counted */
    va_start(args, fmt);
    vsnprintf(b->unreadable_named, sizeof b->unreadable_named, fmt, args);
    va_end(args);
}

int unreadable_message(struct belay_str encoded)
{
    struct belay_arena arena;
    struct belay_message m;
    struct belay_err err;
    belay_arena_init(&arena, BELAY_KIB(4), BELAY_KIB(16)); /* of its headers: BELAY_HEADERS_MAX are few bytes */
    int status = belay_message_decode(encoded, &arena, &m, &err);
    belay_arena_deinit(&arena);
    return status == BELAY_OK || status == BELAY_NOMEM ? status : BELAY_CORRUPT;
}

bool belay_broker_unreadable_news(struct belay_broker *b, struct belay_str *ret_named, uint64_t *ret_more)
{
    if (!b->unreadable)
        return false;
    *ret_named = belay_str_c(b->unreadable_named);
    *ret_more = b->unreadable - 1;
    b->unreadable = 0;
    return true;
}
