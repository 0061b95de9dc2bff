#include "lib/scripted_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 256

struct scripted_server {
    int listening;
    uint16_t port;
    pthread_t acceptor;
    pthread_t threads[CONNECTIONS_MAX];
    atomic_int fds[CONNECTIONS_MAX];
    atomic_uint connections, requests, closed;
    atomic_bool stopping;
};

struct client {
    struct scripted_server *server;
    unsigned index;
    int fd;
    char buffer[65536];
    size_t n;
};

static bool send_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        p += sent;
        n -= (size_t)sent;
    }
    return true;
}

static bool answer(struct client *c, int status, const char *headers, const char *body, size_t n);

/* The bytes of one whole request, or 0. */
static size_t read_request(struct client *c)
{
    for (;;) {
        c->buffer[c->n] = '\0';
        char *end = strstr(c->buffer, "\r\n\r\n");
        if (end) {
            char *length = strcasestr(c->buffer, "\r\ncontent-length:");
            size_t body = length && length < end ? (size_t)strtoul(length + 17, NULL, 10) : 0;
            size_t whole = (size_t)(end - c->buffer) + 4 + body;
            if (strstr(c->buffer, " /early ")) {
                atomic_fetch_add(&c->server->requests, 1);
                answer(c, 413, "Connection: close\r\n", "no", 2);
                return 0;
            }
            if (c->n >= whole)
                return whole;
        }
        ssize_t n = recv(c->fd, c->buffer + c->n, sizeof c->buffer - 1 - c->n, 0);
        if (n <= 0)
            return 0;
        c->n += (size_t)n;
    }
}

static bool answer(struct client *c, int status, const char *headers, const char *body, size_t n)
{
    char head[512];
    int head_n = snprintf(head, sizeof head, "HTTP/1.1 %d Whatever\r\n%sContent-Length: %zu\r\n\r\n",
                          status, headers, n);
    return send_all(c->fd, head, (size_t)head_n) && send_all(c->fd, body, n);
}

static bool answer_status(struct client *c, const char *rest)
{
    char body[32], headers[96] = "", date[40];
    int status = atoi(rest);
    int n = status == 204 || status == 304 ? 0 : snprintf(body, sizeof body, "{\"status\":%d}", status);
    time_t then = time(NULL) + 10;
    struct tm tm;
    if (strstr(rest, "/after"))
        snprintf(headers, sizeof headers, "Retry-After: 2\r\n");
    if (strstr(rest, "/date")) {
        strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&then, &tm));
        snprintf(headers, sizeof headers, "Retry-After: %s\r\n", date);
    }
    return answer(c, status, headers, body, (size_t)n);
}

static bool answer_big(struct client *c, size_t n)
{
    char *body = malloc(n + 1);
    memset(body, 'x', n);
    bool sent = answer(c, 200, "", body, n);
    free(body);
    return sent;
}

static void pause_until_stop(struct client *c, int ms)
{
    struct pollfd p = { .fd = c->fd, .events = 0 };
    for (int waited = 0; waited < ms && !atomic_load(&c->server->stopping); waited += 10)
        if (poll(&p, 1, 10) && (p.revents & (POLLHUP | POLLERR)))
            return;
}

static bool answer_raw(struct client *c, size_t whole, bool kept)
{
    char *at = strstr(c->buffer, "\r\n\r\n") + 4, *end = c->buffer + whole, *bar;
    for (; (bar = memchr(at, '|', (size_t)(end - at))); at = bar + 1) {
        send_all(c->fd, at, (size_t)(bar - at));
        usleep(15000);
    }
    return send_all(c->fd, at, (size_t)(end - at)) && kept;
}

/* False: the connection ends. */
static bool serve(struct client *c, size_t whole)
{
    char path[256] = "";
    sscanf(c->buffer, "%*s %255s", path);
    atomic_fetch_add(&c->server->requests, 1);
    if (strncmp(path, "/status/", 8) == 0)
        return answer_status(c, path + 8);
    if (strncmp(path, "/raw", 4) == 0)
        return answer_raw(c, whole, path[4] != '\0');
    if (strncmp(path, "/echo", 5) == 0)
        return answer(c, 200, "X-Echo: Yes\r\nContent-Type: text/plain\r\n", c->buffer, whole);
    if (strncmp(path, "/slow/", 6) == 0)
        pause_until_stop(c, atoi(path + 6));
    if (strncmp(path, "/big/", 5) == 0)
        return answer_big(c, strtoul(path + 5, NULL, 10));
    if (strcmp(path, "/never") == 0)
        pause_until_stop(c, 60000);
    if (strcmp(path, "/never") == 0 || strcmp(path, "/lost") == 0)
        return false;
    if (strcmp(path, "/cut") == 0)
        return send_all(c->fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789", 49), false;
    if (strcmp(path, "/garbage") == 0)
        return send_all(c->fd, "220 smtp.example ESMTP\r\n", 24), false;
    return answer(c, 200, "Content-Type: application/json\r\n", "{}", 2) && strcmp(path, "/bye") != 0;
}

static void *run_client(void *arg)
{
    struct client *c = arg;
    size_t whole;
    while ((whole = read_request(c)) > 0 && serve(c, whole)) {
        memmove(c->buffer, c->buffer + whole, c->n - whole);
        c->n -= whole;
    }
    shutdown(c->fd, SHUT_RDWR);
    atomic_fetch_add(&c->server->closed, 1);
    atomic_store(&c->server->fds[c->index], -1);
    close(c->fd);
    free(c);
    return NULL;
}

static void *run_acceptor(void *arg)
{
    struct scripted_server *s = arg;
    for (;;) {
        int fd = accept(s->listening, NULL, NULL);
        unsigned index = atomic_load(&s->connections);
        if (fd < 0 || index == CONNECTIONS_MAX)
            return NULL;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int)); /* head and body are two writes */
        struct client *c = calloc(1, sizeof *c);
        *c = (struct client){ .server = s, .index = index, .fd = fd };
        atomic_store(&s->fds[index], fd);
        atomic_store(&s->connections, index + 1);
        pthread_create(&s->threads[index], NULL, run_client, c);
    }
}

struct scripted_server *scripted_server_start(void)
{
    struct scripted_server *s = calloc(1, sizeof *s);
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof address;
    s->listening = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(s->listening, (struct sockaddr *)&address, n) || listen(s->listening, 256)
        || getsockname(s->listening, (struct sockaddr *)&address, &n))
        abort();
    s->port = ntohs(address.sin_port);
    pthread_create(&s->acceptor, NULL, run_acceptor, s);
    return s;
}

void scripted_server_stop(struct scripted_server *s)
{
    atomic_store(&s->stopping, true);
    shutdown(s->listening, SHUT_RDWR);
    pthread_join(s->acceptor, NULL);
    close(s->listening);
    for (unsigned i = 0; i < atomic_load(&s->connections); i++) {
        int fd = atomic_load(&s->fds[i]);
        if (fd >= 0)
            shutdown(fd, SHUT_RDWR);
        pthread_join(s->threads[i], NULL);
    }
    free(s);
}

uint16_t scripted_server_port(const struct scripted_server *s)
{
    return s->port;
}

uint32_t scripted_server_requests(const struct scripted_server *s)
{
    return atomic_load(&s->requests);
}

uint32_t scripted_server_closed(const struct scripted_server *s)
{
    return atomic_load(&s->closed);
}

uint32_t scripted_server_connections(const struct scripted_server *s)
{
    return atomic_load(&s->connections);
}
