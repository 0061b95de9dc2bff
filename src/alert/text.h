/* text.h - figures and rules as a person reads them.  Uses: model.  Thread: any. */
#ifndef BELAY_ALERT_TEXT_H
#define BELAY_ALERT_TEXT_H

#include "base/limits.h"
#include "model/alert_def.h"

#define BELAY_ALERT_VALUE_BYTES 32
#define BELAY_ALERT_WHEN_BYTES (BELAY_NAME_BYTES_MAX + 160)

/* "3", "17m", "1.5GiB", "80%", "yes". */
void belay_alert_value_text(enum belay_alert_unit unit, double value, char ret_text[BELAY_ALERT_VALUE_BYTES]);
#define BELAY_ALERT_HINT_BYTES (2 * BELAY_NAME_BYTES_MAX + 256)
/* The command that shows more, with the subject in the place of {subject}. */
void belay_alert_hint_text(struct belay_str hint, struct belay_str subject, char ret_text[BELAY_ALERT_HINT_BYTES]);
/* When it fires: "oldest > 15m for 1m", "breaker for 5s", "more than 3 of saga.* within 5m". */
void belay_alert_when_text(const struct belay_alert_def *def, char ret_text[BELAY_ALERT_WHEN_BYTES]);

#endif
