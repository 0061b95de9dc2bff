/* XML to values by expat.  The mapping, which xml_write.c turns round (docs/expressions.md):
 *
 *   element with text only      its text
 *   attribute                   member "@name"
 *   child element               member of its name; several of one name are an array
 *   text beside other things    member "#text"
 *   comment, instruction        members "#comment", "?target"
 *   order, where it is lost     member "#order": the names of all children in their order
 *
 * Members stand in the order in which the document names them first; so order is lost only where
 * children of one name do not stand together.  Blank text between elements is layout and goes,
 * unless xml:space is preserve.  A document type is refused: no entity is ever declared, let alone
 * fetched or expanded. */
#include <expat.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "expr/formats.h"

struct element {
    struct element *up;
    struct belay_value name;
    struct belay_value_object *attributes;
    struct belay_value_array *children; /* name, value, name, value ... */
    struct text text;                   /* collected since the last child */
    bool preserve, written, others;     /* text that is not blank; children that are no text */
};

struct reader {
    struct run *run;
    XML_Parser parser;
    struct element *top;
    uint32_t depth;
};

#define TEXT BELAY_STR("#text")

static void stop(struct reader *r)
{
    XML_StopParser(r->parser, XML_FALSE);
}

static void no_memory(struct reader *r)
{
    run_nomem(r->run);
    stop(r);
}

static bool is_blank(struct belay_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!strchr(" \t\r\n", s.p[i]))
            return false;
    return true;
}

static void add_child(struct reader *r, struct element *e, struct belay_value name,
                      struct belay_value v)
{
    if (value_failed(v))
        stop(r);
    else if (!value_array_push(e->children, r->run->arena, name)
             || !value_array_push(e->children, r->run->arena, v))
        no_memory(r);
}

static void flush_text(struct reader *r)
{
    struct element *e = r->top;
    struct belay_value v = text_value(&e->text);
    e->text = (struct text){ .run = r->run };
    if (value_failed(v)) {
        stop(r);
    } else if (v.n) {
        e->written = e->written || !is_blank(value_str(v));
        add_child(r, e, belay_value_str(TEXT), v);
    }
}

static struct belay_value copy(struct reader *r, const char *prefix, const char *text)
{
    struct belay_str joined
        = belay_arena_join(r->run->arena, belay_str_c(prefix), belay_str_c(text), BELAY_STR_NONE);
    if (!joined.p)
        no_memory(r);
    return joined.p ? belay_value_str(joined) : FAILED;
}

static struct element *push(struct reader *r)
{
    struct element *e = BELAY_ARENA_NEW(r->run->arena, struct element);
    if (e) {
        e->attributes = value_object_new(r->run->arena, 4);
        e->children = value_array_new(r->run->arena, 4, 0);
        e->text.run = r->run;
        e->up = r->top;
    }
    if (!e || !e->attributes || !e->children)
        return NULL;
    return r->top = e;
}

static void on_start(void *arg, const char *name, const char **attributes)
{
    struct reader *r = arg;
    if (r->run->status)
        return;
    if (++r->depth > BELAY_EXPR_XML_DEPTH_MAX) {
        format_fail(r->run, "U3003", "elements are nested deeper than %d", BELAY_EXPR_XML_DEPTH_MAX);
        stop(r);
        return;
    }
    flush_text(r);
    r->top->others = true;
    bool preserve = r->top->preserve;
    struct element *e = push(r);
    if (!e) {
        no_memory(r);
        return;
    }
    e->preserve = preserve;
    e->name = copy(r, "", name);
    for (; *attributes && !r->run->status; attributes += 2) {
        struct belay_value key = copy(r, "@", attributes[0]), v = copy(r, "", attributes[1]);
        if (strcmp(attributes[0], "xml:space") == 0)
            e->preserve = strcmp(attributes[1], "preserve") == 0;
        if (!r->run->status && !value_object_put(e->attributes, r->run->arena, key, v))
            no_memory(r);
    }
}

/* Children into members; false: failed. */
static bool take_children(struct reader *r, struct element *e, struct belay_value_object *o)
{
    struct belay_arena *arena = r->run->arena;
    struct belay_value_array *order = value_array_new(arena, 0, 0);
    struct belay_str last = BELAY_STR_NONE;
    bool lost = false, layout = e->others && !e->written && !e->preserve;
    for (uint32_t i = 0; order && i < e->children->n; i += 2) {
        struct belay_value name = e->children->items[i];
        if (layout && belay_str_eq(value_str(name), TEXT))
            continue;
        bool again = value_object_find(o, value_str(name)) != UINT32_MAX;
        lost = lost || (again && !belay_str_eq(last, value_str(name)));
        last = value_str(name);
        if (!format_add(r->run, o, name, e->children->items[i + 1]) || !run_charge(r->run, 1))
            return false;
        if (!value_array_push(order, arena, name))
            order = NULL;
    }
    if (!order
        || (lost
            && !value_object_put(o, arena, belay_value_str(BELAY_STR("#order")),
                                 value_array(order)))) {
        run_nomem(r->run);
        return false;
    }
    return true;
}

