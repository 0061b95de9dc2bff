/* People: they look at letters, and change the configuration. */
#include <stdio.h>
#include <string.h>

#include "broker/resident.h" /* a short trail, so that it comes to its end */
#include "broker/trail.h"
#include "sim/app.h"
#include "sim/world.h"

struct found {
    struct belay_subscription *sub;
    uint32_t sub_id;
    uint64_t sequence;
    bool parked;
    char name[32], lane[16];
    int64_t n; /* of an event */
};

static void letter_of(struct sim_world *w, struct found *f, const struct belay_letter *letter,
                      struct belay_arena *arena)
{
    const belay_json *root = NULL;
    struct belay_err err;
    snprintf(f->name, sizeof f->name, "%.*s", BELAY_STR_ARG(letter->subscription));
    f->parked = letter->parked;
    f->n = -1;
    if (belay_json_parse(letter->message.body, NULL, arena, &root, NULL, &err) != BELAY_OK)
        return;
    const belay_json *n = belay_json_get(root, BELAY_STR("n"));
    const belay_json *lane = belay_json_get(root, BELAY_STR("lane"));
    if (n && n->type == BELAY_JSON_INT && lane && lane->type == BELAY_JSON_STRING) {
        f->n = n->u.i;
        snprintf(f->lane, sizeof f->lane, "%.*s", BELAY_STR_ARG(belay_json_str(lane)));
        sim_gate_check_letter(w, letter, belay_json_str(lane), f->n);
    }
}

/* The `skip`-th letter after (sub_id, sequence). */
static bool find_letter(struct sim_world *w, uint64_t skip, struct found *ret)
{
    struct belay_broker *b = belay_engine_broker(w->engine);
    struct belay_arena arena;
    struct belay_letter letter;
    bool found = true;
    *ret = (struct found){ 0 };
    belay_arena_init(&arena, 0, BELAY_MIB(8));
    for (uint64_t i = 0; found && i <= skip; i++)
        found = belay_broker_letter_next(b, NULL, &ret->sub_id, &ret->sequence, &arena, &letter);
    if (found) {
        letter_of(w, ret, &letter, &arena);
        ret->sub = belay_broker_find_id(b, ret->sub_id);
    }
    belay_arena_deinit(&arena);
    return found;
}

static void left(struct sim_world *w, const struct found *f)
{
    struct sim_lane *lane;
    struct sim_event *ev = strcmp(f->name, "handle") == 0
        ? sim_event_by_n(w, belay_str_c(f->lane), f->n, &lane) : NULL;
    if (ev)
        ev->left = true;
    if (strcmp(f->name, "read") == 0) /* quarantined, and a seek that is over does not bring it back */
        w->seeks.skipped[f->sequence] = true;
}

static int act(struct sim_world *w, const struct found *f, uint64_t how, struct belay_err *err)
{
    struct belay_broker *b = belay_engine_broker(w->engine);
    belay_time now = sim_clock(w);
    if (how == 0 && f->parked) {
        sim_trace(w, "release %s/%llu", f->name, (unsigned long long)f->sequence);
        left(w, f);
        return belay_broker_letter_release(b, f->sub, f->sequence, now, err);
    }
    if (how == 1) {
        sim_trace(w, "discard %s/%llu", f->name, (unsigned long long)f->sequence);
        left(w, f);
        return belay_broker_letter_discard(b, f->sub, f->sequence, BELAY_STR("of no use"),
                                           BELAY_STR("sim"), now, err);
    }
    w->pipe_replays += strcmp(f->name, "pipe") == 0;
    w->killer_words += strcmp(f->name, "handle") == 0;
    sim_limits_replayed(w, f->name, f->lane, f->n);
    sim_trace(w, "replay %s/%llu", f->name, (unsigned long long)f->sequence);
    int status = belay_broker_letter_replay(b, f->sub, f->sequence, false, now, err);
    if (status == BELAY_OK)
        sim_replays_check_conflict(w, f->sub, f->sequence);
    return status;
}

/* With its entry in the trail: room for both was made sure of, so the entry cannot be refused. */
static int settle(struct sim_world *w, const struct found *f, uint64_t how, struct belay_err *err)
{
    static const char *const verbs[] = { "release", "discard", "replay", "replay" };
    struct belay_broker *b = belay_engine_broker(w->engine);
    char id[24];
    snprintf(id, sizeof id, "%llu", (unsigned long long)f->sequence);
    struct belay_trail_entry entry = { .kind = BELAY_TRAIL_LETTER, .owner = belay_str_c(f->name), .id = belay_str_c(id),
                                       .who = BELAY_STR("sim"), .verb = belay_str_c(verbs[how]) };
    b->trail_entries_max = 8;
    int status = belay_trail_begin(b, &entry, 0, 0, err);
    if (status == BELAY_OK)
        status = act(w, f, how, err);
    if (status == BELAY_OK && belay_trail_add(b, &entry, sim_clock(w), err) != BELAY_OK)
        sim_violation(w, "TRAIL", "an act without its entry: %s", err->msg);
    return status;
}

