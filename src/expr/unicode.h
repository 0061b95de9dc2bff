/* unicode.h - upper and lower case of characters.  Private to expr.  Thread: any (pure). */
#ifndef BELAY_EXPR_UNICODE_H
#define BELAY_EXPR_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UNICODE_CASE_BYTES_MAX 12

/* Writes the upper or lower case of the character of n bytes at p to to; returns its bytes. */
size_t unicode_case(const char *p, size_t n, bool upper, char to[UNICODE_CASE_BYTES_MAX]);

#endif
