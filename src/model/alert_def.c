#include "model/alert_def.h"

enum belay_alert_unit belay_alert_unit(enum belay_alert_on on)
{
    switch (on) {
    case BELAY_ALERT_OLDEST:
    case BELAY_ALERT_STALLED:
    case BELAY_ALERT_LETTERS_AGE:
    case BELAY_ALERT_SAGA_IDLE:
    case BELAY_ALERT_EVENT_WAITS:
    case BELAY_ALERT_CERTIFICATE: return BELAY_ALERT_MS;
    case BELAY_ALERT_DISK_FREE: return BELAY_ALERT_BYTES;
    case BELAY_ALERT_LETTERS_LIMIT: return BELAY_ALERT_PERCENT;
    case BELAY_ALERT_PAUSED:
    case BELAY_ALERT_BREAKER:
    case BELAY_ALERT_QUEUE_FULL:
    case BELAY_ALERT_STORE_FULL: return BELAY_ALERT_FLAG;
    default: return BELAY_ALERT_COUNT;
    }
}
