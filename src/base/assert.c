#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void belay_assert_failed(const char *text, const char *file, int line)
{
    fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, text);
    fflush(stderr);
    abort();
}
