/* admin.h - the admin section: who may do what by the admin API.  Private to config.  Thread: one owner. */
#ifndef BELAY_CONFIG_ADMIN_H
#define BELAY_CONFIG_ADMIN_H

#include "config/grammar.h"

extern const struct config_kind config_kind_admin;

/* The sections of all files (NULL: none) into the set. */
void config_admin(struct config *c, const struct config_node *const *sections, uint32_t count);

#endif
