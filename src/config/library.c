#include "config/library.h"

#include <dirent.h> /* allow: dirent.h - the folder of remotes */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h> /* allow: sys/stat.h - what lies there */

#include "base/alloc.h"
#include "base/limits.h"
#include "config/problem.h"

struct book {
    struct book *next;
    struct belay_str uri;  /* it was asked for by */
    struct belay_str path; /* NUL behind it */
    struct belay_str id;   /* its own $id; may be empty */
    struct belay_document *document;
};

struct belay_library {
    struct belay_arena arena;
    struct belay_str remotes; /* p NULL: none */
    struct book *books;
    struct belay_problems *problems;
    uint32_t count;
    bool indexed; /* every document among the remotes was read */
};

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

struct belay_library *belay_library_new(const char *remotes, struct belay_problems *problems)
{
    struct belay_library *l = belay_calloc(1, sizeof *l);
    if (!l)
        return NULL;
    belay_arena_init(&l->arena, BELAY_KIB(4), BELAY_MIB(16));
    l->problems = problems;
    l->remotes = remotes ? belay_arena_str(&l->arena, belay_str_c(remotes)) : BELAY_STR_NONE;
    if (l->remotes.p && !is_folder(remotes))
        config_error(problems, (struct belay_place){ l->remotes, 0, 0 }, "file", "there is no such folder");
    if (!remotes || l->remotes.p)
        return l;
    belay_library_free(l);
    return NULL;
}

void belay_library_free(struct belay_library *l)
{
    if (!l)
        return;
    for (struct book *b = l->books; b; b = b->next)
        belay_document_free(b->document);
    belay_arena_deinit(&l->arena);
    belay_free(l);
}

/* ---- shelves ---- */

static struct belay_str id_of(const belay_json *root)
{
    const belay_json *id = belay_json_get(root, BELAY_STR("$id"));
    struct belay_str text = id && id->type == BELAY_JSON_STRING ? belay_json_str(id) : BELAY_STR("");
    if (text.n && text.p[text.n - 1] == '#')
        text.n--;
    return text;
}

/* Reads path; uri may be empty. NULL: *ret_status and problems say why. */
static struct book *book_read(struct belay_library *l, struct belay_str path, struct belay_str uri,
                              struct belay_problems *problems, int *ret_status)
{
    struct book *b = BELAY_ARENA_NEW(&l->arena, struct book);
    *ret_status = BELAY_NOMEM;
    if (!b || !path.p || !uri.p)
        return NULL;
    if (++l->count > BELAY_CONFIG_FILES_MAX * 16) {
        config_error(problems, (struct belay_place){ path, 0, 0 }, "limit",
                     "too many documents refer to one another");
        *ret_status = BELAY_LIMIT;
        return NULL;
    }
    *ret_status = belay_document_read(path.p, &b->document, problems);
    if (*ret_status)
        return NULL;
    b->path = path;
    b->uri = uri;
    b->id = id_of(belay_document_root(b->document));
    b->next = l->books;
    l->books = b;
    return b;
}

static bool is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static const struct book *find_path(const struct belay_library *l, struct belay_str path)
{
    const struct book *b = l->books;
    while (b && !belay_str_eq(b->path, path))
        b = b->next;
    return b;
}

/* Of the file at rest among the remotes, with an extension if need be. p NULL: there is none. */
static struct belay_str path_among(struct belay_library *l, struct belay_str rest)
{
    static const char *const extensions[] = { "", ".json", ".yaml", ".yml" };
    for (int i = 0; i < 4; i++) {
        struct belay_str path =
            belay_arena_printf(&l->arena, "%.*s/%.*s%s", BELAY_STR_ARG(l->remotes), BELAY_STR_ARG(rest), extensions[i]);
        if (path.p && is_file(path.p))
            return path;
    }
    return BELAY_STR_NONE;
}

/* ---- the index of what lies among the remotes ---- */

static bool is_document(const char *name)
{
    static const char *const extensions[] = { ".json", ".yaml", ".yml" };
    struct belay_str s = belay_str_c(name);
    for (int i = 0; i < 3; i++) {
        struct belay_str e = belay_str_c(extensions[i]);
        if (s.n > e.n && belay_str_eq(belay_str_sub(s, s.n - e.n, s.n), e))
            return true;
    }
    return false;
}

/* What cannot be read is passed over: nobody asked for it by its name. */
static void index_folder(struct belay_library *l, struct belay_str folder, struct belay_problems *ignored, int depth)
{
    DIR *dir = folder.p && depth < 16 ? opendir(folder.p) : NULL;
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        struct stat st;
        struct belay_str path =
            belay_arena_printf(&l->arena, "%.*s/%s", BELAY_STR_ARG(folder), entry->d_name);
        int status;
        if (entry->d_name[0] == '.' || !path.p || stat(path.p, &st) != 0)
            continue;
        if (S_ISDIR(st.st_mode))
            index_folder(l, path, ignored, depth + 1);
        else if (S_ISREG(st.st_mode) && is_document(entry->d_name) && !find_path(l, path))
            (void)book_read(l, path, BELAY_STR(""), ignored, &status);
    }
    if (dir)
        closedir(dir);
}

static const struct book *find_uri(const struct belay_library *l, struct belay_str uri)
{
    const struct book *b = l->books;
    while (b && !(b->uri.n && belay_str_eq(b->uri, uri)) && !(b->id.n && belay_str_eq(b->id, uri)))
        b = b->next;
    return b;
}

/* ---- URIs ---- */

