/* message.h - a mail as bytes (RFC 5322, MIME): headers, and a body that any server takes.  Uses: OpenSSL (base64).
 * Thread: any. */
#ifndef BELAY_CONNECTOR_SMTP_MESSAGE_H
#define BELAY_CONNECTOR_SMTP_MESSAGE_H

#include "base/buf.h"
#include "base/time.h"

struct smtp_mail {
    struct belay_str from;       /* an address */
    const struct belay_str *to;  /* addresses */
    uint32_t to_count;
    struct belay_str subject;    /* UTF-8; line ends become spaces */
    struct belay_str content_type; /* "": text/plain; charset=utf-8 */
    struct belay_str body;
    struct belay_str key;        /* what makes a repeated mail the same one: its Message-ID; "": none */
    belay_time at;
};

/* Appends it, lines ended by CR LF. An ASCII body with short lines stays readable, any other is base64. */
void smtp_message(struct belay_buf *out, const struct smtp_mail *mail);
/* "ops@example.com": no name, no blanks, no comments. */
bool smtp_is_address(struct belay_str s);
/* The next address of "a@x, b@y"; false at the end. *rest is what follows. */
bool smtp_next_address(struct belay_str *rest, struct belay_str *ret_address);

#endif
