/* view.c - what people and flows see of an instance: its word, history and results, as JSON. */
#include "saga/room.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/limits.h"
#include "saga/kinds.h"
#include "saga/redact.h"

struct view {
    struct belay_sagas *room;
    const struct saga *i;
    const struct belay_saga_def *def; /* NULL: it is not there */
    struct belay_json_out o;
};

static struct belay_str or_state(struct belay_str word, uint8_t state)
{
    return word.n ? word : belay_str_c(saga_states[state].name);
}

/* The definition's word for where it is. */
static struct belay_str word_of(const struct saga *i, const struct belay_saga_def *def)
{
    if (!def)
        return belay_str_c(saga_states[i->state].name);
    switch (i->state) {
    case SAGA_COMPLETED: return or_state(def->word_completed, i->state);
    case SAGA_COMPENSATING: return or_state(def->word_compensating, i->state);
    case SAGA_COMPENSATED: return or_state(def->word_compensated, i->state);
    case SAGA_FAILED: return or_state(def->word_failed, i->state);
    case SAGA_PARKED: return or_state(def->word_parked, i->state);
    default: break;
    }
    bool began = i->at > 0 || (i->step_count && i->steps[0].state != STEP_PENDING);
    if (!began && def->word_started.n)
        return def->word_started;
    return or_state(i->at < i->step_count ? def->steps[i->at].status : BELAY_STR_NONE, i->state);
}

static struct belay_str step_name(const struct view *v, uint32_t step)
{
    return v->def && step < v->i->step_count ? v->def->steps[step].name : BELAY_STR_NONE;
}

static void put_time(struct view *v, const char *key, belay_time t)
{
    char text[BELAY_TIME_TEXT_BYTES];
    belay_time_text(t, text);
    belay_json_key(&v->o, key);
    belay_json_put_c(&v->o, text);
}

static void put_step(struct view *v, uint32_t step)
{
    if (step >= v->i->step_count)
        return;
    belay_json_key(&v->o, "step");
    if (v->def)
        belay_json_put_str(&v->o, step_name(v, step));
    else
        belay_json_put_uint(&v->o, step + 1);
}

static void put_entry(struct view *v, belay_time at, const char *event, uint32_t step,
                      uint32_t attempt, struct belay_str detail)
{
    belay_json_begin_object(&v->o);
    put_time(v, "at", at);
    belay_json_key(&v->o, "event");
    belay_json_put_c(&v->o, event);
    put_step(v, step);
    if (attempt) {
        belay_json_key(&v->o, "attempt");
        belay_json_put_uint(&v->o, attempt);
    }
    if (detail.n) {
        belay_json_key(&v->o, "detail");
        belay_json_put_str(&v->o, detail);
    }
    belay_json_end_object(&v->o);
}

/* Where a publish went: the message may be gone from its queue, its place in the story is not. */
static struct belay_str published_to(const struct view *v, const struct saga_entry *e, char *text, size_t n)
{
    if (e->event != SAGA_EVENT_PUBLISHED || e->step >= v->i->step_count)
        return e->text;
    const struct saga_step *step = &v->i->steps[e->step];
    if (!(step->flags & STEP_PUBLISHED))
        return e->text;
    struct belay_str topic = saga_range(v->i, step->topic);
    snprintf(text, n, "%.*s%s%" PRIu64, BELAY_STR_ARG(topic), step->flags & STEP_DELAYED ? " scheduled as " : " #",
             step->sequence);
    return belay_str_c(text);
}

static void put_history(struct view *v)
{
    char text[BELAY_NAME_BYTES_MAX + 40];
    struct belay_unpack u = belay_unpack_init(belay_buf_view(&v->i->log));
    belay_time at = v->i->started_at;
    struct saga_entry e;
    belay_json_key(&v->o, "history");
    belay_json_begin_array(&v->o);
    while (saga_entry_next(&u, &at, &e))
        put_entry(v, e.at, saga_event_name(e.event), e.step, e.attempt,
                  published_to(v, &e, text, sizeof text));
    if (saga_ended(v->i->state)) /* the last move ended it: it says so here, not in an entry */
        put_entry(v, v->i->updated_at, saga_states[v->i->state].name, v->i->step_count, 0,
                  BELAY_STR_NONE);
    belay_json_end_array(&v->o);
}

static void put_results(struct view *v)
{
    belay_json_key(&v->o, "steps");
    belay_json_begin_object(&v->o);
    for (uint32_t n = 0; v->def && n < v->i->step_count; n++) {
        struct belay_str result = saga_range(v->i, v->i->steps[n].result);
        if (!result.n)
            continue;
        belay_json_key_str(&v->o, v->def->steps[n].name);
        belay_json_put_raw(&v->o, result);
    }
    belay_json_end_object(&v->o);
}

