/* certificate.h - when a certificate ends.  Uses: OpenSSL.  Thread: any. */
#ifndef BELAY_CONNECTOR_HTTP_CERTIFICATE_H
#define BELAY_CONNECTOR_HTTP_CERTIFICATE_H

#include "base/status.h"
#include "base/time.h"

struct x509_st;

/* The earliest end of the certificates in a PEM file: the one shown and its chain. Reads the disk.
 * Errors: BELAY_NOTFOUND (no readable certificate there). */
int belay_certificate_until(const char *path, belay_time *ret_until) BELAY_MUST_CHECK;
/* BELAY_TIME_NEVER where it says none that makes sense. */
belay_time http_x509_until(const struct x509_st *certificate);

#endif
