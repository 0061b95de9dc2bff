/* rules.h - every rule a problem may name, with what it means.  Private to config.  Thread: any (a
 * constant table).  Invariant: config_error and config_warning name no other. */
#ifndef BELAY_CONFIG_RULES_H
#define BELAY_CONFIG_RULES_H

#include <stdbool.h>

struct config_rule {
    const char *name; /* NULL ends the table */
    bool warning;
    const char *help;
};

extern const struct config_rule config_rules[];
/* NULL where there is none. */
const struct config_rule *config_rule(const char *name);

#endif
