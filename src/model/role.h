/* role.h - who may do what by the admin API.  Uses: base.  Thread: any. */
#ifndef BELAY_MODEL_ROLE_H
#define BELAY_MODEL_ROLE_H

#include <stdbool.h>

#include "base/str.h"

enum belay_role { BELAY_ROLE_NONE, BELAY_ROLE_VIEWER, BELAY_ROLE_OPERATOR, BELAY_ROLE_ADMIN }; /* each may what those before it may */
/* "none", "viewer", "operator", "admin". Static. */
const char *belay_role_name(enum belay_role role);
/* False: none of that name; BELAY_ROLE_NONE has none. */
bool belay_role_parse(struct belay_str name, enum belay_role *ret_role);

struct belay_caller_def {
    struct belay_str name;
    struct belay_str token;      /* of a user of the unix socket: "" */
    enum belay_role role;
};

#endif
