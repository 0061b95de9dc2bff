/* Where {% %} was forgotten. Without it a text is a text: a condition that always holds, one key for all messages, a
 * path with braces in it. All of that runs, so nobody would hear of it before an order is stuck. */
#include "config/grammar.h"
#include "config/scalar.h"

static void suggest_expression(struct config *c, struct belay_problem *p, struct belay_str text)
{
    text = belay_str_trim(text);
    if (text.n && text.n <= 80 && !memchr(text.p, '\n', text.n) && !memchr(text.p, '"', text.n))
        config_suggest(c->problems, p, "an expression is meant? write \"{%% %.*s %%}\"", BELAY_STR_ARG(text));
    else
        config_suggest(c->problems, p, "an expression is meant? put it in {%% %%}");
}

/* literal.p NULL: there is text beside an expression. */
static void check_condition(struct config *c, const char *key, const struct config_node *node, struct belay_str literal)
{
    struct belay_place place = config_place(node);
    bool boolean;
    if (!literal.p) {
        config_suggest(c->problems,
                       config_error(c->problems, place, "no-condition",
                                    "'%s' has text beside its expression: that makes a text of it, and no condition", key),
                       node->style != CONFIG_LITERAL && node->style != CONFIG_FOLDED
                           ? "put all of it in {%% %%}"
                           : "end the block with a '-' (|-, >-): its line break is text, too");
    } else if (config_bool(literal, &boolean)) {
        bool quoted = belay_str_eq(literal, node->text); /* else ${} gave it */
        struct belay_problem *p = config_error(c->problems, place, "no-condition", "'%s' is a text here, and no %.*s", key,
                                               BELAY_STR_ARG(literal));
        config_suggest(c->problems, p,
                       quoted ? "write %.*s without quotes"
                              : "declare the variable under 'env' and write {%% $env('NAME') = '%.*s' %%}",
                       BELAY_STR_ARG(literal));
    } else {
        struct belay_problem *p = config_error(c->problems, place, "no-condition",
                                               "'%s' is no expression: it is the same for every message", key);
        suggest_expression(c, p, node->text);
    }
}

static void check_identity(struct config *c, const char *key, const struct config_node *node)
{
    struct belay_problem *p
        = config_warning(c->problems, config_place(node), "same-for-all",
                         "'%s' is no expression: every message has '%.*s'", key, BELAY_STR_ARG(node->text));
    if (memchr(node->text.p, '\'', node->text.n) || memchr(node->text.p, '"', node->text.n))
        suggest_expression(c, p, node->text);
    else
        config_suggest(c->problems, p, "write \"{%% %.*s %%}\", or, where all shall have the same, \"{%% '%.*s' %%}\"",
                       BELAY_STR_ARG(node->text), BELAY_STR_ARG(node->text));
}

/* Without quotes, so that it is one (typed_text in value.c). */
static bool is_boolean(const struct config_node *node)
{
    bool boolean;
    return node->style == CONFIG_PLAIN && config_bool(node->text, &boolean);
}

void config_check_purpose(struct config *c, const struct config_key *key, const struct config_node *node,
                          const struct belay_template *t)
{
    struct belay_str literal;
    if (c->stored || key->purpose == CONFIG_ANY_PURPOSE)
        return; /* stored: it runs as it always did */
    literal = config_literal(c, node);
    if (key->purpose == CONFIG_CONDITION && (literal.p ? !is_boolean(node) : belay_template_is_text(t)))
        check_condition(c, key->name, node, literal);
    else if (key->purpose == CONFIG_IDENTITY && literal.p)
        check_identity(c, key->name, node);
}

/* ---- braces ---- */

static bool is_word(char ch)
{
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') || strchr("_.$-", ch);
}

/* Is {name} or {{ name }} at text[at]? */
static bool braces(struct belay_str text, size_t at, struct belay_str *ret_name, size_t *ret_end)
{
    size_t open = 0, close = 0;
    while (at < text.n && text.p[at] == '{')
        at++, open++;
    while (at < text.n && text.p[at] == ' ')
        at++;
    size_t from = at;
    while (at < text.n && text.p[at] && is_word(text.p[at]))
        at++;
    *ret_name = belay_str_sub(text, from, at - from);
    while (at < text.n && text.p[at] == ' ')
        at++;
    while (at < text.n && text.p[at] == '}')
        at++, close++;
    *ret_end = at;
    return open && open <= 2 && close == open && ret_name->n && !(ret_name->p[0] >= '0' && ret_name->p[0] <= '9');
}

void config_check_braces(struct config *c, const struct config_node *node)
{
    struct belay_str text = node->text, name;
    for (size_t at = 0, end; !c->stored && at < text.n; at++) {
        if (text.p[at] == '$' && at + 1 < text.n && text.p[at + 1] == '{') {
            at++; /* ${NAME} */
        } else if (text.p[at] == '{' && at + 1 < text.n && text.p[at + 1] == '%') {
            const char *close = memmem(text.p + at, text.n - at, "%}", 2);
            if (!close)
                return;
            at = (size_t)(close - text.p) + 1;
        } else if (text.p[at] == '{' && braces(text, at, &name, &end)) {
            struct belay_problem *p
                = config_warning(c->problems, config_place_at(node, at), "braces", "'%.*s' stands for nothing: it is sent as it is",
                                 (int)(end - at), text.p + at);
            config_suggest(c->problems, p, "write {%% %.*s %%}", BELAY_STR_ARG(name));
            at = end - 1;
        }
    }
}
