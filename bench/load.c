/* load.c - an HTTP load generator on one thread: closed loop, or open loop at a rate.
 *
 *   load --port P [--target /orders] [--body FILE] [--connections 64] [--seconds 5] [--rate N] [--first N] [--refusals 1]
 *
 * In FILE and in the Idempotency-Key each run of twelve '#' becomes the request's number, so that every
 * request is an order of its own. Closed loop: each connection sends when it has its answer. Open loop (--rate):
 * requests are due at even times whatever the server does, and latency counts from the time one was due.
 * With --refusals a 503 is an answer, and counted apart. It never sleeps: on a virtual machine waking a core that sleeps costs who sends a microsecond or ten, so that a
 * server would look the dearer the longer the loader had to wait for it. Prints one JSON object. */
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
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1024
#define DIGITS 12
#define ANSWER_BYTES 65536
#define PLACES_MAX 8
#define BUCKETS 4096 /* of latency: 16 for each power of two of microseconds */

struct options {
    unsigned port, connections;
    const char *target, *body;
    double seconds, rate;
    uint64_t first;
    bool refusals; /* 503 is an answer */
};

struct connection {
    int fd;
    bool waiting;      /* for an answer */
    uint64_t due_ns;   /* of the request under way */
    char answer[ANSWER_BYTES];
    size_t n;
};

static struct connection connections[CONNECTIONS_MAX];
static char *request;
static size_t request_n, places[PLACES_MAX], place_count;
static bool may_refuse;
static uint64_t sent, answered, bad, refused, buckets[BUCKETS], good_buckets[BUCKETS];

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* ---- latencies ---- */

static unsigned bucket_of(uint64_t us)
{
    if (us < 16)
        return (unsigned)us;
    unsigned log = 63 - (unsigned)__builtin_clzll(us);
    unsigned b = (log - 3) * 16 + ((us >> (log - 4)) & 15);
    return b < BUCKETS ? b : BUCKETS - 1;
}

static double bound_ms(unsigned b)
{
    if (b < 16)
        return b / 1000.0;
    unsigned log = b / 16 + 3;
    return (double)(((uint64_t)(16 + b % 16 + 1) << (log - 4)) - 1) / 1000.0;
}

static double quantile_ms(const uint64_t *of, uint64_t count, double q)
{
    uint64_t wanted = (uint64_t)(q * (double)count), seen = 0;
    for (unsigned b = 0; b < BUCKETS; b++) {
        seen += of[b];
        if (seen > wanted)
            return bound_ms(b);
    }
    return 0;
}

/* ---- requests ---- */

static char *read_file(const char *path, size_t *n)
{
    FILE *in = fopen(path, "rb");
    char *p = malloc(1 << 20);
    if (!in || !p)
        die(path);
    *n = fread(p, 1, 1 << 20, in);
    fclose(in);
    return p;
}

static void make_request(const struct options *o)
{
    static const char mark[] = "############";
    size_t body_n = 0;
    char *body = o->body ? read_file(o->body, &body_n) : NULL;
    request = malloc(body_n + 1024);
    if (!request)
        die("memory");
    int head = body ? sprintf(request,
                              "POST %s HTTP/1.1\r\nhost: bench\r\nidempotency-key: \"k-%s\"\r\n"
                              "content-type: application/json\r\ncontent-length: %zu\r\n\r\n",
                              o->target, mark, body_n)
                    : sprintf(request, "GET %s HTTP/1.1\r\nhost: bench\r\n\r\n", o->target);
    if (body)
        memcpy(request + head, body, body_n);
    request_n = (size_t)head + body_n;
    for (char *at = request; place_count < PLACES_MAX; at += DIGITS) {
        at = memmem(at, (size_t)(request + request_n - at), mark, DIGITS);
        if (!at)
            break;
        places[place_count++] = (size_t)(at - request);
    }
    free(body);
}

static void send_next(struct connection *c, uint64_t number, uint64_t due_ns)
{
    char digits[DIGITS];
    for (int i = DIGITS; i-- > 0; number /= 10)
        digits[i] = (char)('0' + number % 10);
    for (size_t i = 0; i < place_count; i++)
        memcpy(request + places[i], digits, DIGITS);
    for (size_t at = 0; at < request_n;) {
        ssize_t n = write(c->fd, request + at, request_n - at);
        if (n < 0 && errno != EAGAIN)
            die("write");
        at += n > 0 ? (size_t)n : 0;
    }
    c->due_ns = due_ns;
    c->waiting = true;
    sent++;
}

