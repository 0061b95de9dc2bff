#include "obs/trace.h"

#include <string.h>

#include "base/assert.h"
#include "base/hash.h"

/* version "-" trace id "-" parent id "-" flags */
#define TRACE_ID_AT 3
#define SPAN_ID_AT 36
#define FLAGS_AT 53
#define TEXT_BYTES (BELAY_TRACEPARENT_BYTES - 1)

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool unhex(const char *text, uint8_t *ret_bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int high = nibble(text[2 * i]), low = nibble(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        ret_bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool zero(const uint8_t *p, size_t n)
{
    uint8_t all = 0;
    for (size_t i = 0; i < n; i++)
        all |= p[i];
    return all == 0;
}

bool belay_trace_parse(struct belay_str s, struct belay_trace *ret_trace)
{
    struct belay_trace t;
    uint8_t version;
    if (s.n < TEXT_BYTES || !unhex(s.p, &version, 1) || version == 0xff)
        return false;
    if (s.n > TEXT_BYTES && (version == 0 || s.p[TEXT_BYTES] != '-'))
        return false;
    if (s.p[TRACE_ID_AT - 1] != '-' || s.p[SPAN_ID_AT - 1] != '-' || s.p[FLAGS_AT - 1] != '-')
        return false;
    if (!unhex(s.p + TRACE_ID_AT, t.trace_id, sizeof t.trace_id)
        || !unhex(s.p + SPAN_ID_AT, t.span_id, sizeof t.span_id)
        || !unhex(s.p + FLAGS_AT, &t.flags, 1))
        return false;
    if (zero(t.trace_id, sizeof t.trace_id) || zero(t.span_id, sizeof t.span_id))
        return false;
    t.flags &= BELAY_TRACE_SAMPLED; /* other bits are not ours to pass on */
    *ret_trace = t;
    return true;
}

void belay_trace_format(const struct belay_trace *t, char ret_text[BELAY_TRACEPARENT_BYTES])
{
    BELAY_ASSERT(!zero(t->trace_id, sizeof t->trace_id) && !zero(t->span_id, sizeof t->span_id));
    memcpy(ret_text, "00-", TRACE_ID_AT);
    belay_hex(t->trace_id, sizeof t->trace_id, ret_text + TRACE_ID_AT);
    ret_text[SPAN_ID_AT - 1] = '-';
    belay_hex(t->span_id, sizeof t->span_id, ret_text + SPAN_ID_AT);
    ret_text[FLAGS_AT - 1] = '-';
    belay_hex(&t->flags, 1, ret_text + FLAGS_AT);
    ret_text[TEXT_BYTES] = '\0';
}
