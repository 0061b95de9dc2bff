#include "connector/http/certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <time.h>

belay_time http_x509_until(const struct x509_st *certificate)
{
    struct tm tm;
    const ASN1_TIME *end = certificate ? X509_get0_notAfter(certificate) : NULL;
    if (!end || ASN1_TIME_to_tm(end, &tm) != 1)
        return BELAY_TIME_NEVER;
    return (belay_time)timegm(&tm) * BELAY_US_PER_S;
}

int belay_certificate_until(const char *path, belay_time *ret_until)
{
    belay_time until = BELAY_TIME_NEVER;
    BIO *file = BIO_new_file(path, "r");
    X509 *x;
    while (file && (x = PEM_read_bio_X509(file, NULL, NULL, NULL))) {
        belay_time end = http_x509_until(x);
        until = end < until ? end : until;
        X509_free(x);
    }
    BIO_free(file);
    ERR_clear_error();
    if (until == BELAY_TIME_NEVER)
        return BELAY_NOTFOUND;
    *ret_until = until;
    return BELAY_OK;
}
