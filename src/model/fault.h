/* fault.h - a typed error of a flow or saga: NAMESPACE:NAME, its class and what is known.
 * Plain value with bounded texts, so that it fits a record and a letter's history. */
#ifndef BELAY_MODEL_FAULT_H
#define BELAY_MODEL_FAULT_H

#include <stdint.h>

#include "base/buf.h"
#include "base/pack.h"
#include "base/status.h"
#include "base/str.h"
#include "base/time.h"

#define BELAY_FAULT_EXCERPT_MAX 1024
#define BELAY_FAULT_CRASH "POISON:CRASH" /* the process died of it */

struct belay_fault {
    enum belay_class class_;
    uint32_t status;           /* the protocol's number; 0: none */
    uint32_t retry_after_ms;   /* 0: not told */
    uint64_t duration_us;      /* of the attempt */
    belay_time at;             /* when it was known */
    char type[48];             /* "HTTP:TIMEOUT", "EXPRESSION:D3030" */
    char step[64];             /* where: the step's name */
    char endpoint[160];
    char description[256];
    uint16_t excerpt_n;
    char excerpt[BELAY_FAULT_EXCERPT_MAX]; /* of the answer's body */
};

/* A fault with type, class and text; the rest is zero. Long texts are cut at a code point. */
void belay_fault_init(struct belay_fault *f, const char *type, enum belay_class class_,
                      const char *fmt, ...) BELAY_PRINTF(4, 5);
void belay_fault_set_step(struct belay_fault *f, struct belay_str step);
void belay_fault_set_description(struct belay_fault *f, struct belay_str text);
void belay_fault_set_endpoint(struct belay_fault *f, struct belay_str endpoint);
/* The beginning of an answer's body. */
void belay_fault_set_excerpt(struct belay_fault *f, struct belay_str body);

/* Does pattern name this fault: "HTTP:TIMEOUT", "HTTP:503" (namespace and status), "HTTP:*",
 * "HTTP" and "VALIDATION" (a whole namespace), "class:transient", "*"; "EXPRESSION:ERROR" besides names each code
 * of an expression (EXPRESSION:D3030). */
bool belay_fault_matches(const struct belay_fault *f, struct belay_str pattern);

/* The description with what differs from message to message taken out: each word with a digit in it (numbers, ids,
 * UUIDs, times) is "#", each text in quotes "'#'". */
void belay_fault_message(const struct belay_fault *f, char ret_text[sizeof f->description]);
/* Identity of the kind of failure: place (owner: its flow; step), type, class, status and message as above, hashed.
 * The rule reaches the disk through letters: another rule makes other groups of the letters that come then. */
uint64_t belay_fault_fingerprint(const struct belay_fault *f, struct belay_str owner);

/* docs/format/message.md. What does not unpack fails u and leaves *ret_f zero. */
void belay_fault_pack(struct belay_buf *out, const struct belay_fault *f);
void belay_fault_unpack(struct belay_unpack *u, struct belay_fault *ret_f);

#endif
