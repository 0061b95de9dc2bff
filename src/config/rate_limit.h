/* rate_limit.h - how many requests a second an API takes, as the language says it.  Private to config.  Thread: one owner. */
#ifndef BELAY_CONFIG_RATE_LIMIT_H
#define BELAY_CONFIG_RATE_LIMIT_H

#include "config/grammar.h"

extern const struct config_kind config_kind_rate_limit;
/* A mapping of names to limits into the API, whose document has been read. */
void config_rate_limits(struct config *c, const struct config_node *node, struct belay_api_def *api);
/* Warns about callers whom nothing tells apart but their addresses. */
void config_lint_rate_limits(struct config *c, const struct belay_api_def *api);

#endif
