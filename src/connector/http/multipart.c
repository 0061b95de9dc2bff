/*   [preamble CRLF] --boundary [space] CRLF
 *   field: value CRLF ... CRLF CRLF  bytes  CRLF--boundary CRLF ... CRLF--boundary-- [epilogue] */
#include "connector/http/multipart.h"

#include "base/buf.h"
#include "base/limits.h"
#include "connector/http/text.h"

#define BOUNDARY_BYTES_MAX 70 /* RFC 2046, section 5.1.1 */

struct cut {
    struct belay_str rest;
    struct belay_str delimiter; /* CRLF--boundary */
    struct belay_arena *arena;
    struct belay_err *err;
};

static int bad(struct cut *c, const char *what)
{
    return belay_fail(c->err, BELAY_SYNTAX, "the multipart body %s", what);
}

static bool is_boundary(struct belay_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char ch = s.p[i];
        bool alnum = (ch >= '0' && ch <= '9') || ((ch | 0x20) >= 'a' && (ch | 0x20) <= 'z');
        if (!alnum && (ch == 0 || !strchr("'()+_,-./:=? ", ch)))
            return false;
    }
    return s.n > 0 && s.n <= BOUNDARY_BYTES_MAX && s.p[s.n - 1] != ' ';
}

static size_t find(struct belay_str in, struct belay_str what)
{
    const char *at = in.n >= what.n ? memmem(in.p, in.n, what.p, what.n) : NULL;
    return at ? (size_t)(at - in.p) : in.n;
}

static struct belay_str behind(struct belay_str s, size_t n)
{
    return belay_str(s.p + n, s.n - n);
}

/* ---- the fields of a part ---- */

/* A quoted string's text: \" is a quote, as is what browsers write for one, %22. */
static int unquote(struct cut *c, struct belay_str raw, struct belay_str *ret_text)
{
    char *to = belay_arena_bytes(c->arena, raw.n + 1);
    size_t n = 0;
    if (!to)
        return belay_fail(c->err, BELAY_NOMEM, "out of memory");
    for (size_t i = 0; i < raw.n; i++) {
        bool percent = raw.p[i] == '%' && i + 2 < raw.n && raw.p[i + 1] == '2' && raw.p[i + 2] == '2';
        if (raw.p[i] == '\\' && i + 1 < raw.n && (raw.p[i + 1] == '"' || raw.p[i + 1] == '\\'))
            i++;
        to[n++] = percent ? '"' : raw.p[i];
        i += percent ? 2 : 0;
    }
    *ret_text = belay_str(to, n);
    if (!http_is_utf8(*ret_text) || !http_is_field_value(*ret_text))
        return bad(c, "has a name with controls or without UTF-8");
    return BELAY_OK;
}

/* One ;name=value of Content-Disposition; *rest is behind it. */
static int next_param(struct cut *c, struct belay_str *rest, struct belay_str *ret_name, struct belay_str *ret_value)
{
    *rest = belay_str_trim(*rest);
    if (rest->p[0] != ';')
        return bad(c, "has a Content-Disposition that cannot be read");
    struct belay_str at = belay_str_trim(behind(*rest, 1));
    size_t equals = belay_str_find(at, '=');
    *ret_name = belay_str_trim(belay_str_sub(at, 0, equals));
    if (equals == at.n || !http_is_token(*ret_name))
        return bad(c, "has a Content-Disposition that cannot be read");
    at = belay_str_trim(behind(at, equals + 1));
    if (!at.n || at.p[0] != '"') {
        size_t end = belay_str_find(at, ';');
        *rest = behind(at, end);
        return unquote(c, belay_str_trim(belay_str_sub(at, 0, end)), ret_value);
    }
    size_t end = 1;
    while (end < at.n && at.p[end] != '"')
        end += at.p[end] == '\\' && end + 1 < at.n ? 2 : 1;
    if (end >= at.n)
        return bad(c, "has a quote that does not end");
    *rest = behind(at, end + 1);
    return unquote(c, belay_str_sub(at, 1, end - 1), ret_value);
}

static int read_disposition(struct cut *c, struct belay_str value, struct http_part *part)
{
    size_t n = belay_str_find(value, ';');
    if (!belay_str_eq_nocase(belay_str_trim(belay_str_sub(value, 0, n)), BELAY_STR("form-data")))
        return bad(c, "has a part that is no form-data");
    struct belay_str rest = behind(value, n), name, text;
    int status = BELAY_OK;
    while (!status && belay_str_trim(rest).n) {
        status = next_param(c, &rest, &name, &text);
        if (!status && belay_str_eq_nocase(name, BELAY_STR("name"))) {
            if (part->name.p)
                return bad(c, "has a part with two names");
            part->name = text;
        }
        if (!status && belay_str_eq_nocase(name, BELAY_STR("filename")))
            part->filename = text;
    }
    return status;
}

static int read_field(struct cut *c, struct belay_str line, struct http_part *part)
{
    size_t colon = belay_str_find(line, ':');
    struct belay_str name = belay_str_sub(line, 0, colon);
    if (colon == line.n || !http_is_token(name))
        return bad(c, "has a field that cannot be read");
    struct belay_str value = belay_str_trim(behind(line, colon + 1));
    if (!http_is_field_value(value))
        return bad(c, "has a field with control characters");
    if (belay_str_eq_nocase(name, BELAY_STR("content-type")))
        part->content_type = value;
    if (belay_str_eq_nocase(name, BELAY_STR("content-transfer-encoding"))
        && !belay_str_eq_nocase(value, BELAY_STR("binary")) && !belay_str_eq_nocase(value, BELAY_STR("8bit"))
        && !belay_str_eq_nocase(value, BELAY_STR("7bit")))
        return bad(c, "has a Content-Transfer-Encoding (RFC 7578 has none)");
    return belay_str_eq_nocase(name, BELAY_STR("content-disposition")) ? read_disposition(c, value, part)
                                                                       : BELAY_OK;
}

