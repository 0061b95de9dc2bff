/* YAML 1.2 by libfyaml's events -> struct config_node.  What YAML allows and a configuration must
 * not hold is refused here: several documents, tags, merge keys, complex names, duplicate names,
 * aliases that multiply (their nodes count each time), depth, bytes that are no text. */
#include <libfyaml.h>
#include <string.h>

#include "base/limits.h"
#include "base/map.h"
#include "config/node.h"

struct anchor {
    struct belay_str name;
    const struct config_node *node;
    bool open; /* its node is not complete: an alias to it would be a circle */
    struct anchor *next;
};

struct reader {
    const struct config_file *file;
    struct belay_arena *arena;
    struct belay_problems *problems;
    struct fy_parser *parser;
    struct anchor *anchors;
    struct frame {
        struct config_node *node;
        const struct config_node *key; /* MAP: read, its value not yet */
    } stack[BELAY_CONFIG_DEPTH_MAX];
    uint32_t depth, nodes;
    struct config_node *root;
    bool failed, out_of_memory, ended;
};

static void *no_memory(struct reader *r)
{
    r->failed = r->out_of_memory = true;
    return NULL;
}

static struct belay_place place_of_mark(const struct reader *r, const struct fy_mark *mark)
{
    if (!mark)
        return (struct belay_place){ r->file->path, 0, 0 };
    return (struct belay_place){ r->file->path, (uint32_t)mark->line + 1,
                                 (uint32_t)mark->column + 1 };
}

static struct belay_place place_of(const struct reader *r, struct fy_token *token)
{
    return place_of_mark(r, token ? fy_token_start_mark(token) : NULL);
}

/* The file is given up: what follows could only mislead. */
static void give_up(struct reader *r, struct belay_place place, const char *rule, const char *text)
{
    config_error(r->problems, place, rule, "%s", text);
    r->failed = true;
}

/* An event's own node; what has no token of its own is where the name before it is. */
static struct config_node *node_new(struct reader *r, enum config_node_kind kind,
                                    struct fy_token *token)
{
    struct config_node *node = BELAY_ARENA_NEW(r->arena, struct config_node);
    if (!node)
        return no_memory(r);
    const struct frame *top = r->depth ? &r->stack[r->depth - 1] : NULL;
    const struct fy_mark *mark = token ? fy_token_start_mark(token) : NULL;
    node->kind = kind;
    node->file = r->file;
    node->size = 1;
    node->line = node->column = 1;
    if (mark) {
        struct belay_place place = place_of_mark(r, mark);
        node->line = place.line;
        node->column = place.column;
        node->offset = mark->input_pos;
    } else if (top && top->key) {
        node->line = top->key->line;
        node->column = top->key->column;
        node->offset = top->key->offset;
    }
    return node;
}

static bool is_merge_key(const struct config_node *key)
{
    return key->style == CONFIG_PLAIN && belay_str_eq(key->text, BELAY_STR("<<"));
}

static void take_name(struct reader *r, struct frame *top, const struct config_node *node)
{
    if (node->kind != CONFIG_SCALAR) {
        give_up(r, config_place(node), "yaml", "a name must be a string, not a list or a mapping");
    } else if (is_merge_key(node)) {
        config_error(r->problems, config_place(node), "yaml",
                     "YAML 1.2 has no merge key '<<': name an anchor where the whole value goes "
                     "(retry: *patient)");
        r->failed = true;
    } else {
        top->key = node;
    }
}

/* Puts a complete node where it belongs. */
static void attach(struct reader *r, const struct config_node *node)
{
    if (r->failed)
        return;
    if (r->depth == 0) {
        r->root = (struct config_node *)node;
        return;
    }
    struct frame *top = &r->stack[r->depth - 1];
    if (top->node->kind == CONFIG_MAP && !top->key) {
        take_name(r, top, node);
        return;
    }
    struct config_link *link = BELAY_ARENA_NEW(r->arena, struct config_link);
    if (!link) {
        no_memory(r);
        return;
    }
    *link = (struct config_link){ top->key, node, NULL };
    if (top->node->last)
        top->node->last->next = link;
    else
        top->node->first = link;
    top->node->last = link;
    top->node->count++;
    top->node->size += node->size;
    top->key = NULL;
}

/* New nodes count against the file's limit, those of an alias each time it is used. */
static bool count(struct reader *r, struct belay_place place, uint32_t nodes)
{
    if (nodes > BELAY_CONFIG_NODES_MAX - r->nodes) {
        give_up(r, place, "limit",
                "the file has too many nodes (aliases count each time they are used)");
        return false;
    }
    r->nodes += nodes;
    return true;
}

