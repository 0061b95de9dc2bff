/* People replay many letters at once: they begin jobs, pause, resume and cancel them, between deaths.
 *
 * What must hold beside J1-J4: a job that was begun for sure is known as long as it has not ended; what is paused takes
 * nothing, also after a restart; what somebody cancelled stays so; what waits for its outcome is nobody else's to
 * replay; in the end every job has ended. */
#include <string.h>

#include "broker/resident.h"
#include "broker/replay.h"
#include "sim/world.h"

static struct belay_broker *broker_of(struct sim_world *w)
{
    return belay_engine_broker(w->engine);
}

/* What is known of job id; a place is used again by a later one. */
static struct sim_replay *known(struct sim_world *w, uint32_t id)
{
    struct sim_replay *k = &w->replays[id % SIM_REPLAYS_MAX];
    if (k->id != id)
        *k = (struct sim_replay){ .id = id };
    return k;
}

/* Its number; 0: there is none. */
static uint32_t begin_one(struct sim_world *w)
{
    static const char *const flows[] = { "handle", "pipe" };
    static const char *const errors[] = { "", "", "HTTP", "class:transient" };
    const char *flow = flows[sim_below(w, 2)];
    struct belay_replay_opt opt = { .flow = belay_str_c(flow), .error = belay_str_c(errors[sim_below(w, 4)]),
                                    .where = belay_str_c(sim_chance(w, 200) ? "body.n % 2 = 0" : ""),
                                    .who = BELAY_STR("sim"), .from_start = false,
                                    .concurrency = 1 + (uint32_t)sim_below(w, 4),
                                    .rate = (uint32_t)sim_below(w, 3) * 3, .rate_seconds = 1 };
    struct belay_err err;
    uint32_t id = 0;
    w->pipe_replays += strcmp(flow, "pipe") == 0; /* the letter of what kills may be among them */
    w->killer_words += strcmp(flow, "handle") == 0;
    int status = belay_replay_start(broker_of(w), &opt, sim_clock(w), &id, &err);
    sim_trace(w, "replay job %u over %s begins: %d", id, flow, status);
    if (!sim_may_fail(w, status) && status != BELAY_LIMIT)
        sim_violation(w, "REPLAY", "begin: %s", err.msg);
    if (status != BELAY_OK)
        return 0;
    known(w, id)->sure = false; /* the number of one that was lost, perhaps */
    known(w, id)->surely = 0;
    if (sim_chance(w, 300) && sim_make_sure(w))
        known(w, id)->sure = true;
    return id;
}

static bool some_open(struct sim_world *w, struct belay_replay *ret)
{
    struct belay_replay r;
    uint64_t n = 0;
    for (uint32_t i = 0; belay_replay_at(broker_of(w), i, &r); i++)
        if ((r.state == BELAY_REPLAY_RUNNING || r.state == BELAY_REPLAY_PAUSED) && sim_below(w, ++n) == 0)
            *ret = r;
    return n > 0;
}

static void change(struct sim_world *w, const struct belay_replay *r, bool end)
{
    struct belay_broker *b = broker_of(w);
    struct sim_replay *k = known(w, r->id);
    struct belay_err err;
    bool running = r->state == BELAY_REPLAY_RUNNING;
    uint32_t id = r->id;
    uint64_t taken = r->taken;
    int status = end       ? belay_replay_cancel(b, id, BELAY_STR("sim"), sim_clock(w), &err)
                 : running ? belay_replay_pause(b, id, BELAY_STR("sim"), sim_clock(w), &err)
                           : belay_replay_resume(b, id, BELAY_STR("sim"), sim_clock(w), &err);
    sim_trace(w, "replay job %u: %s: %d", id, end ? "cancel" : running ? "pause" : "resume", status);
    if (!sim_may_fail(w, status))
        sim_violation(w, "REPLAY", "job %u: %s", id, err.msg);
    if (status != BELAY_OK)
        return;
    k->surely = 0;
    if (running && !end)
        k->taken = taken;
    if (sim_chance(w, 600) && sim_make_sure(w))
        k->surely = end ? BELAY_REPLAY_CANCELLED : running ? BELAY_REPLAY_PAUSED : 0;
}

/* Some want to look at it first, before it takes anything. */
static void begin(struct sim_world *w)
{
    struct belay_replay r;
    struct belay_err err;
    uint32_t id = begin_one(w);
    if (id && w->life == SIM_ALIVE && sim_chance(w, 300) && belay_replay_get(broker_of(w), id, &r, &err) == BELAY_OK
        && r.state == BELAY_REPLAY_RUNNING)
        change(w, &r, false);
}

void sim_replays_act(struct sim_world *w)
{
    struct belay_replay r;
    uint64_t n = sim_below(w, 8);
    if (n < 3 || !some_open(w, &r))
        begin(w);
    else
        change(w, &r, n == 7);
}

/* A job whose letters all end without luck is over too: what it did not want stays a letter. */
void sim_replays_clear(struct sim_world *w)
{
    struct belay_replay r;
    if (some_open(w, &r) && r.state == BELAY_REPLAY_PAUSED)
        change(w, &r, sim_chance(w, 300));
}

bool sim_replays_ended(struct sim_world *w)
{
    struct belay_replay r;
    for (uint32_t i = 0; belay_replay_at(broker_of(w), i, &r); i++)
        if (r.state == BELAY_REPLAY_RUNNING || r.state == BELAY_REPLAY_PAUSED)
            return false;
    return true;
}

/* Each step, and after each restart. */
void sim_replays_look(struct sim_world *w)
{
    for (uint32_t i = 0; i < SIM_REPLAYS_MAX; i++) {
        const struct sim_replay *k = &w->replays[i];
        struct belay_replay r;
        struct belay_err err;
        if (!k->id || belay_replay_get(broker_of(w), k->id, &r, &err) != BELAY_OK) {
            if (k->sure)
                sim_violation(w, "REPLAY", "job %u is not known any more", k->id);
            continue;
        }
        if (k->surely && r.state != k->surely)
            sim_violation(w, "REPLAY", "job %u was %s for sure, and is %s", k->id, belay_replay_state_name(k->surely),
                          belay_replay_state_name(r.state));
        if (k->surely == BELAY_REPLAY_PAUSED && r.taken != k->taken)
            sim_violation(w, "REPLAY", "job %u took letters while it was paused", k->id);
    }
}

void sim_replays_check_conflict(struct sim_world *w, struct belay_subscription *sub, uint64_t sequence)
{
    struct belay_err err;
    int status = belay_broker_letter_replay(broker_of(w), sub, sequence, false, sim_clock(w), &err);
    if (status != BELAY_CONFLICT)
        sim_violation(w, "REPLAY", "letter %llu was replayed twice: %d", (unsigned long long)sequence, status);
}
