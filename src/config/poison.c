/* crash_loop: what is done about messages that kill.  On a flow, and for all at the top of a file. */
#include "base/limits.h"
#include "config/grammar.h"

static const struct config_key crash_loop_keys[] = {
    { "after", CONFIG_INT,
      "So many deaths of the process while a message ran alone, and it is quarantined: a letter POISON:CRASH with "
      "its story.",
      .default_ = "2", .min = 1, .max = BELAY_CRASH_AFTER_MAX, .offset = 0, .size = sizeof(uint32_t) },
    { 0 },
};

const struct config_kind config_kind_crash_loop = {
    "crash-loop",
    "When a message that kills the process is quarantined. What was in flight when it died runs first, one by one; only "
    "a death while a message runs alone counts against it, and success clears it.",
    crash_loop_keys,
    sizeof(uint32_t),
    .short_key = NULL,
};