static struct belay_str token_text(struct fy_token *token)
{
    size_t n = 0;
    const char *p = token ? fy_token_get_text(token, &n) : NULL;
    return belay_str(p, p ? n : 0);
}

/* Copies a scalar's text, piece by piece, to `to` (NULL: only counts). False without memory.
 * fy_token_get_text would do it in one call, but libfyaml 0.7.12 leaks there when a single-quoted
 * scalar has many quotes. */
static bool copy_scalar(struct fy_token *token, char *to, size_t *ret_n)
{
    struct fy_token_iter *pieces = fy_token_iter_create(token);
    const struct fy_iter_chunk *piece = NULL;
    int failed = 0;
    if (!pieces)
        return false;
    *ret_n = 0;
    while ((piece = fy_token_iter_chunk_next(pieces, piece, &failed))) {
        if (to)
            memcpy(to + *ret_n, piece->str, piece->len);
        *ret_n += piece->len;
    }
    fy_token_iter_destroy(pieces);
    return !failed;
}

/* token NULL: YAML's empty scalar. p NULL: no memory. */
static struct belay_str scalar_text(struct reader *r, struct fy_token *token)
{
    size_t n = 0;
    /* The pieces of a block scalar that is nothing but indentation fail; its text does not. */
    if (!token || !copy_scalar(token, NULL, &n))
        return belay_arena_str(r->arena, token_text(token));
    char *text = belay_arena_bytes(r->arena, n + 1);
    if (!text || !copy_scalar(token, text, &n))
        return BELAY_STR_NONE;
    text[n] = '\0';
    return belay_str(text, n);
}

static struct anchor *anchor(struct reader *r, struct fy_token *token,
                             const struct config_node *node, bool open)
{
    if (!token)
        return NULL;
    struct anchor *a = BELAY_ARENA_NEW(r->arena, struct anchor);
    struct belay_str name = belay_arena_str(r->arena, token_text(token));
    if (!a || !name.p)
        return no_memory(r);
    *a = (struct anchor){ name, node, open, r->anchors };
    return r->anchors = a;
}

/* Only "!" and "!!str" keep a value a string, which it is anyway. */
static void check_tag(struct reader *r, struct fy_token *tag)
{
    if (!tag)
        return;
    struct belay_str text = token_text(tag);
    if (!belay_str_eq(text, BELAY_STR("!")) && !belay_str_ends(text, BELAY_STR(":str")))
        give_up(r, place_of(r, tag), "yaml", "YAML tags are not used here");
}

static enum config_style style_of(struct fy_token *token)
{
    switch (token ? fy_token_scalar_style(token) : FYSS_PLAIN) {
    case FYSS_SINGLE_QUOTED: return CONFIG_SINGLE;
    case FYSS_DOUBLE_QUOTED: return CONFIG_DOUBLE;
    case FYSS_LITERAL: return CONFIG_LITERAL;
    case FYSS_FOLDED: return CONFIG_FOLDED;
    default: return CONFIG_PLAIN;
    }
}

/* libfyaml's mark of a block scalar is the start of its first line, a quoted one's is behind the
 * quote: what is shown to people is where the text, or the quote, begins. */
static void adjust_place(struct config_node *node)
{
    struct belay_str source = node->file->source;
    if (node->style == CONFIG_SINGLE || node->style == CONFIG_DOUBLE) {
        node->column -= node->column > 1;
    } else if (node->style == CONFIG_LITERAL || node->style == CONFIG_FOLDED) {
        while (node->offset < source.n && source.p[node->offset] == ' ') {
            node->offset++;
            node->column++;
        }
    }
}

static void on_scalar(struct reader *r, const struct fy_event *e)
{
    struct config_node *node = node_new(r, CONFIG_SCALAR, e->scalar.value);
    if (!node || !count(r, config_place(node), 1))
        return;
    check_tag(r, e->scalar.tag);
    node->style = style_of(e->scalar.value);
    node->text = scalar_text(r, e->scalar.value);
    if (!node->text.p) {
        no_memory(r);
        return;
    }
    adjust_place(node);
    if (memchr(node->text.p, '\0', node->text.n)) {
        give_up(r, config_place(node), "yaml", "a string must not hold the character NUL");
        return;
    }
    anchor(r, e->scalar.anchor, node, false);
    attach(r, node);
}

