/* answer_limits.h - what holds back what (answer_limits.c).  Private to admin.  Thread: engine. */
#ifndef BELAY_ADMIN_ANSWER_LIMITS_H
#define BELAY_ADMIN_ANSWER_LIMITS_H

#include "admin/question.h"

/* "limits": chains from the edge to what is slow; "apis". */
void show_limits(struct belay_json_out *o, struct belay_engine *e);
void show_apis(struct belay_json_out *o, struct question *q, struct belay_engine *e);

#endif
