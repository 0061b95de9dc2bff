#include "store/window.h"

#include "base/alloc.h"
#include "base/assert.h"

#define PIECE_BYTES BELAY_KIB(512)

void journal_window_deinit(struct window *w)
{
    belay_free(w->p);
    journal_window_init(w);
}

static int grow(struct window *w, size_t need, struct belay_err *err)
{
    size_t cap = need > PIECE_BYTES ? blocks_up(need) : PIECE_BYTES;
    if (cap <= w->cap)
        return BELAY_OK;
    uint8_t *p = belay_malloc_aligned(BELAY_BLOCK_BYTES, cap);
    if (!p)
        return belay_fail(err, BELAY_NOMEM, "read the journal: out of memory");
    belay_free(w->p);
    w->p = p;
    w->cap = cap;
    w->n = 0;
    return BELAY_OK;
}

int journal_window_get(struct window *w, struct belay_file *file, uint64_t offset, size_t n, uint64_t end,
               const uint8_t **ret_p, size_t *ret_n, struct belay_err *err)
{
    BELAY_ASSERT(offset % BELAY_BLOCK_BYTES == 0 && end % BELAY_BLOCK_BYTES == 0);
    BELAY_ASSERT(offset + n <= end);
    if (w->file != file || offset < w->offset || offset + n > w->offset + w->n) {
        /* Whoever jumps about (a retry's body) wants what it asks for and not what lies behind it. */
        bool onward = w->file == file && offset >= w->offset && offset <= w->offset + w->n;
        int status = grow(w, n, err);
        if (status != BELAY_OK)
            return status;
        w->file = NULL;
        w->intact_at = 0;
        size_t ahead = end - offset < w->cap ? (size_t)(end - offset) : w->cap;
        ahead = onward ? ahead : n;
        status = belay_file_read(file, offset, w->p, ahead, &w->n, err);
        if (status != BELAY_OK)
            return status;
        w->file = file;
        w->offset = offset;
    }
    size_t have = (size_t)(w->offset + w->n - offset);
    *ret_p = w->p + (offset - w->offset);
    *ret_n = have < n ? have : n;
    return BELAY_OK;
}