static void put_progress(struct view *v)
{
    belay_json_key(&v->o, "progress");
    belay_json_begin_array(&v->o);
    for (uint32_t n = 0; n < v->i->step_count; n++) {
        belay_json_begin_object(&v->o);
        put_step(v, n);
        belay_json_key(&v->o, "state");
        belay_json_put_c(&v->o, saga_step_states[v->i->steps[n].state].name);
        belay_json_end_object(&v->o);
    }
    belay_json_end_array(&v->o);
}

/* What failed and was done after all is in the history: the error is what is wrong now, or why it did not succeed. */
static bool is_wrong_now(const struct view *v, const struct belay_fault *f)
{
    const struct saga *i = v->i;
    if (i->state == SAGA_COMPLETED)
        return false;
    struct belay_str at = belay_str_sub(step_name(v, i->at), 0, sizeof f->step - 1); /* a fault cuts long names */
    return i->state != SAGA_RUNNING || !v->def || belay_str_eq(belay_str_c(f->step), at);
}

static void put_error(struct view *v)
{
    struct belay_fault f;
    struct belay_unpack u = belay_unpack_init(belay_buf_view(&v->i->fault));
    if (!v->i->fault.n)
        return;
    belay_fault_unpack(&u, &f);
    if (!belay_unpack_ok(&u) || !is_wrong_now(v, &f))
        return;
    struct belay_arena_mark mark = belay_arena_mark(&v->room->arena);
    saga_redact_fault(v->room, v->i, &f);
    belay_arena_rewind(&v->room->arena, mark);
    belay_json_key(&v->o, "error");
    belay_json_begin_object(&v->o);
    const struct {
        const char *key, *value;
    } texts[] = { { "type", f.type },
                  { "step", f.step },
                  { "description", f.description },
                  { "endpoint", f.endpoint },
                  { "class", belay_class_name(f.class_) } };
    for (size_t n = 0; n < sizeof texts / sizeof *texts; n++) {
        if (!texts[n].value[0])
            continue;
        belay_json_key(&v->o, texts[n].key);
        belay_json_put_c(&v->o, texts[n].value);
    }
    if (f.status) {
        belay_json_key(&v->o, "status");
        belay_json_put_uint(&v->o, f.status);
    }
    put_time(v, "at", f.at);
    belay_json_end_object(&v->o);
}

static void put_name(struct view *v, const char *key, struct belay_str name)
{
    belay_json_key(&v->o, key);
    belay_json_put_str(&v->o, name);
}

/* The call it would make next; NULL: it makes none. */
static const struct belay_call_def *call_of(const struct saga *i, const struct belay_saga_step_def *def)
{
    if (i->state == SAGA_COMPENSATING)
        return def->compensate ? def->compensate->call : NULL;
    return i->steps[i->at].state == STEP_RESOLVING ? def->resolve : def->call;
}

/* What has to happen before the step it is at goes on, and when it goes on at the latest. */
static void put_waits(struct view *v)
{
    const struct saga *i = v->i;
    if (!v->def || i->at >= i->step_count || (i->state != SAGA_RUNNING && i->state != SAGA_COMPENSATING))
        return;
    const struct belay_saga_step_def *def = &v->def->steps[i->at];
    const struct saga_step *step = &i->steps[i->at];
    const struct belay_call_def *call = call_of(i, def);
    bool event = step->state == STEP_AWAITING && def->await, forwards = i->state == SAGA_RUNNING;
    if (!event && !call)
        return;
    belay_json_key(&v->o, "waits");
    belay_json_begin_object(&v->o);
    if (event) {
        put_name(v, "event", def->await->topic);
    } else {
        put_name(v, "connection", call->connection->name);
        belay_json_key(&v->o, "attempt");
        belay_json_put_uint(&v->o, (step->state == STEP_RESOLVING || !forwards ? i->attempt : step->attempts)
                                       + (i->flight == FLIGHT_NONE));
        belay_json_key(&v->o, "in_flight");
        belay_json_put_bool(&v->o, i->flight != FLIGHT_NONE);
    }
    if (i->flight == FLIGHT_NONE && i->due != BELAY_TIME_NEVER)
        put_time(v, "until", i->due);
    belay_json_end_object(&v->o);
}

