#include "expr/date_picture.h"

#include "expr/functions.h"

const char *const date_months[13]
    = { "",     "January", "February",  "March",   "April",    "May",     "June",
        "July", "August",  "September", "October", "November", "December" };
const char *const date_days[8]
    = { "", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday" };

double date_component(const struct calendar *c, char component)
{
    struct calendar thursday = calendar_thursday(c);
    switch (component) {
    case 'Y': return (double)c->year;
    case 'M': return c->month;
    case 'D': return c->day;
    case 'd': return c->year_day;
    case 'F': return c->weekday;
    case 'W': return (thursday.year_day - 1) / 7 + 1;
    case 'w': return (thursday.day - 1) / 7 + 1;
    case 'X': return (double)thursday.year;
    case 'x': return thursday.month;
    case 'H': return c->hour;
    case 'h': return c->hour % 12 ? c->hour % 12 : 12;
    case 'P': return c->hour >= 12;
    case 'm': return c->minute;
    case 's': return c->second;
    default: return c->millis;
    }
}

/* What a component without a modifier has. NULL: no such component. */
static const char *default_presentation(char component)
{
    switch (component) {
    case 'F':
    case 'P':
    case 'C':
    case 'E': return "n";
    case 'm':
    case 's': return "01";
    case 'Z':
    case 'z': return "01:01";
    default: return component && strchr("YMDdWwXxHhf", component) ? "1" : NULL;
    }
}

static int width_of(struct belay_str s)
{
    uint64_t u = 0;
    return belay_str_to_u64(s, &u) && u < 1000 ? (int)u : 0;
}

static bool fail(struct run *run, const char *code, struct belay_str text)
{
    run_fail(run, code, NO_POSITION, text);
    return false;
}

static bool set_integer(struct run *run, struct date_part *part, struct belay_str presentation,
                        bool ordinal, int width_min)
{
    const char *code = integer_picture_parse(presentation, &part->integer);
    if (code)
        return fail(run, code, presentation);
    struct integer_picture *i = &part->integer;
    part->has_integer = true;
    i->ordinal = i->ordinal || ordinal;
    if (i->mandatory < (uint32_t)width_min)
        i->mandatory = (uint32_t)width_min;
    if (part->component != 'Y')
        return true;
    part->year_digits = -1;
    if (part->width_max > 0) {
        part->year_digits = part->width_max;
        i->mandatory = (uint32_t)part->width_max;
    } else if (i->mandatory + i->optional >= 2) {
        part->year_digits = (int)(i->mandatory + i->optional);
    }
    return true;
}

/* What stands after the component: [01o,2-4] has "01o" and the widths. */
static bool set_presentation(struct run *run, struct date_part *part, struct belay_str s,
                             int width_min)
{
    char last = s.n > 1 ? s.p[s.n - 1] : 0;
    bool modified = last && strchr("atco", last);
    if (modified)
        s.n--;
    if (s.n == 0)
        s = belay_str_c(default_presentation(part->component));
    part->traditional = modified && last == 't';
    if (s.p[0] == 'n' || s.p[0] == 'N') {
        part->names = true;
        part->letters = s.p[0] == 'n'              ? CASE_LOWER
                        : s.n > 1 && s.p[1] == 'n' ? CASE_TITLE
                                                   : CASE_UPPER;
        return true;
    }
    if (strchr("PCE", part->component))
        return true;
    return set_integer(run, part, s, modified && last == 'o', width_min);
}

/* The inside of [...]: white space does not count. */
static bool set_marker(struct run *run, struct date_part *part, struct belay_str marker)
{
    char *room = belay_arena_bytes(run->arena, marker.n + 1);
    size_t n = 0;
    int width_min = 0;
    if (!room)
        return !value_failed(run_nomem(run));
    for (size_t i = 0; i < marker.n; i++)
        if (!strchr(" \t\n\r\f\v", marker.p[i]) || !marker.p[i])
            room[n++] = marker.p[i];
    room[n] = '\0';
    part->component = room[0];
    if (n == 0 || !default_presentation(part->component))
        return fail(run, "D3132", belay_str(room, n ? 1 : 0));
    struct belay_str rest = belay_str(room + 1, n - 1);
    const char *comma = rest.n ? memrchr(rest.p, ',', rest.n) : NULL;
    if (comma) {
        struct belay_str width = belay_str(comma + 1, rest.n - (size_t)(comma + 1 - rest.p));
        struct belay_str min = belay_str_split(&width, '-');
        width_min = width_of(min);
        part->width_max = width.p ? width_of(width) : 0;
        rest.n = (size_t)(comma - rest.p);
    }
    return set_presentation(run, part, rest, width_min);
}

struct builder {
    struct run *run;
    struct date_picture *picture;
    uint32_t cap;
};

static struct date_part *add(struct builder *b)
{
    struct date_picture *p = b->picture;
    if (p->n == b->cap) {
        uint32_t cap = b->cap ? b->cap * 2 : 16;
        struct date_part *parts = belay_arena_alloc(b->run->arena, cap * sizeof *parts);
        if (!parts) {
            run_nomem(b->run);
            return NULL;
        }
        if (p->n)
            memcpy(parts, p->parts, p->n * sizeof *parts);
        p->parts = parts;
        b->cap = cap;
    }
    memset(&p->parts[p->n], 0, sizeof *p->parts);
    return &p->parts[p->n++];
}

/* Text between markers; ]] stands for ]. */
static bool add_literal(struct builder *b, struct belay_str s)
{
    struct date_part *part = s.n ? add(b) : NULL;
    char *room = part ? belay_arena_bytes(b->run->arena, s.n) : NULL;
    size_t n = 0;
    if (s.n == 0)
        return true;
    if (!room)
        return !value_failed(run_nomem(b->run));
    for (size_t i = 0; i < s.n; i++) {
        room[n++] = s.p[i];
        i += s.p[i] == ']' && i + 1 < s.n && s.p[i + 1] == ']';
    }
    part->literal = belay_str(room, n);
    return true;
}

static bool add_marker(struct builder *b, struct belay_str marker)
{
    struct date_part *part = add(b);
    if (!part || !set_marker(b->run, part, marker))
        return false;
    /* Digits that follow digits: the first are as many as the picture says. */
    struct date_part *before = b->picture->n > 1 ? part - 1 : NULL;
    if (part->has_integer && before && before->has_integer)
        before->integer.parse_width = before->integer.mandatory;
    return true;
}

bool date_picture_parse(struct run *run, struct belay_str text, struct date_picture *ret)
{
    struct builder b = { run, ret, 0 };
    *ret = (struct date_picture){ 0, NULL };
    while (text.n > 0) {
        size_t open = belay_str_find(text, '[');
        if (!run_charge(run, 1) || !add_literal(&b, belay_str(text.p, open)))
            return false;
        text = belay_str_sub(text, open, text.n);
        if (text.n == 0)
            break;
        if (text.n > 1 && text.p[1] == '[') {
            if (!add_literal(&b, BELAY_STR("[")))
                return false;
            text = belay_str_sub(text, 2, text.n);
            continue;
        }
        size_t close = belay_str_find(text, ']');
        if (close == text.n)
            return fail(run, "D3135", text);
        if (!add_marker(&b, belay_str(text.p + 1, close - 1)))
            return false;
        text = belay_str_sub(text, close + 1, text.n);
    }
    return true;
}
