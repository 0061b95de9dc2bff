#include "platform/socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "platform/sys.h"

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
