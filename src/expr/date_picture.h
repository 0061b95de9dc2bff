/* date_picture.h - "[Y0001]-[M01]-[D01]": XPath's format-dateTime, read into parts.
 * Private to expr. */
#ifndef BELAY_EXPR_DATE_PICTURE_H
#define BELAY_EXPR_DATE_PICTURE_H

#include "expr/calendar.h"
#include "expr/integer_picture.h"

struct date_part {
    char component; /* 0: the literal */
    struct belay_str literal;
    bool names; /* written as a name, in letters */
    enum letter_case letters;
    bool has_integer;
    struct integer_picture integer;
    bool traditional; /* t: UTC is Z */
    int width_max;    /* of names; 0: none */
    int year_digits;  /* -1: all */
};

struct date_picture {
    uint32_t n;
    struct date_part *parts;
};

/* False: the evaluation failed. */
bool date_picture_parse(struct run *run, struct belay_str text, struct date_picture *ret);

/* Names of months (1 to 12) and of days (1: Monday). */
extern const char *const date_months[13];
extern const char *const date_days[8];

/* A component's number, as the picture "1" shows it. */
double date_component(const struct calendar *c, char component);

/* date_format.c: "+0530"; an empty one is UTC */
struct belay_value date_format(struct run *run, double millis, const struct date_picture *picture,
                               struct belay_str timezone);
/* date_parse.c: the milliseconds, UNDEFINED when text is not of that form */
struct belay_value date_parse(struct run *run, struct belay_str text,
                              const struct date_picture *picture);
/* ISO 8601 as ECMA-262 has it, UTC where no zone is given; false: not of that form */
bool date_parse_iso(struct belay_str text, double *ret_millis);

#endif
