/* form.c - a form, urlencoded or multipart, becomes a JSON object: flows see members, and what is stored
 * does not depend on a boundary chosen at random. */
#include <openssl/evp.h>

#include "connector/http/multipart.h"
#include "connector/http/problem.h"
#include "connector/http/text.h"
#include "connector/http/validate.h"

struct form {
    struct belay_http_request *r;
    const struct http_media_rule *rule;
    struct http_tape tape;
    uint32_t members;
    struct belay_buf *errors;
    bool invalid;
    struct belay_err *err;
};

static int no_memory(struct form *f)
{
    return belay_fail(f->err, BELAY_NOMEM, "out of memory");
}

static void fault(struct form *f, struct belay_str name, const char *detail)
{
    struct belay_buf pointer;
    belay_buf_init(&pointer, BELAY_KIB(64));
    belay_json_pointer_push(&pointer, name);
    http_fault_pointer(f->errors, belay_buf_view(&pointer), belay_str_c(detail));
    belay_buf_deinit(&pointer);
}

static const struct http_shape *shape_of(const struct form *f, struct belay_str name)
{
    static const struct http_shape anything;
    const struct http_shape *s = http_shape_member(&f->rule->shape, name);
    return s ? s : f->rule->shape.others ? f->rule->shape.others : &anything;
}

/* A field's JSON; what is none stays a string, and the fault says so. */
static int put_json(struct form *f, struct belay_str name, struct belay_str text)
{
    const belay_json *v;
    int status = belay_json_parse(text, NULL, f->r->arena, &v, NULL, NULL);
    if (status == BELAY_NOMEM)
        return no_memory(f);
    if (status) {
        fault(f, name, "is no JSON");
        f->invalid = true; /* what its schema would say of it is no news */
        http_tape_string(&f->tape, BELAY_STR(""));
    } else {
        http_tape_value(&f->tape, v);
    }
    return BELAY_OK;
}

/* ---- application/x-www-form-urlencoded ---- */

static bool is_field(const void *arg, struct belay_str name)
{
    const struct form *f = arg;
    return http_shape_member(&f->rule->shape, name) != NULL;
}

static int put_field(struct form *f, const struct http_field_rule *field, struct http_pairs *pairs, bool *ret_found)
{
    const struct http_written w = { .style = field->style, .explode = field->explode, .plus = true,
                                    .name = field->name, .shape = &field->shape };
    *ret_found = false;
    if (!field->json)
        return http_written_pairs(&w, pairs, is_field, f, &f->tape, ret_found);
    for (uint32_t i = 0; i < pairs->count; i++) {
        struct belay_str text;
        if (!belay_str_eq(pairs->items[i].name, field->name))
            continue;
        int status = *ret_found ? BELAY_OK : http_decode(f->r->arena, pairs->items[i].raw, true, &text);
        if (!status && !*ret_found)
            status = put_json(f, field->name, text);
        pairs->items[i].taken = *ret_found = true;
        if (status)
            return status == BELAY_INVALID ? BELAY_SYNTAX : status;
    }
    return BELAY_OK;
}

/* Fields that the schema does not list; repeated ones are an array. */
static int put_others(struct form *f, struct http_pairs *pairs)
{
    const struct http_shape *others = f->rule->shape.others;
    for (uint32_t i = 0; i < pairs->count; i++) {
        struct http_pair *pair = &pairs->items[i];
        bool repeated = false;
        if (pair->taken)
            continue;
        for (uint32_t k = i + 1; k < pairs->count && !repeated; k++)
            repeated = belay_str_eq(pairs->items[k].name, pair->name);
        struct http_shape shape = others ? *others : (struct http_shape){ .types = 0 };
        struct http_shape array = { .types = HTTP_TYPE_ARRAY, .items = &shape };
        const struct http_written w = { .style = HTTP_FORM, .explode = true, .plus = true, .name = pair->name,
                                        .shape = repeated ? &array : &shape };
        bool found;
        http_tape_string(&f->tape, pair->name);
        int status = http_written_pairs(&w, pairs, is_field, f, &f->tape, &found);
        if (status)
            return status;
        f->members++;
    }
    return BELAY_OK;
}

static int read_urlencoded(struct form *f)
{
    struct http_pairs pairs;
    int status = http_pairs_parse(f->r->body, '&', true, BELAY_HTTP_FORM_FIELDS_MAX, f->r->arena, &pairs);
    for (uint32_t i = 0; !status && i < f->rule->field_count; i++) {
        size_t before = f->tape.n;
        bool found;
        http_tape_string(&f->tape, f->rule->fields[i].name);
        status = put_field(f, &f->rule->fields[i], &pairs, &found);
        f->members += found;
        if (!found && !f->tape.failed)
            f->tape.n = before;
    }
    if (!status)
        status = put_others(f, &pairs);
    if (status == BELAY_LIMIT)
        return belay_fail(f->err, status, "the form has more than %d fields", BELAY_HTTP_FORM_FIELDS_MAX);
    if (status && status != BELAY_NOMEM)
        return belay_fail(f->err, BELAY_SYNTAX, "the form is not percent-encoded UTF-8, or a field not in its style");
    return status ? no_memory(f) : BELAY_OK;
}

