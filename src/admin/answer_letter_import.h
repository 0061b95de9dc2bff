/* answer_letter_import.h - a letter as an export writes it and an import reads it (answer_letter_import.c).
 * Private to admin.  Thread: engine. */
#ifndef BELAY_ADMIN_ANSWER_LETTER_IMPORT_H
#define BELAY_ADMIN_ANSWER_LETTER_IMPORT_H

#include "admin/question.h"
#include "broker/letter.h"

/* What an import needs beside what a person reads: "progress", its "definition" and which message it was "made_of" (a hash),
 * and "body_hex" where the body as it is shown is not the body byte for byte. */
void letter_show_exactly(struct belay_json_out *o, const struct belay_letter *l, struct belay_arena *arena);

#endif
