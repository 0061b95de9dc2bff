/* integer_picture.h - integers as a picture has them: "#,##0", "I", "w;o" (XPath's format-integer,
 * in English).  Private to expr. */
#ifndef BELAY_EXPR_INTEGER_PICTURE_H
#define BELAY_EXPR_INTEGER_PICTURE_H

#include "expr/eval.h"

enum integer_kind {
    INTEGER_DECIMAL,
    INTEGER_LETTERS, /* a, b, ..., z, aa */
    INTEGER_ROMAN,
    INTEGER_WORDS,
    INTEGER_SEQUENCE /* some other numbering: not supported */
};

enum letter_case { CASE_LOWER, CASE_UPPER, CASE_TITLE };

#define INTEGER_SEPARATORS_MAX 32

struct integer_separator {
    uint32_t position; /* digits to its right */
    uint32_t character;
};

struct integer_picture {
    enum integer_kind kind;
    enum letter_case letters;
    bool ordinal;
    uint32_t zero; /* of the digits used */
    uint32_t mandatory, optional;
    uint32_t regular; /* the first separator comes every so many digits; 0: as listed */
    uint32_t separator_count;
    struct integer_separator separators[INTEGER_SEPARATORS_MAX];
    uint32_t parse_width; /* digits to read exactly; 0: any number */
};

/* NULL, or the code of the error. */
const char *integer_picture_parse(struct belay_str text, struct integer_picture *ret);
/* Appends d, an integer. False: the evaluation failed. */
bool integer_format(struct text *to, double d, const struct integer_picture *p);
/* The integer that text says; false where it says none. */
bool integer_read(struct belay_str text, const struct integer_picture *p, double *ret);

/* words.c */
void words_put(struct text *to, double d, bool ordinal, enum letter_case letters);
bool words_read(struct belay_str text, double *ret);

/* Appends s in another case (ASCII letters). */
void text_put_case(struct text *to, struct belay_str s, enum letter_case letters);

#endif
