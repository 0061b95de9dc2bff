/* RFC 3986 references (3987 with characters beyond ASCII) and RFC 6570 templates. */
#include "json/format.h"
#include "json/uri.h"

#define UNRESERVED "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"
#define SUB_DELIMS "!$&'()*+,;="

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static bool consists_of(struct belay_str s, const char *allowed, bool international)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '%') {
            if (i + 2 >= s.n || !is_hex(s.p[i + 1]) || !is_hex(s.p[i + 2]))
                return false;
            i += 2;
        } else if (!(international && (c & 0x80)) && (c == '\0' || !strchr(allowed, c))) {
            return false;
        }
    }
    return true;
}

/* [userinfo@]host[:port] */
static bool authority(struct belay_str s, bool international)
{
    size_t at = belay_str_find(s, '@');
    if (at < s.n) {
        if (!consists_of(belay_str(s.p, at), UNRESERVED SUB_DELIMS ":", international))
            return false;
        s = belay_str(s.p + at + 1, s.n - at - 1);
    }
    size_t end = belay_str_find(s, ':');
    if (s.n && s.p[0] == '[') {
        end = belay_str_find(s, ']');
        struct belay_str address = belay_str(s.p + 1, end < s.n ? end - 1 : 0);
        bool future = address.n > 3 && (address.p[0] | 0x20) == 'v';
        if (!(future ? consists_of(address, UNRESERVED SUB_DELIMS ":", false) : format_ipv6(address)))
            return false;
        end++;
    } else if (!consists_of(belay_str(s.p, end), UNRESERVED SUB_DELIMS, international)) {
        return false;
    }
    struct belay_str port = belay_str_sub(s, end, s.n);
    if (port.n && port.p[0] != ':')
        return false;
    for (size_t i = 1; i < port.n; i++)
        if (port.p[i] < '0' || port.p[i] > '9')
            return false;
    return true;
}

static bool reference(struct belay_str s, bool absolute, bool international)
{
    struct uri u = uri_split(s);
    if (absolute && !u.scheme.p)
        return false;
    /* a relative path whose first segment has a colon would be read as a scheme */
    if (!u.scheme.p && !u.authority.p) {
        struct belay_str first = belay_str(u.path.p, belay_str_find(u.path, '/'));
        if (belay_str_find(first, ':') < first.n)
            return false;
    }
    return (!u.authority.p || authority(u.authority, international))
           && consists_of(u.path, UNRESERVED SUB_DELIMS ":@/", international)
           && consists_of(u.query, UNRESERVED SUB_DELIMS ":@/?", international)
           && consists_of(u.fragment, UNRESERVED SUB_DELIMS ":@/?", international);
}

bool format_uri(struct belay_str s)
{
    return reference(s, true, false);
}

bool format_uri_reference(struct belay_str s)
{
    return reference(s, false, false);
}

bool format_iri(struct belay_str s)
{
    return reference(s, true, true);
}

bool format_iri_reference(struct belay_str s)
{
    return reference(s, false, true);
}

/* ---- templates ---- */

static bool is_name_char(char c)
{
    return c == '_' || (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* name[:length | *] */
static bool variable(struct belay_str s)
{
    size_t i = 0;
    while (i < s.n) {
        if (s.p[i] == '%' && i + 2 < s.n && is_hex(s.p[i + 1]) && is_hex(s.p[i + 2]))
            i += 3;
        else if (is_name_char(s.p[i]) || (s.p[i] == '.' && i && s.p[i - 1] != '.'))
            i++;
        else
            break;
    }
    if (i == 0 || s.p[i - 1] == '.')
        return false;
    if (i == s.n || (s.p[i] == '*' && i + 1 == s.n))
        return true;
    uint64_t length;
    struct belay_str rest = belay_str_sub(s, i + 1, s.n);
    return s.p[i] == ':' && rest.n <= 4 && rest.n && rest.p[0] != '0' && belay_str_to_u64(rest, &length);
}

static bool expression(struct belay_str s)
{
    if (s.n && strchr("+#./;?&=,!@|", s.p[0]))
        s = belay_str(s.p + 1, s.n - 1);
    if (s.n == 0)
        return false;
    for (struct belay_str rest = s; rest.p;)
        if (!variable(belay_str_split(&rest, ',')))
            return false;
    return true;
}

bool format_uri_template(struct belay_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '{') {
            struct belay_str rest = belay_str(s.p + i + 1, s.n - i - 1);
            size_t close = belay_str_find(rest, '}');
            if (close == rest.n || !expression(belay_str(rest.p, close)))
                return false;
            i += close + 1;
        } else if (c == '%') {
            if (i + 2 >= s.n || !is_hex(s.p[i + 1]) || !is_hex(s.p[i + 2]))
                return false;
        } else if ((uint8_t)c <= 0x20 || c == 0x7f || strchr("\"'<>\\^`|}", c)) {
            return false;
        }
    }
    return true;
}
