#include "expr/integer_picture.h"

#include <math.h>
#include <stdio.h>

#include "expr/functions.h"
#include "json/utf8.h"

/* The zeros of Unicode's decimal digits. */
static const uint32_t zeros[]
    = { 0x30,   0x0660, 0x06f0, 0x07c0, 0x0966, 0x09e6, 0x0a66, 0x0ae6, 0x0b66, 0x0be6,
        0x0c66, 0x0ce6, 0x0d66, 0x0de6, 0x0e50, 0x0ed0, 0x0f20, 0x1040, 0x1090, 0x17e0,
        0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620,
        0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10 };

static uint32_t zero_of(uint32_t c)
{
    for (size_t i = 0; i < sizeof zeros / sizeof *zeros; i++)
        if (c >= zeros[i] && c <= zeros[i] + 9)
            return zeros[i];
    return 0;
}

static uint32_t char_at(const char *p, const char *end, size_t *ret_len)
{
    size_t n = belay_utf8_len(p, end);
    *ret_len = n ? n : 1;
    return n ? belay_utf8_get(p, n) : 0xfffd;
}

/* ---- reading the picture ---- */

static uint32_t gcd(uint32_t a, uint32_t b)
{
    while (b) {
        uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static bool has_position(const struct integer_picture *p, uint32_t position)
{
    for (uint32_t i = 0; i < p->separator_count; i++)
        if (p->separators[i].position == position)
            return true;
    return false;
}

/* The interval at which one and the same separator stands; 0: at none. */
static uint32_t regular_interval(const struct integer_picture *p)
{
    uint32_t interval = 0;
    for (uint32_t i = 0; i < p->separator_count; i++) {
        if (p->separators[i].character != p->separators[0].character)
            return 0;
        interval = gcd(interval, p->separators[i].position);
    }
    for (uint32_t i = 1; i <= p->separator_count; i++)
        if (!has_position(p, i * interval))
            return 0;
    return interval;
}

/* One character of a digit pattern; positions still count from the left. */
static const char *pattern_char(struct integer_picture *p, uint32_t c, uint32_t *digits)
{
    uint32_t zero = zero_of(c);
    if (zero) {
        if (p->zero && p->zero != zero)
            return "D3131";
        p->zero = zero;
        p->mandatory++;
        ++*digits;
    } else if (c == '#') {
        p->optional++;
        ++*digits;
    } else if (p->separator_count < INTEGER_SEPARATORS_MAX) {
        p->separators[p->separator_count++] = (struct integer_separator){ *digits, c };
    } else {
        return "D3130";
    }
    return NULL;
}

static const char *digit_pattern(struct belay_str text, struct integer_picture *p)
{
    uint32_t digits = 0;
    size_t len;
    for (const char *at = text.p, *end = at + text.n; at < end; at += len) {
        const char *code = pattern_char(p, char_at(at, end, &len), &digits);
        if (code)
            return code;
    }
    for (uint32_t i = 0; i < p->separator_count; i++)
        p->separators[i].position = digits - p->separators[i].position;
    if (p->mandatory == 0)
        p->kind = INTEGER_SEQUENCE;
    p->regular = regular_interval(p);
    return NULL;
}

const char *integer_picture_parse(struct belay_str text, struct integer_picture *ret)
{
    static const struct {
        const char *text;
        enum integer_kind kind;
        enum letter_case letters;
    } names[] = {
        { "A", INTEGER_LETTERS, CASE_UPPER }, { "a", INTEGER_LETTERS, CASE_LOWER },
        { "I", INTEGER_ROMAN, CASE_UPPER },   { "i", INTEGER_ROMAN, CASE_LOWER },
        { "W", INTEGER_WORDS, CASE_UPPER },   { "Ww", INTEGER_WORDS, CASE_TITLE },
        { "w", INTEGER_WORDS, CASE_LOWER },
    };
    const char *semicolon = text.n ? memrchr(text.p, ';', text.n) : NULL;
    memset(ret, 0, sizeof *ret);
    if (semicolon) {
        size_t n = (size_t)(semicolon - text.p);
        ret->ordinal = n + 1 < text.n && text.p[n + 1] == 'o';
        text.n = n;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (belay_str_eq(text, belay_str_c(names[i].text))) {
            ret->kind = names[i].kind;
            ret->letters = names[i].letters;
            return NULL;
        }
    }
    return digit_pattern(text, ret);
}

/* ---- letters and Roman numerals ---- */

void text_put_case(struct text *to, struct belay_str s, enum letter_case letters)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (letters == CASE_UPPER && c >= 'a' && c <= 'z')
            c = (char)(c - 32);
        else if (letters == CASE_LOWER && c >= 'A' && c <= 'Z')
            c = (char)(c + 32);
        text_put(to, &c, 1);
    }
}

static void put_letters(struct text *to, double d, char first)
{
    char room[24], *p = room + sizeof room;
    for (uint64_t u = (uint64_t)d; u > 0; u = (u - 1) / 26)
        *--p = (char)(first + (char)((u - 1) % 26));
    text_put(to, p, (size_t)(room + sizeof room - p));
}

