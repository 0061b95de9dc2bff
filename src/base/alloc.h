/* alloc.h - the only door to the heap, so that a test can make the nth allocation fail.
 * Thread: any; the failure hook is for single-threaded tests. */
#ifndef BELAY_BASE_ALLOC_H
#define BELAY_BASE_ALLOC_H

#include <stddef.h>
#include <stdint.h>

/* As malloc, calloc, realloc, free: NULL when there is no memory. */
void *belay_malloc(size_t n) __attribute__((malloc, warn_unused_result));
void *belay_calloc(size_t count, size_t size) __attribute__((malloc, warn_unused_result));
void *belay_realloc(void *p, size_t n) __attribute__((warn_unused_result));
/* align: a power of two, at least sizeof(void *); n is rounded up to a multiple of it. */
void *belay_malloc_aligned(size_t align, size_t n) __attribute__((malloc, warn_unused_result));
void belay_free(void *p);
/* n bytes of p copied, with a NUL after them. */
char *belay_memdup0(const void *p, size_t n) __attribute__((warn_unused_result));

/* What is given back does not stay: it goes to few heaps (glibc: an arena for each thread keeps the most it ever had),
 * and large blocks go back to the system (glibc: after the first of a size those up to it come from the heap, which they
 * leave in pieces). Before the first thread; a hint, without effect where the C library has no such thing. */
void belay_alloc_keep_little(void);

/* The allocation after the next n fails, and all later ones until it is called with UINT64_MAX.
 * belay_alloc_count tells how many there were since. */
void belay_alloc_fail_after(uint64_t n);
uint64_t belay_alloc_count(void);

#endif
