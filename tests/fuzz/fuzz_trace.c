/* room: obs */
#include "obs/trace.h"

#include <stdlib.h>
#include <string.h>

/* What is accepted comes out again, and is accepted again as the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct belay_trace t, again;
    char text[BELAY_TRACEPARENT_BYTES];
    if (!belay_trace_parse(belay_str((const char *)data, n), &t))
        return 0;
    belay_trace_format(&t, text);
    if (!belay_trace_parse(belay_str_c(text), &again) || memcmp(&t, &again, sizeof t) != 0)
        abort();
    return 0;
}
