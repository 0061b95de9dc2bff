/* YAML becomes a tape by way of its JSON; places come from the tree.  JSON is parsed as it is, so that
 * no digit is lost; places are counted when somebody asks. */
#include "config/document.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "config/load.h"
#include "config/node.h"

struct belay_document {
    struct belay_arena arena;
    struct config_file file;
    struct belay_str text;         /* that the tape was parsed from */
    const struct config_node *tree; /* NULL: JSON */
    const belay_json *root;
};

static bool ends_with(struct belay_str s, struct belay_str end)
{
    return s.n >= end.n && belay_str_eq(belay_str_sub(s, s.n - end.n, s.n), end);
}

static bool is_yaml(struct belay_str path)
{
    return ends_with(path, BELAY_STR(".yaml")) || ends_with(path, BELAY_STR(".yml"));
}

/* Messages begin with the path, or the line and column: the place says so already. */
static int complain(struct belay_problems *problems, struct belay_place place, int status, const char *rule,
                    const struct belay_err *err)
{
    const char *text = err->msg[0] ? err->msg : belay_status_text(status), *colon = strstr(text, ": ");
    bool begins = colon && (place.line || belay_str_starts(belay_str_c(text), place.file)
                            || belay_str_starts(belay_str_c(text), BELAY_STR("line ")));
    config_error(problems, place, status == BELAY_LIMIT ? "limit" : rule, "%s", begins ? colon + 2 : text);
    return status;
}

static int parse_json(struct belay_document *d, struct belay_problems *problems)
{
    struct belay_json_place at = { 0 };
    struct belay_err err = { 0 };
    int status = belay_json_parse(d->text, NULL, &d->arena, &d->root, &at, &err);
    if (status)
        complain(problems, (struct belay_place){ d->file.path, at.line, at.column }, status, "json", &err);
    return status == BELAY_SYNTAX ? BELAY_INVALID : status;
}

static int parse_yaml(struct belay_document *d, struct belay_problems *problems)
{
    struct belay_buf text;
    struct belay_err err = { 0 };
    int status = BELAY_INVALID;
    struct belay_place file = { d->file.path, 0, 0 };
    d->tree = config_yaml(&d->file, &d->arena, problems, &status);
    if (!d->tree)
        return status == BELAY_NOMEM ? status : BELAY_INVALID;
    belay_buf_init(&text, BELAY_JSON_BYTES_MAX);
    config_node_write(&text, d->tree, NULL);
    status = belay_buf_status(&text);
    d->text = belay_arena_str(&d->arena, belay_buf_view(&text));
    belay_buf_deinit(&text);
    if (!status && !d->text.p)
        status = BELAY_NOMEM;
    status = status ? status : belay_json_parse(d->text, NULL, &d->arena, &d->root, NULL, &err);
    return status ? complain(problems, file, status, "yaml", &err) : BELAY_OK;
}

static int read_bytes(struct belay_document *d, const char *path, size_t bytes_max, struct belay_problems *problems)
{
    struct belay_buf bytes;
    struct belay_err err = { 0 };
    belay_buf_init(&bytes, bytes_max + 1);
    int status = strcmp(path, "-") == 0 ? config_read_stream(stdin, "standard input", &bytes, &err)
                                        : config_read_disk(path, &bytes, &err);
    belay_buf_put_c(&bytes, '\n'); /* YAML's reader wants one behind it */
    status = status ? status : belay_buf_status(&bytes);
    if (!status)
        d->file.source = belay_arena_str(&d->arena, belay_buf_view(&bytes));
    belay_buf_deinit(&bytes);
    if (!status && !d->file.source.p)
        status = BELAY_NOMEM;
    if (status)
        complain(problems, (struct belay_place){ d->file.path, 0, 0 }, status, "file", &err);
    return status;
}

int belay_document_read(const char *path, struct belay_document **ret_document, struct belay_problems *problems)
{
    struct belay_document *d = belay_calloc(1, sizeof *d);
    if (!d)
        return BELAY_NOMEM;
    belay_arena_init(&d->arena, BELAY_KIB(64), BELAY_CONFIG_BYTES_MAX);
    d->file.path = belay_arena_str(&d->arena, belay_str_c(path));
    bool yaml = is_yaml(belay_str_c(path));
    int status = d->file.path.p ? BELAY_OK : BELAY_NOMEM;
    if (!status)
        status = read_bytes(d, path, yaml ? BELAY_CONFIG_FILE_BYTES_MAX : BELAY_JSON_BYTES_MAX, problems);
    d->text = belay_str_sub(d->file.source, 0, d->file.source.n ? d->file.source.n - 1 : 0);
    if (!status)
        status = yaml ? parse_yaml(d, problems) : parse_json(d, problems);
    if (status)
        belay_document_free(d);
    else
        *ret_document = d;
    return status;
}

void belay_document_free(struct belay_document *d)
{
    if (!d)
        return;
    belay_arena_deinit(&d->arena);
    belay_free(d);
}

const belay_json *belay_document_root(const struct belay_document *d)
{
    return d->root;
}

struct belay_place belay_document_place(const struct belay_document *d, struct belay_str pointer)
{
    struct belay_json_place at;
    if (d->tree)
        return config_place_of_pointer(d->tree, pointer);
    if (belay_json_place_of(d->text, d->root, pointer, &at))
        return (struct belay_place){ d->file.path, at.line, at.column };
    return (struct belay_place){ d->file.path, 0, 0 };
}
