/* routes.c - the resources of the admin API, in one table. */
#include "admin/impl.h"

const struct admin_route admin_routes[] = {
    { "GET", "/ping", "ping", NULL, true },
    { "GET", "/ready", "ready", answer_ready, true },
    { "GET", "/metrics", "metrics", answer_metrics, true },
    { "GET", "/status", "status", answer_status, false },
    { "GET", "/topics", "topics", answer_topics, false },
    { "GET", "/topics/{topic}/messages", "messages", answer_messages, false },
    { "GET", "/subscriptions", "subscriptions", answer_subscriptions, false },
    { "POST", "/subscriptions/{flow}/pause", "pause", answer_pause, false },
    { "POST", "/subscriptions/{flow}/resume", "resume", answer_resume, false },
    { "POST", "/subscriptions/{flow}/seek", "seek", answer_seek, false },
    { "GET", "/letters", "letters", answer_letters, false },
    { "GET", "/letters/{flow}/{sequence}", "letter", answer_letter, false },
    { "POST", "/letters/{flow}/{sequence}/replay", "replay", answer_letter_replay, false },
    { "POST", "/letters/{flow}/{sequence}/release", "release", answer_letter_release, false },
    { "POST", "/letters/{flow}/{sequence}/discard", "discard", answer_letter_discard, false },
    { "GET", "/sagas", "sagas", answer_sagas, false },
    { "GET", "/sagas/{saga}", "sagaList", answer_saga_list, false },
    { "GET", "/sagas/{saga}/{id}", "saga", answer_saga, false },
    { "POST", "/sagas/{saga}/{id}/settle", "sagaSettle", answer_saga_settle, false },
    { "POST", "/sagas/{saga}/{id}/retry", "sagaRetry", answer_saga_retry, false },
    { "POST", "/sagas/{saga}/{id}/skip", "sagaSkip", answer_saga_skip, false },
    { "POST", "/sagas/{saga}/{id}/abort", "sagaAbort", answer_saga_abort, false },
    { "GET", "/alerts", "alerts", answer_alerts, false },
    { "POST", "/alerts/rules/{rule}/silence", "alertSilence", answer_alert_silence, false },
    { "POST", "/alerts/channels/{channel}/test", "alertTest", answer_alert_test, false },
    { "GET", "/trail", "trail", answer_trail, false },
    { "GET", "/trace/{what}", "trace", answer_trace, false },
};

const uint32_t admin_route_count = sizeof admin_routes / sizeof admin_routes[0];
