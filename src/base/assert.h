/* assert.h - an assertion is a bug found; it stays on in release builds.  Thread: any. */
#ifndef BELAY_BASE_ASSERT_H
#define BELAY_BASE_ASSERT_H

/* Prints "file:line: assertion failed: text" to standard error and aborts. Never returns. */
_Noreturn void belay_assert_failed(const char *text, const char *file, int line);

#define BELAY_ASSERT(cond) \
    (__builtin_expect(!!(cond), 1) ? (void)0 : belay_assert_failed(#cond, __FILE__, __LINE__))
#define BELAY_UNREACHABLE() belay_assert_failed("unreachable", __FILE__, __LINE__)

#endif
