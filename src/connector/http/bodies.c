/* bodies.c - a request's body by its media type: JSON and text; forms are form.c's. */
#include "base/assert.h"
#include "connector/http/problem.h"
#include "connector/http/text.h"
#include "connector/http/validate.h"

const struct http_media_rule *http_media_rule(const struct http_media_rule *rules, uint32_t count,
                                              struct belay_str content_type)
{
    struct belay_str type = http_media_type(content_type);
    const struct http_media_rule *best = NULL;
    for (uint32_t i = 0; type.n && i < count; i++) {
        const struct http_media_rule *rule = &rules[i];
        if (belay_str_eq_nocase(rule->range, type))
            return rule;
        bool narrower = best && best->range.p[0] == '*' && rule->range.n && rule->range.p[0] != '*';
        if ((!best || narrower) && http_media_matches(rule->range, type))
            best = rule;
    }
    return best;
}

int http_parse_body(struct belay_http_request *r, struct belay_err *err)
{
    struct belay_err inner;
    if (!r->body.n || !http_media_is_json(http_media_type(r->content_type)))
        return BELAY_OK;
    int status = belay_json_parse(r->body, NULL, r->arena, &r->body_json, NULL, &inner);
    if (!status)
        return BELAY_OK;
    r->body_json = NULL;
    if (status == BELAY_NOMEM)
        return belay_fail(err, status, "out of memory");
    return belay_fail(err, status, "the body is no JSON: %s", inner.msg);
}

int http_validate_value(const struct belay_schema *schema, const belay_json *value, struct belay_arena *arena,
                        struct belay_buf *errors)
{
    struct belay_schema_faults faults = { .arena = arena };
    BELAY_ASSERT(schema && value);
    if (belay_schema_valid(schema, value, &faults))
        return BELAY_OK;
    for (size_t i = 0; i < faults.count; i++)
        http_fault_pointer(errors, faults.items[i].instance, faults.items[i].message);
    return BELAY_INVALID;
}

int http_validate_text(const struct http_media_rule *rule, struct belay_str text, struct belay_arena *arena,
                       struct belay_buf *errors)
{
    struct http_tape t = http_tape(arena, 1);
    if (!http_is_utf8(text)) {
        http_fault_pointer(errors, BELAY_STR(""), BELAY_STR("the text is no UTF-8"));
        return BELAY_INVALID;
    }
    http_tape_text(&t, text, rule->shape.types);
    if (t.failed)
        return BELAY_NOMEM;
    return http_validate_value(rule->schema, http_tape_root(&t), arena, errors);
}
