/* smtp.h - the connector that sends a mail for each call, by libcurl.
 *
 * A connection names the server, who sends, and (but for what a call says) who gets it.  TLS is on: STARTTLS, which the
 * server must offer, or TLS from the first byte (`tls: tls`); `none` has to be said, and then there is no password.
 * A mail counts as sent when the server has taken its last line, for at least one of its recipients.  Before the last
 * line nothing has happened; no answer to it: unknown.  A repeated mail has the same Message-ID.
 *
 *   4xx  SMTP:REFUSED, transient        SMTP:CONNECTIVITY, SMTP:TLS, SMTP:TIMEOUT: transient before, unknown after
 *   5xx  SMTP:REFUSED, permanent        the last line was handed over
 *
 * Uses: connector/common, libcurl.  Thread: as the contract says. */
#ifndef BELAY_CONNECTOR_SMTP_SMTP_H
#define BELAY_CONNECTOR_SMTP_SMTP_H

#include "belay/connector.h"

extern const struct belay_connector belay_connector_smtp;

#endif
