/* Internationalized host names, IDNA 2008: libidn2 has Unicode's tables and judges a label; what lies
 * between labels - separators, lengths, the Bidi rule of RFC 5893 for labels without right-to-left
 * letters - is here, and so is its rule 4. */
#include <idn2.h>

#include "json/format.h"
#include "json/utf8.h"

enum { LABEL_MAX = 63, NAME_MAX_ = 253, LABEL_BYTES_MAX = 4 * LABEL_MAX };

/* Length of its A-label; 0: it is none. */
static size_t judge(const char *u_label, const char *a_label)
{
    uint8_t *out = NULL;
    int status = idn2_register_u8((const uint8_t *)u_label, (const uint8_t *)a_label, &out, 0);
    size_t n = status == IDN2_OK && out ? strlen((const char *)out) : 0;
    idn2_free(out);
    return n <= LABEL_MAX ? n : 0;
}

bool format_a_label(struct belay_str s)
{
    char label[LABEL_MAX + 1];
    if (s.n > LABEL_MAX)
        return false;
    for (size_t i = 0; i < s.n; i++)
        label[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] | 0x20) : s.p[i];
    label[s.n] = '\0';
    return judge(NULL, label) == s.n;
}

static bool is_right_to_left(uint32_t c)
{
    return (c >= 0x590 && c < 0x900) || (c >= 0xfb1d && c < 0xfe00) || (c >= 0xfe70 && c < 0xff00)
           || (c >= 0x10800 && c < 0x11000) || (c >= 0x1e800 && c < 0x1f000);
}

static uint32_t decode(const char *p, size_t n)
{
    uint32_t c = n == 1 ? (uint8_t)*p : (uint8_t)*p & (0x7fu >> n);
    for (size_t i = 1; i < n; i++)
        c = c << 6 | ((uint8_t)p[i] & 0x3f);
    return c;
}

/* Length of the A-label, or of the label where it is ASCII; 0: it is no label. */
static size_t label_length(const char *label, size_t n, bool ascii)
{
    struct belay_str s = belay_str(label, n);
    if (!ascii)
        return judge(label, NULL);
    return format_hostname(s) ? n : 0;
}

struct name {
    size_t length, label_n;
    char label[LABEL_BYTES_MAX + 1];
    bool ascii, european, arabic;     /* of this label: only ASCII, its digits */
    bool right_to_left, digit_first;  /* of any */
};

static bool end_label(struct name *h)
{
    h->label[h->label_n] = '\0';
    size_t n = label_length(h->label, h->label_n, h->ascii);
    h->digit_first = h->digit_first || (h->label[0] >= '0' && h->label[0] <= '9');
    h->length += n + (h->length > 0);
    bool mixed = h->european && h->arabic; /* libidn2 2.3 passes it over */
    h->label_n = 0;
    h->ascii = true;
    h->european = h->arabic = false;
    return n > 0 && !mixed && h->length <= NAME_MAX_;
}

static bool is_separator(uint32_t c)
{
    return c == '.' || c == 0x3002 || c == 0xff0e || c == 0xff61;
}

bool format_idn_hostname(struct belay_str s)
{
    struct name h = { .ascii = true };
    for (size_t i = 0, n; i < s.n; i += n) {
        n = belay_utf8_len(s.p + i, s.p + s.n);
        if (n == 0)
            return false;
        uint32_t c = decode(s.p + i, n);
        if (is_separator(c)) {
            if (!end_label(&h))
                return false;
            continue;
        }
        if (c == 0 || h.label_n + n > LABEL_BYTES_MAX)
            return false;
        memcpy(h.label + h.label_n, s.p + i, n);
        h.label_n += n;
        h.ascii = h.ascii && c < 0x80;
        h.european = h.european || (c >= '0' && c <= '9') || (c >= 0x6f0 && c <= 0x6f9);
        h.arabic = h.arabic || (c >= 0x660 && c <= 0x669);
        h.right_to_left = h.right_to_left || is_right_to_left(c);
    }
    return end_label(&h) && !(h.right_to_left && h.digit_first);
}
