/* sink.c - the HTTP server of Belay answering at once: the measure for accept, and the outside of sagas.
 *
 *   sink --port P      POST /orders 202; POST, PUT, DELETE /do/... 200, but 409 where the path ends in "/no" */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connector/http/server.h"

static int on_request(void *arg, struct belay_http_request *r, struct belay_err *err)
{
    static const struct belay_field headers[] = { { BELAY_STR_INIT("content-type"), BELAY_STR_INIT("application/json") },
                                                  { BELAY_STR_INIT("location"), BELAY_STR_INIT("/orders/o-1001") } };
    (void)arg, (void)err;
    if (belay_str_eq(r->path, BELAY_STR("/orders")))
        belay_http_reply(r, 202, headers, 2, BELAY_STR("{\"order_id\":\"o-1001\",\"status\":\"accepted\"}"));
    else if (belay_str_ends(r->path, BELAY_STR("/no")))
        belay_http_reply(r, 409, headers, 1, BELAY_STR("{\"status\":\"no\"}"));
    else
        belay_http_reply(r, 200, headers, 1, BELAY_STR("{\"status\":\"ok\"}"));
    return BELAY_OK;
}

int main(int argc, char **argv)
{
    struct belay_http_io *io;
    struct belay_http_server *server;
    struct belay_err err;
    char listen[32];
    sigset_t set;
    int signal_number;
    if (argc != 3 || strcmp(argv[1], "--port") != 0) {
        fprintf(stderr, "usage: sink --port P\n");
        return 64;
    }
    snprintf(listen, sizeof listen, "127.0.0.1:%d", atoi(argv[2]));
    struct belay_http_server_config config = { .listen = belay_str_c(listen), .api = BELAY_STR("sink") };
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    if (belay_http_io_open(&io, &err) != BELAY_OK
        || belay_http_server_open(io, &config, on_request, NULL, &server, &err) != BELAY_OK) {
        fprintf(stderr, "sink: %s\n", err.msg);
        return 1;
    }
    sigwait(&set, &signal_number);
    return 0; /* a measuring rod: the system cleans up */
}
