/* letter_edit.c - what a person makes of a letter's message is made here; the runtime takes the whole body, with the
 * version that was seen, so that of two persons the second is told. */
#include "cli/letter_edit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "cli/client.h"
#include "cli/expr.h"
#include "expr/expr.h"
#include "json/patch.h"

static int say(const char *what, const char *why)
{
    fprintf(stderr, "belay dlq edit: %s%s%s\n", what, why && *why ? ": " : "", why ? why : "");
    return EXIT_NO;
}

/* ---- ways to a new body: each leaves JSON in out ---- */

static int by_transform(const struct letter_edit *o, const belay_json *body, struct belay_arena *arena, struct belay_buf *out)
{
    struct belay_expr_error error = { 0 };
    struct belay_err err;
    struct belay_expr *e;
    struct belay_value value;
    const struct belay_expr_env env = { 0 };
    if (belay_expr_compile(belay_str_c(o->transform), &e, &error, &err) != BELAY_OK)
        return say("--transform", error.message[0] ? error.message : err.msg);
    int status = belay_expr_eval(e, belay_value_tape(body), &env, arena, &value, &error, &err);
    bool some = status == BELAY_OK && belay_value_write(out, value);
    belay_expr_free(e);
    if (status != BELAY_OK)
        return say("--transform", error.message[0] ? error.message : err.msg);
    return some ? EXIT_OK : say("--transform yields nothing: the message stays as it is", NULL);
}

static int by_patch(const struct letter_edit *o, const belay_json *body, struct belay_arena *arena, struct belay_buf *out)
{
    struct belay_buf text;
    struct belay_err err;
    const belay_json *patch, *result;
    belay_buf_init(&text, BELAY_MIB(16));
    int code = EXIT_OK;
    belay_err_clear(&err);
    if (!expr_read(strcmp(o->patch, "-") ? o->patch : NULL, &text))
        code = EXIT_NO;
    else if (belay_json_parse(belay_buf_view(&text), NULL, arena, &patch, NULL, &err) != BELAY_OK
             || belay_json_patch(body, patch, arena, &result, &err) != BELAY_OK)
        code = say("--patch", err.msg);
    else
        belay_json_write(out, result);
    belay_buf_deinit(&text);
    return code;
}

/* ---- the editor ---- */

