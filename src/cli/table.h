/* table.h - what an answer looks like to a person: tables, indented JSON.  Uses: command.  Thread: main. */
#ifndef BELAY_CLI_TABLE_H
#define BELAY_CLI_TABLE_H

#include "cli/command.h"

#define TABLE_COLUMNS_MAX 16

/* A table whose columns are as wide as they must be. Cells are copied, row by row. */
struct table {
    struct belay_buf text; /* cells, each ended by NUL */
    uint32_t columns, cells;
    uint32_t widths[TABLE_COLUMNS_MAX];
};
void table_init(struct table *t, const char *const *heads, uint32_t columns);
void table_cell(struct table *t, struct belay_str text);
/* Text without what could move a terminal's cursor. */
static inline char plain_char(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f ? ' ' : c;
}
void put_plain(struct belay_buf *b, struct belay_str s);
void table_uint(struct table *t, uint64_t value);
void table_print(struct table *t); /* and frees it */

struct column {
    const char *head, *member;
    bool number; /* else text */
};
/* Prints the objects of list, a row each. */
void table_of(const belay_json *list, const struct column *columns, uint32_t count);
/* "sagas" of /status and /sagas. */
void table_of_sagas(const belay_json *sagas);
void print_pretty(const belay_json *v);

#endif