static void on_alias(struct reader *r, struct fy_token *token)
{
    struct belay_str name = token_text(token);
    const struct anchor *a = r->anchors;
    while (a && !belay_str_eq(a->name, name))
        a = a->next;
    if (!a) {
        struct belay_problem *p = config_error(r->problems, place_of(r, token), "yaml", "there is no anchor '&%.*s' above",
                                               BELAY_STR_ARG(name));
        config_suggest(r->problems, p, "a text that begins with '*' needs quotes");
        r->failed = true;
    } else if (a->open) {
        give_up(r, place_of(r, token), "yaml", "an alias within its own anchor would have no end");
    } else if (count(r, place_of(r, token), a->node->size)) {
        attach(r, a->node);
    }
}

static void on_start(struct reader *r, enum config_node_kind kind, struct fy_token *token,
                     struct fy_token *anchor_token, struct fy_token *tag)
{
    struct config_node *node = node_new(r, kind, token);
    if (!node || !count(r, config_place(node), 1))
        return;
    check_tag(r, tag);
    anchor(r, anchor_token, node, true);
    if (r->depth == BELAY_CONFIG_DEPTH_MAX) {
        give_up(r, config_place(node), "limit", "the file is nested too deeply");
        return;
    }
    r->stack[r->depth++] = (struct frame){ node, NULL };
}

/* Every duplicate is a problem of its own; the first one's value stays. */
static void check_duplicates(struct reader *r, const struct config_node *node)
{
    struct belay_map seen;
    belay_map_init(&seen);
    for (const struct config_link *link = node->first; link && !r->out_of_memory;
         link = link->next) {
        const struct config_node *before = belay_map_get(&seen, link->key->text);
        if (before) {
            struct belay_problem *p
                = config_error(r->problems, config_place(link->key), "duplicate-key",
                               "'%.*s' is here twice", BELAY_STR_ARG(link->key->text));
            config_suggest(r->problems, p, "the first is in line %u", before->line);
        } else if (belay_map_put(&seen, link->key->text, (void *)link->key, NULL)) {
            no_memory(r);
        }
    }
    belay_map_deinit(&seen);
}

static void on_end(struct reader *r)
{
    struct config_node *node = r->stack[--r->depth].node;
    if (node->kind == CONFIG_MAP)
        check_duplicates(r, node);
    for (struct anchor *a = r->anchors; a; a = a->next)
        if (a->node == node)
            a->open = false;
    attach(r, node);
}

static void on_event(struct reader *r, const struct fy_event *e)
{
    switch (e->type) {
    case FYET_DOCUMENT_START:
        if (r->ended)
            give_up(r, place_of(r, e->document_start.document_start), "yaml",
                    "one document a file: remove the '---' or split the file");
        break;
    case FYET_DOCUMENT_END: r->ended = true; break;
    case FYET_MAPPING_START:
        on_start(r, CONFIG_MAP, e->mapping_start.mapping_start, e->mapping_start.anchor,
                 e->mapping_start.tag);
        break;
    case FYET_SEQUENCE_START:
        on_start(r, CONFIG_LIST, e->sequence_start.sequence_start, e->sequence_start.anchor,
                 e->sequence_start.tag);
        break;
    case FYET_MAPPING_END:
    case FYET_SEQUENCE_END: on_end(r); break;
    case FYET_SCALAR: on_scalar(r, e); break;
    case FYET_ALIAS: on_alias(r, e->alias.anchor); break;
    default: break;
    }
}

/* The first line whose indentation holds a tab; 0: none. libfyaml's words for it mislead. */
static uint32_t line_with_tab(struct belay_str source)
{
    struct belay_str rest = source;
    for (uint32_t line = 1; rest.p; line++) {
        struct belay_str text = belay_str_split(&rest, '\n');
        size_t i = 0;
        while (i < text.n && text.p[i] == ' ')
            i++;
        if (i < text.n && text.p[i] == '\t')
            return line;
    }
    return 0;
}

/* What libfyaml says, and what was most probably done. */
static const struct {
    const char *says, *tip;
} tips[] = {
    { "invalid indentation", "keys that belong together begin in the same column" },
    { "could not find expected ':'", "a key is followed by a colon and a space: 'name: value'" },
    { "invalid value after mapping", "a key is followed by a colon and a space: 'name: value'" },
    { "quoted scalar", "is the closing quote missing?" },
    { "cannot start with '%'", "an expression stands in quotes: \"{% ... %}\"" },
    { "missing comma in flow mapping", "is a '}' or a comma missing before?" },
    { "missing comma in flow sequence", "is a ']' or a comma missing before?" },
};

