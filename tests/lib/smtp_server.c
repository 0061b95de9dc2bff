#include "lib/smtp_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static _Atomic uint32_t attempts;

static void say(FILE *f, const char *line)
{
    fprintf(f, "%s\r\n", line);
    fflush(f);
}

/* False: the connection is to be closed. */
static bool take_mail(FILE *f, const char *to)
{
    char line[2048];
    say(f, "354 go on");
    while (fgets(line, sizeof line, f) && strcmp(line, ".\r\n") != 0)
        ;
    atomic_fetch_add(&attempts, 1);
    if (strstr(to, "lost"))
        return false;
    while (strstr(to, "never") && fgets(line, sizeof line, f)) /* until the client is gone */
        ;
    if (strstr(to, "slow"))
        usleep(200000);
    say(f, "250 taken");
    return true;
}

static void *serve(void *arg)
{
    FILE *f = fdopen((int)(intptr_t)arg, "r+");
    char line[2048], to[256] = "";
    say(f, "220 here");
    while (fgets(line, sizeof line, f)) {
        if (strncasecmp(line, "RCPT", 4) == 0) {
            snprintf(to, sizeof to, "%.200s", line);
            if (strstr(to, "refused") || strstr(to, "busy"))
                atomic_fetch_add(&attempts, 1);
            say(f, strstr(to, "refused") ? "550 no such user" : strstr(to, "busy") ? "451 later" : "250 ok");
        } else if (strncasecmp(line, "DATA", 4) == 0) {
            if (!take_mail(f, to))
                break;
        } else if (strncasecmp(line, "QUIT", 4) == 0) {
            say(f, "221 bye");
            break;
        } else {
            say(f, "250 ok");
        }
    }
    fclose(f);
    return NULL;
}

static void *listen_on(void *arg)
{
    for (int fd; (fd = accept((int)(intptr_t)arg, NULL, NULL)) >= 0;) {
        pthread_t t;
        if (pthread_create(&t, NULL, serve, (void *)(intptr_t)fd))
            abort();
        pthread_detach(t);
    }
    return NULL;
}

uint16_t smtp_server_start(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof at;
    pthread_t t;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(fd, (struct sockaddr *)&at, n) || listen(fd, 128) || getsockname(fd, (struct sockaddr *)&at, &n)
        || pthread_create(&t, NULL, listen_on, (void *)(intptr_t)fd))
        abort();
    pthread_detach(t);
    return ntohs(at.sin_port);
}

uint32_t smtp_server_attempts(void)
{
    return atomic_load(&attempts);
}