/* True: a whole answer was taken. */
static bool receive(struct connection *c)
{
    ssize_t n = read(c->fd, c->answer + c->n, sizeof c->answer - 1 - c->n);
    if (n < 0 && errno == EAGAIN)
        return false;
    if (n <= 0)
        die("the server closed a connection");
    c->n += (size_t)n;
    c->answer[c->n] = '\0';
    char *end = strstr(c->answer, "\r\n\r\n");
    if (!end)
        return false;
    char *length = strcasestr(c->answer, "\r\ncontent-length:");
    size_t whole = (size_t)(end + 4 - c->answer) + (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
    if (c->n < whole)
        return false;
    bool good = memcmp(c->answer, "HTTP/1.1 2", 10) == 0;
    bool busy = !good && may_refuse && memcmp(c->answer, "HTTP/1.1 503", 12) == 0;
    if (busy)
        refused++;
    else if (!good && bad++ < 3)
        fprintf(stderr, "load: %.200s\n", c->answer);
    c->n = 0;
    c->waiting = false;
    answered++;
    unsigned bucket = bucket_of((now_ns() - c->due_ns) / 1000);
    buckets[bucket]++;
    good_buckets[bucket] += good;
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
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

/* ---- the loop ---- */

struct pace {
    uint64_t next_ns, every_ns, end_ns; /* every_ns 0: closed loop */
    uint64_t number;
};

/* In an open loop, one idle connection after the other takes what is due. */
static void send_due(const struct options *o, struct pace *p)
{
    static unsigned at;
    for (unsigned tried = 0; tried < o->connections && p->next_ns <= now_ns() && p->next_ns < p->end_ns; tried++) {
        struct connection *c = &connections[at++ % o->connections];
        if (c->waiting)
            continue;
        send_next(c, p->number++, p->next_ns);
        p->next_ns += p->every_ns;
        tried = 0;
    }
}

static void run(const struct options *o, struct pace *p)
{
    struct epoll_event events[256];
    int epoll = epoll_create1(0);
    for (unsigned i = 0; i < o->connections; i++) {
        struct epoll_event event = { EPOLLIN, { .ptr = &connections[i] } };
        connections[i].fd = dial(o->port);
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, connections[i].fd, &event) != 0)
            die("epoll_ctl");
    }
    p->next_ns = now_ns();
    p->end_ns = p->next_ns + (uint64_t)(o->seconds * 1e9);
    for (unsigned i = 0; p->every_ns == 0 && i < o->connections; i++)
        send_next(&connections[i], p->number++, now_ns());
    while (now_ns() < p->end_ns) {
        if (p->every_ns)
            send_due(o, p);
        int n = epoll_wait(epoll, events, 256, 0);
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            if (receive(c) && p->every_ns == 0)
                send_next(c, p->number++, now_ns());
        }
    }
}

static bool parse(int argc, char **argv, struct options *o)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        if (strcmp(name, "--port") == 0)
            o->port = (unsigned)atoi(value);
        else if (strcmp(name, "--target") == 0)
            o->target = value;
        else if (strcmp(name, "--body") == 0)
            o->body = value;
        else if (strcmp(name, "--connections") == 0)
            o->connections = (unsigned)atoi(value);
        else if (strcmp(name, "--seconds") == 0)
            o->seconds = atof(value);
        else if (strcmp(name, "--rate") == 0)
            o->rate = atof(value);
        else if (strcmp(name, "--first") == 0)
            o->first = strtoull(value, NULL, 10);
        else if (strcmp(name, "--refusals") == 0)
            o->refusals = atoi(value) != 0;
        else
            return false;
    }
    return argc % 2 == 1 && o->port && o->connections && o->connections <= CONNECTIONS_MAX;
}

int main(int argc, char **argv)
{
    struct options o = { .connections = 64, .target = "/", .seconds = 5 };
    if (!parse(argc, argv, &o)) {
        fprintf(stderr, "usage: load --port P [--target T] [--body FILE] [--connections N] [--seconds S] "
                        "[--rate R] [--first N] [--refusals 1]\n");
        return 64;
    }
    struct pace p = { .every_ns = o.rate > 0 ? (uint64_t)(1e9 / o.rate) : 0, .number = o.first };
    may_refuse = o.refusals;
    make_request(&o);
    uint64_t began = now_ns();
    run(&o, &p);
    double seconds = (double)(now_ns() - began) / 1e9;
    printf("{\"answered\":%llu,\"bad\":%llu,\"seconds\":%.3f,\"per_second\":%.0f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,"
           "\"max_ms\":%.3f,\"next\":%llu,\"refused\":%llu,\"good_per_second\":%.1f,\"good_p50_ms\":%.3f,"
           "\"good_p99_ms\":%.3f}\n",
           (unsigned long long)answered, (unsigned long long)bad, seconds, (double)answered / seconds,
           quantile_ms(buckets, answered, 0.5), quantile_ms(buckets, answered, 0.99),
           quantile_ms(buckets, answered, 0.999999), (unsigned long long)p.number, (unsigned long long)refused,
           (double)(answered - bad - refused) / seconds, quantile_ms(good_buckets, answered - bad - refused, 0.5),
           quantile_ms(good_buckets, answered - bad - refused, 0.99));
    return bad ? 1 : 0;
}