/* What is behind "scheme://host" or "scheme:", without a query; *ret_host may be empty. */
static struct belay_str path_of(struct belay_str uri, struct belay_str *ret_host)
{
    size_t colon = belay_str_find(uri, ':');
    struct belay_str rest = colon < uri.n ? belay_str_sub(uri, colon + 1, uri.n) : uri;
    *ret_host = BELAY_STR("");
    if (belay_str_starts(rest, BELAY_STR("//"))) {
        rest = belay_str_sub(rest, 2, rest.n);
        size_t slash = belay_str_find(rest, '/');
        *ret_host = belay_str_sub(rest, 0, slash);
        rest = belay_str_sub(rest, slash, rest.n);
    }
    while (rest.n && rest.p[0] == '/')
        rest = belay_str_sub(rest, 1, rest.n);
    return belay_str_sub(rest, 0, belay_str_find(rest, '?'));
}

static bool climbs(struct belay_str path)
{
    for (struct belay_str rest = path; rest.n;)
        if (belay_str_eq(belay_str_split(&rest, '/'), BELAY_STR("..")))
            return true;
    return false;
}

static struct belay_str folder_of(struct belay_str path)
{
    while (path.n && path.p[path.n - 1] != '/')
        path.n--;
    return path;
}

/* "https://x/s/a.json", where a file whose $id is "https://x/s/b.json" has a.json beside it. */
static const struct book *beside(struct belay_library *l, struct belay_str uri)
{
    for (const struct book *b = l->books; b; b = b->next) {
        struct belay_str prefix = folder_of(b->id), rest = belay_str_sub(uri, prefix.n, uri.n);
        int status;
        if (!memmem(prefix.n ? prefix.p : "", prefix.n, "://", 3) || !belay_str_starts(uri, prefix) || climbs(rest))
            continue;
        struct belay_str path = belay_arena_printf(&l->arena, "%.*s%.*s", BELAY_STR_ARG(folder_of(b->path)), BELAY_STR_ARG(rest));
        if (rest.n && path.p && is_file(path.p))
            return book_read(l, path, belay_arena_str(&l->arena, uri), l->problems, &status);
    }
    return NULL;
}

/* HOST/PATH, or PATH. */
static struct belay_str path_of_uri(struct belay_library *l, struct belay_str uri)
{
    struct belay_str host, path = path_of(uri, &host), found = BELAY_STR_NONE;
    struct belay_str below = belay_arena_printf(&l->arena, "%.*s/%.*s", BELAY_STR_ARG(host), BELAY_STR_ARG(path));
    if (climbs(path))
        return BELAY_STR_NONE;
    if (host.n && below.p)
        found = path_among(l, below);
    return found.p || !path.n ? found : path_among(l, path);
}

static const struct book *find_by_id(struct belay_library *l, struct belay_str uri)
{
    struct belay_problems ignored;
    if (!l->indexed) {
        belay_problems_init(&ignored);
        l->indexed = true;
        index_folder(l, l->remotes, &ignored, 0);
        belay_problems_deinit(&ignored);
    }
    return find_uri(l, uri);
}

static const struct book *look_up(struct belay_library *l, struct belay_str uri)
{
    struct belay_str host, path = path_of(uri, &host), local = BELAY_STR("file:///");
    const struct book *b = find_uri(l, uri);
    int status;
    if (!b && belay_str_starts(uri, local)) {
        struct belay_str file = belay_arena_printf(&l->arena, "/%.*s", BELAY_STR_ARG(path));
        return file.p && is_file(file.p) ? book_read(l, file, belay_arena_str(&l->arena, uri), l->problems, &status)
                                      : NULL;
    }
    b = b ? b : beside(l, uri);
    if (b || !l->remotes.p)
        return b;
    struct belay_str found = path_of_uri(l, uri);
    b = found.p ? find_path(l, found) : NULL;
    if (!b && found.p)
        b = book_read(l, found, belay_arena_str(&l->arena, uri), l->problems, &status);
    return b ? b : find_by_id(l, uri);
}

/* ---- the face ---- */

int belay_library_open(struct belay_library *l, const char *path, const struct belay_document **ret_document,
                       struct belay_str *ret_uri)
{
    char full[PATH_MAX];
    bool stream = strcmp(path, "-") == 0;
    const char *real = realpath(stream ? "." : path, full);
    struct belay_str uri = real ? belay_arena_printf(&l->arena, "file://%s%s", real, stream ? "/" : "") : BELAY_STR("");
    int status;
    struct book *b = book_read(l, belay_arena_str(&l->arena, belay_str_c(path)), uri, l->problems, &status);
    if (!b)
        return status;
    *ret_document = b->document;
    *ret_uri = uri;
    return BELAY_OK;
}

struct belay_str belay_library_find(struct belay_library *l, struct belay_str uri)
{
    struct belay_str path = path_of_uri(l, uri);
    const struct book *b = path.p ? NULL : find_by_id(l, uri);
    return b ? b->path : path;
}

const belay_json *belay_library_resolve(void *arg, struct belay_str uri)
{
    const struct book *b = look_up(arg, uri);
    return b ? belay_document_root(b->document) : NULL;
}

struct belay_place belay_library_place(const struct belay_library *l, const struct belay_document *main,
                                       struct belay_str place)
{
    size_t hash = belay_str_find(place, '#');
    if (hash == place.n || hash == 0)
        return belay_document_place(main, belay_str_sub(place, hash == 0, place.n));
    const struct book *b = find_uri(l, belay_str_sub(place, 0, hash));
    struct belay_place nowhere = { BELAY_STR(""), 0, 0 };
    return b ? belay_document_place(b->document, belay_str_sub(place, hash + 1, place.n)) : nowhere;
}
