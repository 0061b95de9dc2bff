/* $saga(name, id): what a flow may ask about a saga; and what sagas tell the operator. */
#include "engine/sagas.h"

#include "base/limits.h"
#include "engine/actions.h"
#include "engine/room.h"

int engine_saga_function(void *arg, struct belay_arena *arena, const struct belay_value *args,
                         uint32_t count, struct belay_value *ret, struct belay_err *err)
{
    struct belay_engine *e = arg;
    struct belay_str name, id;
    (void)count;
    if (!belay_value_text(args[0], arena, &name) || !belay_value_text(args[1], arena, &id))
        return belay_fail(err, BELAY_INVALID, "$saga wants a saga's name and an id");
    struct belay_buf out;
    belay_buf_init(&out, BELAY_MESSAGE_BYTES_MAX);
    int status = belay_sagas_view(e->sagas, name, id, &out, err);
    if (status == BELAY_OK)
        status = belay_buf_status(&out);
    if (status == BELAY_OK) {
        const belay_json *root;
        struct belay_str text = belay_arena_str(arena, belay_buf_view(&out));
        status = text.p ? belay_json_parse(text, NULL, arena, &root, NULL, err) : BELAY_NOMEM;
        if (status == BELAY_OK)
            *ret = belay_value_tape(root);
    } else if (status == BELAY_NOTFOUND) {
        *ret = belay_value_undefined();
        status = BELAY_OK;
    }
    belay_buf_deinit(&out);
    return status;
}

void engine_tell_saga(void *arg, const struct belay_saga_news *news)
{
    const struct belay_field fields[] = {
        { BELAY_STR("step"), news->step },
        { BELAY_STR("state"), belay_str_c(news->state) },
        { BELAY_STR("parked"), belay_str_c(news->parked) },
        { BELAY_STR("why"), news->why },
        { BELAY_STR("word"), belay_str_c(news->word) },
        { BELAY_STR("by"), news->by },
        { BELAY_STR("reason"), news->reason },
    };
    const struct belay_action_event event = {
        .level = news->level,
        .name = news->name,
        .owner = news->saga,
        .key = news->id,
        .correlationid = news->correlationid,
        .traceparent = news->traceparent,
        .fields = fields,
        .field_count = sizeof fields / sizeof *fields,
        .attempt = news->attempt,
        .again_at = news->again_at == BELAY_TIME_NEVER ? 0 : news->again_at,
    };
    engine_hold_event(arg, BELAY_ACTION_EVENT, &event, NULL);
}
