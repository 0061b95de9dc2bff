#include "runtime/record.h"

#include <string.h>

#include "json/redact.h"

#define FIELDS_MAX 24
#define NAME_BYTES 48

int record_init(struct record *r, struct belay_log *log, struct belay_metrics *metrics, struct belay_err *err)
{
    static const struct belay_metric_def events = {
        "belay_events_total", "What happened, by the event name of the log.", BELAY_METRIC_COUNTER,
        BELAY_UNIT_ONE, { "event", "owner" }, 0 };
    static const struct belay_metric_def requests = {
        "belay_api_replies_total", "Answers to API requests, by status.", BELAY_METRIC_COUNTER,
        BELAY_UNIT_ONE, { "status" }, 0 };
    static const struct belay_metric_def invalid = {
        "belay_api_responses_invalid_total", "Answers that were not as the API's document has them.",
        BELAY_METRIC_COUNTER, BELAY_UNIT_ONE, { 0 }, 0 };
    static const struct belay_metric_def step = {
        "belay_engine_step_seconds", "Length of an engine step.", BELAY_METRIC_HISTOGRAM,
        BELAY_UNIT_MICROSECONDS, { 0 }, 0 };
    static const struct belay_metric_def request = {
        "belay_api_request_seconds", "From the request's head to its answer.", BELAY_METRIC_HISTOGRAM,
        BELAY_UNIT_MICROSECONDS, { 0 }, 0 };
    struct belay_family *family;
    *r = (struct record){ .log = log, .metrics = metrics };
    int status = belay_metrics_define(metrics, &events, &r->events, err);
    if (status == BELAY_OK)
        status = belay_metrics_define(metrics, &requests, &r->requests, err);
    if (status == BELAY_OK) {
        status = belay_metrics_define(metrics, &invalid, &family, err);
        if (status == BELAY_OK)
            r->invalid_responses = belay_counter_of(family, NULL);
    }
    if (status == BELAY_OK)
        status = belay_metrics_define(metrics, &step, &family, err);
    if (status == BELAY_OK) {
        r->step = belay_histogram_of(family, NULL);
        status = belay_metrics_define(metrics, &request, &family, err);
    }
    if (status == BELAY_OK) {
        r->request = belay_histogram_of(family, NULL);
        status = gauges_define(r, err);
    }
    if (status == BELAY_OK)
        status = traffic_define(r, err);
    return status;
}

/* A log record's member names are literals of the program; a user's are made to look like them. */
static const char *plain_name(struct belay_str name, char *to)
{
    size_t n = name.n < NAME_BYTES - 1 ? name.n : NAME_BYTES - 1;
    for (size_t i = 0; i < n; i++) {
        char c = name.p[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        to[i] = good ? c : '_';
    }
    to[n] = '\0';
    return to;
}

void record_event(struct record *r, const struct belay_action_event *event, bool is_log, belay_time now)
{
    struct belay_log_field fields[FIELDS_MAX + 8];
    char names[FIELDS_MAX][NAME_BYTES];
    size_t n = 0;
    bool saga = strncmp(event->name, "saga.", 5) == 0; /* its owner is no flow, its key the instance's id */
    struct belay_log_ids ids = { event->message_id, event->correlationid, saga ? BELAY_STR_NONE : event->owner,
                                 event->traceparent };
    if (!is_log) {
        struct belay_str labels[2] = { belay_str_c(event->name), event->owner };
        belay_counter_add_owned(belay_counter_of(r->events, labels), 1);
    }
    if (!belay_log_wants(r->log, event->level))
        return;
    fields[n++] = belay_f_ids(&ids);
    if (saga)
        fields[n++] = belay_f_str("saga", event->owner);
    if (event->key.n)
        fields[n++] = belay_f_str(saga ? "id" : "key", event->key);
    if (event->sequence)
        fields[n++] = belay_f_uint("sequence", event->sequence);
    if (event->attempt)
        fields[n++] = belay_f_uint("attempt", event->attempt);
    if (event->again_at)
        fields[n++] = belay_f_time("again_at", event->again_at);
    if (event->status)
        fields[n++] = belay_f_uint("status", event->status);
    if (event->duration_us)
        fields[n++] = belay_f_uint("duration_us", event->duration_us);
    for (uint32_t i = 0; i < event->field_count && i < FIELDS_MAX; i++)
        if (is_log || event->fields[i].value.n) /* what an event does not know is left out */
            fields[n++] = belay_f_str(plain_name(event->fields[i].name, names[i]), event->fields[i].value);
    belay_log_write(r->log, event->level, now, is_log ? "flow.log" : event->name, fields, n);
}

void record_notice(struct record *r, const struct belay_http_notice *n, const struct belay_redact *redact, belay_time now)
{
    struct belay_redact_words words;
    struct belay_arena arena;
    struct belay_log_ids ids = { .correlation = n->correlationid };
    if (n->kind == BELAY_HTTP_DEPRECATED_USED) {
        BELAY_LOG(r->log, BELAY_LOG_WARN, now, "api.deprecated", belay_f_ids(&ids), belay_f_str("api", n->api),
                  belay_f_str("operation", n->operation_id), belay_f_str("requests", n->detail));
        return;
    }
    if (n->kind == BELAY_HTTP_LIMITED) {
        BELAY_LOG(r->log, BELAY_LOG_WARN, now, "api.limited", belay_f_ids(&ids), belay_f_str("api", n->api),
                  belay_f_str("operation", n->operation_id), belay_f_str("limit", n->limit), belay_f_str("caller", n->caller),
                  belay_f_uint("refused", n->count));
        return;
    }
    belay_counter_add(r->invalid_responses, 1);
    belay_arena_init(&arena, 0, BELAY_MIB(64));
    belay_redact_words_init(&words, &arena);
    words.cut = BELAY_REDACT_QUOTED;
    belay_redact_gather_bytes(redact, &words, n->body);
    BELAY_LOG(r->log, BELAY_LOG_WARN, now, "api.response_invalid", belay_f_ids(&ids), belay_f_str("api", n->api),
              belay_f_str("operation", n->operation_id), belay_f_uint("status", n->status),
              belay_f_str("faults", belay_redact_text(redact, &words, n->detail, &arena)));
    belay_arena_deinit(&arena);
}

void record_step(struct record *r, uint64_t duration_us)
{
    belay_histogram_record(r->step, duration_us);
}

void record_reply(struct record *r, uint32_t status, uint64_t duration_us)
{
    struct belay_counter **counter = status < sizeof r->replies / sizeof r->replies[0] ? &r->replies[status] : NULL;
    belay_histogram_record(r->request, duration_us);
    if (counter && *counter) {
        belay_counter_add_owned(*counter, 1);
        return;
    }
    char text[4] = { (char)('0' + status / 100 % 10), (char)('0' + status / 10 % 10), (char)('0' + status % 10) };
    struct belay_str label = belay_str(text, 3);
    struct belay_counter *found = belay_counter_of(r->requests, &label);
    belay_counter_add_owned(found, 1);
    if (counter)
        *counter = found;
}