static bool write_file(int fd, const struct belay_buf *b)
{
    size_t at = 0;
    while (at < b->n) {
        ssize_t n = write(fd, b->p + at, b->n - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += (size_t)n;
    }
    return true;
}

/* As git does it: the editor may be a command with arguments. */
static bool run_editor(const char *path)
{
    const char *editor = getenv("VISUAL");
    char command[1024];
    int status;
    if (!editor || !*editor)
        editor = getenv("EDITOR");
    if (snprintf(command, sizeof command, "%s \"$1\"", editor && *editor ? editor : "vi") >= (int)sizeof command)
        return false;
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", command, "sh", path, (char *)NULL);
        _exit(127);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return false;
    return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* What was written stays where it is when it cannot be used: nobody writes it twice. */
static int by_editor(const belay_json *body, struct belay_arena *arena, struct belay_buf *out)
{
    char path[] = "/tmp/belay-letter-XXXXXX.json";
    struct belay_buf text;
    struct belay_json_place place = { 0 };
    struct belay_err err;
    const belay_json *root;
    int fd = mkstemps(path, 5), code = EXIT_OK;
    if (fd < 0)
        return say("cannot write a file in /tmp", NULL);
    belay_buf_init(&text, BELAY_MIB(64));
    belay_json_write_pretty(&text, body);
    belay_buf_put_c(&text, '\n');
    bool written = belay_buf_status(&text) == BELAY_OK && write_file(fd, &text);
    close(fd);
    belay_buf_clear(&text);
    belay_err_clear(&err);
    if (!written || !run_editor(path) || !expr_read(path, &text)) {
        code = say("the editor failed: the message stays as it is", NULL);
    } else if (belay_json_parse(belay_buf_view(&text), NULL, arena, &root, &place, &err) != BELAY_OK) {
        fprintf(stderr, "belay dlq edit: this is no JSON, line %u, column %u: %s\nthe message stays as it is; what you wrote "
                        "is in %s\n", place.line, place.column, err.msg, path);
        belay_buf_deinit(&text);
        return EXIT_NO;
    } else {
        belay_json_write(out, root);
    }
    unlink(path);
    belay_buf_deinit(&text);
    return code;
}

/* ---- the letter ---- */

/* A transform and a patch work on the truth, which nobody sees; an editor shows marks, which the runtime takes back. */
static int ask(const struct letter_edit *o, const char *verb, const char *body, struct answer *a)
{
    const char *how = o->transform ? "edit --transform" : o->patch ? "edit --patch" : "edit";
    bool whole = o->transform || o->patch || o->reveal;
    struct belay_buf target;
    belay_buf_init(&target, BELAY_KIB(64));
    target_letter(&target, o->flow, o->sequence, body || whole ? verb : "?places=true");
    target_reveal(&target, !body && whole, o->reason ? o->reason : how);
    int code = body ? client_post(o->data, target.p, body, a) : client_get(o->data, target.p, a);
    belay_buf_deinit(&target);
    return code;
}

static void put_reason(struct belay_buf *body, const struct letter_edit *o, const char *how)
{
    belay_buf_printf(body, ",\"how\":");
    belay_json_write_str(body, belay_str(how, strlen(how) < 900 ? strlen(how) : 900));
    if (o->reason) {
        belay_buf_printf(body, ",\"reason\":");
        belay_json_write_str(body, belay_str_c(o->reason));
    }
    belay_buf_put(body, "}", 2);
}

/* The line that sends what was written. letter: as it was shown; NULL: it is as it came. */
static void say_next(const struct letter_edit *o, const belay_json *letter)
{
    const belay_json *carries = belay_json_get(letter, BELAY_STR("carries"));
    const char *how = "";
    printf("%s %s: %s\n", o->flow, o->sequence, letter ? "edited; the original is kept" : "as it came");
    if (!letter)
        return;
    if (carries && carries->type == BELAY_JSON_TRUE)
        how = " --from-start";
    else if (belay_str_eq(json_text(letter, "class"), BELAY_STR("unknown_outcome")))
        return; /* a person settles it */
    printf("  belay dlq replay %s %s%s%s%s\n", o->flow, o->sequence, how, o->data ? " --data " : "", o->data ? o->data : "");
    if (*how)
        printf("      from the failed step its flow would go on with what it had made of the message before\n");
}

static int post(const struct letter_edit *o, const belay_json *letter, const struct belay_buf *body)
{
    struct answer a;
    int code = belay_buf_status(body) == BELAY_OK ? ask(o, "/edit", body->p, &a) : say("the message is too large", NULL);
    if (code != EXIT_OK)
        return code;
    if (o->json)
        printf("%.*s\n", (int)a.body.n, a.body.p);
    else
        say_next(o, letter);
    answer_free(&a);
    return EXIT_OK;
}

/* letter: as the runtime showed it. */
static int edit(const struct letter_edit *o, const belay_json *letter, struct belay_arena *arena)
{
    const belay_json *message = belay_json_get(letter, BELAY_STR("message")), *body = belay_json_get(message, BELAY_STR("body"));
    struct belay_buf changed, request, before;
    if (!body || body->type == BELAY_JSON_NULL)
        return say("the message has no body", NULL);
    belay_buf_init(&changed, BELAY_MIB(64));
    belay_buf_init(&request, BELAY_MIB(64));
    belay_buf_init(&before, BELAY_MIB(64));
    belay_json_write(&before, body);
    int code = o->transform ? by_transform(o, body, arena, &changed)
               : o->patch   ? by_patch(o, body, arena, &changed)
                            : by_editor(body, arena, &changed);
    if (code == EXIT_OK && belay_str_eq(belay_buf_view(&changed), belay_buf_view(&before))) {
        code = say("nothing was changed", NULL);
    } else if (code == EXIT_OK) {
        belay_buf_printf(&request, "{\"version\":%llu,\"body\":", (unsigned long long)json_number(letter, "edits"));
        belay_buf_put_str(&request, belay_buf_view(&changed));
        put_reason(&request, o, o->transform ? o->transform : o->patch ? "patch" : "editor");
        code = post(o, letter, &request);
    }
    belay_buf_deinit(&changed);
    belay_buf_deinit(&request);
    belay_buf_deinit(&before);
    return code;
}

int letter_edit(const struct letter_edit *o)
{
    struct answer a;
    struct belay_buf request;
    int code;
    if (o->restore) {
        belay_buf_init(&request, BELAY_KIB(16));
        belay_buf_printf(&request, "{\"restore\":true");
        put_reason(&request, o, "restore");
        code = post(o, NULL, &request);
        belay_buf_deinit(&request);
        return code;
    }
    code = ask(o, "", NULL, &a);
    if (code != EXIT_OK)
        return code;
    code = edit(o, a.json, &a.arena);
    answer_free(&a);
    return code;
}
