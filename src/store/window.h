/* window.h - reading a segment from front to back in large pieces.
 * Uses: base, platform/disk.h.  Thread: one owner.  Invariant: n <= cap; p is aligned. */
#ifndef BELAY_STORE_WINDOW_H
#define BELAY_STORE_WINDOW_H

#include "store/segment.h"

struct window {
    struct belay_file *file; /* what the bytes are of */
    uint8_t *p;
    uint64_t offset;
    size_t n, cap;
    uint64_t intact_at; /* in the file: the commit in these bytes that was verified last; 0: none */
};

/* What was read may have changed meanwhile: reads it again. */
static inline void journal_window_forget(struct window *w)
{
    w->file = NULL;
}

static inline void journal_window_init(struct window *w)
{
    *w = (struct window){ 0 };
}

void journal_window_deinit(struct window *w);
/* n bytes of the file at offset (a multiple of the block); fewer at the end of the file: *ret_n.
 * Reads ahead where it goes on from what was read before, but nothing from `end` on (where others may be writing).
 * The view lives until the next call. Errors: BELAY_IO, BELAY_NOMEM. */
int journal_window_get(struct window *w, struct belay_file *file, uint64_t offset, size_t n, uint64_t end,
                       const uint8_t **ret_p, size_t *ret_n, struct belay_err *err) BELAY_MUST_CHECK;

#endif
