/* trace.h - W3C Trace Context.  Uses: base.  Thread: any (values). */
#ifndef BELAY_OBS_TRACE_H
#define BELAY_OBS_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define BELAY_TRACE_SAMPLED 0x01

/* Where in which trace something happens. Invariant: neither id is all zeros. */
struct belay_trace {
    uint8_t trace_id[16];
    uint8_t span_id[8];
    uint8_t flags;
};

/* "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" and its NUL. */
#define BELAY_TRACEPARENT_BYTES 56

/* As the recommendation says: lower-case hex, ids not zero, version ff refused, a later version
 * read as far as this one knows. False: as if there were none. */
bool belay_trace_parse(struct belay_str traceparent, struct belay_trace *ret_trace);
void belay_trace_format(const struct belay_trace *t, char ret_text[BELAY_TRACEPARENT_BYTES]);

#endif
