/* crash_loop and poison: what is done about messages that kill, or fail again and again.  On a flow, and for all at the
 * top of a file. */
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

static const struct config_word action_words[] = { { "dead_letter", BELAY_POISON_DEAD_LETTER },
                                                   { "park_flow", BELAY_POISON_PARK_FLOW },
                                                   { "alert", BELAY_POISON_ALERT },
                                                   { 0 } };
static const struct config_key poison_keys[] = {
    { "same_payload", CONFIG_INT, "Trips when so many messages with the same payload failed.", .default_ = "3", .min = 2,
      .max = 16, CONFIG_FIELD(struct belay_poison_def, same_payload) },
    { "same_signature", CONFIG_INT,
      "Trips when so many messages failed alike: the same error at the same place, numbers and ids apart. Errors that "
      "pass by themselves do not count.",
      .default_ = "50", .min = 2, .max = 1000000, CONFIG_FIELD(struct belay_poison_def, same_signature) },
    { "window", CONFIG_DURATION, "Counted from the first failure on.", .default_ = "1h", .min = 1000,
      CONFIG_FIELD(struct belay_poison_def, window_ms) },
    { "action", CONFIG_WORD,
      "dead_letter: no retries are left for it, and APIs refuse the payload (422); park_flow: the flow is paused until "
      "somebody resumes it; alert: nothing but the alert.",
      .default_ = "dead_letter", CONFIG_FIELD(struct belay_poison_def, action), .words = action_words },
    { 0 },
};

const struct config_kind config_kind_poison = {
    "poison",
    "What is done about messages that fail again and again.",
    poison_keys,
    sizeof(struct belay_poison_def),
    .short_key = NULL,
};
