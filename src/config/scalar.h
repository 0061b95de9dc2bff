/* scalar.h - what a scalar's text means.  Private to config.  Uses: base.  Thread: any (pure). */
#ifndef BELAY_CONFIG_SCALAR_H
#define BELAY_CONFIG_SCALAR_H

#include <stdbool.h>

#include "base/str.h"
#include "base/time.h"

/* "200ms", "2s", "1.5s", "5m", "1h", "7d", "2w", "0" -> ms; "1h30m" too. */
bool config_duration(struct belay_str text, uint64_t *ret_ms);
/* "700", "64KiB", "1MiB", "2GiB", and the decimal "10kB", "1MB", "1GB" -> bytes. */
bool config_size(struct belay_str text, uint64_t *ret_bytes);
bool config_int(struct belay_str text, int64_t *ret_value);
bool config_number(struct belay_str text, double *ret_value);
/* "true", "false": nothing else is a boolean in YAML 1.2. */
bool config_bool(struct belay_str text, bool *ret_value);
/* RFC 3339 with Z or an offset. */
bool config_time(struct belay_str text, belay_time *ret_time);
/* Letters, digits, '_', '-', '.', beginning with a letter or digit; BELAY_NAME_BYTES_MAX. */
bool config_name(struct belay_str text);

/* A plain scalar that is a number by YAML's core schema, as JSON writes it. space holds it where
 * the text itself does not do (0x1f, 0o17, .5, +1). */
#define CONFIG_NUMBER_TEXT_MAX 512
bool config_json_number(struct belay_str text, char space[CONFIG_NUMBER_TEXT_MAX],
                        struct belay_str *ret_number);

#endif
