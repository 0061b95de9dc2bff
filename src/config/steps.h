/* steps.h - lists of steps into a flow's flat array.  Private to config.  Thread: one owner.
 *
 * Steps lie in the order in which they were written; `next` makes the graph. While a list is being
 * read, what comes after its end is not known yet: those ends say STEP_PENDING, and whoever knows
 * what follows patches them (steps_patch). */
#ifndef BELAY_CONFIG_STEPS_H
#define BELAY_CONFIG_STEPS_H

#include "base/limits.h"
#include "config/parts.h"

#define STEP_PENDING (BELAY_STEP_END - 1)

struct steps_room {
    struct belay_step_def items[BELAY_FLOW_STEPS_MAX];
    struct belay_choice_def *choices[BELAY_FLOW_STEPS_MAX]; /* of each step, to be patched; NULL */
    const struct config_node *name_nodes[BELAY_FLOW_STEPS_MAX]; /* of each step as written; NULL */
};

struct steps {
    struct config *c;
    struct belay_step_def *items; /* these three are the load's one steps_room */
    struct belay_choice_def **choices;
    const struct config_node **name_nodes;
    uint32_t count;
    uint32_t per_kind[BELAY_STEP_DEAD_LETTER + 1];
    bool full;
};

/* False: no memory. */
bool steps_init(struct steps *s, struct config *c);
/* Appends a list's steps; returns the first's index, STEP_PENDING for an empty list. */
uint16_t steps_list(struct steps *s, const struct config_node *list);
/* Appends one step of our own making: kind's verb with this mapping. */
uint16_t steps_add(struct steps *s, enum belay_step_kind kind, const struct config_node *node);
/* What is pending among the steps from `from` on goes on at `to`. */
void steps_patch(struct steps *s, uint32_t from, uint16_t to);
/* Names all steps that have none and finds those that are there twice. */
void steps_name(struct steps *s);

#endif
