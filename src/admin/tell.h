/* tell.h - telling an answer, with what may not be told hidden (tell.c).  Private to admin.  Thread: engine. */
#ifndef BELAY_ADMIN_TELL_H
#define BELAY_ADMIN_TELL_H

#include "admin/question.h"
#include "broker/letter.h"
#include "json/redact.h"

/* The answer or the error of a question that has ended, with what may not be told hidden. Once. */
void question_tell(struct question *q);
bool question_may_reveal(const struct question *q);
/* Words to be hidden in the answer's texts. NULL: no memory. */
struct belay_redact_words *question_words(struct question *q);
/* The letter's message with what may not be told hidden, for a predicate of somebody who may not see it. False: no memory. */
bool question_hide_letter(struct question *q, struct belay_letter *l);

#endif
