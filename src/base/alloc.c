#include "base/alloc.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h> /* allow: malloc.h - how many heaps there are is for the C library alone to set */
#endif

#define HEAPS 2 /* one for the engine, as good as; one for those that work for it */
#define LARGE_BYTES (512 * 1024) /* less costs throughput: most commits are smaller */
#define TRIM_BYTES (4 * 1024 * 1024) /* free at the heap's end: less would go and come all the time */

static atomic_uint_fast64_t count;
static atomic_uint_fast64_t fail_after = UINT64_MAX;
static atomic_bool counting;

static int refused(void)
{
    if (!atomic_load_explicit(&counting, memory_order_relaxed))
        return 0;
    return atomic_fetch_add(&count, 1) >= atomic_load(&fail_after);
}

void *belay_malloc(size_t n)
{
    return refused() ? NULL : malloc(n ? n : 1);
}

void *belay_calloc(size_t n, size_t size)
{
    return refused() ? NULL : calloc(n ? n : 1, size ? size : 1);
}

void *belay_realloc(void *p, size_t n)
{
    return refused() ? NULL : realloc(p, n ? n : 1);
}

void *belay_malloc_aligned(size_t align, size_t n)
{
    if (n > SIZE_MAX / 2 || refused())
        return NULL;
    size_t whole = (n + align - 1) & ~(align - 1);
    return aligned_alloc(align, whole ? whole : align);
}

void belay_free(void *p)
{
    free(p);
}

char *belay_memdup0(const void *p, size_t n)
{
    char *copy = belay_malloc(n + 1);
    if (copy) {
        if (n)
            memcpy(copy, p, n);
        copy[n] = '\0';
    }
    return copy;
}

void belay_alloc_keep_little(void)
{
#ifdef __GLIBC__
    mallopt(M_ARENA_MAX, HEAPS);
    mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    mallopt(M_TRIM_THRESHOLD, TRIM_BYTES);
#endif
}

void belay_alloc_fail_after(uint64_t n)
{
    atomic_store(&count, 0);
    atomic_store(&fail_after, n);
    atomic_store(&counting, n != UINT64_MAX);
}

uint64_t belay_alloc_count(void)
{
    return atomic_load(&count);
}
