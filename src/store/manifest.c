#include "store/manifest.h"

#include <inttypes.h>
#include <string.h>

#include "base/crc.h"

#define HEAD "belay backup 1"

void manifest_begin(struct belay_buf *out, uint64_t position, belay_time taken)
{
    belay_buf_printf(out, HEAD "\nposition %" PRIu64 "\ntaken %lld\n", position, (long long)taken);
}

void manifest_put(struct belay_buf *out, const struct manifest_file *file)
{
    belay_buf_printf(out, "file %08x %" PRIu64 " %s\n", (unsigned)file->crc, file->bytes, file->name);
}

void manifest_end(struct belay_buf *out)
{
    belay_buf_printf(out, "end %08x\n", (unsigned)belay_crc32c(0, out->p, out->n));
}

/* ---- reading ---- */

struct reader {
    struct belay_str left;
    uint32_t line;
};

static bool next_line(struct reader *r, struct belay_str *ret_line)
{
    const char *end = r->left.n ? memchr(r->left.p, '\n', r->left.n) : NULL;
    if (!end)
        return false;
    size_t n = (size_t)(end - r->left.p);
    *ret_line = belay_str(r->left.p, n);
    r->left = belay_str_sub(r->left, n + 1, r->left.n);
    r->line++;
    return true;
}

static bool take_word(struct belay_str *s, struct belay_str *ret_word)
{
    const char *end = s->n ? memchr(s->p, ' ', s->n) : NULL;
    size_t n = end ? (size_t)(end - s->p) : s->n;
    *ret_word = belay_str(s->p, n);
    *s = belay_str_sub(*s, end ? n + 1 : n, s->n);
    return n > 0;
}

static bool number_of(struct belay_str line, const char *name, uint64_t *ret_n)
{
    struct belay_str word;
    return take_word(&line, &word) && belay_str_eq(word, belay_str_c(name)) && belay_str_to_u64(line, ret_n);
}

static bool hex_of(struct belay_str s, uint32_t *ret_n)
{
    uint32_t n = 0;
    if (s.n != 8)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        const char *digits = "0123456789abcdef", *at = s.p[i] ? strchr(digits, s.p[i]) : NULL;
        if (!at)
            return false;
        n = n << 4 | (uint32_t)(at - digits);
    }
    *ret_n = n;
    return true;
}

/* One folder and a name, of the letters that the store's own files have: nothing leads out of the directory. */
static bool is_name(struct belay_str s)
{
    size_t slashes = 0;
    if (s.n == 0 || s.n >= sizeof((struct manifest_file *)0)->name || s.p[0] == '/' || s.p[s.n - 1] == '/')
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        slashes += c == '/';
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '/';
        bool dot = c == '.' && i > 0 && s.p[i - 1] != '.' && s.p[i - 1] != '/';
        if (!plain && !dot)
            return false;
    }
    return slashes == 1;
}

static bool take_file(struct belay_str line, struct manifest_file *ret_f)
{
    struct belay_str word, crc, bytes;
    if (!take_word(&line, &word) || !belay_str_eq(word, BELAY_STR("file")) || !take_word(&line, &crc)
        || !hex_of(crc, &ret_f->crc) || !take_word(&line, &bytes) || !belay_str_to_u64(bytes, &ret_f->bytes)
        || !is_name(line))
        return false;
    memcpy(ret_f->name, line.p, line.n);
    ret_f->name[line.n] = '\0';
    return true;
}

static int bad(const struct reader *r, struct belay_err *err)
{
    return belay_fail(err, BELAY_CORRUPT, MANIFEST_NAME " makes no sense behind line %u", (unsigned)r->line);
}

static int take_head(struct reader *r, struct manifest *m, struct belay_err *err)
{
    struct belay_str line;
    uint64_t taken = 0;
    if (!next_line(r, &line) || !belay_str_starts(line, BELAY_STR("belay backup ")))
        return bad(r, err);
    if (!belay_str_eq(line, BELAY_STR(HEAD)))
        return belay_fail(err, BELAY_VERSION, "the backup is of another format: '%.*s'", BELAY_STR_ARG(line));
    if (!next_line(r, &line) || !number_of(line, "position", &m->position) || !next_line(r, &line)
        || !number_of(line, "taken", &taken) || taken > INT64_MAX)
        return bad(r, err);
    m->taken = (belay_time)taken;
    return BELAY_OK;
}

int manifest_parse(struct belay_str text, struct belay_arena *arena, struct manifest *ret_m, struct belay_err *err)
{
    struct reader r = { .left = text };
    struct manifest m = { 0 };
    struct belay_str line;
    uint32_t lines = 0, crc;
    int status = take_head(&r, &m, err);
    if (status != BELAY_OK)
        return status;
    for (size_t i = 0; i < text.n; i++)
        lines += text.p[i] == '\n';
    m.files = BELAY_ARENA_ARRAY(arena, struct manifest_file, lines + 1u);
    if (!m.files)
        return belay_fail(err, BELAY_NOMEM, "no memory for " MANIFEST_NAME);
    for (;;) {
        size_t before = (size_t)(r.left.p - text.p);
        if (!next_line(&r, &line))
            return bad(&r, err);
        if (belay_str_starts(line, BELAY_STR("end "))) {
            if (!hex_of(belay_str_sub(line, 4, line.n), &crc) || crc != belay_crc32c(0, text.p, before) || r.left.n)
                return belay_fail(err, BELAY_CORRUPT, MANIFEST_NAME " fails its checksum");
            break;
        }
        if (!take_file(line, &m.files[m.count++]))
            return bad(&r, err);
    }
    *ret_m = m;
    return BELAY_OK;
}
