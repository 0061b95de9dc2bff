/* Silences: people ask for quiet and take it back, between deaths.
 *
 * What must hold: a silence that is sure is there after every start, as it was made; one that was taken back for sure never
 * comes again; nobody knows of one that nobody made. */
#include <stdio.h>
#include <string.h>

#include "alert/silence.h"
#include "sim/world.h"

static struct belay_str name_of(uint32_t i, char name[SIM_NAME_BYTES])
{
    int n = snprintf(name, SIM_NAME_BYTES, "silence/%020u", i);
    return belay_str(name, (size_t)n);
}

/* Which of the silences the engine knows is this one? Also: it is what was made. */
static bool is_known(struct sim_world *w, uint32_t i)
{
    char name[SIM_NAME_BYTES];
    struct belay_str after = BELAY_STR(""), note, value, wanted = name_of(i, name);
    while (belay_engine_note_next(w->engine, BELAY_STR("silence/"), after, &note, &value)) {
        struct belay_silence s;
        if (belay_str_eq(note, wanted)) {
            if (belay_silence_unpack(value, &s) != BELAY_OK || s.number != i + 1 || s.until != w->silences[i].until)
                sim_violation(w, "SILENCE", "silence %u is another one", i);
            return true;
        }
        after = note;
    }
    return false;
}

void sim_notes_look(struct sim_world *w)
{
    for (uint32_t i = 0; i < SIM_SILENCES_MAX; i++) {
        const struct sim_silence *s = &w->silences[i];
        if (s->open)
            continue;
        if (is_known(w, i) != s->there)
            sim_violation(w, "SILENCE", "silence %u %s", i, s->there ? "is forgotten" : "is there, and nobody wants it");
    }
}

static int note(struct sim_world *w, uint32_t i, bool make, struct belay_err *err)
{
    char name[SIM_NAME_BYTES];
    struct belay_buf text;
    const struct belay_silence s = { .number = i + 1, .made_at = 1, .until = w->silences[i].until, .rule = BELAY_STR("lag*"),
                                     .who = BELAY_STR("sim"), .reason = BELAY_STR("we know") };
    belay_buf_init(&text, BELAY_KIB(4));
    if (make)
        belay_silence_pack(&text, &s);
    int status = belay_engine_note(w->engine, name_of(i, name), belay_buf_view(&text), err);
    belay_buf_deinit(&text);
    return status;
}

void sim_notes_act(struct sim_world *w)
{
    uint32_t i = (uint32_t)sim_below(w, SIM_SILENCES_MAX);
    struct sim_silence *s = &w->silences[i];
    struct belay_err err;
    bool make = s->open ? sim_chance(w, 500) : !s->there;
    belay_time until = sim_clock(w);
    if (make && !s->open)
        s->until = until;
    s->open = true; /* the one before, or this one */
    int status = note(w, i, make, &err);
    sim_trace(w, "silence %u %s: %s", i, make ? "is wanted" : "is taken back", status == BELAY_OK ? "ok" : err.msg);
    if (!sim_may_fail(w, status))
        sim_violation(w, "SILENCE", "%s", err.msg);
    if (status != BELAY_OK || !sim_make_sure(w))
        return;
    s->there = make;
    s->open = false;
}