static int read_head(struct cut *c, struct http_part *part)
{
    size_t end = belay_str_starts(c->rest, BELAY_STR("\r\n")) ? 0 : find(c->rest, BELAY_STR("\r\n\r\n"));
    if (end == c->rest.n)
        return bad(c, "has a part without the empty line before its bytes");
    if (end > BELAY_HTTP_PART_HEAD_BYTES_MAX)
        return belay_fail(c->err, BELAY_LIMIT, "the multipart body has a part with too long a head");
    struct belay_str head = belay_str_sub(c->rest, 0, end);
    c->rest = behind(c->rest, end ? end + 4 : 2);
    int status = BELAY_OK;
    while (head.n && !status) {
        size_t n = find(head, BELAY_STR("\r\n"));
        status = read_field(c, belay_str_sub(head, 0, n), part);
        head = n == head.n ? BELAY_STR_NONE : behind(head, n + 2);
    }
    if (!status && !part->name.p)
        status = bad(c, "has a part without a name");
    return status;
}

/* ---- the parts ---- */

/* Behind a delimiter: "--" ends, spaces and CRLF go on. */
static int after_delimiter(struct cut *c, bool *ret_end)
{
    *ret_end = belay_str_starts(c->rest, BELAY_STR("--"));
    if (*ret_end)
        return BELAY_OK;
    while (c->rest.n && (c->rest.p[0] == ' ' || c->rest.p[0] == '\t'))
        c->rest = behind(c->rest, 1);
    if (!belay_str_starts(c->rest, BELAY_STR("\r\n")))
        return bad(c, "goes on behind its boundary");
    c->rest = behind(c->rest, 2);
    return BELAY_OK;
}

static int find_first(struct cut *c)
{
    struct belay_str bare = behind(c->delimiter, 2);
    if (belay_str_starts(c->rest, bare)) {
        c->rest = behind(c->rest, bare.n);
        return BELAY_OK;
    }
    size_t at = find(c->rest, c->delimiter);
    if (at == c->rest.n)
        return bad(c, "does not hold its boundary");
    c->rest = behind(c->rest, at + c->delimiter.n);
    return BELAY_OK;
}

static int read_part(struct cut *c, struct http_part *part)
{
    *part = (struct http_part){ .name = BELAY_STR_NONE };
    int status = read_head(c, part);
    if (status)
        return status;
    size_t end;
    if (belay_str_starts(c->rest, behind(c->delimiter, 2))) { /* no bytes at all */
        end = 0;
        part->body = BELAY_STR("");
        c->rest = behind(c->rest, c->delimiter.n - 2);
        return BELAY_OK;
    }
    end = find(c->rest, c->delimiter);
    if (end == c->rest.n)
        return bad(c, "ends within a part");
    part->body = belay_str_sub(c->rest, 0, end);
    c->rest = behind(c->rest, end + c->delimiter.n);
    return BELAY_OK;
}

static int grow(struct cut *c, struct http_part **parts, uint32_t count, uint32_t *cap)
{
    uint32_t more = *cap ? *cap * 2 : 8;
    if (count < *cap)
        return BELAY_OK;
    if (count == BELAY_HTTP_FORM_FIELDS_MAX)
        return belay_fail(c->err, BELAY_LIMIT, "the multipart body has more than %d parts", BELAY_HTTP_FORM_FIELDS_MAX);
    struct http_part *bigger = belay_arena_alloc(c->arena, sizeof *bigger * more);
    if (!bigger)
        return belay_fail(c->err, BELAY_NOMEM, "out of memory");
    if (count)
        memcpy(bigger, *parts, sizeof *bigger * count);
    *parts = bigger;
    *cap = more;
    return BELAY_OK;
}

int http_multipart_parse(struct belay_str content_type, struct belay_str body, struct belay_arena *arena,
                         struct http_part **ret_parts, uint32_t *ret_count, struct belay_err *err)
{
    struct cut c = { .rest = body, .arena = arena, .err = err };
    struct belay_str boundary = http_media_param(content_type, BELAY_STR("boundary"));
    struct http_part *parts = NULL;
    uint32_t count = 0, cap = 0;
    bool end = false;
    if (!is_boundary(boundary))
        return bad(&c, "has no boundary in its Content-Type, or one of other characters than RFC 2046 allows");
    c.delimiter = belay_arena_join(arena, BELAY_STR("\r\n--"), boundary, BELAY_STR_NONE);
    if (!c.delimiter.p)
        return belay_fail(err, BELAY_NOMEM, "out of memory");
    int status = find_first(&c);
    if (!status)
        status = after_delimiter(&c, &end);
    while (!status && !end) {
        status = grow(&c, &parts, count, &cap);
        if (!status)
            status = read_part(&c, &parts[count]);
        if (!status)
            status = after_delimiter(&c, &end);
        count++;
    }
    if (status)
        return status;
    *ret_parts = parts;
    *ret_count = count;
    return BELAY_OK;
}