static void report_syntax(struct reader *r, struct fy_diag *diag)
{
    void *at = NULL;
    const struct fy_diag_error *error = fy_diag_errors_iterate(diag, &at);
    struct belay_place place = { r->file->path, 1, 1 };
    if (error && error->line > 0) {
        place.line = (uint32_t)error->line;
        place.column = error->column > 0 ? (uint32_t)error->column : 1;
    }
    struct belay_problem *p = config_error(r->problems, place, "yaml", "%s",
                                           error && error->msg ? error->msg : "is no YAML");
    uint32_t tab = line_with_tab(r->file->source);
    if (tab)
        config_suggest(r->problems, p, "line %u is indented with a tab; YAML wants spaces", tab);
    for (size_t i = 0; !tab && error && error->msg && i < sizeof tips / sizeof *tips; i++)
        if (strstr(error->msg, tips[i].says))
            config_suggest(r->problems, p, "%s", tips[i].tip);
    r->failed = true;
}

static void read_events(struct reader *r, struct fy_diag *diag)
{
    struct fy_event *e;
    while (!r->failed && (e = fy_parser_parse(r->parser))) {
        on_event(r, e);
        fy_parser_event_free(r->parser, e);
    }
    if (!r->failed && fy_parser_get_stream_error(r->parser))
        report_syntax(r, diag);
}

/* Swallows libfyaml's own printing. */
static void no_output(struct fy_diag *diag, void *user, const char *text, size_t n)
{
    (void)diag;
    (void)user;
    (void)text;
    (void)n;
}

static void parse(struct reader *r)
{
    struct belay_str source = r->file->source;
    /* libfyaml reads beyond an end without a newline. */
    source.n += source.p[source.n - 1] != '\n';
    struct fy_diag_cfg diag_cfg;
    fy_diag_cfg_default(&diag_cfg);
    diag_cfg.fp = NULL;
    diag_cfg.output_fn = no_output;
    diag_cfg.colorize = false;
    struct fy_diag *diag = fy_diag_create(&diag_cfg);
    if (!diag) {
        no_memory(r);
        return;
    }
    fy_diag_set_collect_errors(diag, true);
    struct fy_parse_cfg cfg
        = { .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_DISABLE_DEPTH_LIMIT, .diag = diag };
    r->parser = fy_parser_create(&cfg);
    if (!r->parser || fy_parser_set_string(r->parser, source.p, source.n))
        no_memory(r);
    else
        read_events(r, diag);
    fy_parser_destroy(r->parser);
    fy_diag_destroy(diag);
}

/* Length of a UTF-8 sequence at p, or 0 where it is none. */
static size_t utf8_length(const unsigned char *p, size_t left)
{
    static const struct {
        unsigned char mask, lead;
        uint32_t least;
    } forms[] = {
        { 0x80, 0x00, 0 }, { 0xe0, 0xc0, 0x80 }, { 0xf0, 0xe0, 0x800 }, { 0xf8, 0xf0, 0x10000 }
    };
    for (size_t n = 1; n <= 4; n++) {
        if ((p[0] & forms[n - 1].mask) != forms[n - 1].lead)
            continue;
        uint32_t code = p[0] & (unsigned char)~forms[n - 1].mask;
        for (size_t i = 1; i < n; i++) {
            if (i >= left || (p[i] & 0xc0) != 0x80)
                return 0;
            code = code << 6 | (p[i] & 0x3f);
        }
        bool surrogate = code >= 0xd800 && code <= 0xdfff;
        return code >= forms[n - 1].least && code <= 0x10ffff && !surrogate ? n : 0;
    }
    return 0;
}

/* Text only: UTF-8 without control characters. */
static bool check_text(struct reader *r)
{
    struct belay_str s = r->file->source;
    uint32_t line = 1, column = 1;
    for (size_t i = 0; i < s.n;) {
        unsigned char c = (unsigned char)s.p[i];
        size_t n = utf8_length((const unsigned char *)s.p + i, s.n - i);
        bool control = (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f;
        if (!n || control) {
            give_up(r, (struct belay_place){ r->file->path, line, column }, "yaml",
                    n ? "a control character: this is no text file" : "a byte that is no UTF-8");
            return false;
        }
        line += c == '\n';
        column = c == '\n' ? 1 : column + 1;
        i += n;
    }
    return true;
}

const struct config_node *config_yaml(const struct config_file *file, struct belay_arena *arena,
                                      struct belay_problems *problems, int *ret_status)
{
    struct reader r = { .file = file, .arena = arena, .problems = problems };
    if (file->source.n && check_text(&r))
        parse(&r);
    if (!r.failed && !r.root) {
        r.root = node_new(&r, CONFIG_MAP, NULL);
    } else if (!r.failed && r.root->kind != CONFIG_MAP && config_is_null(r.root)) {
        r.root->kind = CONFIG_MAP;
    }
    *ret_status = r.out_of_memory ? BELAY_NOMEM : r.failed ? BELAY_INVALID : BELAY_OK;
    return r.failed ? NULL : r.root;
}
