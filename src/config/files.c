#include <dirent.h> /* allow: dirent.h - a folder's own files */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h> /* allow: sys/stat.h - is it a folder? */

#include "base/limits.h"
#include "config/load.h"

static int fail_errno(struct belay_err *err, const char *path)
{
    char reason[128];
    int number = errno;
    return belay_fail(err, number == ENOENT ? BELAY_NOTFOUND : BELAY_IO, "%s: %s", path,
                      strerror_r(number, reason, sizeof reason));
}

int config_read_stream(FILE *f, const char *path, struct belay_buf *out, struct belay_err *err)
{
    for (;;) {
        char *to = belay_buf_reserve(out, 4096);
        if (!to)
            return belay_fail(err, out->status, "%s: %s", path,
                              out->status == BELAY_LIMIT ? "too large" : "out of memory");
        size_t n = fread(to, 1, 4096, f);
        out->n += n;
        if (ferror(f))
            return fail_errno(err, path);
        if (n == 0)
            return BELAY_OK;
    }
}

int config_read_disk(const char *path, struct belay_buf *out, struct belay_err *err)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return fail_errno(err, path);
    if (!S_ISREG(st.st_mode)) /* a pipe would be waited for, perhaps for ever */
        return belay_fail(err, BELAY_INVALID, "%s: is %s", path, S_ISDIR(st.st_mode) ? "a folder" : "no regular file");
    FILE *f = fopen(path, "rb");
    if (!f)
        return fail_errno(err, path);
    int status = config_read_stream(f, path, out, err);
    fclose(f);
    return status;
}

int config_read_bytes(struct config *c, const char *path, struct belay_buf *out,
                      struct belay_err *err)
{
    return c->opt->read ? c->opt->read(c->opt->read_arg, path, out, err)
                        : config_read_disk(path, out, err);
}

static struct config_file *file_new(struct config *c, const char *path)
{
    struct config_file *file = config_scratch(c, sizeof *file);
    if (!file)
        return NULL;
    file->path = belay_arena_str(&c->scratch, belay_str_c(path));
    if (!file->path.p) {
        config_no_memory(c);
        return NULL;
    }
    return file;
}

/* Reads path whole, named for people as it is. NULL: a problem at `from` (or without one). */
static struct config_file *config_read(struct config *c, const char *path, const struct config_node *from)
{
    struct config_file *file = file_new(c, path);
    struct belay_buf bytes;
    struct belay_err err = { 0 };
    if (!file)
        return NULL;
    belay_buf_init(&bytes, BELAY_CONFIG_FILE_BYTES_MAX);
    int status = config_read_bytes(c, path, &bytes, &err);
    belay_buf_put_c(&bytes, '\n');
    if (!status)
        status = belay_buf_status(&bytes);
    if (!status) {
        file->source = belay_arena_str(&c->scratch, belay_buf_view(&bytes));
        status = file->source.p ? BELAY_OK : BELAY_NOMEM;
        file->source.n -= !status; /* the newline lies behind it */
    }
    belay_buf_deinit(&bytes);
    if (status == BELAY_NOMEM) {
        config_no_memory(c);
    } else if (status) {
        config_error(c->problems,
                     from ? config_place(from) : (struct belay_place){ file->path, 0, 0 }, "file",
                     "the file cannot be read: %s", err.msg);
    }
    return status ? NULL : file;
}

struct belay_str config_resolve(struct config *c, const struct config_file *file,
                                struct belay_str path)
{
    size_t folder = file->path.n;
    while (folder && file->path.p[folder - 1] != '/')
        folder--;
    if (path.n && path.p[0] == '/')
        folder = 0;
    struct belay_str full = belay_arena_printf(&c->scratch, "%.*s%.*s", (int)folder, file->path.p,
                                               BELAY_STR_ARG(path));
    if (!full.p)
        config_no_memory(c);
    return full;
}

/* ---- trees ---- */