static void put_instance(struct view *v)
{
    const struct saga *i = v->i;
    belay_json_begin_object(&v->o);
    belay_json_key(&v->o, "id");
    belay_json_put_str(&v->o, saga_id(i));
    belay_json_key(&v->o, "saga");
    belay_json_put_str(&v->o, i->kind->name);
    belay_json_key(&v->o, "status");
    belay_json_put_str(&v->o, word_of(i, v->def));
    belay_json_key(&v->o, "state");
    belay_json_put_c(&v->o, saga_states[i->state].name);
    put_step(v, i->at);
    if (i->state == SAGA_PARKED) { /* what a person is asked about */
        belay_json_key(&v->o, "parked");
        belay_json_put_c(&v->o, i->parked_from == SAGA_RUNNING ? "step" : "compensation");
    }
    put_time(v, "started_at", i->started_at);
    put_time(v, "updated_at", i->updated_at);
    if (i->deadline != BELAY_TIME_NEVER)
        put_time(v, "deadline", i->deadline);
    put_waits(v);
    put_history(v);
    put_progress(v);
    put_results(v);
    put_error(v);
    belay_json_end_object(&v->o);
}

/* The instance in memory, else s->look filled from its row. */
static int look_at(struct belay_sagas *s, const struct saga_kind *kind, const struct saga_key *key,
                   const struct saga **ret_saga, struct belay_err *err)
{
    struct belay_str row;
    *ret_saga = belay_map_get(&s->sagas, saga_key_str(key));
    if (*ret_saga)
        return BELAY_OK;
    if (!belay_state_get(s->state, BELAY_TABLE_SAGA, saga_key_str(key), &row))
        return belay_fail(err, BELAY_NOTFOUND, "no such saga");
    int status = saga_clear(s->look, 0);
    if (status == BELAY_OK)
        status = saga_row_unpack(row, s->look, err);
    if (status != BELAY_OK)
        return status;
    s->look->key = *key;
    s->look->kind = (struct saga_kind *)kind;
    *ret_saga = s->look;
    return BELAY_OK;
}

static int find(struct belay_sagas *s, struct belay_str name, struct belay_str id, const struct saga_kind **ret_kind,
                const struct saga **ret_saga, struct belay_err *err)
{
    const struct saga_kind *kind = saga_kind_find(s, name);
    struct saga_key key;
    if (!kind || id.n == 0 || id.n > BELAY_KEY_BYTES_MAX)
        return belay_fail(err, BELAY_NOTFOUND, "no such saga");
    saga_key_init(&key, kind->number, id);
    *ret_kind = kind;
    return look_at(s, kind, &key, ret_saga, err);
}

void belay_sagas_gather(struct belay_sagas *s, struct belay_str name, struct belay_str id, struct belay_redact_words *words)
{
    const struct saga_kind *kind;
    const struct saga *i;
    struct belay_arena_mark mark = belay_arena_mark(&s->arena);
    if (s->opt.redact && *s->opt.redact && find(s, name, id, &kind, &i, NULL) == BELAY_OK)
        saga_gather(s, i, words);
    belay_arena_rewind(&s->arena, mark);
}

int belay_sagas_view(struct belay_sagas *s, struct belay_str name, struct belay_str id,
                     struct belay_buf *out, struct belay_err *err)
{
    const struct saga_kind *kind;
    struct view v = { .room = s, .o = belay_json_out(out) };
    int status = find(s, name, id, &kind, &v.i, err);
    if (status != BELAY_OK)
        return status;
    v.def = s->opt.definition(s->opt.arg, kind->name, v.i->definition);
    if (v.def && v.def->step_count != v.i->step_count)
        v.def = NULL;
    put_instance(&v);
    status = belay_buf_status(out);
    return status == BELAY_OK ? BELAY_OK : belay_fail(err, status, "no memory to show a saga");
}

bool belay_sagas_list(struct belay_sagas *s, struct belay_str name, struct belay_str after,
                      struct belay_str *ret_id, struct belay_str *ret_state)
{
    const struct saga_kind *kind = saga_kind_find(s, name);
    struct saga_key from;
    struct saga_glance g;
    struct belay_str key, row;
    if (!kind || after.n > BELAY_KEY_BYTES_MAX)
        return false;
    saga_key_init(&from, kind->number, after);
    if (!belay_state_seek(s->state, BELAY_TABLE_SAGA, saga_key_str(&from), after.n > 0,
                          belay_str(from.bytes, 5), &key, &row)
        || !saga_row_glance(row, &g))
        return false;
    belay_buf_clear(&s->list_id);
    belay_buf_put_str(&s->list_id, g.id);
    if (belay_buf_status(&s->list_id) != BELAY_OK)
        return false;
    *ret_id = belay_buf_view(&s->list_id);
    *ret_state = belay_str_c(saga_states[g.state].name);
    return true;
}

bool belay_sagas_stats(struct belay_sagas *s, uint32_t index, struct belay_str *ret_name,
                       struct belay_saga_stats *ret_stats)
{
    const struct saga_kind *kind = saga_kind_at(s, index + 1);
    if (!kind)
        return false;
    *ret_name = kind->name;
    *ret_stats = kind->stats;
    return true;
}
