/* match_meter.h - what a match of a regular expression costs, counted before each of its items.  Uses: PCRE2.
 *
 * PCRE2's own limit does not see how far one item reads, nor that a match begins anew at each place of the text: a
 * text of some length in which every place is a beginning costs its square. A pattern that is to be counted is
 * compiled with PCRE2_AUTO_CALLOUT. Thread: whoever matches.
 *
 * What an item read shows where the next one begins, unless it failed. Two items may read much and fail all the same:
 * a reference to a long group, and a character that has to come many times. They are charged before. */
#ifndef BELAY_JSON_MATCH_METER_H
#define BELAY_JSON_MATCH_METER_H

#ifndef PCRE2_CODE_UNIT_WIDTH
#define PCRE2_CODE_UNIT_WIDTH 8
#endif
#include <pcre2.h>
#include <stdbool.h>
#include <stdint.h>

#define BELAY_MATCH_BYTES_A_STEP 16      /* passed over by one item */
#define BELAY_MATCH_SAME_BYTES_A_STEP 512 /* compared with a group at once, case and all */
#define BELAY_MATCH_RUN_MIN 1000         /* times that a character must come, for it to be charged before */
#define BELAY_MATCH_PROBE_BYTES 16       /* a reference that differs within so many costs nothing */

struct belay_match_meter {
    uint64_t left;       /* steps */
    PCRE2_SIZE at;       /* where the last item was; at first where the match begins */
    const char *pattern; /* what was compiled */
    bool nocase;         /* it may ignore case somewhere */
};

static inline bool belay_match_differs(const unsigned char *a, const unsigned char *b, size_t n, bool nocase)
{
    for (size_t i = 0; i < n && i < BELAY_MATCH_PROBE_BYTES; i++) {
        if (nocase && ((a[i] | b[i]) & 0x80))
            return false; /* whose other case has any number of bytes */
        bool letter = (a[i] | 0x20) >= 'a' && (a[i] | 0x20) <= 'z';
        if (a[i] != b[i] && !(nocase && letter && (a[i] ^ b[i]) == 0x20))
            return true;
    }
    return false;
}

static inline uint64_t belay_match_reference_cost(const pcre2_callout_block *block, const struct belay_match_meter *m,
                                                  uint32_t group)
{
    PCRE2_SIZE from = block->offset_vector[2 * group], to = block->offset_vector[2 * group + 1];
    PCRE2_SIZE left = block->subject_length - block->current_position;
    if (group >= block->capture_top || from == PCRE2_UNSET || to <= from || (!m->nocase && to - from > left))
        return 0;
    PCRE2_SIZE n = to - from < left ? to - from : left;
    if (belay_match_differs(block->subject + from, block->subject + block->current_position, n, m->nocase))
        return 0;
    return n / (m->nocase ? BELAY_MATCH_BYTES_A_STEP : BELAY_MATCH_SAME_BYTES_A_STEP);
}

/* Of \1 that group; of a name, which is not looked up, the dearest. */
static inline uint64_t belay_match_references_cost(const pcre2_callout_block *block, const struct belay_match_meter *m,
                                                   const char *item, PCRE2_SIZE n)
{
    uint32_t named = 0;
    uint64_t most = 0;
    for (PCRE2_SIZE i = 1; i < n && item[i] >= '0' && item[i] <= '9' && named < 10000; i++)
        named = named * 10 + (uint32_t)(item[i] - '0');
    for (uint32_t group = named ? named : 1; group < block->capture_top && (!named || group == named); group++) {
        uint64_t cost = belay_match_reference_cost(block, m, group);
        most = cost > most ? cost : most;
    }
    return most;
}

/* x{2000}, [a-z]{2000,}?: how often it must come; 0: anything else. */
static inline uint64_t belay_match_times(const char *item, PCRE2_SIZE n)
{
    uint64_t times = 0;
    while (n && (item[n - 1] == '?' || item[n - 1] == '+'))
        n--;
    if (n < 2 || item[0] == ')' || item[n - 1] != '}')
        return 0;
    PCRE2_SIZE open = n - 1;
    while (open && item[open] != '{')
        open--;
    for (PCRE2_SIZE i = open + 1; i < n && item[i] >= '0' && item[i] <= '9' && times < 100000; i++)
        times = times * 10 + (uint64_t)(item[i] - '0');
    return times;
}

static inline uint64_t belay_match_unseen(const pcre2_callout_block *block, const struct belay_match_meter *m)
{
    const char *item = m->pattern + block->pattern_position;
    PCRE2_SIZE n = block->next_item_length, left = block->subject_length - block->current_position;
    if (n < 2)
        return 0;
    if (item[0] == '\\' && ((item[1] >= '1' && item[1] <= '9') || item[1] == 'k'))
        return belay_match_references_cost(block, m, item, n);
    uint64_t times = item[n - 1] == '}' || item[n - 2] == '}' ? belay_match_times(item, n) : 0;
    if (times < BELAY_MATCH_RUN_MIN)
        return 0;
    return (times < left ? times : left) / BELAY_MATCH_BYTES_A_STEP;
}

/* A callout (pcre2_set_callout) with a meter as its data: ends the match with PCRE2_ERROR_CALLOUT when nothing is left. */
static inline int belay_match_count(pcre2_callout_block *block, void *meter)
{
    struct belay_match_meter *m = meter;
    PCRE2_SIZE at = block->current_position;
    uint64_t cost = 1 + (at > m->at ? at - m->at : m->at - at) / BELAY_MATCH_BYTES_A_STEP + belay_match_unseen(block, m);
    m->at = at;
    if (m->left < cost)
        return PCRE2_ERROR_CALLOUT;
    m->left -= cost;
    return 0;
}

#endif
