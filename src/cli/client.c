#include "cli/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "platform/socket.h"
#include "platform/thread.h"

#define DATA_DIR_DEFAULT "belay-data"
#define PATH_BYTES 4096
#define ANSWER_BYTES_MAX BELAY_MIB(64)
#define AGAIN_FIRST_MS 50 /* doubled each time: */
#define AGAIN_TIMES 8     /* 12 s in all */

static void put_request(struct belay_buf *b, const char *target, const char *body)
{
    const char *as = getenv("BELAY_AS");
    belay_buf_printf(b, "%s %s HTTP/1.1\r\nhost: belay\r\nconnection: close\r\n", body ? "POST" : "GET", target);
    if (as && *as && !strpbrk(as, "\r\n"))
        belay_buf_printf(b, "x-belay-user: %s\r\n", as);
    if (body)
        belay_buf_printf(b, "content-type: application/json\r\ncontent-length: %zu\r\n", strlen(body));
    belay_buf_printf(b, "\r\n%s", body ? body : "");
}

static bool send_all(int fd, struct belay_str s)
{
    while (s.n) {
        ssize_t n = write(fd, s.p, s.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        s = belay_str_sub(s, (size_t)n, s.n);
    }
    return true;
}

static bool receive_all(int fd, struct belay_buf *b)
{
    for (;;) {
        char *to = belay_buf_reserve(b, 65536);
        ssize_t n = to ? read(fd, to, 65536) : -1;
        if (n < 0 && to && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0;
        b->n += (size_t)n;
    }
}

/* head: the whole of it, with the empty line. */
static bool has_retry_after(struct belay_str head)
{
    for (struct belay_str line = belay_str_split(&head, '\n'); line.p && line.n; line = belay_str_split(&head, '\n'))
        if (line.n > 12 && strncasecmp(line.p, "retry-after:", 12) == 0)
            return true;
    return false;
}

/* Cuts the head off. */
static bool split(struct answer *a)
{
    char *end = a->body.n ? memmem(a->body.p, a->body.n, "\r\n\r\n", 4) : NULL;
    if (!end || a->body.n < 12 || memcmp(a->body.p, "HTTP/1.1 ", 9) != 0)
        return false;
    for (int i = 9; i < 12; i++)
        a->status = a->status * 10 + (uint32_t)(a->body.p[i] - '0');
    size_t head = (size_t)(end - a->body.p) + 4;
    a->again = a->status == 503 && has_retry_after(belay_str(a->body.p, head));
    a->body.n -= head;
    memmove(a->body.p, a->body.p + head, a->body.n);
    if (belay_json_parse(belay_buf_view(&a->body), NULL, &a->arena, &a->json, NULL, NULL) != BELAY_OK)
        a->json = NULL;
    return true;
}

static int connect_to(const char *data_dir, int *ret_fd)
{
    char path[PATH_BYTES];
    struct belay_err err;
    snprintf(path, sizeof path, "%s/admin.sock", data_dir ? data_dir : DATA_DIR_DEFAULT);
    int status = belay_connect_unix(path, ret_fd, &err);
    if (status == BELAY_OK)
        return EXIT_OK;
    fprintf(stderr, "belay: nobody serves the data directory %s (%s)\n", data_dir ? data_dir : DATA_DIR_DEFAULT,
            err.msg);
    fprintf(stderr, "start it with: belay run --data %s PATH..., or name another with --data DIR\n",
            data_dir ? data_dir : DATA_DIR_DEFAULT);
    return EXIT_UNAVAILABLE_;
}

static int ask_once(const char *data_dir, const char *target, const char *body, struct answer *answer)
{
    struct belay_buf request;
    int fd, status = connect_to(data_dir, &fd);
    if (status != EXIT_OK)
        return status;
    *answer = (struct answer){ 0 };
    belay_buf_init(&request, ANSWER_BYTES_MAX);
    belay_buf_init(&answer->body, ANSWER_BYTES_MAX);
    belay_arena_init(&answer->arena, 0, 4 * ANSWER_BYTES_MAX);
    put_request(&request, target, body);
    if (belay_buf_status(&request) != BELAY_OK || !send_all(fd, belay_buf_view(&request))
        || !receive_all(fd, &answer->body) || !split(answer)) {
        fprintf(stderr, "belay: the admin API broke off its answer; is it stopping?\n");
        answer_free(answer);
        status = EXIT_UNAVAILABLE_;
    }
    belay_buf_deinit(&request);
    belay_socket_close(fd);
    return status;
}

int client_ask(const char *data_dir, const char *target, const char *body, struct answer *answer)
{
    uint32_t wait_ms = AGAIN_FIRST_MS;
    for (int n = 0;; n++, wait_ms *= 2) {
        int code = ask_once(data_dir, target, body, answer);
        if (code != EXIT_OK || !answer->again || n == AGAIN_TIMES)
            return code;
        answer_free(answer);
        belay_thread_sleep_ms(wait_ms);
    }
}

void answer_free(struct answer *answer)
{
    belay_buf_deinit(&answer->body);
    belay_arena_deinit(&answer->arena);
}

static int refuse_problems(struct answer *answer)
{
    if (answer->status < 400)
        return EXIT_OK;
    struct belay_str detail = json_text(answer->json, "detail"), title = json_text(answer->json, "title");
    if (detail.n == 0)
        detail = title;
    fprintf(stderr, "belay: %.*s (%u)\n", BELAY_STR_ARG(detail), answer->status);
    answer_free(answer);
    return EXIT_NO;
}

int client_get(const char *data_dir, const char *target, struct answer *answer)
{
    int status = client_ask(data_dir, target, NULL, answer);
    return status == EXIT_OK ? refuse_problems(answer) : status;
}

int client_post(const char *data_dir, const char *target, const char *body, struct answer *answer)
{
    int status = client_ask(data_dir, target, body, answer);
    return status == EXIT_OK ? refuse_problems(answer) : status;
}

void target_put(struct belay_buf *target, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
                     || (c && strchr("-._~", c));
        if (plain)
            belay_buf_put_c(target, (char)c);
        else
            belay_buf_printf(target, "%%%02X", c);
    }
}

void target_letter(struct belay_buf *target, const char *flow, const char *sequence, const char *verb)
{
    belay_buf_put_str(target, BELAY_STR("/letters/"));
    target_put(target, flow);
    belay_buf_put_c(target, '/');
    target_put(target, sequence);
    belay_buf_put_str(target, belay_str_c(verb));
    belay_buf_put_c(target, '\0');
}

void target_reveal(struct belay_buf *target, bool reveal, const char *reason)
{
    bool ended = target->n && target->p[target->n - 1] == '\0';
    if (!reveal || !target->n)
        return;
    target->n -= ended;
    belay_buf_printf(target, "%creveal=true", memchr(target->p, '?', target->n) ? '&' : '?');
    if (reason && *reason) {
        belay_buf_put_str(target, BELAY_STR("&reason="));
        target_put(target, reason);
    }
    if (ended)
        belay_buf_put_c(target, '\0');
}
