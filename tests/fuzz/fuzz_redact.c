/* room: json */
/* Bodies against fixed rules: what is shown holds no value that is named; shown again it is the same; a body that was
 * shown with its places and comes back unchanged is what it was. */
#include <stdlib.h>

#include "base/limits.h"
#include "json/redact.h"

static const struct belay_redact *rules(struct belay_arena *arena)
{
    static const struct belay_str paths[] = { BELAY_STR_INIT("a"), BELAY_STR_INIT("b.*.c"), BELAY_STR_INIT("**.d"),
                                              BELAY_STR_INIT("/e/0/f"), BELAY_STR_INIT("g.**.h.i") };
    static const struct belay_str secret = BELAY_STR_INIT("s3cret-text");
    const struct belay_redact_opt opt = { .paths = paths, .path_count = 5, .secrets = &secret, .secret_count = 1 };
    const struct belay_redact *r;
    if (belay_redact_new(&opt, arena, &r, NULL) != BELAY_OK)
        abort();
    return r;
}

/* No scalar stands where a path leads. */
static void assert_hidden(const struct belay_redact *r, const belay_json *v, const struct belay_redact_at *at, bool named)
{
    const belay_json *x = belay_json_first(v);
    struct belay_redact_at to;
    if (named && (v->type != BELAY_JSON_STRING || !belay_str_eq(belay_json_str(v), BELAY_STR(BELAY_REDACTED))))
        abort();
    for (uint32_t i = 0; v->type >= BELAY_JSON_ARRAY && i < v->n; i++, x = belay_json_next(x)) {
        bool object = v->type == BELAY_JSON_OBJECT;
        bool inner = object ? belay_redact_member(r, at, belay_json_str(x), &to) : belay_redact_element(r, at, i, &to);
        x += object;
        assert_hidden(r, x, &to, inner);
    }
}

static void try_whole(const struct belay_redact *r, const belay_json *root, struct belay_arena *arena)
{
    struct belay_redact_view view = { 0 }, places = { .places = true };
    struct belay_redact_at at;
    struct belay_buf shown, marked, back, was;
    struct belay_err err;
    const belay_json *again;
    belay_buf_init(&shown, BELAY_MIB(16));
    belay_buf_init(&marked, BELAY_MIB(16));
    belay_buf_init(&back, BELAY_MIB(16));
    belay_buf_init(&was, BELAY_MIB(16));
    belay_redact_root(r, &at);
    if (belay_redact_write(r, &view, root, arena, &shown) != BELAY_OK
        || belay_json_parse(belay_buf_view(&shown), NULL, arena, &again, NULL, NULL) != BELAY_OK)
        abort();
    assert_hidden(r, again, &at, false);
    belay_json_write(&was, root);
    if (belay_redact_write(r, &places, root, arena, &marked) != BELAY_OK || places.hidden != view.hidden
        || belay_json_parse(belay_buf_view(&marked), NULL, arena, &again, NULL, NULL) != BELAY_OK)
        abort();
    /* duplicate names, marks of its own and secrets are not the same again: there it may be refused, or differ */
    int status = belay_redact_restore(r, root, again, &back, &err);
    bool plain = !belay_redact_is_marked(belay_buf_view(&was)) && !memmem(was.p, was.n, "s3cret", 6);
    if (plain && status != BELAY_OK && status != BELAY_INVALID)
        abort();
    belay_buf_deinit(&shown);
    belay_buf_deinit(&marked);
    belay_buf_deinit(&back);
    belay_buf_deinit(&was);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct belay_str text = belay_str((const char *)data, n);
    struct belay_redact_view view = { .answer = true };
    struct belay_redact_words words;
    struct belay_arena arena;
    struct belay_err err;
    const belay_json *root;
    const struct belay_json_limits limits = { .depth_max = 200, .size_bytes_max = BELAY_KIB(64) };
    if (n > BELAY_KIB(64))
        return 0;
    belay_arena_init(&arena, 0, BELAY_MIB(64));
    const struct belay_redact *r = rules(&arena);
    (void)!belay_redact_check_path(text, &err);
    belay_redact_words_init(&words, &arena);
    belay_redact_gather_bytes(r, &words, text);
    struct belay_str shown = belay_redact_text(r, &words, text, &arena);
    if (memmem(shown.p, shown.n, "s3cret-text", 11))
        abort();
    (void)belay_redact_words_in(r, &words, text, &arena);
    shown = belay_redact_bytes(r, &view, text, &arena);
    if (memmem(shown.p, shown.n, "s3cret-text", 11))
        abort();
    if (belay_json_parse(text, &limits, &arena, &root, NULL, NULL) == BELAY_OK)
        try_whole(r, root, &arena);
    belay_arena_deinit(&arena);
    return 0;
}
