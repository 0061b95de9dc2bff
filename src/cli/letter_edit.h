/* letter_edit.h - belay dlq edit: the message of a letter, by an editor, a transform, a patch.  Thread: main; blocking. */
#ifndef BELAY_CLI_LETTER_EDIT_H
#define BELAY_CLI_LETTER_EDIT_H

#include <stdbool.h>

struct letter_edit {
    const char *data, *flow, *sequence;
    const char *transform;     /* JSONata over the body */
    const char *patch;         /* a file: RFC 6902; "-": standard input */
    const char *reason;
    bool restore;              /* as it came */
    bool reveal;               /* the editor shows what is redacted; else marks that stand for it */
    bool json;
};
/* None of transform, patch, restore: $VISUAL or $EDITOR. Exit code. */
int letter_edit(const struct letter_edit *o);

#endif
