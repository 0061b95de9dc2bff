#include <string.h>

#include "expr/functions.h"
#include "json/utf8.h"

/* ---- URLs ---- */

static bool unreserved(char c, const char *also)
{
    bool alnum = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
    return alnum || (c && strchr(also, c));
}

static struct belay_value encode(struct run *run, struct belay_value v, const char *also)
{
    static const char hex[] = "0123456789ABCDEF";
    struct text t = { .run = run };
    if (!value_defined(v))
        return v;
    const char *p = v.u.s, *end = p + v.n;
    while (p < end) {
        size_t n = belay_utf8_len(p, end);
        if (n == 0) /* a surrogate on its own */
            return run_fail(run, "D3140", NO_POSITION, BELAY_STR_NONE);
        for (; n > 0; n--, p++) {
            char escape[3] = { '%', hex[(uint8_t)*p >> 4], hex[(uint8_t)*p & 15] };
            bool plain = unreserved(*p, also);
            text_put(&t, plain ? p : escape, plain ? 1 : 3);
        }
    }
    return text_value(&t);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* kept: escapes of these characters stay as they are. */
static struct belay_value decode(struct run *run, struct belay_value v, const char *kept)
{
    struct text t = { .run = run };
    if (!value_defined(v))
        return v;
    for (const char *p = v.u.s, *end = p + v.n; p < end;) {
        int high = *p == '%' && end - p >= 3 ? hex_digit(p[1]) : -1;
        int low = high >= 0 ? hex_digit(p[2]) : -1;
        char c = low < 0 ? '\0' : (char)(high << 4 | low);
        if (*p != '%') {
            text_put(&t, p++, 1);
            continue;
        }
        if (low < 0)
            return run_fail_value(run, "D3140", NO_POSITION, v);
        bool keep = c && strchr(kept, c);
        text_put(&t, keep ? p : &c, keep ? 3 : 1);
        p += 3;
    }
    struct belay_value decoded = text_value(&t);
    if (value_failed(decoded))
        return decoded;
    for (const char *p = decoded.u.s, *end = p + decoded.n; p < end;) {
        size_t n = belay_utf8_len(p, end);
        if (n == 0)
            return run_fail_value(run, "D3140", NO_POSITION, v);
        p += n;
    }
    return decoded;
}

#define COMPONENT "-_.!~*'()"
#define RESERVED ";/?:@&=+$,#"

struct belay_value f_encodeUrlComponent(struct run *run, struct call *call)
{
    return encode(run, call->args[0], COMPONENT);
}

struct belay_value f_encodeUrl(struct run *run, struct call *call)
{
    return encode(run, call->args[0], COMPONENT RESERVED);
}

struct belay_value f_decodeUrlComponent(struct run *run, struct call *call)
{
    return decode(run, call->args[0], "");
}

struct belay_value f_decodeUrl(struct run *run, struct call *call)
{
    return decode(run, call->args[0], RESERVED);
}

/* ---- base64 ---- */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

struct belay_value f_base64encode(struct run *run, struct call *call)
{
    struct text t = { .run = run };
    struct belay_value v = call->args[0];
    if (!value_defined(v))
        return v;
    const uint8_t *p = (const uint8_t *)v.u.s;
    for (size_t i = 0; i < v.n; i += 3) {
        size_t left = v.n - i;
        uint32_t bits = (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0)
                        | (left > 2 ? p[i + 2] : 0);
        char out[4]
            = { alphabet[bits >> 18], alphabet[bits >> 12 & 63],
                left > 1 ? alphabet[bits >> 6 & 63] : '=', left > 2 ? alphabet[bits & 63] : '=' };
        text_put(&t, out, 4);
    }
    return text_value(&t);
}

struct belay_value f_base64decode(struct run *run, struct call *call)
{
    struct text t = { .run = run };
    struct belay_value v = call->args[0];
    uint32_t bits = 0, count = 0;
    if (!value_defined(v))
        return v;
    for (size_t i = 0; i < v.n && v.u.s[i] != '='; i++) {
        char c = v.u.s[i] == '-' ? '+' : v.u.s[i] == '_' ? '/' : v.u.s[i];
        const char *at = c ? strchr(alphabet, c) : NULL;
        if (!at)
            continue; /* as the reference's decoder: what is no digit is passed over */
        bits = bits << 6 | (uint32_t)(at - alphabet);
        count += 6;
        if (count >= 8) {
            count -= 8;
            char byte = (char)(bits >> count);
            text_put(&t, &byte, 1);
        }
    }
    return text_value(&t);
}
