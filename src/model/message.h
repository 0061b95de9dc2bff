/* message.h - the message (a CloudEvents 1.0 shaped record) and its bytes.  Uses: base.
 * Thread: any (plain values).  A message holds views: it borrows what it was made of. */
#ifndef BELAY_MODEL_MESSAGE_H
#define BELAY_MODEL_MESSAGE_H

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/time.h"

struct belay_message {
    struct belay_str id;            /* unique; derived messages: hash of parent, step, index */
    struct belay_str source;        /* "/flows/accept-order" */
    struct belay_str type;          /* CloudEvents type; may be empty */
    struct belay_str subject;
    struct belay_str key;           /* lane key; empty: alone in its lane */
    struct belay_str correlationid;
    struct belay_str causationid;   /* id of the message that led to this one */
    struct belay_str traceparent, tracestate;
    struct belay_str datacontenttype;
    belay_time time;                /* when the event happened */
    belay_time accepted_at;         /* engine time of the append; drives retention and seek */
    belay_time expires_at;          /* CloudEvents expirytime: not to be begun after it; 0: never */
    const struct belay_field *headers;
    uint32_t header_count;
    struct belay_str body;
};

/* Appends the encoding (docs/format/message.md). Failure sticks to out: memory, its limit, or BELAY_LIMIT
 * for more than BELAY_HEADERS_MAX headers. */
void belay_message_encode(struct belay_buf *out, const struct belay_message *m);
/* Views into bytes; the header array comes from arena. Errors: BELAY_CORRUPT, BELAY_VERSION, BELAY_NOMEM. */
int belay_message_decode(struct belay_str bytes, struct belay_arena *arena, struct belay_message *ret_m,
                         struct belay_err *err) BELAY_MUST_CHECK;
/* Hash of what a person may change in an encoded message: its headers and its body. False: it does not decode. */
bool belay_message_content_hash(struct belay_str bytes, struct belay_hash128 *ret_hash) BELAY_MUST_CHECK;
/* 32 hex digits: hash of (parent id, step name, index), so that receivers recognise a repetition. */
void belay_message_derive_id(struct belay_str parent, struct belay_str step, uint64_t index,
                             char ret_id[33]);

#endif
