/* From the active overlay to the backend: freeze, run (in the background), done. */
#include "base/assert.h"
#include "store/state_impl.h"

bool belay_state_may_freeze(const struct belay_state *s)
{
    return !s->frozen && !overlay_empty(s->active);
}

void belay_state_freeze(struct belay_state *s, uint64_t position)
{
    BELAY_ASSERT(belay_state_may_freeze(s) && position >= s->position);
    overlay_order(s->active);
    s->frozen = s->active;
    s->frozen->position = position;
    s->active = s->frozen == &s->overlays[0] ? &s->overlays[1] : &s->overlays[0];
    s->refused = false;
}

#define REST_ROWS 64

void belay_state_set_rest(struct belay_state *s, void (*rest)(void *arg), void *arg)
{
    s->rest = rest;
    s->rest_arg = arg;
}

/* The frozen overlay's changes in order of table and key. */
struct feed {
    const struct belay_state *s;
    struct overlay *o; /* frozen, so seeking in it changes nothing */
    uint32_t told;
    uint32_t table;
    bool dropped;                 /* the drop of this table was told */
    const struct overlay_node *at; /* told last in this table */
};

static bool feed_next(void *arg, struct belay_state_change *ret)
{
    struct feed *f = arg;
    if (f->s->rest && ++f->told % REST_ROWS == 0)
        f->s->rest(f->s->rest_arg);
    for (; f->table < STATE_TABLES; f->table++, f->dropped = false, f->at = NULL) {
        if (f->o->dropped[f->table] && !f->dropped) {
            f->dropped = true;
            *ret = (struct belay_state_change){ .table = f->table, .drop = true };
            return true;
        }
        struct belay_str from = f->at ? overlay_key(f->at) : BELAY_STR("");
        f->at = overlay_seek(f->o, f->table, from, f->at != NULL);
        if (f->at) {
            *ret = (struct belay_state_change){ .table = f->table, .key = overlay_key(f->at) };
            if (!f->at->dead)
                ret->value = overlay_value(f->at);
            return true;
        }
    }
    return false;
}

int belay_state_checkpoint_run(struct belay_state *s, struct belay_err *err)
{
    BELAY_ASSERT(s->frozen);
    struct feed feed = { .s = s, .o = s->frozen };
    int status = s->backend.commit(s->backend.self, s->frozen->position, feed_next, &feed, err);
    return status == BELAY_OK ? BELAY_OK : belay_wrap(err, status, "checkpoint");
}

int belay_state_checkpoint_done(struct belay_state *s, struct belay_err *err)
{
    BELAY_ASSERT(s->frozen);
    struct belay_err local = { 0 };
    int status = s->backend.refresh(s->backend.self, &local);
    if (status == BELAY_NOMEM) { /* nothing changed: again later */
        if (err)
            *err = local;
        return status;
    }
    if (status == BELAY_OK) {
        s->position = s->frozen->position;
        status = state_look_for_empty(s, s->frozen, &local);
        overlay_clear(s->frozen);
        s->frozen = NULL;
    }
    if (status == BELAY_OK)
        return BELAY_OK;
    state_failed(s, &local);
    if (err)
        *err = local;
    return status;
}

uint64_t belay_state_position(const struct belay_state *s)
{
    return s->position;
}
