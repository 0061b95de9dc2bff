/* answer_trail.h - what persons did: entries of the trail, written and shown (answer_trail.c).
 * Private to admin.  Thread: engine. */
#ifndef BELAY_ADMIN_ANSWER_TRAIL_H
#define BELAY_ADMIN_ANSWER_TRAIL_H

#include "admin/question.h"
#include "broker/trail.h"

/* An entry of the trail about what the question asks for, by who asks. */
struct belay_trail_entry question_entry(const struct question *q, enum belay_trail_kind kind, struct belay_str owner,
                                        struct belay_str id, const char *verb);

/* It was done, after belay_trail_begin: into the trail and the log. Returns status of the adding. */
int question_did(struct question *q, struct belay_engine *e, const struct belay_trail_entry *entry, belay_time now) BELAY_MUST_CHECK;

/* {"at","who","did","what","owner","id","reason","detail"} */
void show_entry(struct belay_json_out *o, const struct belay_trail_entry *entry);
/* "trail": what persons did to one thing, oldest first; at most BELAY_ADMIN_PAGE_MAX entries. */
void show_trail(struct belay_json_out *o, struct belay_engine *e, enum belay_trail_kind kind, struct belay_str owner,
                struct belay_str id, struct belay_arena *arena);

#endif
