/* parts.h - one function for each named thing of a file.  Private to config.  Thread: one owner. */
#ifndef BELAY_CONFIG_PARTS_H
#define BELAY_CONFIG_PARTS_H

#include "config/grammar.h"

/* m: its name and its mapping; *to is zeroed. */
void config_policy(struct config *c, const struct config_link *m, struct belay_policy_def *to);
void config_connection(struct config *c, const struct config_link *m,
                       struct belay_connection_def *to);
void config_topic(struct config *c, const struct config_link *m, bool queue,
                  struct belay_topic_def *to);
void config_api(struct config *c, const struct config_link *m, struct belay_api_def *to);
void config_flow(struct config *c, const struct config_link *m, struct belay_flow_def *to);
void config_saga(struct config *c, const struct config_link *m, struct belay_saga_def *to);

/* ---- what flows and sagas share ---- */

/* A call of a flow or saga, in the set. NULL: no memory. */
const struct belay_call_def *config_call(struct config *c, const struct config_node *node);
/* False where it has no target: said. */
bool config_publish(struct config *c, const struct config_node *node, struct belay_publish_def *to);
/* node NULL: the default. True when there was a node. */
bool config_retry(struct config *c, const struct config_node *node,
                  const struct belay_retry_def *default_, struct belay_retry_def *to);
/* Where a flow or saga reads. False: said. */
bool config_source(struct config *c, const struct config_node *node, struct belay_source_def *to);

/* Looks a topic or queue up; complains where there is none of that name, or it is the other. NULL:
 * said, or nothing to say. */
const struct belay_topic_def *config_topic_find(struct config *c, const struct config_node *node,
                                                bool queue);
/* A definition's canonical text: {"flow": name, "definition": {...}} and its hash. */
void config_keep_text(struct config *c, const char *kind, const struct config_link *m,
                      struct belay_str *ret_text, struct belay_hash128 *ret_hash);

/* Warns about what no error is called, and about rules after "*". */
void config_check_patterns(struct config *c, const struct config_node *node, bool rules_follow);

/* Does the document have the operation; says at node where not (api.c). */
void config_check_operation(struct config *c, const struct belay_api_def *api,
                            const struct config_node *node, struct belay_str operation);
/* Names of all operations of an API's document, in its order. */
void config_operations(struct config *c, const struct belay_api_def *api,
                       void (*each)(void *arg, struct belay_str name), void *arg);

#endif
