/* verb.h - the verbs of a step, one function each: node is what stands under the verb, to is the
 * step, whose kind and place are set.  Private to config.  Thread: one owner. */
#ifndef BELAY_CONFIG_VERB_H
#define BELAY_CONFIG_VERB_H

#include "config/parts.h"

void verb_validate(struct config *c, const struct config_node *node, struct belay_step_def *to);
void verb_map(struct config *c, const struct config_node *node, struct belay_step_def *to);
void verb_set(struct config *c, const struct config_node *node, struct belay_step_def *to);
void verb_log(struct config *c, const struct config_node *node, struct belay_step_def *to);
void verb_reply(struct config *c, const struct config_node *node, struct belay_step_def *to);
void verb_dead_letter(struct config *c, const struct config_node *node, struct belay_step_def *to);
void verb_publish(struct config *c, const struct config_node *node, struct belay_step_def *to);
void verb_call(struct config *c, const struct config_node *node, struct belay_step_def *to);

struct discard_raw {
    struct belay_str reason;
};
struct filter_raw {
    const struct belay_template *when;
    struct belay_str reason;
    struct discard_raw discard;
    const struct config_node *otherwise;
};

extern const struct config_kind config_kind_validate, config_kind_filter, config_kind_discard, config_kind_log,
    config_kind_reply, config_kind_dead_letter;

#endif
