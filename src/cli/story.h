/* story.h - lines of a life in the order of their times, and those of one moment in the order of cause and effect.
 *
 * Much happens in one millisecond, and it is told by several lists: messages, what failed of them, sagas.  Of one moment
 * a line comes after those before it in its own list, after the message that caused its message, and a saga's message
 * after the saga's word that it was published; what is left is as it was added.
 *
 * Thread: any one.  Memory: lines are copied, their views are the caller's and live until story_end. */
#ifndef BELAY_CLI_STORY_H
#define BELAY_CLI_STORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

struct story_line {
    struct belay_str at;        /* time, as text */
    unsigned list;              /* lines of one list stay in the order they were added in */
    struct belay_str id, cause; /* of a message: its id, and that of the message it comes from */
    struct belay_str topic;     /* of a message, with its sequence: where it is */
    uint64_t sequence;
    struct belay_str published; /* of a saga: "TOPIC #SEQUENCE" that it published just now */
};

struct story_moment;
struct story {
    struct story_moment *moments;
    size_t count, cap;
    bool full; /* no memory: some lines are missing */
};

void story_add(struct story *s, const struct story_line *line, const struct belay_buf *text);
/* Puts them in order. */
void story_sort(struct story *s);
/* By index from 0, in that order. */
struct belay_str story_at(const struct story *s, size_t index, struct belay_str *ret_text);
void story_end(struct story *s);

#endif
