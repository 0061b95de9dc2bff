/* redact.h - what may not be told: values that paths name, headers, secrets; and texts in which they turn up.
 *
 *   paths     JSON Pointers (/card/number) or names with dots (items.*.card), into a body.  "*" is any member or element,
 *             "**" any number of them.  Elements of an array need no mention: items.card is that of each item.
 *   headers   by name, ASCII case ignored; the built-in ones always (redact.c).
 *   secrets   texts, wherever they stand; nobody may see them, whatever he may see.
 *
 * A value is hidden where it stands (belay_redact_write), and where it was copied to: what is gathered out of bodies and
 * headers as words is hidden in any text (belay_redact_text), also as JSON or percent-encoding writes it. What an
 * expression made of a value (its last digits) is another value, and is shown. A word of less than BELAY_REDACT_WORD_MIN
 * bytes is hidden only where it stands alone; true, false and null are no words.
 *
 * When there is no memory, or too much to remember, more is hidden, never less.
 * Uses: base.  Thread: rules are immutable, any; words, views and scratch one owner. */
#ifndef BELAY_JSON_REDACT_H
#define BELAY_JSON_REDACT_H

#include "base/limits.h"
#include "json/json.h"

#define BELAY_REDACTED "[redacted]"

struct belay_redact; /* the rules. NULL is allowed everywhere: nothing is hidden */

struct belay_redact_opt {
    const struct belay_str *paths;
    uint32_t path_count;
    const struct belay_str *headers;
    uint32_t header_count;
    const struct belay_str *secrets; /* empty ones are left out */
    uint32_t secret_count;
};

/* Lives in arena; texts are copied. Errors: BELAY_INVALID (a path; err says why), BELAY_LIMIT, BELAY_NOMEM. */
int belay_redact_new(const struct belay_redact_opt *opt, struct belay_arena *arena, const struct belay_redact **ret_redact,
                     struct belay_err *err) BELAY_MUST_CHECK;
/* Is it a path? Errors: BELAY_INVALID. */
int belay_redact_check_path(struct belay_str path, struct belay_err *err) BELAY_MUST_CHECK;
bool belay_redact_header(const struct belay_redact *r, struct belay_str name);
/* The built-in names, by index; empty at the end. */
struct belay_str belay_redact_built_in(uint32_t index);

/* ---- where in a body: a set of places in paths, carried from a value to its members ---- */

struct belay_redact_at {
    uint64_t bits[BELAY_REDACT_SEGMENTS_MAX / 64];
};
void belay_redact_root(const struct belay_redact *r, struct belay_redact_at *ret_at);
/* No path leads on from here. */
bool belay_redact_is_over(const struct belay_redact_at *at);
/* To a member or element. True: its value is named. */
bool belay_redact_member(const struct belay_redact *r, const struct belay_redact_at *from, struct belay_str name,
                         struct belay_redact_at *ret_to);
bool belay_redact_element(const struct belay_redact *r, const struct belay_redact_at *from, uint64_t index,
                          struct belay_redact_at *ret_to);

/* ---- words: values that are hidden in texts ---- */

struct belay_redact_word {
    struct belay_str text;
    uint32_t next; /* with the same first byte: index + 1 */
};

/* Texts may be cut: then the beginning of a word is enough, before "..." (QUOTED), or also at the text's end (CUT). */
enum belay_redact_cut { BELAY_REDACT_WHOLE, BELAY_REDACT_QUOTED, BELAY_REDACT_CUT };

struct belay_redact_words { /* caller's; gone with its arena */
    struct belay_arena *arena;
    struct belay_redact_word *items;
    uint32_t count, cap;
    uint32_t heads[256]; /* by first byte: index + 1 */
    enum belay_redact_cut cut; /* of the texts looked at next */
    bool lost;           /* some are not known: every text is hidden whole */
};

void belay_redact_words_init(struct belay_redact_words *w, struct belay_arena *arena);
void belay_redact_words_add(struct belay_redact_words *w, struct belay_str value);
/* What the paths name in a body; with `all` every value in it. */
void belay_redact_gather(const struct belay_redact *r, struct belay_redact_words *w, const belay_json *body, bool all);
/* Of a body as bytes: JSON, cut JSON, or no JSON: nothing. */
void belay_redact_gather_bytes(const struct belay_redact *r, struct belay_redact_words *w, struct belay_str body);
void belay_redact_gather_fields(const struct belay_redact *r, struct belay_redact_words *w, const struct belay_field *fields,
                                uint32_t count);
/* Of what a call was answered: { status, headers, body }. */
void belay_redact_gather_answer(const struct belay_redact *r, struct belay_redact_words *w, const belay_json *answer);

/* Of an answer that holds messages: what paths and names of headers name in its members `body` and `headers`. */
void belay_redact_gather_view(const struct belay_redact *r, struct belay_redact_words *w, const belay_json *answer);

/* The text with secrets and words (NULL: none) hidden: itself, or in arena. */
struct belay_str belay_redact_text(const struct belay_redact *r, const struct belay_redact_words *words,
                                   struct belay_str text, struct belay_arena *arena);

/* Bytes that may be JSON with words and secrets hidden in their strings and numbers, so that they stay JSON: itself, or
 * in arena. */
struct belay_str belay_redact_words_in(const struct belay_redact *r, const struct belay_redact_words *words,
                                       struct belay_str bytes, struct belay_arena *arena);

/* ---- JSON with what is named hidden ---- */

struct belay_redact_view {
    bool reveal;   /* only secrets are hidden; `hidden` still counts what would be */
    bool places;   /* a mark says where: "[redacted /card/number]" */
    bool answer;   /* v holds messages: its members `body`, `headers` and `excerpt` are what they are called */
    const struct belay_redact_words *words; /* hidden besides, in texts outside of bodies; NULL */
    bool everywhere; /* in bodies too */
    uint64_t hidden; /* how many values */
};

/* Appends v. Errors: out's. */
int belay_redact_write(const struct belay_redact *r, struct belay_redact_view *view, const belay_json *v,
                       struct belay_arena *scratch, struct belay_buf *out) BELAY_MUST_CHECK;
/* Bytes of a body or the beginning of one: JSON where it is. Itself, or in arena; what cannot be read and is to be
 * JSON is hidden whole where there are paths. */
struct belay_str belay_redact_bytes(const struct belay_redact *r, struct belay_redact_view *view, struct belay_str body,
                                    struct belay_arena *arena);

/* ---- and back (redact_restore.c) ---- */

/* A body that somebody edited, with its marks ("[redacted /card/number]") replaced by what the original has there.
 * Appends to out. Errors: BELAY_INVALID (a mark that leads nowhere, or to where it would be seen), out's. */
int belay_redact_restore(const struct belay_redact *r, const belay_json *original, const belay_json *edited,
                         struct belay_buf *out, struct belay_err *err) BELAY_MUST_CHECK;
/* Does the text hold anything like a mark? */
bool belay_redact_is_marked(struct belay_str text);

#endif
