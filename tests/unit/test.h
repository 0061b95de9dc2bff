/* test.h - what every cmocka test includes, in the order cmocka wants. */
#ifndef BELAY_TEST_H
#define BELAY_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define assert_ok(status) assert_int_equal((status), 0)
#define assert_str(view, literal)                                          \
    do {                                                                   \
        struct belay_str view_ = (view);                                   \
        assert_int_equal(view_.n, sizeof(literal) - 1);                    \
        assert_memory_equal(view_.n ? view_.p : "", literal, view_.n);     \
    } while (0)

#endif
