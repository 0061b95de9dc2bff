/* number.h - numbers between text and value.  Private to json (belay_json_number is the public
 * face).  Uses: base, pow10.  Thread: any (pure). */
#ifndef BELAY_JSON_NUMBER_H
#define BELAY_JSON_NUMBER_H

#include "json/json.h"

/* Reads the number that begins at p (a '-' or a digit) into node. Returns the byte after it, or
 * NULL, and then *ret_bad is where it goes wrong and a digit was wanted. */
const char *number_scan(const char *p, const char *end, struct belay_json_node *node,
                        const char **ret_bad);

/* m * 10^e, correctly rounded; 0 or infinity beyond the range. */
double number_scale(uint64_t m, int64_t e);

/* The nearest double to any JSON number's text. */
double number_nearest(struct belay_str text);

/* Shortest decimal: d = digits * 10^exponent, no trailing zero in digits (0 is 0 * 10^0).
 * d is finite and not negative. */
struct number_decimal {
    uint64_t digits;
    int exponent;
};
struct number_decimal number_shortest(double d);

/* A double's longest text: "-1.2345678901234567e-308", "-0.0000012345678901234567". */
#define NUMBER_TEXT_MAX 32
/* As ECMA-262 Number::toString; d is finite. Returns the length. */
size_t number_text(double d, char to[NUMBER_TEXT_MAX]);

#define NUMBER_INT_MAX 20
size_t number_uint_text(uint64_t u, char to[NUMBER_INT_MAX]);

#endif
