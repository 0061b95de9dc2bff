/* show.h - pieces of JSON that several answers show (show.c).  Private to admin.  Thread: engine. */
#ifndef BELAY_ADMIN_SHOW_H
#define BELAY_ADMIN_SHOW_H

#include "admin/question.h"

void show_text(struct belay_json_out *o, const char *name, struct belay_str text);
void show_uint(struct belay_json_out *o, const char *name, uint64_t value);
void show_time(struct belay_json_out *o, const char *name, belay_time t);
/* {"id","key",...,"headers":{},"body":...}; the body as JSON where it is, else text. */
void show_message(struct belay_json_out *o, const struct belay_message *m, struct belay_arena *arena);
/* "body": as JSON where it is, else text; null where there is none. */
void show_body(struct belay_json_out *o, struct belay_str body, struct belay_arena *arena);
void show_fault(struct belay_json_out *o, const struct belay_fault *f);
/* A fault of the history: with its number and when it began. */
void show_attempt(struct belay_json_out *o, uint32_t attempt, const struct belay_fault *f);
void show_hash(struct belay_json_out *o, const char *name, struct belay_hash128 h);

#endif
