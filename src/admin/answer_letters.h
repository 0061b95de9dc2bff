/* answer_letters.h - one letter: found by its path, shown, done something to (answer_letters.c).
 * Private to admin.  Thread: engine. */
#ifndef BELAY_ADMIN_ANSWER_LETTERS_H
#define BELAY_ADMIN_ANSWER_LETTERS_H

#include "admin/question.h"
#include "broker/letter.h"
#include "broker/trail.h"

/* The letter that the path names: its subscription, or NULL when the question has failed. */
struct belay_subscription *question_letter(struct question *q, struct belay_engine *e, uint64_t *ret_sequence);
/* As question_done, of one letter. Where it is none (any more) and a person did something to it: 409, with who and when. */
bool question_letter_done(struct question *q, struct belay_engine *e, const struct belay_trail_entry *entry, int status);

/* LINE: a line of a list; WHOLE: with message and history; OPEN: a line whose object is not ended. */
enum show_how { SHOW_LINE, SHOW_WHOLE, SHOW_OPEN };
void show_letter(struct belay_json_out *o, const struct belay_letter *l, struct belay_arena *arena, enum show_how how);
void show_fingerprint(struct belay_json_out *o, const char *name, uint64_t fingerprint);

#endif
