/* saga_loop.c - what a careful hand would write for the same sagas: one thread, one connection a saga in
 * flight, a record for each step in a journal written before, one O_DIRECT + RWF_DSYNC write for all that came
 * in one turn, and only then the next calls.
 *
 *   saga_loop --data DIR --port P [--sagas N] [--in-flight 64] */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define IN_FLIGHT_MAX 1024
#define JOURNAL_BYTES (16u << 20)
#define BLOCK 4096u

struct saga {
    int fd;
    uint64_t id;
    int step; /* 0..2 forward, then -1, -2: compensating b, a */
    char answer[4096];
    size_t n;
};

static struct saga sagas[IN_FLIGHT_MAX];
static unsigned char *journal_buffer;
static size_t journal_n, journal_at;
static int journal_fd;
static uint64_t started, ended, compensated, wanted;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void open_journal(const char *dir)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/saga_loop.journal", dir);
    journal_fd = open(path, O_RDWR | O_CREAT | O_DIRECT, 0600);
    if (journal_fd < 0 || posix_memalign((void **)&journal_buffer, BLOCK, 1 << 20) != 0)
        die(path);
    memset(journal_buffer, 0, 1 << 20);
    for (size_t at = 0; at < JOURNAL_BYTES; at += 1 << 20)
        if (pwrite(journal_fd, journal_buffer, 1 << 20, (off_t)at) != 1 << 20)
            die("pwrite");
    fsync(journal_fd);
}

static void record(const struct saga *s, const char *what)
{
    journal_n += (size_t)sprintf((char *)journal_buffer + journal_n, "{\"saga\":\"s-%llu\",\"step\":%d,\"did\":\"%s\",\"answer\":\"%.64s\"}\n",
                                 (unsigned long long)s->id, s->step, what, "{\\\"status\\\":\\\"ok\\\"}");
}

static void commit(void)
{
    if (journal_n == 0)
        return;
    size_t n = (journal_n + BLOCK - 1) / BLOCK * BLOCK;
    if (journal_at + n > JOURNAL_BYTES)
        journal_at = 0;
    struct iovec v = { journal_buffer, n };
    if (pwritev2(journal_fd, &v, 1, (off_t)journal_at, RWF_DSYNC) != (ssize_t)n)
        die("pwritev2");
    journal_at += n;
    journal_n = 0;
}

static void call(struct saga *s)
{
    char text[512];
    const char *body = "{\"amount\":210.8}";
    int n;
    if (s->step >= 0)
        n = snprintf(text, sizeof text,
                     "PUT /do/s-%llu%s HTTP/1.1\r\nhost: sink\r\nidempotency-key: \"%llu-%d\"\r\n"
                     "content-type: application/json\r\ncontent-length: %zu\r\n\r\n%s",
                     (unsigned long long)s->id, s->step == 2 && s->id % 10 == 0 ? "/no" : "", (unsigned long long)s->id,
                     s->step, strlen(body), body);
    else
        n = snprintf(text, sizeof text, "DELETE /do/s-%llu HTTP/1.1\r\nhost: sink\r\nidempotency-key: \"%llu-%d\"\r\n\r\n",
                     (unsigned long long)s->id, (unsigned long long)s->id, s->step);
    if (write(s->fd, text, (size_t)n) != n)
        die("write");
}

/* True: there is a next call. */
static bool advance(struct saga *s, bool ok)
{
    record(s, ok ? "done" : "failed");
    if (s->step >= 0 && !ok)
        s->step = -1;
    else if (s->step >= 0 && s->step < 2)
        s->step++;
    else if (s->step == -1)
        s->step = -2;
    else {
        compensated += s->step < 0;
        ended++;
        if (started >= wanted)
            return false;
        s->id = started++;
        s->step = 0;
    }
    return true;
}

static bool receive(struct saga *s, bool *ret_ok)
{
    ssize_t n = read(s->fd, s->answer + s->n, sizeof s->answer - 1 - s->n);
    if (n <= 0)
        die("read");
    s->n += (size_t)n;
    s->answer[s->n] = '\0';
    char *end = strstr(s->answer, "\r\n\r\n"), *length = strcasestr(s->answer, "content-length:");
    if (!end || s->n < (size_t)(end + 4 - s->answer) + (length ? strtoul(length + 15, NULL, 10) : 0))
        return false;
    *ret_ok = s->answer[9] == '2';
    s->n = 0;
    return true;
}

static int dial(unsigned port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) != 0)
        die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

int main(int argc, char **argv)
{
    const char *data = NULL;
    unsigned port = 0, in_flight = 64;
    wanted = 100000;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--data") == 0)
            data = argv[i + 1];
        else if (strcmp(argv[i], "--port") == 0)
            port = (unsigned)atoi(argv[i + 1]);
        else if (strcmp(argv[i], "--sagas") == 0)
            wanted = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--in-flight") == 0)
            in_flight = (unsigned)atoi(argv[i + 1]);
    }
    if (!data || !port || in_flight > IN_FLIGHT_MAX) {
        fprintf(stderr, "usage: saga_loop --data DIR --port P [--sagas N] [--in-flight 64]\n");
        return 64;
    }
    open_journal(data);
    int epoll = epoll_create1(0);
    for (unsigned i = 0; i < in_flight; i++) {
        struct epoll_event event = { EPOLLIN, { .ptr = &sagas[i] } };
        sagas[i].fd = dial(port);
        sagas[i].id = started++;
        epoll_ctl(epoll, EPOLL_CTL_ADD, sagas[i].fd, &event);
    }
    double began = seconds();
    for (unsigned i = 0; i < in_flight; i++)
        call(&sagas[i]);
    while (ended < wanted) {
        struct epoll_event events[256];
        struct saga *next[256];
        int n = epoll_wait(epoll, events, 256, -1), count = 0;
        for (int i = 0; i < n; i++) {
            bool ok;
            struct saga *s = events[i].data.ptr;
            if (receive(s, &ok) && advance(s, ok))
                next[count++] = s;
        }
        commit();
        for (int i = 0; i < count; i++)
            call(next[i]);
    }
    double took = seconds() - began;
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    double cpu = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
    printf("{\"sagas\":%llu,\"seconds\":%.3f,\"per_second\":%.0f,\"compensated\":%llu,\"mean_ms\":%.3f,\"cpu_us\":%.2f}\n",
           (unsigned long long)ended, took, (double)ended / took, (unsigned long long)compensated,
           (double)in_flight / ((double)ended / took) * 1e3, cpu / (double)ended);
    return 0;
}
