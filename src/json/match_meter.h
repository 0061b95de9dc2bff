/* match_meter.h - what a match of a regular expression costs, counted before each of its items.  Uses: PCRE2.
 *
 * PCRE2's own limit does not see how far one item reads, nor that a match begins anew at each place of the text: a
 * text of some length in which every place is a beginning costs its square. A pattern that is to be counted is
 * compiled with PCRE2_AUTO_CALLOUT. Thread: whoever matches. */
#ifndef BELAY_JSON_MATCH_METER_H
#define BELAY_JSON_MATCH_METER_H

#ifndef PCRE2_CODE_UNIT_WIDTH
#define PCRE2_CODE_UNIT_WIDTH 8
#endif
#include <pcre2.h>
#include <stdint.h>

#define BELAY_MATCH_BYTES_A_STEP 16 /* passed over by one item */

struct belay_match_meter {
    uint64_t left; /* steps */
    PCRE2_SIZE at; /* where the last item was; at first where the match begins */
};

/* A callout (pcre2_set_callout) with a meter as its data: ends the match with PCRE2_ERROR_CALLOUT when nothing is left. */
static inline int belay_match_count(pcre2_callout_block *block, void *meter)
{
    struct belay_match_meter *m = meter;
    PCRE2_SIZE at = block->current_position;
    uint64_t cost = 1 + (at > m->at ? at - m->at : m->at - at) / BELAY_MATCH_BYTES_A_STEP;
    m->at = at;
    if (m->left < cost)
        return PCRE2_ERROR_CALLOUT;
    m->left -= cost;
    return 0;
}

#endif