/* The same to every flow, but other bytes: a blank more. Sometimes he has not seen the last edit: then he is told. */
static void edit(struct sim_world *w, const struct found *f)
{
    struct belay_broker *b = belay_engine_broker(w->engine);
    struct belay_arena arena;
    struct belay_letter letter;
    struct belay_err err;
    belay_arena_init(&arena, 0, BELAY_MIB(8));
    int status = belay_broker_letter_get(b, f->sub, f->sequence, &arena, &letter, &err);
    bool stale = sim_chance(w, 200);
    if (status == BELAY_OK) {
        letter.message.body = belay_arena_printf(&arena, "%.*s ", BELAY_STR_ARG(letter.message.body));
        sim_trace(w, "edit %s/%llu%s", f->name, (unsigned long long)f->sequence, stale ? " (stale)" : "");
        status = belay_broker_letter_edit(b, f->sub, f->sequence, letter.edits + stale, &letter.message, sim_clock(w), &err);
    }
    if (stale ? status == BELAY_OK : !sim_may_fail(w, status))
        sim_violation(w, "EDIT", "%s/%llu: %s", f->name, (unsigned long long)f->sequence,
                      stale ? "an edit of what was not seen" : err.msg);
    belay_arena_deinit(&arena);
}

static void settle_letter(struct sim_world *w, const struct found *f, uint64_t how)
{
    struct belay_err err;
    int status = settle(w, f, how, &err);
    if (!sim_may_fail(w, status))
        sim_violation(w, "DLQ", "%s/%llu: %s", f->name, (unsigned long long)f->sequence, err.msg);
}

/* A shipment refused for good is in the order's saga already: replaying it would ship what is refunded.
 * A dead letter of the pipe or the lanes can be replayed. */
static bool replayable(const struct found *f)
{
    return f->parked || strcmp(f->name, "ship") != 0;
}

static void reload(struct sim_world *w)
{
    struct belay_err err;
    w->edition = !w->edition;
    struct belay_definitions *d = sim_app(w->edition);
    sim_trace(w, "reload edition %d", w->edition + 1);
    int status = belay_engine_configure(w->engine, d, sim_clock(w), &err);
    belay_definitions_unref(d);
    if (!sim_may_fail(w, status))
        sim_violation(w, "RELOAD", "%s", err.msg);
    if (status != BELAY_OK)
        w->edition = !w->edition;
}

void sim_operators_act(struct sim_world *w)
{
    struct found f;
    uint64_t n = sim_below(w, 21);
    w->limits.loose = true; /* what a person releases, replays or seeks to is work again, limit or not */
    if (n == 0) {
        reload(w);
    } else if (n == 1) {
        sim_persons_act(w);
    } else if (n <= 4) {
        sim_seeks_act(w);
    } else if (n >= (w->hoards ? 14 : 18)) {
        sim_replays_act(w);
    } else if (n <= 8) {
        sim_lanes_act(w);
    } else if (find_letter(w, sim_below(w, 4), &f)) {
        uint64_t how = sim_below(w, 4);
        if (strcmp(f.name, "mail") == 0) /* mails.c */
            return;
        if (sim_chance(w, 300))
            edit(w, &f);
        if (strcmp(f.name, "pipe") == 0 || strcmp(f.name, "see") == 0 || strcmp(f.name, "hint") == 0)
            how = 2; /* what it is to copy must be in copies in the end, and in order; the others are counted */
        if (w->hoards && !f.parked)
            return;
        if (w->hoards && strcmp(f.name, "handle") == 0)
            how = 0;
        if (how != 1 && !replayable(&f))
            return;
        settle_letter(w, &f, how);
    }
}

/* Who sits at the desk asks the admin API. */
void sim_desk_act(struct sim_world *w)
{
    uint64_t n = sim_below(w, 10);
    w->limits.loose = true;
    if (w->imports_due || n < 2)
        sim_imports_act(w);
    else if (n < 4)
        sim_notes_act(w);
    else
        sim_mails_act(w);
}

bool sim_operators_clear(struct sim_world *w)
{
    struct found f;
    bool any = false;
    w->limits.loose = true;
    sim_mails_act(w);
    sim_imports_clear(w);
    for (uint64_t skip = 0; find_letter(w, skip, &f);) {
        if (strcmp(f.name, "mail") != 0)
            settle_letter(w, &f, replayable(&f) ? 2 : 1);
        any = true;
        skip += 1; /* what could not be settled now is passed by */
        if (skip > 200)
            break;
    }
    sim_seeks_clear(w);
    sim_replays_clear(w);
    sim_lanes_clear(w);
    return sim_persons_act(w) || any;
}
