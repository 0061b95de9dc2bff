/* Numbers in English words, cardinal and ordinal, written and read. */
#include <math.h>

#include "expr/integer_picture.h"

static const char *const few[]
    = { "Zero",     "One",     "Two",     "Three",     "Four",     "Five",    "Six",
        "Seven",    "Eight",   "Nine",    "Ten",       "Eleven",   "Twelve",  "Thirteen",
        "Fourteen", "Fifteen", "Sixteen", "Seventeen", "Eighteen", "Nineteen" };
static const char *const ordinals[]
    = { "Zeroth",    "First",     "Second",      "Third",      "Fourth",
        "Fifth",     "Sixth",     "Seventh",     "Eighth",     "Ninth",
        "Tenth",     "Eleventh",  "Twelfth",     "Thirteenth", "Fourteenth",
        "Fifteenth", "Sixteenth", "Seventeenth", "Eighteenth", "Nineteenth" };
static const char *const decades[]
    = { "Twenty", "Thirty", "Forty", "Fifty", "Sixty", "Seventy", "Eighty", "Ninety" };
static const char *const magnitudes[] = { "Thousand", "Million", "Billion", "Trillion" };

/* ---- writing ---- */

struct words {
    struct text *to;
    enum letter_case letters;
};

static void put(struct words *w, const char *s)
{
    text_put_case(w->to, belay_str_c(s), w->letters);
}

static void put_small(struct words *w, unsigned n, bool after, bool ordinal)
{
    /* "and" is never capitalised in a title */
    if (after)
        text_put_case(w->to, BELAY_STR(" and "),
                      w->letters == CASE_UPPER ? CASE_UPPER : CASE_LOWER);
    if (n >= 20) {
        struct belay_str decade = belay_str_c(decades[n / 10 - 2]);
        bool round = n % 10 == 0;
        text_put_case(w->to, belay_str(decade.p, decade.n - (round && ordinal)), w->letters);
        if (round)
            put(w, ordinal ? "ieth" : "");
        if (round)
            return;
        text_put(w->to, "-", 1);
        n %= 10;
    }
    put(w, ordinal ? ordinals[n] : few[n]);
}

static void put_words(struct words *w, double d, bool after, bool ordinal)
{
    if (d < 100) {
        put_small(w, (unsigned)d, after, ordinal);
        return;
    }
    double factor = 100;
    const char *name = "Hundred";
    for (int i = 0; i < 4 && d >= 1000; i++) {
        if (d < pow(1000, i + 1))
            break;
        factor = pow(1000, i + 1);
        name = magnitudes[i];
    }
    double many = floor(d / factor), rest = d - many * factor;
    if (after)
        text_put(w->to, ", ", 2);
    put_words(w, many, false, false);
    text_put(w->to, " ", 1);
    put(w, name);
    if (rest > 0)
        put_words(w, rest, true, ordinal);
    else if (ordinal)
        put(w, "th");
}

void words_put(struct text *to, double d, bool ordinal, enum letter_case letters)
{
    struct words w = { to, letters };
    put_words(&w, d, false, ordinal);
}

/* ---- reading ---- */

static bool is_word(struct belay_str s, const char *word, const char *ending)
{
    struct belay_str base = belay_str_c(word), end = belay_str_c(ending);
    return s.n == base.n + end.n && belay_str_eq_nocase(belay_str(s.p, base.n), base)
           && belay_str_eq_nocase(belay_str(s.p + base.n, end.n), end);
}

/* The value of one word; 100 and more multiply what came before. */
static bool word_value(struct belay_str s, double *ret)
{
    for (unsigned i = 0; i < 20; i++) {
        if (is_word(s, few[i], "") || is_word(s, ordinals[i], "")) {
            *ret = i;
            return true;
        }
    }
    for (unsigned i = 0; i < 8; i++) {
        struct belay_str decade = belay_str_c(decades[i]);
        bool ordinal = s.n == decade.n + 3
                       && belay_str_eq_nocase(belay_str_sub(s, decade.n - 1, 4), BELAY_STR("ieth"))
                       && belay_str_eq_nocase(belay_str(s.p, decade.n - 1),
                                              belay_str(decade.p, decade.n - 1));
        if (ordinal || is_word(s, decades[i], "")) {
            *ret = 20 + 10 * i;
            return true;
        }
    }
    *ret = 100;
    if (is_word(s, "Hundred", "") || is_word(s, "Hundred", "th"))
        return true;
    for (unsigned i = 0; i < 4; i++) {
        *ret = pow(1000, i + 1);
        if (is_word(s, magnitudes[i], "") || is_word(s, magnitudes[i], "th"))
            return true;
    }
    return false;
}

static bool is_gap(char c)
{
    return c == ' ' || c == '-' || c == ',';
}

/* What is below a thousand collects in last; a magnitude multiplies it, and what comes then is
 * another summand. */
bool words_read(struct belay_str text, double *ret)
{
    double total = 0, last = 0, value;
    bool any = false;
    for (size_t i = 0, n; i < text.n; i += n) {
        for (n = 0; i + n < text.n && !is_gap(text.p[i + n]);)
            n++;
        struct belay_str word = belay_str(text.p + i, n);
        if (n == 0) {
            n = 1;
            continue;
        }
        if (belay_str_eq_nocase(word, BELAY_STR("and")))
            continue;
        if (!word_value(word, &value))
            return false;
        any = true;
        if (value >= 100) {
            last *= value;
        } else if (last >= 1000) {
            total += last;
            last = value;
        } else {
            last += value;
        }
    }
    *ret = total + last;
    return any;
}
