#include "alert/text.h"

#include <math.h>
#include <stdio.h>

#include "alert/alert.h"

struct step {
    double size;
    const char *name;
};

static double whole(double x)
{
    return x < 1e18 ? (double)(uint64_t)x : 1e18;
}

/* The two largest units that say something: "3d", "1h30m", "90s" is "1m30s". */
static void duration(double ms, char *to, size_t n)
{
    static const struct step steps[] = { { 86400000, "d" }, { 3600000, "h" }, { 60000, "m" }, { 1000, "s" }, { 1, "ms" } };
    const size_t last = sizeof steps / sizeof steps[0] - 1;
    const char *sign = ms < 0 ? "-" : "";
    double left = whole(fabs(ms));
    size_t i = 0;
    while (i < last && left < steps[i].size)
        i++;
    double first = whole(left / steps[i].size);
    double second = i < last ? whole((left - first * steps[i].size) / steps[i + 1].size) : 0;
    if (second > 0 && i < 3) /* milliseconds beside seconds are noise */
        snprintf(to, n, "%s%.0f%s%.0f%s", sign, first, steps[i].name, second, steps[i + 1].name);
    else
        snprintf(to, n, "%s%.0f%s", sign, first, steps[i].name);
}

static void size(double bytes, char *to, size_t n)
{
    static const struct step steps[] = { { 1099511627776.0, "TiB" }, { 1073741824.0, "GiB" }, { 1048576.0, "MiB" },
                                         { 1024.0, "KiB" }, { 1, "B" } };
    size_t i = 0;
    while (i + 1 < sizeof steps / sizeof steps[0] && fabs(bytes) < steps[i].size)
        i++;
    snprintf(to, n, "%.3g%s", bytes / steps[i].size, steps[i].name);
}

void belay_alert_value_text(enum belay_alert_unit unit, double value, char ret_text[BELAY_ALERT_VALUE_BYTES])
{
    const size_t n = BELAY_ALERT_VALUE_BYTES;
    switch (unit) {
    case BELAY_ALERT_MS: duration(value, ret_text, n); break;
    case BELAY_ALERT_BYTES: size(value, ret_text, n); break;
    case BELAY_ALERT_PERCENT: snprintf(ret_text, n, "%.0f%%", value); break;
    case BELAY_ALERT_FLAG: snprintf(ret_text, n, "%s", value > 0 ? "yes" : "no"); break;
    case BELAY_ALERT_COUNT: snprintf(ret_text, n, "%.10g", value); break;
    }
}

void belay_alert_when_text(const struct belay_alert_def *def, char ret_text[BELAY_ALERT_WHEN_BYTES])
{
    const size_t n = BELAY_ALERT_WHEN_BYTES;
    enum belay_alert_unit unit = belay_alert_unit(def->on);
    char bound[BELAY_ALERT_VALUE_BYTES], lasts[BELAY_ALERT_VALUE_BYTES], within[BELAY_ALERT_VALUE_BYTES];
    belay_alert_value_text(unit, def->bound, bound);
    belay_alert_value_text(BELAY_ALERT_MS, (double)def->for_ms, lasts);
    belay_alert_value_text(BELAY_ALERT_MS, (double)def->within_ms, within);
    const char *for_ = def->for_ms ? " for " : "", *lasts_ = def->for_ms ? lasts : "";
    if (def->on == BELAY_ALERT_EVENT && def->bound > 0)
        snprintf(ret_text, n, "more than %s of %.*s within %s%s%s", bound, BELAY_STR_ARG(def->event), within, for_, lasts_);
    else if (def->on == BELAY_ALERT_EVENT)
        snprintf(ret_text, n, "%.*s, over after %s", BELAY_STR_ARG(def->event), within);
    else if (unit == BELAY_ALERT_FLAG && !def->below && def->bound == 0)
        snprintf(ret_text, n, "%s%s%s", belay_alert_on_name(def->on), for_, lasts_);
    else
        snprintf(ret_text, n, "%s %s %s%s%s", belay_alert_on_name(def->on), def->below ? "<" : ">", bound, for_, lasts_);
}

void belay_alert_hint_text(struct belay_str hint, struct belay_str subject, char ret_text[BELAY_ALERT_HINT_BYTES])
{
    const struct belay_str place = BELAY_STR("{subject}");
    size_t at = 0;
    while (at < hint.n && !belay_str_starts(belay_str_sub(hint, at, hint.n), place))
        at++;
    if (at < hint.n)
        snprintf(ret_text, BELAY_ALERT_HINT_BYTES, "%.*s%.*s%.*s", (int)at, hint.p, BELAY_STR_ARG(subject),
                 (int)(hint.n - at - place.n), hint.p + at + place.n);
    else
        snprintf(ret_text, BELAY_ALERT_HINT_BYTES, "%.*s", BELAY_STR_ARG(hint));
}
