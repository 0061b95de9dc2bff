#include "expr/functions.h"

static const struct builtin table[] = {
#define X(name, signature, arity) { #name, signature, arity, f_##name },
    FUNCTIONS(X)
#undef X
};

struct belay_str builtin_name(uint32_t index)
{
    return index < sizeof table / sizeof *table ? belay_str_c(table[index].name) : BELAY_STR_NONE;
}

const struct builtin *builtin_find(struct belay_str name)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (belay_str_eq(name, belay_str_c(table[i].name)))
            return &table[i];
    return NULL;
}
