/* Host names, addresses, mailboxes. */
#include "json/format.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

bool format_ipv4(struct belay_str s)
{
    struct belay_str rest = s;
    int count = 0;
    while (rest.p) {
        struct belay_str part = belay_str_split(&rest, '.');
        uint64_t value;
        if (part.n == 0 || part.n > 3 || (part.n > 1 && part.p[0] == '0') || !belay_str_to_u64(part, &value)
            || value > 255)
            return false;
        count++;
    }
    return count == 4;
}

static bool is_group(struct belay_str s)
{
    if (s.n == 0 || s.n > 4)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_digit(s.p[i]) && !((s.p[i] | 0x20) >= 'a' && (s.p[i] | 0x20) <= 'f'))
            return false;
    return true;
}

/* Groups of 16 bits in "a:b:c"; -1: malformed. The last may be an IPv4 address. */
static int groups(struct belay_str s, bool last)
{
    int count = 0;
    if (s.n == 0)
        return 0;
    for (struct belay_str rest = s; rest.p; count++) {
        struct belay_str part = belay_str_split(&rest, ':');
        if (is_group(part))
            continue;
        if (!last || rest.p || !format_ipv4(part))
            return -1;
        count++;
    }
    return count;
}

bool format_ipv6(struct belay_str s)
{
    for (size_t i = 0; i + 1 < s.n; i++) {
        if (s.p[i] != ':' || s.p[i + 1] != ':')
            continue;
        int before = groups(belay_str(s.p, i), false);
        int after = groups(belay_str(s.p + i + 2, s.n - i - 2), true);
        return before >= 0 && after >= 0 && before + after <= 7;
    }
    return groups(s, true) == 8;
}

static bool is_label(struct belay_str s)
{
    if (s.n == 0 || s.n > 63 || s.p[0] == '-' || s.p[s.n - 1] == '-')
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_digit(s.p[i]) && !is_letter(s.p[i]) && s.p[i] != '-')
            return false;
    if (s.n < 4 || s.p[2] != '-' || s.p[3] != '-')
        return true;
    /* "--" in third place marks an encoding, of which only "xn--" exists */
    return belay_str_eq_nocase(belay_str(s.p, 2), BELAY_STR("xn")) && format_a_label(s);
}

bool format_hostname(struct belay_str s)
{
    if (s.n == 0 || s.n > 253)
        return false;
    for (struct belay_str rest = s; rest.p;)
        if (!is_label(belay_str_split(&rest, '.')))
            return false;
    return true;
}

/* ---- mailboxes, RFC 5321 section 4.1.2 ---- */

static bool is_atom(char c, bool international)
{
    return is_digit(c) || is_letter(c) || (c && strchr("!#$%&'*+-/=?^_`{|}~", c)) || (international && (c & 0x80));
}

/* End of the local part: where the @ should be; 0: malformed. */
static size_t local_part(struct belay_str s, bool international)
{
    size_t i = 0;
    if (s.n && s.p[0] == '"') {
        for (i = 1; i < s.n && s.p[i] != '"'; i++)
            if ((s.p[i] == '\\' && ++i == s.n) || (uint8_t)s.p[i] < 0x20 || s.p[i] == 0x7f)
                return 0;
        return i < s.n ? i + 1 : 0;
    }
    for (; i < s.n && s.p[i] != '@'; i++)
        if (s.p[i] == '.' ? i == 0 || s.p[i - 1] == '.' : !is_atom(s.p[i], international))
            return 0;
    return i && s.p[i - 1] != '.' ? i : 0;
}

static bool domain(struct belay_str s, bool international)
{
    if (s.n > 2 && s.p[0] == '[' && s.p[s.n - 1] == ']') {
        struct belay_str address = belay_str(s.p + 1, s.n - 2);
        return belay_str_starts(address, BELAY_STR("IPv6:")) ? format_ipv6(belay_str_sub(address, 5, address.n))
                                                             : format_ipv4(address);
    }
    if (!international)
        return format_hostname(s);
    for (size_t i = 0; i < s.n; i++)
        if (!(s.p[i] & 0x80) && !is_digit(s.p[i]) && !is_letter(s.p[i]) && s.p[i] != '-' && s.p[i] != '.')
            return false;
    return s.n > 0;
}

static bool email(struct belay_str s, bool international)
{
    size_t at = local_part(s, international);
    return at && at <= 64 && at < s.n && s.p[at] == '@'
           && domain(belay_str(s.p + at + 1, s.n - at - 1), international);
}

bool format_email(struct belay_str s)
{
    return email(s, false);
}

bool format_idn_email(struct belay_str s)
{
    return email(s, true);
}