/* ---- multipart/form-data ---- */

static int put_base64(struct form *f, struct belay_str bytes)
{
    char *to = belay_arena_bytes(f->r->arena, (bytes.n + 2) / 3 * 4 + 1);
    if (!to)
        return no_memory(f);
    int n = EVP_EncodeBlock((unsigned char *)to, (const unsigned char *)(bytes.n ? bytes.p : ""), (int)bytes.n);
    http_tape_string(&f->tape, belay_str(to, (size_t)n));
    return BELAY_OK;
}

static const struct http_field_rule *field_of(const struct form *f, struct belay_str name)
{
    for (uint32_t i = 0; i < f->rule->field_count; i++)
        if (belay_str_eq(f->rule->fields[i].name, name))
            return &f->rule->fields[i];
    return NULL;
}

static bool type_fits(struct belay_str allowed, struct belay_str type)
{
    while (allowed.p) {
        struct belay_str range = belay_str_trim(belay_str_split(&allowed, ','));
        if (http_media_matches(http_media_type(range), type))
            return true;
    }
    return false;
}

static int put_part(struct form *f, const struct http_field_rule *field, const struct http_part *part,
                    const struct http_shape *shape)
{
    struct belay_str type = http_media_type(part->content_type);
    bool object = (shape->types & HTTP_TYPE_OBJECT) && !(shape->types & HTTP_TYPE_STRING);
    if (field && field->content_type.n && type.n && !type_fits(field->content_type, type))
        fault(f, part->name, "its part has another content type than is taken here");
    if (type.n ? http_media_is_json(type) : object || (field && field->json))
        return put_json(f, part->name, part->body);
    bool text = (!type.n || http_media_kind(type) == HTTP_MEDIA_TEXT) && http_is_utf8(part->body);
    if (!text)
        return put_base64(f, part->body);
    http_tape_text(&f->tape, part->body, shape->types);
    return BELAY_OK;
}

/* The part and those of the same name behind it. */
static int put_parts(struct form *f, struct http_part *parts, uint32_t count, uint32_t first)
{
    struct belay_str name = parts[first].name;
    const struct http_shape *shape = shape_of(f, name), *item = shape;
    const struct http_field_rule *field = field_of(f, name);
    static const struct http_shape anything;
    uint32_t same = 0;
    for (uint32_t i = first; i < count; i++)
        same += belay_str_eq(parts[i].name, name);
    bool array = (shape->types & HTTP_TYPE_ARRAY) && !http_media_is_json(http_media_type(parts[first].content_type));
    if (array)
        item = shape->items ? shape->items : &anything;
    http_tape_string(&f->tape, name);
    size_t at = array || same > 1 ? http_tape_open(&f->tape, BELAY_JSON_ARRAY) : SIZE_MAX;
    int status = BELAY_OK;
    for (uint32_t i = first; i < count && !status; i++) {
        if (!belay_str_eq(parts[i].name, name))
            continue;
        parts[i].taken = true;
        status = put_part(f, field, &parts[i], item);
    }
    if (at != SIZE_MAX)
        http_tape_close(&f->tape, at, same);
    f->members++;
    return status;
}

static int read_multipart(struct form *f)
{
    struct http_part *parts = NULL;
    uint32_t count = 0;
    int status = http_multipart_parse(f->r->content_type, f->r->body, f->r->arena, &parts, &count, f->err);
    for (uint32_t i = 0; i < count && !status; i++)
        if (!parts[i].taken)
            status = put_parts(f, parts, count, i);
    return status;
}

/* ---- both ---- */

static int replace_body(struct form *f)
{
    struct belay_buf text;
    belay_buf_init(&text, BELAY_MESSAGE_BYTES_MAX);
    belay_json_write(&text, http_tape_root(&f->tape));
    int status = belay_buf_status(&text);
    struct belay_str body = status ? BELAY_STR_NONE : belay_arena_str(f->r->arena, belay_buf_view(&text));
    belay_buf_deinit(&text);
    if (status == BELAY_LIMIT)
        return belay_fail(f->err, status, "the form is too large as JSON");
    if (!body.p)
        return no_memory(f);
    f->r->body = body;
    f->r->content_type = BELAY_STR("application/json");
    f->r->body_json = http_tape_root(&f->tape);
    return BELAY_OK;
}

int http_form_body(struct belay_http_request *r, const struct http_media_rule *rule, struct belay_buf *errors,
                   struct belay_err *err)
{
    struct form f = { .r = r, .rule = rule, .errors = errors, .err = err };
    f.tape = http_tape(r->arena, 64);
    size_t at = http_tape_open(&f.tape, BELAY_JSON_OBJECT);
    bool multipart = http_media_kind(http_media_type(r->content_type)) == HTTP_MEDIA_MULTIPART;
    int status = multipart ? read_multipart(&f) : read_urlencoded(&f);
    if (status)
        return status;
    http_tape_close(&f.tape, at, f.members);
    if (f.tape.failed)
        return no_memory(&f);
    status = replace_body(&f);
    return status ? status : f.invalid ? BELAY_INVALID : BELAY_OK;
}
