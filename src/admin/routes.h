/* routes.h - the resources, in one table (routes.c).  Private to admin.  Constant. */
#ifndef BELAY_ADMIN_ROUTES_H
#define BELAY_ADMIN_ROUTES_H

#include "admin/admin.h"
#include "admin/asked.h"

struct question;

/* One resource. answer runs on the engine thread: it writes JSON to q->out, or fails; true: finished.
 * NULL: /ping, which the I/O thread answers. */
struct admin_route {
    const char *method, *path, *operation;
    const char *says; /* in half a line */
    bool (*answer)(struct question *q, struct belay_engine *e, belay_time now);
    enum belay_role role; /* that it needs at least */
    bool health; /* also served on the health address */
    const struct admin_member *query, *body; /* what may be asked for; NULL: nothing */
};

extern const struct admin_route admin_routes[];
extern const uint32_t admin_route_count;

#endif
