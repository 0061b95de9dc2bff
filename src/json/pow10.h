/* pow10.h - the table that reading (Eisel-Lemire) and writing (Schubfach) of doubles share.
 * Private to json.  Thread: any (constant). */
#ifndef BELAY_JSON_POW10_H
#define BELAY_JSON_POW10_H

#include <stdint.h>

#define BELAY_POW10_MIN (-292)
#define BELAY_POW10_MAX 324

struct belay_pow10 {
    uint64_t hi, lo;
};

extern const struct belay_pow10 belay_pow10_table[BELAY_POW10_MAX - BELAY_POW10_MIN + 1];

#endif
