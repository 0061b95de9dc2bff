/* prompt.c - belay expr on a terminal: a line at a time, with history and completion by libedit. */
#include <locale.h> /* allow: locale.h - libedit asks the locale what a character is */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <editline/readline.h>

#include "cli/expr.h"

#define HISTORY_MAX 1000

static const char welcome[] = "JSONata; .help tells more, Ctrl-D ends\n";
static const char prompt_help[] =
    "An expression is evaluated over the input; one that is not complete goes on in the next line\n"
    "(an empty line gives it up). Tab completes functions and names of the input.\n\n"
    "  .input FILE      take JSON from FILE as the input\n"
    "  .json TEXT       take TEXT as the input\n"
    "  .bindings JSON   an object of variables\n"
    "  .ast EXPR        the tree that EXPR is\n"
    "  .explain EXPR    evaluate it and tell where it spent its steps\n"
    "  .quit            as Ctrl-D\n";

/* libedit's completion has no argument: what it offers beside functions. */
static const struct expr_session *completed;

/* ---- completion ---- */

struct candidates {
    const char *start;
    size_t n, skip;
    char *found;
};

/* Keeps a copy for libedit, which frees it, of the (skip + 1)th that begins so. */
static void offer(struct candidates *c, const char *before, struct belay_str name, const char *after)
{
    size_t prefix = strlen(before), all = prefix + name.n + strlen(after);
    if (c->found || all < c->n)
        return;
    char *text = malloc(all + 1); /* allow: malloc - libedit frees it */
    if (!text)
        return;
    memcpy(text, before, prefix);
    memcpy(text + prefix, name.p, name.n);
    strcpy(text + prefix + name.n, after); /* allow: strcpy - into room for it */
    if (memcmp(text, c->start, c->n) == 0 && c->skip-- == 0)
        c->found = text;
    else
        free(text); /* allow: free - malloc's above */
}

/* Every name of the input, wherever it stands, as often as it stands there first. */
static void offer_names(struct candidates *c, const belay_json *root)
{
    const belay_json *end = belay_json_next(root);
    for (const belay_json *v = root; v < end; v++) {
        if (v->type != BELAY_JSON_OBJECT)
            continue;
        const belay_json *key = belay_json_first(v);
        for (uint32_t i = 0; i < v->n; i++, key = belay_json_next(key + 1))
            offer(c, "", belay_json_str(key), "");
    }
}

static char *candidate(const char *text, int index)
{
    struct candidates c = { text, strlen(text), (size_t)index, NULL };
    struct belay_arena arena;
    const belay_json *root;
    struct belay_str name;
    for (uint32_t i = 0; text[0] == '$' && (name = belay_expr_builtin(i)).p; i++)
        offer(&c, "$", name, "(");
    if (c.found || text[0] == '$' || !belay_str_trim(completed->input).n)
        return c.found;
    belay_arena_init(&arena, 0, 8 * BELAY_EXPR_BYTES_DEFAULT);
    if (belay_json_parse(completed->input, NULL, &arena, &root, NULL, NULL) == BELAY_OK)
        offer_names(&c, root);
    belay_arena_deinit(&arena);
    return c.found;
}

static char **complete(const char *text, int start, int end)
{
    (void)start, (void)end;
    rl_attempted_completion_over = 1; /* no names of files */
    rl_completion_append_character = '\0';
    return rl_completion_matches(text, candidate);
}

/* ---- a Ctrl-D that comes early ---- */

/* Between two lines the terminal is cooked, and Linux keeps a Ctrl-D that comes then as a NUL.  libedit takes a NUL
 * for "the next one literally" (which is what the terminal's disabled characters look like): the Ctrl-D after it
 * would be text, the line never empty again, and no Ctrl-D ever its end. */
static int early_end(int count, int key)
{
    (void)count, (void)key;
    rl_done = rl_end == 0;
    return 0;
}

/* libedit binds a NUL anew with each line, after rl_startup_hook. */
static int bind_early_end(void)
{
    rl_add_defun("belay-early-end", early_end, '\0');
    return 0;
}

/* ---- history ---- */

static bool history_path(char path[1024])
{
    const char *home = getenv("HOME");
    return home && home[0] && (size_t)snprintf(path, 1024, "%s/.belay_expr_history", home) < 1024;
}

