/* files.h - configurations from memory: named files, a few environment variables, one load. */
#ifndef BELAY_TEST_CONFIG_FILES_H
#define BELAY_TEST_CONFIG_FILES_H

#include "config/config.h"
#include "unit/test.h"

struct mem_file {
    const char *path, *text;
};

/* Files end with path NULL. */
static inline int mem_read(void *arg, const char *path, struct belay_buf *out,
                           struct belay_err *err)
{
    for (const struct mem_file *f = arg; f->path; f++) {
        if (strcmp(f->path, path) == 0) {
            belay_buf_put_str(out, belay_str_c(f->text));
            return belay_buf_status(out);
        }
    }
    return belay_fail(err, BELAY_NOTFOUND, "%s: no such file", path);
}

/* PORT=7100, EMPTY="", SECRET=hush, EVIL="{% 1 %}"; nothing else is set. */
static inline const char *mem_env(void *arg, const char *name)
{
    (void)arg;
    return strcmp(name, "PORT") == 0     ? "7100"
           : strcmp(name, "EMPTY") == 0  ? ""
           : strcmp(name, "SECRET") == 0 ? "hush"
           : strcmp(name, "EVIL") == 0   ? "{% 1 %}"
                                         : NULL;
}

#define MEM_PATHS_MAX 8

struct mem_config {
    struct belay_config_opt opt;
    const char *paths[MEM_PATHS_MAX];
    struct belay_definitions *d; /* NULL: it did not load */
    struct belay_problems problems;
    struct belay_err err;
    int status;
};

/* Those files are loaded whose names end in "belay.yaml"; others are there to be read. */
static inline void mem_load(struct mem_config *m, const struct mem_file *files)
{
    *m = (struct mem_config){ .opt
                              = { .env = mem_env, .read = mem_read, .read_arg = (void *)files } };
    m->opt.paths = m->paths;
    for (const struct mem_file *f = files; f->path; f++)
        if (belay_str_ends(belay_str_c(f->path), BELAY_STR("belay.yaml")))
            m->paths[m->opt.path_count++] = f->path;
    belay_problems_init(&m->problems);
    m->status = belay_config_load(&m->opt, &m->d, &m->problems, &m->err);
}

static inline void mem_load_text(struct mem_config *m, const char *text)
{
    const struct mem_file files[] = { { "belay.yaml", text }, { 0 } };
    mem_load(m, files);
}

static inline void mem_free(struct mem_config *m)
{
    if (m->d)
        belay_definitions_unref(m->d);
    belay_problems_deinit(&m->problems);
}

/* All problems as people see them; the caller's buffer. */
static inline void mem_write_problems(const struct mem_config *m, struct belay_buf *out)
{
    for (uint32_t i = 0; i < m->problems.count; i++)
        belay_problem_write(out, &m->problems.items[i]);
    belay_buf_put_c(out, '\0');
}

#endif
