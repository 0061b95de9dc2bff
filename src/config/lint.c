#include "config/lint.h"

void config_lint(struct config *c)
{
    (void)c;
}
