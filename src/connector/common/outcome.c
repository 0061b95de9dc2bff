#include "connector/common/outcome.h"

#include "base/alloc.h"
#include "base/assert.h"

struct belay_str belay_call_param(const struct belay_call_request *request, struct belay_str name)
{
    for (uint32_t i = 0; i < request->param_count; i++)
        if (belay_str_eq(request->params[i].name, name))
            return request->params[i].value;
    return BELAY_STR_NONE;
}

const struct belay_option_value *belay_connection_option(const struct belay_connection_config *config,
                                                         struct belay_str name)
{
    for (uint32_t i = 0; i < config->option_count; i++)
        if (belay_str_eq(belay_str_c(config->options[i].option->name), name))
            return &config->options[i];
    return NULL;
}

/* Layout of a copy: the struct, its fields, then all texts one after the other. */
static size_t texts_size(const struct belay_call_outcome *o)
{
    size_t n = o->type.n + o->description.n + o->endpoint.n + o->body.n;
    for (uint32_t i = 0; i < o->header_count; i++)
        n += o->headers[i].name.n + o->headers[i].value.n;
    return n;
}

static struct belay_str move_text(char **at, struct belay_str s)
{
    char *p = *at;
    if (s.n)
        memcpy(p, s.p, s.n);
    *at += s.n;
    return belay_str(p, s.n);
}

struct belay_call_outcome *belay_call_outcome_copy(const struct belay_call_outcome *outcome)
{
    size_t fields_bytes = outcome->header_count * sizeof(struct belay_field);
    size_t texts_bytes = texts_size(outcome);
    struct belay_call_outcome *copy = belay_malloc(sizeof *copy + fields_bytes + texts_bytes);
    if (!copy)
        return NULL;
    *copy = *outcome;
    struct belay_field *fields = (struct belay_field *)(copy + 1);
    char *at = (char *)fields + fields_bytes;
    copy->type = move_text(&at, outcome->type);
    copy->description = move_text(&at, outcome->description);
    copy->endpoint = move_text(&at, outcome->endpoint);
    for (uint32_t i = 0; i < outcome->header_count; i++) {
        fields[i].name = move_text(&at, outcome->headers[i].name);
        fields[i].value = move_text(&at, outcome->headers[i].value);
    }
    copy->headers = fields;
    copy->body = move_text(&at, outcome->body);
    BELAY_ASSERT(at == (char *)fields + fields_bytes + texts_bytes);
    return copy;
}

void belay_call_outcome_free(struct belay_call_outcome *outcome)
{
    belay_free(outcome);
}
