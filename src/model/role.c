#include "model/role.h"

#include "base/assert.h"

static const char *const role_names[] = { "none", "viewer", "operator", "admin" };

const char *belay_role_name(enum belay_role role)
{
    BELAY_ASSERT((unsigned)role < sizeof role_names / sizeof role_names[0]);
    return role_names[role];
}

bool belay_role_parse(struct belay_str name, enum belay_role *ret_role)
{
    for (enum belay_role role = BELAY_ROLE_VIEWER; role <= BELAY_ROLE_ADMIN; role++)
        if (belay_str_eq(name, belay_str_c(role_names[role]))) {
            *ret_role = role;
            return true;
        }
    return false;
}
