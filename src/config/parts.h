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
/* What expressions may read of the environment, and tables (data.c). */
void config_env(struct config *c, const struct config_link *m, struct belay_expr_data *to);
void config_table(struct config *c, const struct config_link *m, struct belay_expr_data *to);
void config_api(struct config *c, const struct config_link *m, struct belay_api_def *to);
void config_flow(struct config *c, const struct config_link *m, struct belay_flow_def *to);
void config_saga(struct config *c, const struct config_link *m, struct belay_saga_def *to);

/* The alerts sections of all files (NULL: none): rules into the set, and what delivers them, each a mapping of
 * names or NULL. Without sections the built-in rules. */
struct config_alerts_made {
    const struct config_node *connections, *queues, *flows;
};
void config_alerts(struct config *c, const struct config_node *const *sections, uint32_t count,
                   struct config_alerts_made *ret_made);

/* A tree of our own making (splice.c): YAML of a literal, in which a scalar that is the name of a part ("@BODY") is
 * replaced by that part; a member or element whose part is NULL is left out. All of it stands where `at` does.
 * NULL: no memory. */
struct config_part {
    const char *name;
    const struct config_node *node;
};
const struct config_node *config_splice(struct config *c, const char *yaml, const struct config_part *parts,
                                        uint32_t part_count, const struct config_node *at);
/* A string that stands where `at` does. NULL: no memory. */
const struct config_node *config_text_node(struct config *c, struct belay_str text, const struct config_node *at);
/* A mapping, and one more member of it. NULL, false: no memory. */
struct config_node *config_map_node(struct config *c, const struct config_node *at);
bool config_map_add(struct config *c, struct config_node *map, const struct config_node *key,
                    const struct config_node *value);

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
