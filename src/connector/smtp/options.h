/* options.h - a connection's options, checked.  Private to this room.  Thread: any, unchanged once taken. */
#ifndef BELAY_CONNECTOR_SMTP_OPTIONS_H
#define BELAY_CONNECTOR_SMTP_OPTIONS_H

#include "base/arena.h"
#include "belay/connector.h"

enum smtp_tls { SMTP_STARTTLS, SMTP_TLS, SMTP_PLAIN };

struct smtp_options {
    struct belay_arena arena;
    enum smtp_tls tls;
    const char *url; /* smtp://host:port */
    const char *username, *password, *ca_file; /* NULL: none */
    struct belay_str from;
    const struct belay_str *to;
    uint32_t to_count;
    uint32_t connect_timeout_ms;
};

extern const struct belay_option smtp_option_table[], smtp_param_table[];

/* The connector's check. */
bool smtp_check(const char *name, struct belay_str text, bool whole, struct belay_option_fault *ret_fault);
/* Errors: BELAY_INVALID (names the option), BELAY_NOMEM. */
int smtp_options_init(struct smtp_options *o, const struct belay_connection_config *config,
                      struct belay_err *err) BELAY_MUST_CHECK;
void smtp_options_deinit(struct smtp_options *o);

#endif
