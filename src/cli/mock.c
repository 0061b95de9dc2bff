/* mock.c - belay mock: a service that answers as its OpenAPI document says. */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/command.h"
#include "config/config.h"
#include "connector/http/mock.h"

static const char help[] =
    "belay mock: answers as an OpenAPI document says\n\n"
    "usage: belay mock [--port N] [--host ADDRESS] [--seed N] [--remotes DIR] OPENAPI\n\n"
    "Answers every operation with the document's examples as they are, else with values made from its schemas:\n"
    "the same for the same seed and request. What it gets is validated as belay run does (400, 401, 404, 405, 415, 422\n"
    "with problem+json); credentials must be there, any will do. A client chooses the answer:\n\n"
    "    Prefer: code=404              another declared status\n"
    "    Prefer: example=late          an example by its name\n\n"
    "  --port N         0: a free one (4010)\n"
    "  --host ADDRESS   127.0.0.1\n"
    "  --seed N         another number, other values (1)\n"
    "  --remotes DIR    where documents lie that it names by URL, as HOST/PATH or PATH\n\n"
    "It also serves /openapi.json and /docs. Ends at Ctrl-C.\n\n"
    "example: belay mock --port 4010 examples/order-fulfilment/storefront.openapi.yaml\n"
    "         curl -i -H 'Prefer: example=late' localhost:4010/orders/o-1001\n";

/* The server's last word; the main thread waits for it. */
static void on_closed(void *arg)
{
    atomic_store((atomic_bool *)arg, true);
    kill(getpid(), SIGTERM);
}

static int serve(const belay_json *document, const char *listen, uint64_t seed)
{
    struct belay_http_io *io;
    struct belay_http_server *server;
    struct belay_http_mock mock = { seed };
    struct belay_err err = { 0 };
    sigset_t signals;
    int signal_number;
    atomic_bool closed = false;
    const struct belay_http_server_config config = {
        .listen = belay_str_c(listen),
        .api = BELAY_STR("mock"),
        .openapi = document,
        .openapi_opt = { .any_credentials = true, .document_path = BELAY_STR("/openapi.json"), .page_path = BELAY_STR("/docs") },
    };
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* before threads: they inherit it */
    int status = belay_http_io_open(&io, &err);
    if (!status) {
        status = belay_http_server_open(io, &config, belay_http_mock_answer, &mock, &server, &err);
        if (status)
            belay_http_io_close(io);
    }
    if (status) {
        fprintf(stderr, "belay mock: %s\n", err.msg);
        return status == BELAY_INVALID || status == BELAY_UNSUPPORTED ? EXIT_CONFIG_ : EXIT_NO;
    }
    printf("belay mock: http://127.0.0.1:%u (docs: /docs)\n", (unsigned)belay_http_server_port(server));
    fflush(stdout);
    sigwait(&signals, &signal_number);
    belay_http_server_close(server, 1000, on_closed, &closed);
    while (!atomic_load(&closed))
        sigwait(&signals, &signal_number);
    belay_http_io_close(io);
    return EXIT_OK;
}

static int run(int argc, char **argv)
{
    const char *port = "4010", *host = "127.0.0.1", *seed = "1", *remotes = NULL;
    const struct option_spec specs[] = { { "port", &port, NULL }, { "host", &host, NULL }, { "seed", &seed, NULL },
                                         { "remotes", &remotes, NULL } };
    char **operands;
    int count;
    uint64_t port_number, seed_number;
    char listen[128];
    if (!options_parse(argc, argv, specs, 4, &operands, &count))
        return EXIT_USAGE_;
    if (count != 1)
        return usage_error("mock", "which OpenAPI document?");
    if (!belay_str_to_u64(belay_str_c(port), &port_number) || port_number > 65535)
        return usage_error("mock", "--port is a number up to 65535, not '%s'", port);
    if (!belay_str_to_u64(belay_str_c(seed), &seed_number))
        return usage_error("mock", "--seed is a number, not '%s'", seed);
    snprintf(listen, sizeof listen, "%s:%s", host, port);
    struct belay_problems problems;
    struct belay_definitions *owner;
    const void *document = NULL;
    struct belay_err err = { 0 };
    belay_problems_init(&problems);
    int status = belay_config_openapi(operands[0], remotes, &owner, &document, &problems, &err), code = EXIT_CONFIG_;
    for (uint32_t i = 0; i < problems.count; i++) {
        struct belay_buf text;
        belay_buf_init(&text, BELAY_MIB(1));
        belay_problem_write(&text, &problems.items[i]);
        write_buf(stderr, &text);
        belay_buf_deinit(&text);
    }
    if (!status) {
        code = serve(document, listen, seed_number);
        belay_definitions_unref(owner);
    } else if (!problems.count)
        fprintf(stderr, "belay mock: %s\n", err.msg);
    belay_problems_deinit(&problems);
    return code;
}

const struct command command_mock = { "mock", "answer as an OpenAPI document says", help, run };
