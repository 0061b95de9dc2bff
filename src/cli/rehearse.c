/* rehearse.c - belay dlq replay --dry-run: what would be sent, for a person. */
#include "cli/rehearse.h"

#include <stdio.h>

#include "cli/expr.h"

#define BODY_BYTES_MAX BELAY_MIB(16)

bool rehearse_body(const char *answers_path, bool from_start, struct belay_buf *ret_body)
{
    struct belay_buf text;
    struct belay_arena arena;
    const belay_json *answers = NULL;
    struct belay_err err;
    bool good = true;
    belay_buf_init(&text, BODY_BYTES_MAX);
    belay_arena_init(&arena, 0, 4 * BODY_BYTES_MAX);
    if (answers_path)
        good = expr_read(answers_path, &text);
    if (answers_path && good) {
        good = belay_json_parse(belay_buf_view(&text), NULL, &arena, &answers, NULL, &err) == BELAY_OK;
        if (!good)
            usage_error("dlq", "%s: %s", answers_path, err.msg);
    }
    belay_buf_init(ret_body, BODY_BYTES_MAX);
    belay_buf_printf(ret_body, "{\"from_start\":%s", from_start ? "true" : "false");
    if (answers) {
        belay_buf_printf(ret_body, ",\"answers\":");
        belay_json_write(ret_body, answers);
    }
    belay_buf_put(ret_body, "}", 2);
    good = good && belay_buf_status(ret_body) == BELAY_OK;
    belay_buf_deinit(&text);
    belay_arena_deinit(&arena);
    if (!good)
        belay_buf_deinit(ret_body);
    return good;
}

/* ---- showing ---- */

static void print_headers(const belay_json *headers)
{
    if (!headers || headers->type != BELAY_JSON_OBJECT)
        return;
    const belay_json *key = belay_json_first(headers);
    for (uint32_t i = 0; i < headers->n; i++, key = belay_json_next(key + 1))
        printf("      %.*s: %.*s\n", BELAY_STR_ARG(belay_json_str(key)), BELAY_STR_ARG(belay_json_str(key + 1)));
}

static void print_body(const belay_json *body)
{
    struct belay_buf text;
    if (!body || body->type == BELAY_JSON_NULL)
        return;
    belay_buf_init(&text, BELAY_MIB(64));
    belay_json_write(&text, body);
    printf("      ");
    fflush(stdout);
    print_buf(&text);
    belay_buf_deinit(&text);
}

static void print_answer(const belay_json *call)
{
    const belay_json *answer = belay_json_get(call, BELAY_STR("answer"));
    struct belay_str how = json_text(call, "answered"), error = json_text(answer, "error");
    if (!answer)
        return;
    printf("      -> %llu%s%.*s (%.*s)\n", (unsigned long long)json_number(answer, "status"), error.n ? " " : "",
           BELAY_STR_ARG(error), BELAY_STR_ARG(how));
}

static void print_call(const belay_json *call)
{
    struct belay_str refused = json_text(call, "refused");
    printf("  %s %.*s at %.*s: ", belay_json_get(call, BELAY_STR("resolve")) ? "would ask" : "would call",
           BELAY_STR_ARG(json_text(call, "connection")), BELAY_STR_ARG(json_text(call, "step")));
    if (refused.n)
        printf("it cannot be made: %.*s\n", BELAY_STR_ARG(refused));
    else
        printf("%.*s %.*s\n", BELAY_STR_ARG(json_text(call, "method")), BELAY_STR_ARG(json_text(call, "url")));
    print_headers(belay_json_get(call, BELAY_STR("headers")));
    print_body(belay_json_get(call, BELAY_STR("body")));
    print_answer(call);
}

static void print_publication(const belay_json *p)
{
    struct belay_str key = json_text(p, "key");
    printf("  would publish to %.*s%s%.*s\n", BELAY_STR_ARG(json_text(p, "topic")), key.n ? ", key " : "", BELAY_STR_ARG(key));
    print_headers(belay_json_get(p, BELAY_STR("headers")));
    print_body(belay_json_get(p, BELAY_STR("body")));
}

static void print_end(const belay_json *letter)
{
    struct belay_str end = json_text(letter, "end"), why = json_text(letter, "why");
    const belay_json *fault = belay_json_get(letter, BELAY_STR("fault"));
    if (belay_str_eq(end, BELAY_STR("stopped")))
        printf("  %.*s (--answers FILE gives one)\n", BELAY_STR_ARG(why));
    else if (belay_str_eq(end, BELAY_STR("retry")))
        printf("  would be tried again after %llu ms: ", (unsigned long long)json_number(letter, "again_after_ms"));
    else if (belay_str_eq(end, BELAY_STR("letter")))
        printf("  would be a letter again: ");
    else
        printf("  would be done%s%.*s\n", why.n ? ", filtered: " : "", BELAY_STR_ARG(why));
    if (fault && (belay_str_eq(end, BELAY_STR("retry")) || belay_str_eq(end, BELAY_STR("letter"))))
        printf("%.*s at %.*s, %.*s\n", BELAY_STR_ARG(json_text(fault, "error")), BELAY_STR_ARG(json_text(fault, "step")),
               BELAY_STR_ARG(json_text(fault, "description")));
}

static void print_letter(const belay_json *letter)
{
    const belay_json *calls = belay_json_get(letter, BELAY_STR("calls")), *one;
    const belay_json *publishes = belay_json_get(letter, BELAY_STR("publishes"));
    printf("letter %llu of %.*s, from the %.*s:\n", (unsigned long long)json_number(letter, "sequence"),
           BELAY_STR_ARG(json_text(letter, "flow")), BELAY_STR_ARG(json_text(letter, "from")));
    for (size_t i = 0; (one = belay_json_at(calls, i)); i++)
        print_call(one);
    for (size_t i = 0; (one = belay_json_at(publishes, i)); i++)
        print_publication(one);
    print_end(letter);
}

int rehearse_letter(const char *data, bool json, const char *flow, const char *sequence, const struct belay_buf *body,
                    bool reveal)
{
    struct belay_buf target;
    struct answer a;
    belay_buf_init(&target, BELAY_KIB(64));
    target_letter(&target, flow, sequence, "/rehearse");
    target_reveal(&target, reveal, NULL);
    int code = client_post(data, target.p, body->p, &a);
    belay_buf_deinit(&target);
    if (code != EXIT_OK)
        return code;
    if (json)
        print_buf(&a.body);
    else
        print_letter(a.json);
    struct belay_str end = json_text(a.json, "end");
    bool again = belay_str_eq(end, BELAY_STR("letter"));
    answer_free(&a);
    return again ? EXIT_NO : EXIT_OK;
}
