/* lint.h - what is allowed and still looks like a mistake: warnings over a set without errors.
 * Private to config.  Thread: one owner.  Rules are listed in lint.c and docs/language.md. */
#ifndef BELAY_CONFIG_LINT_H
#define BELAY_CONFIG_LINT_H

#include "config/load.h"

void config_lint(struct config *c);

#endif