static const struct {
    uint32_t value;
    char letters[3];
} roman[] = {
    { 1000, "m" }, { 900, "cm" }, { 500, "d" }, { 400, "cd" }, { 100, "c" },
    { 90, "xc" },  { 50, "l" },   { 40, "xl" }, { 10, "x" },   { 9, "ix" },
    { 5, "v" },    { 4, "iv" },   { 1, "i" },
};

static void put_roman(struct text *to, double d, enum letter_case letters)
{
    for (size_t i = 0; i < sizeof roman / sizeof *roman; i++)
        for (; d >= roman[i].value && !to->failed; d -= roman[i].value)
            text_put_case(to, belay_str_c(roman[i].letters), letters);
}

static bool read_letters(struct belay_str text, double *ret)
{
    double d = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = (char)(text.p[i] | 0x20);
        if (c < 'a' || c > 'z')
            return false;
        d = d * 26 + (c - 'a' + 1);
    }
    *ret = d;
    return true;
}

static double roman_digit(char c)
{
    for (size_t i = 0; i < sizeof roman / sizeof *roman; i++)
        if (roman[i].letters[0] == (c | 0x20) && !roman[i].letters[1])
            return roman[i].value;
    return 0;
}

static bool read_roman(struct belay_str text, double *ret)
{
    double total = 0, largest = 1;
    for (size_t i = text.n; i-- > 0;) {
        double digit = roman_digit(text.p[i]);
        if (digit == 0)
            return false;
        if (digit < largest) {
            total -= digit;
        } else {
            largest = digit;
            total += digit;
        }
    }
    *ret = total;
    return true;
}

/* ---- decimal ---- */

static void put_char(struct text *to, uint32_t c)
{
    char room[4];
    text_put(to, room, belay_utf8_put(room, c));
}

/* The separator before the digit that has so many to its right, itself counted. */
static void put_separator(struct text *to, const struct integer_picture *p, uint32_t right)
{
    if (p->regular && right % p->regular == 0) {
        put_char(to, p->separators[0].character);
        return;
    }
    for (uint32_t i = 0; !p->regular && i < p->separator_count; i++)
        if (p->separators[i].position == right)
            put_char(to, p->separators[i].character);
}

static const char *ordinal_suffix(const char *digits, size_t n)
{
    char last = digits[n - 1];
    if (n > 1 && digits[n - 2] == '1')
        return "th";
    return last == '1' ? "st" : last == '2' ? "nd" : last == '3' ? "rd" : "th";
}

static void put_decimal(struct text *to, double d, const struct integer_picture *p)
{
    char digits[320];
    int n = snprintf(digits, sizeof digits, "%.0f", d);
    uint32_t count = (uint32_t)n > p->mandatory ? (uint32_t)n : p->mandatory;
    for (uint32_t right = count; right > 0 && !to->failed; right--) {
        if (right < count)
            put_separator(to, p, right);
        char digit = right > (uint32_t)n ? '0' : digits[(uint32_t)n - right];
        put_char(to, p->zero + (uint32_t)(digit - '0'));
    }
    if (p->ordinal)
        text_put_str(to, belay_str_c(ordinal_suffix(digits, (size_t)n)));
}

bool integer_format(struct text *to, double d, const struct integer_picture *p)
{
    bool big = fabs(d) >= 1e18 && (p->kind == INTEGER_LETTERS || p->kind == INTEGER_ROMAN);
    if (p->kind == INTEGER_SEQUENCE || big || (p->kind == INTEGER_ROMAN && fabs(d) > 1e6)) {
        run_fail_value(to->run, "D3130", NO_POSITION, belay_value_number(d));
        return false;
    }
    if (d < 0)
        text_put(to, "-", 1);
    d = fabs(d);
    switch (p->kind) {
    case INTEGER_LETTERS: put_letters(to, d, p->letters == CASE_UPPER ? 'A' : 'a'); break;
    case INTEGER_ROMAN: put_roman(to, d, p->letters); break;
    case INTEGER_WORDS: words_put(to, d, p->ordinal, p->letters); break;
    default: put_decimal(to, d, p); break;
    }
    return !to->failed;
}

static bool is_separator(const struct integer_picture *p, uint32_t c)
{
    for (uint32_t i = 0; i < p->separator_count; i++)
        if (p->separators[i].character == c)
            return true;
    return false;
}

static bool read_decimal(struct belay_str text, const struct integer_picture *p, double *ret)
{
    double d = 0;
    bool any = false, minus = text.n > 0 && text.p[0] == '-';
    size_t len;
    const char *at = text.p + minus, *end = text.p + text.n;
    if (p->ordinal && text.n >= 2)
        end -= 2;
    for (; at < end; at += len) {
        uint32_t c = char_at(at, end, &len);
        if (zero_of(c) == p->zero) {
            d = d * 10 + (c - p->zero);
            any = true;
        } else if (!is_separator(p, c)) {
            break; /* as parseInt: what follows the digits is not looked at */
        }
    }
    *ret = minus ? -d : d;
    return any;
}

bool integer_read(struct belay_str text, const struct integer_picture *p, double *ret)
{
    switch (p->kind) {
    case INTEGER_LETTERS: return read_letters(text, ret);
    case INTEGER_ROMAN: return read_roman(text, ret);
    case INTEGER_WORDS: return words_read(text, ret);
    case INTEGER_SEQUENCE: return false;
    default: return read_decimal(text, p, ret);
    }
}
