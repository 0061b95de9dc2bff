#include "connector/smtp/message.h"

#include <openssl/evp.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/hash.h"

#define LINE_BYTES 57   /* that base64 makes 76 of */
#define WORD_BYTES 45   /* of an encoded word: 75 with its frame */
#define SHORT_LINE 900    /* of a body that stays as it is; SMTP's own limit is 998 */

static const char *const end_of_line = "\r\n";

static bool is_plain(char c)
{
    return c >= ' ' && c < 0x7f;
}

static void put_base64(struct belay_buf *out, struct belay_str bytes)
{
    unsigned char text[4 * ((LINE_BYTES + 2) / 3) + 1];
    BELAY_ASSERT(bytes.n <= LINE_BYTES);
    int n = EVP_EncodeBlock(text, (const unsigned char *)bytes.p, (int)bytes.n);
    belay_buf_put(out, text, (size_t)n);
}

/* How much of s fits a word, without tearing a character. */
static size_t word_of(struct belay_str s)
{
    size_t n = s.n < WORD_BYTES ? s.n : WORD_BYTES;
    while (n < s.n && n > WORD_BYTES - 4 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
        n--;
    return n;
}

/* RFC 2047 where it has more than ASCII. */
static void put_subject(struct belay_buf *out, struct belay_str s)
{
    bool plain = s.n <= SHORT_LINE;
    for (size_t i = 0; i < s.n && plain; i++)
        plain = is_plain(s.p[i]) || s.p[i] == '\n' || s.p[i] == '\r' || s.p[i] == '\t';
    if (plain) {
        for (size_t i = 0; i < s.n; i++)
            belay_buf_put_c(out, is_plain(s.p[i]) ? s.p[i] : ' ');
        return;
    }
    for (bool first = true; s.n; first = false) {
        size_t n = word_of(s);
        belay_buf_put_str(out, first ? BELAY_STR("=?utf-8?B?") : BELAY_STR("\r\n =?utf-8?B?"));
        put_base64(out, belay_str_sub(s, 0, n));
        belay_buf_put_str(out, BELAY_STR("?="));
        s = belay_str_sub(s, n, s.n);
    }
}

/* "Fri, 27 Nov 2026 12:00:00 +0000" */
static void put_date(struct belay_buf *out, belay_time at)
{
    static const char days[] = "ThuFriSatSunMonTueWed", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char t[BELAY_TIME_TEXT_BYTES];
    belay_time_text(at, t);
    int64_t day = at / ((int64_t)86400 * BELAY_US_PER_S);
    int month = (t[5] - '0') * 10 + t[6] - '0';
    belay_buf_printf(out, "%.3s, %.2s %.3s %.4s %.8s +0000", days + 3 * (day % 7), t + 8, months + 3 * (month - 1), t, t + 11);
}

static void put_addresses(struct belay_buf *out, const struct smtp_mail *m)
{
    for (uint32_t i = 0; i < m->to_count; i++) {
        belay_buf_put_str(out, i ? BELAY_STR(",\r\n ") : BELAY_STR(""));
        belay_buf_put_str(out, m->to[i]);
    }
}

static void put_id(struct belay_buf *out, const struct smtp_mail *m)
{
    size_t at = belay_str_find(m->from, '@');
    struct belay_hash128 h = belay_hash128(m->key);
    if (m->key.n)
        belay_buf_printf(out, "Message-ID: <%016llx%016llx%.*s>\r\n", (unsigned long long)h.hi, (unsigned long long)h.lo,
                         (int)(m->from.n - at), m->from.p + at);
}

static bool is_readable(struct belay_str body)
{
    size_t line = 0;
    for (size_t i = 0; i < body.n; i++) {
        line = body.p[i] == '\n' ? 0 : line + 1;
        if (line > SHORT_LINE || !(is_plain(body.p[i]) || body.p[i] == '\n' || body.p[i] == '\r' || body.p[i] == '\t'))
            return false;
    }
    return true;
}

/* Every line ends with CR LF. */
static void put_lines(struct belay_buf *out, struct belay_str body)
{
    while (body.n) {
        size_t n = belay_str_find(body, '\n');
        struct belay_str line = belay_str_sub(body, 0, n);
        body = belay_str_sub(body, n + 1 < body.n ? n + 1 : body.n, body.n);
        while (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        for (size_t i = 0; i < line.n; i++)
            belay_buf_put_c(out, line.p[i] == '\r' ? ' ' : line.p[i]);
        belay_buf_put_str(out, belay_str_c(end_of_line));
    }
}

void smtp_message(struct belay_buf *out, const struct smtp_mail *m)
{
    bool readable = is_readable(m->body);
    belay_buf_put_str(out, BELAY_STR("Date: "));
    put_date(out, m->at);
    belay_buf_printf(out, "\r\nFrom: %.*s\r\nTo: ", BELAY_STR_ARG(m->from));
    put_addresses(out, m);
    belay_buf_put_str(out, BELAY_STR("\r\nSubject: "));
    put_subject(out, m->subject);
    belay_buf_put_str(out, belay_str_c(end_of_line));
    put_id(out, m);
    belay_buf_printf(out, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: %.*s\r\n"
                          "Content-Transfer-Encoding: %s\r\n\r\n",
                     BELAY_STR_ARG(m->content_type.n ? m->content_type : BELAY_STR("text/plain; charset=utf-8")),
                     readable ? "7bit" : "base64");
    if (readable) {
        put_lines(out, m->body);
        return;
    }
    for (struct belay_str rest = m->body; rest.n;) {
        put_base64(out, belay_str_sub(rest, 0, LINE_BYTES));
        belay_buf_put_str(out, belay_str_c(end_of_line));
        rest = belay_str_sub(rest, rest.n < LINE_BYTES ? rest.n : LINE_BYTES, rest.n);
    }
}

bool smtp_is_address(struct belay_str s)
{
    size_t at = belay_str_find(s, '@');
    if (at == 0 || at + 1 >= s.n || s.n > 254)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] == 0x7f || strchr("<>()[],;:\\\"", s.p[i]) || (s.p[i] == '@' && i != at))
            return false;
    return true;
}

bool smtp_next_address(struct belay_str *rest, struct belay_str *ret_address)
{
    while (rest->n) {
        struct belay_str one = belay_str_trim(belay_str_split(rest, ','));
        if (one.n) {
            *ret_address = one;
            return true;
        }
    }
    return false;
}
