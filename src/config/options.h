/* options.h - a connector's own tables (struct belay_option) as part of the language.
 * Private to config.  Thread: one owner. */
#ifndef BELAY_CONFIG_OPTIONS_H
#define BELAY_CONFIG_OPTIONS_H

#include "belay/connector.h"
#include "config/grammar.h"

/* Reads node by the connector's table, in the table's order, defaults filled in. */
void config_options(struct config *c, const struct belay_connector *connector,
                    const struct config_node *node, const struct belay_option_value **ret_values,
                    uint32_t *ret_count);
const struct belay_option *config_option_find(const struct belay_option *table,
                                              struct belay_str name);
/* JSON Schema of a table's mapping, and of one option. */
void config_options_describe(struct belay_json_out *o, const struct belay_option *table);
void config_option_describe(struct belay_json_out *o, const struct belay_option *option,
                            bool template_);
const char *config_option_type(enum belay_option_type type);

#endif
