/* openapi_ref.c - where the compiler is in the document, and what a reference in it names. */
#include <stdio.h>

#include "connector/http/openapi_impl.h"
#include "connector/http/text.h"

#define REF_CHAIN_MAX 16

int openapi_refuse(struct openapi_compile *c, int status, const char *what)
{
    return belay_fail(c->err, status, "openapi: %.*s: %s", BELAY_STR_ARG(belay_buf_view(&c->place)),
                      what);
}

int openapi_go_on(struct openapi_compile *c, int status, size_t mark)
{
    if (!status || status == BELAY_NOMEM || !c->opt->mistake)
        return status;
    if (status != BELAY_NOTFOUND)
        c->opt->mistake(c->opt->arg, c->err->msg);
    c->mistake = c->mistake ? c->mistake : status;
    openapi_leave(c, mark);
    return BELAY_OK;
}

int openapi_no_memory(struct openapi_compile *c)
{
    return openapi_refuse(c, BELAY_NOMEM, "out of memory");
}

size_t openapi_enter(struct openapi_compile *c, struct belay_str token)
{
    size_t mark = c->place.n;
    belay_json_pointer_push(&c->place, token);
    return mark;
}

size_t openapi_enter_index(struct openapi_compile *c, size_t index)
{
    size_t mark = c->place.n;
    belay_json_pointer_push_index(&c->place, index);
    return mark;
}

void openapi_leave(struct openapi_compile *c, size_t mark)
{
    c->place.n = mark;
}

struct belay_str openapi_text(const belay_json *v, const char *name)
{
    const belay_json *member = belay_json_get(v, belay_str_c(name));
    return member && member->type == BELAY_JSON_STRING ? belay_json_str(member) : BELAY_STR_NONE;
}

bool openapi_is_true(const belay_json *v, const char *name)
{
    const belay_json *member = belay_json_get(v, belay_str_c(name));
    return member && member->type == BELAY_JSON_TRUE;
}

const char *openapi_meant(const belay_json *names, struct belay_str wrong, char room[64])
{
    const belay_json *key = names && names->type == BELAY_JSON_OBJECT ? belay_json_first(names) : NULL;
    unsigned best = (unsigned)(wrong.n < 9 ? wrong.n : 9) / 3 + 1;
    room[0] = '\0';
    for (uint32_t i = 0; key && i < names->n; i++, key = belay_json_next(key + 1)) {
        struct belay_str name = belay_json_str(key);
        unsigned distance = name.n < 48 && wrong.n < 48 ? belay_str_distance(wrong, name, best) : best;
        if (distance >= best)
            continue;
        best = distance;
        snprintf(room, 64, "; did you mean '%.*s'?", BELAY_STR_ARG(name));
    }
    return room;
}

static int refuse_reference(struct openapi_compile *c, struct belay_str ref, struct belay_str pointer)
{
    char text[300], meant[64];
    size_t slash = pointer.n;
    while (slash && pointer.p[slash - 1] != '/')
        slash--;
    const belay_json *owner = slash ? belay_json_pointer(c->document, belay_str_sub(pointer, 0, slash - 1)) : NULL;
    snprintf(text, sizeof text, "the reference %.*s leads to nothing%s", (int)(ref.n < 200 ? ref.n : 200), ref.p,
             openapi_meant(owner, belay_str_sub(pointer, slash, pointer.n), meant));
    return openapi_refuse(c, BELAY_INVALID, text);
}

/* Follows {"$ref": "#/..."} to what it names. */
int openapi_follow(struct openapi_compile *c, const belay_json *v, const belay_json **ret_v)
{
    for (int i = 0; i < REF_CHAIN_MAX; i++) {
        struct belay_str ref = openapi_text(v, "$ref");
        if (!ref.p) {
            *ret_v = v;
            return BELAY_OK;
        }
        struct belay_str pointer = BELAY_STR_NONE;
        if (ref.n == 0 || ref.p[0] != '#')
            return openapi_refuse(c, c->opt->unread ? BELAY_NOTFOUND : BELAY_UNSUPPORTED, "$ref to another document");
        int status = http_decode(&c->api->arena, belay_str_sub(ref, 1, ref.n), false, &pointer);
        v = status ? NULL : belay_json_pointer(c->document, pointer);
        if (!v)
            return refuse_reference(c, ref, pointer);
    }
    return openapi_refuse(c, BELAY_INVALID, "$ref goes in a circle");
}

static void schema_mistake(void *arg, const char *message)
{
    struct openapi_compile *c = arg;
    int status = openapi_refuse(c, BELAY_INVALID, message);
    c->opt->mistake(c->opt->arg, c->err->msg);
    c->mistake = c->mistake ? c->mistake : status;
}

int openapi_schema(struct openapi_compile *c, const belay_json *schema, struct belay_schema **ret_schema)
{
    const struct belay_schema_opt opt = { .assert_formats = true, .dialect = c->dialect,
                                          .direction = c->direction,
                                          .mistake = c->opt->mistake ? schema_mistake : NULL, .mistake_arg = c,
                                          .resolve = c->opt->unread ? belay_schema_anything : NULL,
                                          .unknown_keyword = c->opt->unknown_keyword,
                                          .unknown_keyword_arg = c->opt->arg };
    struct belay_err inner;
    belay_err_clear(&inner);
    int status = belay_schema_compile(c->document, schema, &opt, ret_schema, &inner);
    bool told = opt.mistake && (status == BELAY_INVALID || status == BELAY_UNSUPPORTED);
    return status && !told ? openapi_refuse(c, status, inner.msg) : BELAY_OK;
}

int openapi_shape(struct openapi_compile *c, const belay_json *schema, struct http_shape *ret_shape)
{
    return http_shape_of(&c->api->arena, c->document, schema, ret_shape) ? openapi_no_memory(c) : BELAY_OK;
}
