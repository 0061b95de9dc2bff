/* What trips is held against what the endpoints refused for good: no outage, and no message counted twice. */
#include <stdlib.h>
#include <string.h>

#include "broker/resident.h"
#include "sim/world.h"

static struct belay_str field(const struct belay_action_event *e, const char *name)
{
    for (uint32_t i = 0; i < e->field_count; i++)
        if (belay_str_eq(e->fields[i].name, belay_str_c(name)))
            return e->fields[i].value;
    return BELAY_STR_NONE;
}

/* Messages of the flow that were ever refused for good. */
static uint64_t refused(const struct sim_world *w, struct belay_str flow)
{
    uint64_t n = 0;
    if (belay_str_eq(flow, BELAY_STR("ship")))
        for (uint32_t i = 0; i < w->order_count; i++)
            n += w->orders[i].unshippable;
    if (belay_str_eq(flow, BELAY_STR("handle")))
        for (uint32_t i = 0; i < w->lane_count; i++)
            for (uint32_t k = 0; k < w->lanes[i].count; k++)
                n += w->lanes[i].events[k].refused;
    if (belay_str_eq(flow, BELAY_STR("see")))
        for (uint32_t i = 0; i < w->lane_count; i++)
            n += w->lanes[i].count / 4; /* the unseemly */
    return n;
}

void sim_poison_event(struct sim_world *w, const struct belay_action_event *e)
{
    struct belay_str error = field(e, "error"), messages = field(e, "messages");
    uint64_t count = 0;
    if (strcmp(e->name, "poison.payload") == 0) /* each payload is sent once */
        sim_violation(w, "POISON", "a payload of %.*s is counted as two", BELAY_STR_ARG(e->owner));
    if (strcmp(e->name, "poison.signature") != 0)
        return;
    if (!belay_str_eq(error, BELAY_STR("HTTP:CLIENT_ERROR")) && !belay_str_starts(error, BELAY_STR("EXPRESSION:")))
        sim_violation(w, "POISON", "an outage of %.*s counts as poison: %.*s", BELAY_STR_ARG(e->owner),
                      BELAY_STR_ARG(error));
    if (!belay_str_to_u64(messages, &count) || count > refused(w, e->owner))
        sim_violation(w, "POISON", "%.*s: %.*s messages failed alike, and %llu were refused", BELAY_STR_ARG(e->owner),
                      BELAY_STR_ARG(messages), (unsigned long long)refused(w, e->owner));
}

/* Parts of a few keys, so that they are closed, kept and told apart; in worlds where a closed one's row has room. Rows of
 * what waited and is done stay for the sweep, though few wait. */
void sim_small_parts(struct sim_world *w)
{
    belay_engine_broker(w->engine)->sweep_waiting_min = 2;
    belay_engine_broker(w->engine)->lane_filter_worn = 4;
    belay_engine_broker(w->engine)->windows_shrink = 600; /* a class of 6 s, and 24 h are more than a world lasts */
    if (w->overlay_bytes_max > BELAY_MIB(1))
        belay_engine_broker(w->engine)->part_keys = 5;
}
