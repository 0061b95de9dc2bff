/* gate.h - what a connection lets through, as the language says it.  Private to config.  Thread: one owner. */
#ifndef BELAY_CONFIG_GATE_H
#define BELAY_CONFIG_GATE_H

#include "config/grammar.h"

extern const struct config_kind config_kind_rate, config_kind_budget, config_kind_breaker;
/* Of a connection that says nothing: the same as the tables' defaults. */
extern const struct belay_gate_def config_gate_default;
/* Is the burst back within a year? An error at node where it is not. */
void config_check_rate(struct config *c, const struct config_node *node, const struct belay_rate_def *def);
/* A number, or auto with at most max. NULL: as it is. */
void config_concurrency(struct config *c, const struct config_node *node, uint32_t max,
                        struct belay_gate_def *to);

#endif
