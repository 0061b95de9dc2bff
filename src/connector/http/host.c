#include "connector/http/host.h"

#include <stdio.h>
#include <time.h>

#include "base/assert.h"
#include "connector/http/exchange.h"

static uint32_t or_default(uint32_t value, uint32_t default_)
{
    return value ? value : default_;
}

void http_host_init(struct http_host *host, const struct belay_http_limits *limits)
{
    struct belay_http_limits *l = &host->limits;
    *l = *limits;
    l->body_bytes_max = l->body_bytes_max ? l->body_bytes_max : BELAY_MESSAGE_BYTES_DEFAULT;
    l->bodies_bytes_max = l->bodies_bytes_max ? l->bodies_bytes_max : BELAY_HTTP_BODIES_BYTES_DEFAULT;
    l->header_bytes_max = or_default(l->header_bytes_max, BELAY_HTTP_HEADER_BYTES_MAX);
    l->header_count_max = or_default(l->header_count_max, BELAY_HEADERS_MAX);
    if (l->header_count_max > BELAY_HEADERS_MAX)
        l->header_count_max = BELAY_HEADERS_MAX;
    l->target_bytes_max = or_default(l->target_bytes_max, BELAY_HTTP_TARGET_BYTES_MAX);
    if (l->target_bytes_max > l->header_bytes_max)
        l->target_bytes_max = l->header_bytes_max; /* else 414 or 431, as the bytes happen to arrive */
    l->connections_max = or_default(l->connections_max, BELAY_HTTP_CONNECTIONS_DEFAULT);
    l->requests_max = or_default(l->requests_max, BELAY_HTTP_REQUESTS_DEFAULT);
    l->header_timeout_ms = or_default(l->header_timeout_ms, BELAY_HTTP_HEADER_TIMEOUT_MS);
    l->body_timeout_ms = or_default(l->body_timeout_ms, BELAY_HTTP_BODY_TIMEOUT_MS);
    l->idle_timeout_ms = or_default(l->idle_timeout_ms, BELAY_HTTP_IDLE_TIMEOUT_MS);
    l->write_timeout_ms = or_default(l->write_timeout_ms, BELAY_HTTP_WRITE_TIMEOUT_MS);
    belay_list_init(&host->free);
}

void http_host_deinit(struct http_host *host)
{
    BELAY_ASSERT(host->exchanges == 0);
    http_exchanges_free(host);
    if (host->api)
        http_api_release(host->api);
}

void http_clock_set(struct http_clock *clock, uint64_t now_ms, belay_time wall)
{
    clock->now_ms = now_ms;
    clock->wall = wall;
    int64_t second = wall / BELAY_US_PER_S;
    if (second == clock->date_s && clock->date[0])
        return;
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t t = (time_t)second;
    struct tm tm;
    gmtime_r(&t, &tm);
    clock->date_s = second;
    snprintf(clock->date, sizeof clock->date, "date: %.3s, %02u %.3s %04u %02u:%02u:%02u GMT\r\n",
             days + 3 * (tm.tm_wday % 7), (unsigned)tm.tm_mday % 100, months + 3 * (tm.tm_mon % 12),
             (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)tm.tm_hour % 100,
             (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
}