static void begin(void)
{
    static char breaks[] = " \t\n()[]{},;:+-*/%=<>&|^~?.'\"!#@`";
    char path[1024];
    setlocale(LC_CTYPE, "C.UTF-8"); /* allow: setlocale - one thread; else libedit drops what is not ASCII */
    rl_readline_name = "belay";
    rl_initialize();
    using_history();
    stifle_history(HISTORY_MAX);
    rl_pre_input_hook = bind_early_end;
    rl_attempted_completion_function = complete;
    rl_basic_word_break_characters = breaks;
    rl_completer_word_break_characters = breaks;
    if (history_path(path))
        read_history(path);
}

static void remember(const char *line)
{
    char path[1024];
    add_history(line);
    if (history_path(path))
        write_history(path);
}

/* ---- lines ---- */

struct prompt {
    struct expr_session *s;
    struct belay_buf input, bindings, source;
};

static void take_text(struct belay_buf *to, struct belay_str *view, struct belay_str text)
{
    belay_buf_clear(to);
    belay_buf_put_str(to, text);
    *view = belay_buf_view(to);
}

/* False: the end is wanted. */
static bool command(struct prompt *p, struct belay_str line)
{
    struct belay_str rest = line, word = belay_str_split(&rest, ' ');
    struct expr_session once = *p->s;
    struct belay_buf file;
    char path[1024];
    rest = belay_str_trim(rest);
    if (belay_str_eq(word, BELAY_STR(".quit")) || belay_str_eq(word, BELAY_STR(".exit")))
        return false;
    if (belay_str_eq(word, BELAY_STR(".ast")) || belay_str_eq(word, BELAY_STR(".explain"))) {
        once.ast = word.n == 4;
        once.explain = !once.ast;
        (void)expr_evaluate(&once, rest, NULL);
    } else if (belay_str_eq(word, BELAY_STR(".json"))) {
        take_text(&p->input, &p->s->input, rest);
    } else if (belay_str_eq(word, BELAY_STR(".bindings"))) {
        take_text(&p->bindings, &p->s->bindings, rest);
    } else if (belay_str_eq(word, BELAY_STR(".input"))) {
        belay_buf_init(&file, BELAY_JSON_BYTES_MAX);
        snprintf(path, sizeof path, "%.*s", BELAY_STR_ARG(rest));
        if (expr_read(path, &file))
            take_text(&p->input, &p->s->input, belay_buf_view(&file));
        belay_buf_deinit(&file);
    } else {
        fputs(prompt_help, stdout);
    }
    return true;
}

/* False: the end is wanted. */
static bool take_line(struct prompt *p, const char *line, bool *open)
{
    bool give_up = *open && !line[0], more = false;
    if (!*open && line[0] == '.' && line[1] >= 'a' && line[1] <= 'z')
        return command(p, belay_str_c(line));
    if (!*open)
        belay_buf_clear(&p->source);
    else
        belay_buf_put_c(&p->source, '\n');
    belay_buf_put_str(&p->source, belay_str_c(line));
    if (belay_str_trim(belay_buf_view(&p->source)).n)
        (void)expr_evaluate(p->s, belay_buf_view(&p->source), give_up ? NULL : &more);
    *open = more;
    return true;
}

int expr_prompt(struct expr_session *s)
{
    struct prompt p = { .s = s };
    bool open = false, going = true;
    s->prompted = true;
    completed = s;
    belay_buf_init(&p.input, BELAY_JSON_BYTES_MAX);
    belay_buf_init(&p.bindings, BELAY_JSON_BYTES_MAX);
    belay_buf_init(&p.source, BELAY_EXPR_SOURCE_BYTES_MAX);
    fputs(welcome, stdout);
    begin();
    while (going) {
        char *line = readline(open ? "... " : "> ");
        if (!line)
            break;
        if (line[0])
            remember(line);
        going = take_line(&p, line, &open);
        fflush(stdout);
        free(line); /* allow: free - libedit's line */
    }
    belay_buf_deinit(&p.source);
    belay_buf_deinit(&p.bindings);
    belay_buf_deinit(&p.input);
    return EXIT_OK;
}
