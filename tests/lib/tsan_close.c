/* Tells the thread sanitizer of the descriptors that libuv closes.
 *
 * libuv closes by syscall(SYS_close), past the sanitizer's interceptor. The sanitizer then takes the number for
 * still open, and who gets it next (by openat or fcntl, which it does not follow either) seems to share it with
 * the thread of the loop: a race that is none. Linked into the tests of the tsan preset. */
#include <dlfcn.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef long (*system_call)(long number, ...);

/* Not instrumented: all threads come here, and each finds the same function. */
__attribute__((no_sanitize("thread"))) long syscall(long number, ...)
{
    static system_call real;
    long a[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    if (number == SYS_close)
        return close((int)a[0]);
    if (!real)
        real = (system_call)(uintptr_t)dlsym(RTLD_NEXT, "syscall");
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
