#include "platform/socket.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/assert.h"
#include "platform/sys.h"

#define BACKLOG 1024
#define HOST_BYTES 256
#define PORT_BYTES 6

struct address {
    char host[HOST_BYTES];
    char port[PORT_BYTES];
};

/* Cuts "host:port" and "[host]:port". */
static bool split(struct belay_str text, struct address *a)
{
    size_t colon = text.n;
    while (colon > 0 && text.p[colon - 1] != ':')
        colon--;
    if (colon == 0)
        return false;
    struct belay_str host = belay_str_sub(text, 0, colon - 1);
    struct belay_str port = belay_str_sub(text, colon, text.n);
    uint64_t number;
    if (host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        host = belay_str_sub(host, 1, host.n - 2);
    else if (belay_str_find(host, ':') != host.n)
        return false; /* an IPv6 address without its brackets */
    if (!belay_str_to_u64(port, &number) || number > UINT16_MAX || port.n >= PORT_BYTES
        || host.n >= HOST_BYTES)
        return false;
    *a = (struct address){ 0 };
    if (host.n)
        memcpy(a->host, host.p, host.n);
    memcpy(a->port, port.p, port.n);
    return true;
}

static int resolve(struct belay_str text, struct addrinfo **ret_list, struct belay_err *err)
{
    struct address a;
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
    if (!split(text, &a))
        return belay_fail(err, BELAY_INVALID, "%.*s: not an address like 127.0.0.1:7000",
                          BELAY_STR_ARG(text));
    int failed = getaddrinfo(a.host[0] ? a.host : NULL, a.port, &hints, ret_list);
    if (failed)
        return belay_fail(err, BELAY_INVALID, "%.*s: %s", BELAY_STR_ARG(text),
                          gai_strerror(failed));
    return BELAY_OK;
}

/* A listening socket, or -1 and errno. */
static int listen_at(const struct addrinfo *at)
{
    int one = 1;
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0
        && bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int failed = errno;
    close(fd);
    errno = failed;
    return -1;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage at = { 0 };
    socklen_t n = sizeof at;
    int failed = getsockname(fd, (struct sockaddr *)&at, &n);
    BELAY_ASSERT(!failed);
    if (at.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&at)->sin6_port);
    return ntohs(((struct sockaddr_in *)&at)->sin_port);
}

int belay_listen_tcp(struct belay_str address, int *ret_fd, uint16_t *ret_port,
                     struct belay_err *err)
{
    struct addrinfo *list = NULL;
    int status = resolve(address, &list, err);
    if (status != BELAY_OK)
        return status;
    int fd = -1, failed = EADDRNOTAVAIL;
    for (const struct addrinfo *at = list; at && fd < 0; at = at->ai_next) {
        fd = listen_at(at);
        failed = errno;
    }
    freeaddrinfo(list);
    if (fd < 0)
        return belay_sys_fail(err, failed, "listen on %.*s", BELAY_STR_ARG(address));
    *ret_fd = fd;
    if (ret_port)
        *ret_port = port_of(fd);
    return BELAY_OK;
}

static int unix_address(const char *path, struct sockaddr_un *ret_at, struct belay_err *err)
{
    size_t n = strlen(path);
    if (n >= sizeof ret_at->sun_path)
        return belay_fail(err, BELAY_LIMIT, "%s: a socket's path has at most %zu bytes", path,
                          sizeof ret_at->sun_path - 1);
    *ret_at = (struct sockaddr_un){ .sun_family = AF_UNIX };
    memcpy(ret_at->sun_path, path, n);
    return BELAY_OK;
}

int belay_listen_unix(const char *path, int *ret_fd, struct belay_err *err)
{
    struct sockaddr_un at;
    struct stat st;
    int status = unix_address(path, &at, err);
    if (status != BELAY_OK)
        return status;
    if (lstat(path, &st) == 0) {
        if (!S_ISSOCK(st.st_mode))
            return belay_fail(err, BELAY_EXISTS, "%s is there and no socket", path);
        (void)unlink(path); /* bind tells if that did not work */
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return belay_sys_fail(err, errno, "socket");
    /* Mode first, listening second: nobody connects before the door is guarded. */
    if (bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || chmod(path, 0600) != 0
        || listen(fd, BACKLOG) != 0) {
        status = belay_sys_fail(err, errno, "listen on %s", path);
        close(fd);
        return status;
    }
    *ret_fd = fd;
    return BELAY_OK;
}

int belay_connect_unix(const char *path, int *ret_fd, struct belay_err *err)
{
    struct sockaddr_un at;
    int status = unix_address(path, &at, err);
    if (status != BELAY_OK)
        return status;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return belay_sys_fail(err, errno, "socket");
    if (connect(fd, (struct sockaddr *)&at, sizeof at) != 0) {
        status = errno == ECONNREFUSED
                     ? belay_fail(err, BELAY_UNAVAILABLE, "%s: nobody listens", path)
                     : belay_sys_fail(err, errno, "connect to %s", path);
        close(fd);
        return status;
    }
    *ret_fd = fd;
    return BELAY_OK;
}

void belay_socket_close(int fd)
{
    if (fd >= 0)
        close(fd);
}
