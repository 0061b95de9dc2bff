/* key_source.c - a JWKS from a URL, asked by a thread that belongs to nobody: whoever closes the source does
 * not wait, the last of both frees it.
 *
 *   fetch --keys--> swap --> wait refresh_ms, or until somebody misses a key --> fetch
 *     \--failed--> keep what there is, wait 1 s, 2 s ... 60 s ------------------^ */
#include <curl/curl.h>
#include <pthread.h>
#include <uv.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/limits.h"
#include "connector/http/client.h"
#include "connector/http/keys.h"

#define ASKED_AGAIN_MS 10000 /* a stranger's made-up key id costs one fetch in this time */
#define FAILED_MS_MAX 60000
#define FETCH_TIMEOUT_MS 10000

struct http_key_source {
    uv_mutex_t lock;
    uv_cond_t changed;
    struct http_keys *keys; /* NULL: nothing yet */
    char *url;
    uint32_t refresh_ms, failures;
    int64_t fetched_ms; /* of the last answer, good or bad; 0: none */
    bool wanted, closed;
    uint32_t refs, holders; /* holders: until the last has closed it */
};

static int64_t now_ms(void)
{
    return (int64_t)(uv_hrtime() / 1000000);
}

/* Under the lock, which it gives up. */
static void release(struct http_key_source *s)
{
    bool last = --s->refs == 0;
    uv_mutex_unlock(&s->lock);
    if (!last)
        return;
    http_keys_unref(s->keys);
    uv_mutex_destroy(&s->lock);
    uv_cond_destroy(&s->changed);
    belay_free(s->url);
    belay_free(s);
}

/* ---- fetching ---- */

static size_t take_bytes(char *p, size_t size, size_t n, void *arg)
{
    struct belay_buf *to = arg;
    (void)size;
    belay_buf_put(to, p, n);
    return belay_buf_status(to) ? 0 : n;
}

static int look_at_stop(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    struct http_key_source *s = arg;
    (void)a, (void)b, (void)c, (void)d;
    uv_mutex_lock(&s->lock);
    bool closed = s->closed;
    uv_mutex_unlock(&s->lock);
    return closed;
}

static struct http_keys *fetch(struct http_key_source *s)
{
    struct belay_buf text;
    struct http_keys *keys = NULL;
    struct belay_err err = { 0 };
    long status = 0;
    CURL *curl = curl_easy_init();
    if (!curl)
        return NULL;
    belay_buf_init(&text, BELAY_MIB(1));
    curl_easy_setopt(curl, CURLOPT_URL, s->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)FETCH_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &text);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look_at_stop);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, s);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    bool good = curl_easy_perform(curl) == CURLE_OK
                && curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK && status == 200;
    if (good && http_keys_parse(belay_buf_view(&text), &keys, &err))
        keys = NULL;
    curl_easy_cleanup(curl);
    belay_buf_deinit(&text);
    return keys;
}

static void wait_for(struct http_key_source *s, int64_t ms)
{
    int64_t until = now_ms() + ms;
    for (int64_t left = ms; !s->closed && !s->wanted && left > 0; left = until - now_ms())
        (void)uv_cond_timedwait(&s->changed, &s->lock, (uint64_t)left * 1000000);
}

static int64_t pause_ms(const struct http_key_source *s)
{
    if (!s->failures)
        return s->refresh_ms;
    uint32_t shift = s->failures < 7 ? s->failures - 1 : 6;
    return (1000 << shift) < FAILED_MS_MAX ? 1000 << shift : FAILED_MS_MAX;
}

static void run(void *arg)
{
    struct http_key_source *s = arg;
    uv_mutex_lock(&s->lock);
    while (!s->closed) {
        uv_mutex_unlock(&s->lock);
        struct http_keys *keys = fetch(s);
        uv_mutex_lock(&s->lock);
        struct http_keys *old = keys ? s->keys : NULL;
        s->keys = keys ? keys : s->keys;
        s->failures = keys ? 0 : s->failures + 1;
        s->fetched_ms = now_ms();
        s->wanted = false;
        http_keys_unref(old);
        wait_for(s, pause_ms(s));
    }
    release(s);
}

/* ---- the source ---- */

static int start(struct http_key_source *s)
{
    uv_thread_t thread;
    s->refs = 2;
    if (uv_thread_create(&thread, run, s)) {
        s->refs = 1;
        return BELAY_UNAVAILABLE;
    }
    pthread_detach(thread); /* allow: pthread_detach - libuv has no word for it, and nobody waits for a fetch */
    return BELAY_OK;
}

int http_key_source_open(struct belay_str url, uint32_t refresh_ms, struct http_key_source **ret_source,
                         struct belay_err *err)
{
    struct http_key_source *s = belay_calloc(1, sizeof *s);
    char *copy = belay_memdup0(url.p, url.n);
    if (!s || !copy) {
        belay_free(s);
        belay_free(copy);
        return belay_fail(err, BELAY_NOMEM, "out of memory");
    }
    if (uv_mutex_init(&s->lock) || uv_cond_init(&s->changed)) {
        belay_free(s);
        belay_free(copy);
        return belay_fail(err, BELAY_UNAVAILABLE, "the system gives no lock");
    }
    s->url = copy;
    s->refresh_ms = refresh_ms;
    s->refs = s->holders = 1;
    http_client_init_once();
    int status = start(s);
    if (status) {
        uv_mutex_lock(&s->lock);
        release(s);
        return belay_fail(err, status, "the system gives no thread");
    }
    *ret_source = s;
    return BELAY_OK;
}

void http_key_source_close(struct http_key_source *s)
{
    if (!s)
        return;
    uv_mutex_lock(&s->lock);
    s->holders--;
    s->closed = s->holders == 0;
    if (s->closed) {
        uv_cond_broadcast(&s->changed);
        release(s);
    } else {
        uv_mutex_unlock(&s->lock);
    }
}

void http_key_source_hold(struct http_key_source *s)
{
    uv_mutex_lock(&s->lock);
    BELAY_ASSERT(!s->closed);
    s->holders++;
    uv_mutex_unlock(&s->lock);
}

struct http_keys *http_key_source_take(struct http_key_source *s)
{
    uv_mutex_lock(&s->lock);
    struct http_keys *keys = s->keys ? http_keys_ref(s->keys) : NULL;
    uv_mutex_unlock(&s->lock);
    return keys;
}

bool http_key_source_want(struct http_key_source *s)
{
    uv_mutex_lock(&s->lock);
    bool soon = !s->fetched_ms || now_ms() - s->fetched_ms >= ASKED_AGAIN_MS || s->wanted || s->failures;
    if (soon && !s->failures) {
        s->wanted = true;
        uv_cond_broadcast(&s->changed);
    }
    uv_mutex_unlock(&s->lock);
    return soon;
}
