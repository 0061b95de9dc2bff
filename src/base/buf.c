#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/assert.h"

#define CAP_MIN 256

void belay_buf_init(struct belay_buf *b, size_t size_bytes_max)
{
    *b = (struct belay_buf){ .size_bytes_max = size_bytes_max, .status = BELAY_OK };
}

void belay_buf_deinit(struct belay_buf *b)
{
    belay_free(b->p);
    *b = (struct belay_buf){ 0 };
}

void belay_buf_clear(struct belay_buf *b)
{
    b->n = 0;
    b->status = BELAY_OK;
}

int belay_buf_status(const struct belay_buf *b)
{
    return b->status;
}

char *belay_buf_reserve_slow(struct belay_buf *b, size_t n)
{
    BELAY_ASSERT(b->n <= b->cap);
    if (b->status != BELAY_OK)
        return NULL;
    if (n > b->size_bytes_max || b->n > b->size_bytes_max - n) {
        b->status = BELAY_LIMIT;
        return NULL;
    }
    if (n > b->cap - b->n) {
        size_t cap = b->cap ? b->cap * 2 : CAP_MIN;
        if (cap < b->n + n)
            cap = b->n + n;
        if (cap > b->size_bytes_max) /* the inline path looks only at cap */
            cap = b->size_bytes_max;
        char *p = belay_realloc(b->p, cap);
        if (!p) {
            b->status = BELAY_NOMEM;
            return NULL;
        }
        b->p = p;
        b->cap = cap;
    }
    return b->p + b->n;
}

void belay_buf_printf(struct belay_buf *b, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    BELAY_ASSERT(n >= 0);
    char *to = belay_buf_reserve(b, (size_t)n + 1);
    if (to) {
        vsnprintf(to, (size_t)n + 1, fmt, again);
        b->n += (size_t)n;
    }
    va_end(again);
    va_end(args);
}
