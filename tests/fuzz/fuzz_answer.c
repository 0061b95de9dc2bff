/* room: connector/http */
/* What a server may answer: the input is sent to a real client over a real socket, which is then closed.  Each
 * call comes to exactly one outcome, and only a whole answer is an ok one. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connector/http/client.h"
#include "platform/mailbox.h"

#define TIMEOUT_MS 10000

static int listener = -1;
static struct belay_connection *client;
static struct belay_mailbox *box;

static void on_done(void *arg, struct belay_call_outcome *outcome)
{
    (void)arg;
    if (belay_mailbox_post(box, outcome) != BELAY_OK)
        abort();
}

static uint16_t open_listener(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof a;
    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&a, n) != 0 || listen(listener, 16) != 0
        || getsockname(listener, (struct sockaddr *)&a, &n) != 0)
        abort();
    return ntohs(a.sin_port);
}

static void open_client(void)
{
    static char url[64];
    struct belay_err err;
    snprintf(url, sizeof url, "http://127.0.0.1:%u", open_listener());
    struct belay_option_value option = { .option = belay_connector_http.options, .text = belay_str_c(url) };
    while (strcmp(option.option->name, "base_url") != 0)
        option.option++;
    struct belay_connection_config config = { .name = BELAY_STR("fuzz"), .options = &option, .option_count = 1,
                                              .concurrency = 1, .queue_max = 4, .response_bytes_max = 4096 };
    if (belay_mailbox_new(16, &box, &err) != BELAY_OK
        || belay_connector_http.open(&config, on_done, NULL, &client, &err) != BELAY_OK)
        abort();
}

/* Takes one connection and its request, says the bytes, closes. */
static void serve(const uint8_t *data, size_t n)
{
    char request[4096];
    size_t got = 0;
    int fd = accept(listener, NULL, NULL);
    if (fd < 0)
        abort();
    do {
        ssize_t r = read(fd, request + got, sizeof request - 1 - got);
        if (r <= 0)
            abort();
        got += (size_t)r;
        request[got] = '\0';
    } while (!strstr(request, "\r\n\r\n"));
    while (n) {
        ssize_t w = send(fd, data, n, MSG_NOSIGNAL);
        if (w <= 0)
            break; /* the client has heard enough */
        data += w;
        n -= (size_t)w;
    }
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const struct belay_field params[] = { { BELAY_STR_INIT("method"), BELAY_STR_INIT("GET") },
                                                 { BELAY_STR_INIT("path"), BELAY_STR_INIT("/") } };
    static uint64_t id;
    struct belay_call_request request = { .id = ++id, .params = params, .param_count = 2, .timeout_ms = TIMEOUT_MS };
    struct belay_call_outcome *outcome;
    struct belay_err err;
    if (!client)
        open_client();
    if (belay_connector_http.call(client, &request, &err) != BELAY_OK)
        abort();
    serve(data, n);
    while (!(outcome = belay_mailbox_take(box)))
        belay_mailbox_wait(box, -1);
    if (outcome->id != id || (outcome->ok && (outcome->status < 200 || outcome->status > 299)))
        abort();
    belay_call_outcome_free(outcome);
    return 0;
}
