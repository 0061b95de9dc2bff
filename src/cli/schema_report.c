/* Faults of one instance: lines for people, or one line of JSON. */
#include <inttypes.h>

#include "cli/schema_validate.h"

static void put_place(struct belay_buf *out, struct belay_place place)
{
    if (place.line)
        belay_buf_printf(out, "%.*s:%" PRIu32 ":%" PRIu32 ": ", BELAY_STR_ARG(place.file), place.line, place.column);
    else if (place.file.n)
        belay_buf_printf(out, "%.*s: ", BELAY_STR_ARG(place.file));
}

static void write_text(const struct schema_report *r, struct belay_buf *out)
{
    const struct belay_schema_faults *f = r->faults;
    for (size_t i = 0; i < f->count; i++) {
        const struct belay_schema_fault *fault = &f->items[i];
        put_place(out, belay_document_place(r->instance, fault->instance));
        belay_buf_printf(out, "%.*s%s%.*s\n", BELAY_STR_ARG(fault->instance), fault->instance.n ? ": " : "",
                         BELAY_STR_ARG(fault->message));
        if (!r->detailed)
            continue;
        belay_buf_put_str(out, BELAY_STR("    says "));
        put_place(out, belay_library_place(r->library, r->schema, fault->schema));
        belay_buf_printf(out, "%s%.*s\n", fault->schema.n && fault->schema.p[0] == '/' ? "#" : "",
                         BELAY_STR_ARG(fault->schema));
    }
    if (f->count == 0)
        belay_buf_printf(out, "%s: valid\n", r->path);
    else
        belay_buf_printf(out, "%s: %zu fault%s\n", r->path, f->count + f->dropped,
                         f->count + f->dropped == 1 ? "" : "s");
}

/* ---- JSON ---- */

static void put_member(struct belay_json_out *o, const char *name, struct belay_str text)
{
    belay_json_key(o, name);
    belay_json_put_str(o, text);
}

static void put_line(struct belay_json_out *o, struct belay_place place)
{
    if (!place.line)
        return;
    belay_json_key(o, "line");
    belay_json_put_uint(o, place.line);
    belay_json_key(o, "column");
    belay_json_put_uint(o, place.column);
}

static void put_keyword(const struct schema_report *r, struct belay_json_out *o, const struct belay_schema_fault *fault)
{
    put_member(o, "keywordLocation", fault->schema);
    put_member(o, "error", fault->message);
    struct belay_place place = belay_library_place(r->library, r->schema, fault->schema);
    if (!r->detailed || !place.line)
        return;
    belay_json_key(o, "schema");
    belay_json_begin_object(o);
    put_member(o, "file", place.file);
    put_line(o, place);
    belay_json_end_object(o);
}

/* Faults of one place of the instance that follow one another belong together. */
static void write_errors(const struct schema_report *r, struct belay_json_out *o)
{
    const struct belay_schema_faults *f = r->faults;
    for (size_t i = 0; i < f->count;) {
        const struct belay_schema_fault *first = &f->items[i];
        belay_json_begin_object(o);
        put_member(o, "instanceLocation", first->instance);
        put_line(o, belay_document_place(r->instance, first->instance));
        if (!r->detailed) {
            put_keyword(r, o, first);
            i++;
        } else {
            belay_json_key(o, "errors");
            belay_json_begin_array(o);
            for (; i < f->count && belay_str_eq(f->items[i].instance, first->instance); i++) {
                belay_json_begin_object(o);
                put_keyword(r, o, &f->items[i]);
                belay_json_end_object(o);
            }
            belay_json_end_array(o);
        }
        belay_json_end_object(o);
    }
}

static void write_json(const struct schema_report *r, struct belay_buf *out)
{
    struct belay_json_out o = belay_json_out(out);
    belay_json_begin_object(&o);
    put_member(&o, "instance", belay_str_c(r->path));
    belay_json_key(&o, "valid");
    belay_json_put_bool(&o, r->faults->count == 0);
    if (r->faults->count) {
        belay_json_key(&o, "errors");
        belay_json_begin_array(&o);
        write_errors(r, &o);
        belay_json_end_array(&o);
    }
    if (r->faults->dropped) {
        belay_json_key(&o, "more");
        belay_json_put_uint(&o, r->faults->dropped);
    }
    belay_json_end_object(&o);
    belay_buf_put_c(out, '\n');
}

void schema_report(const struct schema_report *r)
{
    struct belay_buf out;
    belay_buf_init(&out, BELAY_MIB(64));
    if (r->json)
        write_json(r, &out);
    else
        write_text(r, &out);
    write_buf(stdout, &out);
    belay_buf_deinit(&out);
}
