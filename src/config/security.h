/* security.h - an api's `security`: what proves who is calling.  Private to config.  Thread: one owner. */
#ifndef BELAY_CONFIG_SECURITY_H
#define BELAY_CONFIG_SECURITY_H

#include "config/grammar.h"

extern const struct config_kind config_kind_security;

/* node: a mapping of schemes. */
void config_security(struct config *c, const struct config_node *node, const struct belay_security_def **ret_security,
                     uint32_t *ret_count);

#endif
