/* trace.h - W3C Trace Context, and the record of one span.  Uses: base.  Thread: any (values). */
#ifndef BELAY_OBS_TRACE_H
#define BELAY_OBS_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/random.h"
#include "base/str.h"
#include "base/time.h"

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
 * read as far as this one knows. False: start a new trace. */
bool belay_trace_parse(struct belay_str traceparent, struct belay_trace *ret_trace);
void belay_trace_format(const struct belay_trace *t, char ret_text[BELAY_TRACEPARENT_BYTES]);
/* A new trace, sampled; the numbers come from r. */
struct belay_trace belay_trace_new(struct belay_random *r);
/* The same trace with a span id of its own. */
struct belay_trace belay_trace_child(const struct belay_trace *parent, struct belay_random *r);

enum belay_span_kind { /* as OpenTelemetry counts them */
    BELAY_SPAN_INTERNAL = 1,
    BELAY_SPAN_SERVER,
    BELAY_SPAN_CLIENT,
    BELAY_SPAN_PRODUCER,
    BELAY_SPAN_CONSUMER
};

struct belay_span_attribute {
    struct belay_str name, value;
};

/* A finished piece of work. Views are borrowed until the sink's call returns. */
struct belay_span {
    struct belay_trace at;
    uint8_t parent_span_id[8]; /* zeros: the first of its trace */
    enum belay_span_kind kind;
    struct belay_str name; /* "charge", "publish orders" */
    belay_time start, end;
    bool failed;
    struct belay_str failure; /* HTTP:TIMEOUT; empty where it did not fail */
    const struct belay_span_attribute *attributes;
    size_t attribute_count;
};

/* Where spans go; called from any thread, copies what it keeps. */
struct belay_span_sink {
    void (*write)(void *ctx, const struct belay_span *span);
    void *ctx;
};

#endif