static struct belay_value element_value(struct reader *r, struct element *e)
{
    if (!e->others && e->attributes->n == 0)
        return e->children->n ? e->children->items[1] : belay_value_str(BELAY_STR(""));
    return take_children(r, e, e->attributes) ? belay_value_object(e->attributes) : FAILED;
}

static void on_end(void *arg, const char *name)
{
    struct reader *r = arg;
    (void)name;
    if (r->run->status)
        return;
    flush_text(r);
    struct element *e = r->top;
    struct belay_value v = r->run->status ? FAILED : element_value(r, e);
    r->top = e->up;
    r->depth--;
    add_child(r, e->up, e->name, v);
}

static void on_text(void *arg, const char *p, int n)
{
    struct reader *r = arg;
    if (!r->run->status)
        text_put(&r->top->text, p, (size_t)n);
    if (r->run->status)
        stop(r);
}

static void on_comment(void *arg, const char *text)
{
    struct reader *r = arg;
    if (r->run->status)
        return;
    flush_text(r);
    r->top->others = true;
    add_child(r, r->top, belay_value_str(BELAY_STR("#comment")), copy(r, "", text));
}

static void on_instruction(void *arg, const char *target, const char *text)
{
    struct reader *r = arg;
    if (r->run->status)
        return;
    flush_text(r);
    r->top->others = true;
    add_child(r, r->top, copy(r, "?", target), copy(r, "", text));
}

static void on_document_type(void *arg, const char *name, const char *system, const char *public,
                             int internal)
{
    struct reader *r = arg;
    (void)name, (void)system, (void)public, (void)internal;
    format_fail(r->run, "U3003", "line %lu: a document type (<!DOCTYPE) is not taken",
                XML_GetCurrentLineNumber(r->parser));
    stop(r);
}

static XML_Parser parser_new(struct reader *r)
{
    static const XML_Memory_Handling_Suite heap = { belay_malloc, belay_realloc, belay_free };
    XML_Parser p = XML_ParserCreate_MM("UTF-8", &heap, NULL); /* whatever its declaration says */
    if (!p)
        return NULL;
    XML_SetHashSalt(p, (unsigned long)(r->run->env->now | 1)); /* no random bytes of the system's */
    XML_SetUserData(p, r);
    XML_SetElementHandler(p, on_start, on_end);
    XML_SetCharacterDataHandler(p, on_text);
    XML_SetCommentHandler(p, on_comment);
    XML_SetProcessingInstructionHandler(p, on_instruction);
    XML_SetStartDoctypeDeclHandler(p, on_document_type);
    XML_SetParamEntityParsing(p, XML_PARAM_ENTITY_PARSING_NEVER);
    return p;
}

static struct belay_value read_document(struct reader *r, struct belay_str text)
{
    struct belay_value_object *o = value_object_new(r->run->arena, 2);
    struct element *document = push(r);
    if (!o || !document)
        return run_nomem(r->run);
    document->others = true;
    enum XML_Status status
        = XML_Parse(r->parser, text.p ? text.p : "", (int)text.n, XML_TRUE);
    if (r->run->status)
        return FAILED;
    if (status == XML_STATUS_OK)
        return take_children(r, document, o) ? belay_value_object(o) : FAILED;
    if (XML_GetErrorCode(r->parser) == XML_ERROR_NO_MEMORY)
        return run_nomem(r->run);
    return format_fail(r->run, "U3003", "line %lu, column %lu: %s",
                       XML_GetCurrentLineNumber(r->parser),
                       XML_GetCurrentColumnNumber(r->parser) + 1,
                       XML_ErrorString(XML_GetErrorCode(r->parser)));
}

struct belay_value xml_read(struct run *run, struct belay_str text, struct belay_value opt)
{
    struct reader r = { .run = run };
    (void)opt;
    if (text.n > BELAY_JSON_BYTES_MAX)
        return format_fail(run, "U3003", "the text is longer than %zu bytes", BELAY_JSON_BYTES_MAX);
    r.parser = parser_new(&r);
    if (!r.parser)
        return run_nomem(run);
    struct belay_value v = read_document(&r, text);
    XML_ParserFree(r.parser);
    return v;
}
