/* The process dies inside of a flow: at any message it takes in hand, and at each attempt of one
 * message that kills it.  The linker puts us between the engine and its page (--wrap): what is
 * noted there stays, and the process is dead when the step returns, whatever that step still did in
 * memory. */
#include "base/limits.h"
#include "engine/impl.h"
#include "sim/world.h"

static struct sim_world *world;

void __real_engine_hand_take(struct belay_engine *e, uint32_t sub, uint64_t sequence);
void __real_engine_hand_empty(struct belay_engine *e);
void __wrap_engine_hand_take(struct belay_engine *e, uint32_t sub, uint64_t sequence);
void __wrap_engine_hand_empty(struct belay_engine *e);

static bool kills(struct sim_world *w, const struct belay_engine *e, uint32_t sub,
                  uint64_t sequence)
{
    struct belay_subscription *pipe = belay_broker_find(e->broker, BELAY_STR("pipe"));
    return w->poison_durable && sequence == w->poison && pipe && belay_subscription_id(pipe) == sub;
}

void __wrap_engine_hand_take(struct belay_engine *e, uint32_t sub, uint64_t sequence)
{
    struct sim_world *w = world;
    if (w->dying)
        return;
    __real_engine_hand_take(e, sub, sequence);
    if (w->calm)
        return;
    bool poison = kills(w, e, sub, sequence);
    w->poison_deaths += poison;
    w->dying = poison || sim_chance(w, 2);
    if (w->dying)
        sim_trace(w, "it dies with %u/%llu in hand", sub, (unsigned long long)sequence);
}

void __wrap_engine_hand_empty(struct belay_engine *e)
{
    if (!world->dying)
        __real_engine_hand_empty(e);
}

/* Before it is durable it is nothing that could be counted: its sender will send it again, or not.
 */
void sim_crashes_look(struct sim_world *w)
{
    struct belay_store *s = belay_engine_store(w->engine);
    uint32_t topic = belay_broker_topic_id(belay_engine_broker(w->engine), BELAY_STR("events"));
    if (w->poison && !w->poison_durable && belay_store_next_sequence(s, topic) > w->poison)
        w->poison_durable = belay_store_durable(s) >= belay_store_position(s);
}

void sim_crashes_init(struct sim_world *w)
{
    world = w;
    w->poison = sim_chance(w, 300) ? 1 + sim_below(w, 12) : 0;
}

/* A crash that is written down counts: the message becomes a letter, and kills nobody until it is
 * replayed. What power failures and deaths during a start take with them is not held against it. */
void sim_crashes_check(struct sim_world *w)
{
    uint64_t others = w->crashes + w->stumbles - w->poison_deaths;
    if (w->poison_deaths > BELAY_POISON_CRASHES * (1 + w->pipe_replays) + others)
        sim_violation(w, "POISON", "events/%llu killed the process %llu times",
                      (unsigned long long)w->poison, (unsigned long long)w->poison_deaths);
}