static const struct config_node *json_tree(struct config *c, const struct config_file *file)
{
    const belay_json *root;
    struct belay_json_place place = { 0 };
    struct belay_err err = { 0 };
    int status = belay_json_parse(file->source, NULL, &c->scratch, &root, &place, &err);
    if (!status) {
        const struct config_node *tree = config_node_of_json(root, file, &c->scratch);
        if (!tree)
            config_no_memory(c);
        return tree;
    }
    const char *said = strncmp(err.msg, "line ", 5) == 0 ? strstr(err.msg, ": ") : NULL; /* the place is told beside it */
    if (status == BELAY_NOMEM)
        config_no_memory(c);
    else
        config_error(c->problems, (struct belay_place){ file->path, place.line, place.column },
                     "json", "%s", said ? said + 2 : err.msg);
    return NULL;
}

static const struct config_node *yaml_tree(struct config *c, const struct config_file *file)
{
    int status;
    const struct config_node *tree = config_yaml(file, &c->scratch, c->problems, &status);
    if (status == BELAY_NOMEM)
        config_no_memory(c);
    return tree;
}

const struct config_node *config_read_tree(struct config *c, struct belay_str path,
                                           const struct config_node *from)
{
    struct config_file *file = config_read(c, path.p, from);
    if (!file)
        return NULL;
    return belay_str_ends(path, BELAY_STR(".json")) ? json_tree(c, file) : yaml_tree(c, file);
}

/* ---- what the options name ---- */

struct listing {
    struct config *c;
    struct config_tree *first, **end;
    uint32_t count;
};

static void add_file(struct listing *l, const char *path)
{
    if (l->count++ == BELAY_CONFIG_FILES_MAX) {
        config_error(l->c->problems, (struct belay_place){ belay_str_c(path), 0, 0 }, "limit",
                     "more than %d files", BELAY_CONFIG_FILES_MAX);
        return;
    }
    struct config_file *file = config_read(l->c, path, NULL);
    const struct config_node *root
        = file && l->count <= BELAY_CONFIG_FILES_MAX ? yaml_tree(l->c, file) : NULL;
    if (!root) {
        l->c->incomplete = true;
        return;
    }
    struct config_tree *tree = config_scratch(l->c, sizeof *tree);
    if (tree) {
        tree->root = root;
        *l->end = tree;
        l->end = &tree->next;
    }
}

static bool is_ours(const char *name)
{
    struct belay_str s = belay_str_c(name);
    return belay_str_eq(s, BELAY_STR("belay.yaml"))
           || (belay_str_ends(s, BELAY_STR(".belay.yaml")) && s.p[0] != '.');
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_names(struct listing *l, const char *path, DIR *folder)
{
    const char *names[BELAY_CONFIG_FILES_MAX + 1];
    size_t count = 0;
    size_t slash = path[0] && path[strlen(path) - 1] == '/';
    for (struct dirent *e; count <= BELAY_CONFIG_FILES_MAX && (e = readdir(folder));) {
        if (!is_ours(e->d_name))
            continue;
        names[count]
            = belay_arena_printf(&l->c->scratch, "%s%s%s", path, slash ? "" : "/", e->d_name).p;
        if (!names[count++]) {
            config_no_memory(l->c);
            return;
        }
    }
    qsort(names, count, sizeof *names, by_name);
    for (size_t i = 0; i < count; i++)
        add_file(l, names[i]);
    if (!count) {
        struct belay_problem *p
            = config_error(l->c->problems, (struct belay_place){ belay_str_c(path), 0, 0 }, "file",
                           "the folder holds no belay.yaml and no *.belay.yaml");
        config_suggest(l->c->problems, p, "name the files themselves, or rename them");
    }
}

static void add_path(struct listing *l, const char *path)
{
    struct stat st;
    if (l->c->opt->read || stat(path, &st) || !S_ISDIR(st.st_mode)) {
        add_file(l, path);
        return;
    }
    DIR *folder = opendir(path);
    if (!folder) {
        struct belay_err err = { 0 };
        (void)!fail_errno(&err, path);
        config_error(l->c->problems, (struct belay_place){ belay_str_c(path), 0, 0 }, "file",
                     "the folder cannot be read: %s", err.msg);
        return;
    }
    add_names(l, path, folder);
    closedir(folder);
}

struct config_tree *config_read_all(struct config *c)
{
    struct listing l = { .c = c, .end = NULL };
    l.end = &l.first;
    for (uint32_t i = 0; i < c->opt->path_count; i++)
        add_path(&l, c->opt->paths[i]);
    return l.first;
}
