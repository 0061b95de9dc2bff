#include "expr/functions.h"

static const struct builtin table[] = {
#define X(name, signature, arity) { #name, signature, arity, f_##name },
    FUNCTIONS(X)
#undef X
};

const struct builtin *builtin_find(struct belay_str name)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (belay_str_eq(name, belay_str_c(table[i].name)))
            return &table[i];
    return NULL;
}
