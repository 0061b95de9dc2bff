/* lint.h - what the tables cannot see because it lies between definitions.  Private to config.
 * Thread: one owner. */
#ifndef BELAY_CONFIG_LINT_H
#define BELAY_CONFIG_LINT_H

#include "config/load.h"

/* Errors: two readers of a queue, two flows for one operation, two APIs on one address, a reply
 * that nobody waits for. Bears with definitions that have mistakes. */
void config_check(struct config *c);
/* Errors: ways on which a message would vanish (lint_vanish.c), as far as mistakes leave known where it goes. */
void config_vanish(struct config *c);
/* A call that changes nothing outside, as far as its method is known: GET, HEAD. */
bool config_only_reads(struct config *c, const struct belay_call_def *call);
/* Warnings: what is allowed and still looks like a mistake. Only over a set without errors. */
void config_lint(struct config *c);
/* Flows that feed each other in a circle (lint_graph.c). */
void config_lint_circles(struct config *c);
/* Rules of alerts whose `of` fits nothing (lint_alerts.c). */
void config_lint_alerts(struct config *c);

/* ---- walking a set (walk.c) ---- */

struct config_user { /* the flow or saga that calls or publishes */
    struct belay_str name;
    const struct belay_source_def *from;
    struct belay_place place; /* of the step */
};
struct config_visitor {
    void *arg;
    void (*call)(void *arg, const struct config_user *user, const struct belay_call_def *call);
    void (*publish)(void *arg, const struct config_user *user,
                    const struct belay_publish_def *publish);
};
/* Every call (resolving and compensating ones, too) and every publish of every flow and saga. */
void config_walk(const struct belay_definitions *d, const struct config_visitor *v);

/* A template's text where it is literal; p NULL where it is not. From scratch. */
struct belay_str config_template_literal(struct config *c, const struct belay_template *t);

#endif
