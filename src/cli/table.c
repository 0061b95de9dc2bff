#include "cli/table.h"

#include <stdio.h>

#include "base/assert.h"

void table_init(struct table *t, const char *const *heads, uint32_t columns)
{
    BELAY_ASSERT(columns <= TABLE_COLUMNS_MAX);
    *t = (struct table){ .columns = columns };
    belay_buf_init(&t->text, BELAY_MIB(64));
    for (uint32_t i = 0; i < columns; i++)
        table_cell(t, belay_str_c(heads[i]));
}

/* Code points, near enough to columns. */
static uint32_t width(struct belay_str s)
{
    uint32_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return n;
}

void put_plain(struct belay_buf *b, struct belay_str s)
{
    for (size_t i = 0; i < s.n; i++)
        belay_buf_put_c(b, plain_char(s.p[i]));
}

void table_cell(struct table *t, struct belay_str text)
{
    uint32_t column = t->cells++ % t->columns, n = width(text);
    if (n > t->widths[column])
        t->widths[column] = n;
    put_plain(&t->text, text);
    belay_buf_put_c(&t->text, '\0');
}

void table_uint(struct table *t, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    table_cell(t, belay_str_c(text));
}

void table_print(struct table *t)
{
    const char *cell = t->text.p;
    for (uint32_t i = 0; i < t->cells && belay_buf_status(&t->text) == BELAY_OK; i++) {
        uint32_t column = i % t->columns;
        bool last = column + 1 == t->columns;
        struct belay_str text = belay_str_c(cell);
        printf("%s%*s%s", cell, last ? 0 : (int)(t->widths[column] - width(text)), "", last ? "\n" : "  ");
        cell += text.n + 1;
    }
    belay_buf_deinit(&t->text);
}

void table_of(const belay_json *list, const struct column *columns, uint32_t count)
{
    const char *heads[TABLE_COLUMNS_MAX];
    const belay_json *item;
    struct table t;
    BELAY_ASSERT(count <= TABLE_COLUMNS_MAX);
    for (uint32_t c = 0; c < count; c++)
        heads[c] = columns[c].head;
    table_init(&t, heads, count);
    for (size_t i = 0; (item = belay_json_at(list, i)); i++)
        for (uint32_t c = 0; c < count; c++) {
            if (columns[c].number)
                table_uint(&t, json_number(item, columns[c].member));
            else
                table_cell(&t, json_text(item, columns[c].member));
        }
    table_print(&t);
}

void table_of_sagas(const belay_json *sagas)
{
    static const struct column columns[] = {
        { "SAGA", "name", false },
        { "RUNNING", "running", true },
        { "COMPENSATING", "compensating", true },
        { "PARKED", "parked", true },
        { "COMPLETED", "completed", true },
        { "COMPENSATED", "compensated", true },
        { "FAILED", "failed", true },
        { "EVENTS", "events_waiting", true },
    };
    table_of(sagas, columns, sizeof columns / sizeof columns[0]);
}

void print_pretty(const belay_json *v)
{
    struct belay_buf text;
    belay_buf_init(&text, BELAY_MIB(64));
    belay_json_write_pretty(&text, v);
    print_buf(&text);
    belay_buf_deinit(&text);
}
