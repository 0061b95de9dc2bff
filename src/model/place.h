/* place.h - a line of the configuration, for messages about it.  Uses: base.  Thread: any. */
#ifndef BELAY_MODEL_PLACE_H
#define BELAY_MODEL_PLACE_H

#include <stdint.h>

#include "base/str.h"

struct belay_place { /* where the user wrote it */
    struct belay_str file;
    uint32_t line, column;
};

#endif
