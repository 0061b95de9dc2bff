#include "connector/http/responses.h"

#include <stdio.h>

#include "connector/http/problem.h"
#include "connector/http/text.h"
#include "connector/http/validate.h"

#define DEPRECATED_WINDOW_MS 3600000

/* "200" is the status, "2XX" its class. On the way of every answer: no formatting. */
static bool is_range(struct belay_str key, char first)
{
    return key.n == 3 && key.p[0] == first && (key.p[1] | 0x20) == 'x' && (key.p[2] | 0x20) == 'x';
}

const struct http_response_rule *http_response_rule(const struct http_operation *op, uint32_t status)
{
    const char exact[3] = { (char)('0' + status / 100), (char)('0' + status / 10 % 10), (char)('0' + status % 10) };
    const struct http_response_rule *range = NULL, *otherwise = NULL;
    for (uint32_t i = 0; i < op->response_count; i++) {
        const struct http_response_rule *rule = &op->responses[i];
        if (rule->key.n == 3 && memcmp(rule->key.p, exact, 3) == 0)
            return rule;
        if (is_range(rule->key, exact[0]))
            range = rule;
        else if (belay_str_eq(rule->key, BELAY_STR("default")))
            otherwise = rule;
    }
    return range ? range : otherwise;
}

/* The value of a field in "name: value\r\n...": the first; p NULL: absent. */
static struct belay_str field_of(struct belay_str head, struct belay_str name)
{
    while (head.n) {
        struct belay_str value = belay_str_split(&head, '\n');
        struct belay_str key = belay_str_split(&value, ':');
        if (belay_str_eq_nocase(key, name))
            return belay_str_trim(value);
    }
    return BELAY_STR_NONE;
}

static void check_header(struct http_exchange *x, const struct http_param_rule *rule, struct belay_buf *errors)
{
    struct belay_str raw = field_of(x->answer.head, rule->name);
    struct http_tape t = http_tape(&x->arena, 8);
    const struct http_written w = { .style = HTTP_SIMPLE, .explode = rule->explode, .plain = true,
                                    .name = rule->name, .shape = &rule->shape };
    struct belay_schema_faults faults = { .arena = &x->arena };
    if (!raw.p) {
        if (rule->required)
            http_fault_param(errors, BELAY_HTTP_IN_HEADER, rule->name, BELAY_STR_NONE, BELAY_STR("is required and missing"));
        return;
    }
    int status = http_written_value(&w, raw, &t);
    if (status && status != BELAY_NOMEM)
        http_fault_param(errors, BELAY_HTTP_IN_HEADER, rule->name, BELAY_STR_NONE, BELAY_STR("is not written in its style"));
    if (status || !rule->schema || belay_schema_valid(rule->schema, http_tape_root(&t), &faults))
        return;
    for (size_t i = 0; i < faults.count; i++)
        http_fault_param(errors, BELAY_HTTP_IN_HEADER, rule->name, faults.items[i].instance, faults.items[i].message);
}

/* Without memory the answer passes: it is right as far as one knows. */
static void check_body(struct http_exchange *x, const struct http_response_rule *rule, struct belay_buf *errors)
{
    struct belay_str body = x->answer.body, type = field_of(x->answer.head, BELAY_STR("content-type"));
    if (!rule->media_count || x->answer.status == 304 || x->head_only)
        return;
    const struct http_media_rule *media = http_media_rule(rule->media, rule->media_count, type);
    if (!media) {
        http_fault_pointer(errors, BELAY_STR(""), type.n ? BELAY_STR("the content type is not declared")
                                                         : BELAY_STR("the content type is missing"));
        return;
    }
    const belay_json *v;
    enum http_media_kind kind = http_media_kind(http_media_type(type));
    if (!media->schema)
        return;
    if (kind == HTTP_MEDIA_TEXT && http_validate_text(media, body, &x->arena, errors) != BELAY_OK)
        return; /* said */
    if (kind != HTTP_MEDIA_JSON)
        return;
    int status = belay_json_parse(body, NULL, &x->arena, &v, NULL, NULL);
    if (!status)
        (void)!http_validate_value(media->schema, v, &x->arena, errors);
    else if (status != BELAY_NOMEM)
        http_fault_pointer(errors, BELAY_STR(""), BELAY_STR("the body is no JSON"));
}

static void tell(struct http_exchange *x, enum belay_http_notice_kind kind, struct belay_str text)
{
    const struct belay_http_notice notice = {
        .kind = kind,
        .api = x->host->name,
        .operation_id = x->operation->id,
        .correlationid = x->request.correlationid,
        .status = x->answer.status,
        .detail = text,
        .body = x->answer.body,
    };
    if (x->host->notice)
        x->host->notice(x->host->on_request_arg, &notice);
}

static void replace(struct http_exchange *x, const struct belay_buf *errors)
{
    struct belay_buf members;
    belay_buf_init(&members, BELAY_MIB(1));
    const struct belay_http_problem problem = {
        .status = 500,
        .detail = BELAY_STR("the answer is not what the API's document promises"),
        .members = http_problem_errors(&members, errors),
    };
    http_exchange_problem(x, &problem, (struct belay_field){ BELAY_STR_NONE, BELAY_STR_NONE });
    belay_buf_deinit(&members);
}

static void check(struct http_exchange *x, struct belay_buf *errors)
{
    const struct http_operation *op = x->operation;
    if (x->answer.left_out.n)
        http_fault_param(errors, BELAY_HTTP_IN_HEADER, x->answer.left_out, BELAY_STR_NONE,
                         BELAY_STR("is left out: its name or value has characters that no header can have"));
    const struct http_response_rule *rule = http_response_rule(op, x->answer.status);
    if (!rule)
        http_fault_pointer(errors, BELAY_STR(""), BELAY_STR("the status is not declared"));
    for (uint32_t i = 0; rule && i < rule->header_count; i++)
        check_header(x, &rule->headers[i], errors);
    if (rule)
        check_body(x, rule, errors);
}

/* On the way of every answer: most have nothing that could be wrong. */
static bool is_plain(const struct http_exchange *x)
{
    if (x->answer.left_out.n)
        return false;
    const struct http_response_rule *rule = http_response_rule(x->operation, x->answer.status);
    return rule && !rule->media_count && !rule->header_count;
}

void http_response_check(struct http_exchange *x)
{
    struct belay_buf errors;
    const struct http_operation *op = x->operation;
    if (!op || !op->response_count || x->answer.drop || x->answer.own || is_plain(x))
        return;
    belay_buf_init(&errors, BELAY_MIB(1));
    check(x, &errors);
    if (errors.n) {
        tell(x, BELAY_HTTP_RESPONSE_INVALID, belay_buf_view(&errors));
        if (x->api->responses == BELAY_RESPONSES_ENFORCE)
            replace(x, &errors);
    }
    belay_buf_deinit(&errors);
}

void http_deprecated_tell(struct http_exchange *x)
{
    struct http_operation *op = (struct http_operation *)x->operation; /* the I/O thread's part of it */
    uint64_t now = x->host->clock->now_ms;
    op->deprecated_count++;
    if (op->deprecated_told && now - op->deprecated_at_ms < DEPRECATED_WINDOW_MS)
        return;
    char text[64];
    int n = snprintf(text, sizeof text, "%llu", (unsigned long long)op->deprecated_count);
    op->deprecated_told = true;
    op->deprecated_at_ms = now;
    tell(x, BELAY_HTTP_DEPRECATED_USED, belay_str(text, (size_t)n));
}
