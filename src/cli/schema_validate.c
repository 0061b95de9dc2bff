/* belay schema validate: a schema from the disk, with what it refers to, against instances. */
#include "cli/schema_validate.h"

#include <string.h>

enum { WARNINGS_MAX = 100 };

struct validation {
    const struct schema_options *options;
    struct belay_library *library;
    struct belay_problems problems;
    const struct belay_document *document; /* the schema's */
    struct belay_schema *schema;
    uint32_t unknown;
    bool unknown_documents;
};

static void say_problems(struct validation *v)
{
    struct belay_buf text;
    belay_buf_init(&text, BELAY_MIB(1));
    for (uint32_t i = 0; i < v->problems.count; i++)
        belay_problem_write(&text, &v->problems.items[i]);
    write_buf(stderr, &text);
    belay_buf_deinit(&text);
    belay_problems_deinit(&v->problems);
    belay_problems_init(&v->problems);
}

static void say_at(struct belay_place place, const char *level, struct belay_str text)
{
    if (place.line)
        fprintf(stderr, "%.*s:%u:%u: %s: %.*s\n", BELAY_STR_ARG(place.file), place.line, place.column, level,
                BELAY_STR_ARG(text));
    else
        fprintf(stderr, "%.*s%s%s: %.*s\n", BELAY_STR_ARG(place.file), place.file.n ? ": " : "", level,
                BELAY_STR_ARG(text));
}

/* The compiler's messages end with their place: "there is no type ... at URI#/pointer". */
static void say_refusal(const struct validation *v, const char *message)
{
    struct belay_str text = belay_str_c(message);
    struct belay_place place = belay_document_place(v->document, BELAY_STR(""));
    for (const char *at = strstr(message, " at "); at; at = strstr(at + 1, " at ")) {
        struct belay_place found = belay_library_place(v->library, v->document, belay_str_c(at + 4));
        if (strchr(at, '#') && found.line) {
            place = found;
            text = belay_str(message, (size_t)(at - message));
        }
    }
    say_at(place, "error", text);
}

static void say_mistake(void *arg, const char *message)
{
    struct validation *v = arg;
    say_problems(v); /* of documents that it led to come first */
    say_refusal(v, message);
    v->unknown_documents |= strstr(message, "leads to no known document") != NULL;
}

static void unknown_keyword(void *arg, struct belay_str schema, struct belay_str keyword, struct belay_str meant)
{
    struct validation *v = arg;
    char text[256], guess[100] = "";
    if (v->unknown++ >= WARNINGS_MAX)
        return;
    if (meant.p)
        snprintf(guess, sizeof guess, "; did you mean \"%.*s\"?", BELAY_STR_ARG(meant));
    snprintf(text, sizeof text, "the keyword \"%.*s\" is not known and changes nothing%s", BELAY_STR_ARG(keyword), guess);
    struct belay_buf pointer;
    belay_buf_init(&pointer, BELAY_KIB(64));
    belay_buf_put_str(&pointer, schema);
    belay_json_pointer_push(&pointer, keyword);
    say_at(belay_library_place(v->library, v->document, belay_buf_view(&pointer)),
           v->options->strict ? "error" : "warning", belay_str_c(text));
    belay_buf_deinit(&pointer);
}

static bool dialect_of(const char *name, enum belay_schema_dialect *ret_dialect)
{
    static const struct {
        const char *name;
        enum belay_schema_dialect dialect;
    } rows[] = { { "2020-12", BELAY_SCHEMA_2020_12 }, { "2019-09", BELAY_SCHEMA_2019_09 },
                 { "draft-07", BELAY_SCHEMA_DRAFT_07 }, { "openapi-3.0", BELAY_SCHEMA_OPENAPI_30 } };
    for (size_t i = 0; name && i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].name, name) == 0) {
            *ret_dialect = rows[i].dialect;
            return true;
        }
    return !name;
}

static int compile(struct validation *v, const char *path, struct belay_schema_opt *opt)
{
    struct belay_err err = { 0 };
    int status = belay_library_open(v->library, path, &v->document, &opt->base_uri);
    if (status) {
        say_problems(v);
        return status == BELAY_NOTFOUND || status == BELAY_IO ? EXIT_IO_ : EXIT_CONFIG_;
    }
    const belay_json *root = belay_document_root(v->document);
    opt->resolve = belay_library_resolve;
    opt->resolve_arg = v->library;
    opt->unknown_keyword = unknown_keyword;
    opt->unknown_keyword_arg = v;
    opt->assert_formats = !v->options->no_formats;
    opt->mistake = say_mistake;
    opt->mistake_arg = v;
    status = belay_schema_compile(root, root, opt, &v->schema, &err);
    if (status && status != BELAY_INVALID && status != BELAY_UNSUPPORTED)
        say_mistake(v, err.msg); /* a limit */
    if (v->unknown_documents)
        fprintf(stderr, "Nothing is fetched: a document lies beside the one that names it, or in the folder of --remotes "
                        "as HOST/PATH (example.com/schemas/item.json).\n");
    say_problems(v);
    return status || (v->unknown && v->options->strict) ? EXIT_CONFIG_ : EXIT_OK;
}

static int check(struct validation *v, const char *path)
{
    struct belay_document *instance;
    struct belay_arena arena;
    int status = belay_document_read(path, &instance, &v->problems);
    if (status) {
        say_problems(v);
        return status == BELAY_NOTFOUND || status == BELAY_IO ? EXIT_IO_ : EXIT_NO;
    }
    belay_arena_init(&arena, 0, BELAY_MIB(64));
    struct belay_schema_faults faults = { .arena = &arena, .count_max = 100 };
    bool ok = belay_schema_valid(v->schema, belay_document_root(instance), &faults);
    schema_report(&(struct schema_report){ v->library, v->document, instance, path, &faults, v->options->json,
                                           v->options->output && strcmp(v->options->output, "detailed") == 0 });
    belay_arena_deinit(&arena);
    belay_document_free(instance);
    return ok ? EXIT_OK : EXIT_NO;
}

int schema_validate(const struct schema_options *options, char **paths, int count)
{
    struct validation v = { .options = options };
    struct belay_schema_opt opt = { 0 };
    const char *output = options->output ? options->output : "basic";
    if (count < 2)
        return usage_error("schema", "which schema, which instances?");
    if (strcmp(output, "basic") != 0 && strcmp(output, "detailed") != 0)
        return usage_error("schema", "--output is basic or detailed");
    if (!dialect_of(options->dialect, &opt.dialect))
        return usage_error("schema", "--dialect is 2020-12, 2019-09, draft-07 or openapi-3.0");
    belay_problems_init(&v.problems);
    v.library = belay_library_new(options->remotes, &v.problems);
    bool looked = v.library && !v.problems.count; /* else the folder of the remotes is not there */
    say_problems(&v);
    int code = looked ? compile(&v, paths[0], &opt) : EXIT_IO_;
    for (int i = 1, one; i < count && (code == EXIT_OK || code == EXIT_NO || code == EXIT_IO_) && v.schema; i++) {
        one = check(&v, paths[i]);
        code = one > code ? one : code;
    }
    belay_schema_free(v.schema);
    belay_library_free(v.library);
    belay_problems_deinit(&v.problems);
    return code;
}
