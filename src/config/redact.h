/* redact.h - gathers what may not be told while files are read, and makes the rules of it (json/redact.h).
 * Private to config.  Thread: one owner. */
#ifndef BELAY_CONFIG_REDACT_H
#define BELAY_CONFIG_REDACT_H

#include "config/grammar.h"
#include "json/redact.h"

extern const struct config_kind config_kind_redact;

/* A file's section (NULL: it has none): before anything that may hold a secret. */
void config_redact_read(struct config *c, const struct config_node *node);
/* Into the set, when all secrets are known. */
void config_redact_end(struct config *c);

/* A value that nobody may see. */
void config_secret(struct config *c, struct belay_str value);
/* Likewise what follows a URL's host; user and password as HTTP Basic authentication has them. */
void config_secret_url(struct config *c, struct belay_str url);
void config_secret_pair(struct config *c, struct belay_str user, struct belay_str password);
/* Does a variable of this name hold one? */
bool config_is_secret_name(const struct config *c, struct belay_str name);
bool config_is_secret_header(const struct config *c, struct belay_str name);

#endif
