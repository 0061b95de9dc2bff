#include "sim/disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/list.h"
#include "base/random.h"

/* A file or a directory, whatever its names are. */
struct inode {
    struct belay_list node; /* of the disk */
    bool is_dir;
    unsigned names_now, names_safe, handles;
    uint8_t *now, *safe;
    uint8_t *dirty;      /* a byte for each sector */
    uint64_t size, size_safe;
    uint64_t cap;        /* bytes behind now and safe, whole sectors; beyond size they are zero */
    uint64_t taken;      /* of the disk's capacity */
    void *map;
    size_t map_bytes;
};

struct name {
    struct belay_list node;
    struct inode *inode;
    char text[BELAY_FILE_NAME_BYTES_MAX + 1];
};

/* What happened to names and is not durable yet: `set` names inode, `cleared` is no name any more. */
struct name_change {
    struct belay_list node;
    struct inode *inode;
    char set[BELAY_FILE_NAME_BYTES_MAX + 1], cleared[BELAY_FILE_NAME_BYTES_MAX + 1];
};

struct sim_disk {
    struct belay_disk base;
    struct belay_random random;
    struct belay_list inodes, names_now, names_safe, changes;
    uint64_t capacity_bytes, used_bytes;
    uint64_t stop_after, fail_sync_after; /* UINT64_MAX: never */
    bool stopped;
    unsigned open_files;
    struct sim_disk_stats stats;
};

struct sim_file {
    struct belay_file base;
    struct inode *inode;
};

static const struct belay_disk_ops ops;

static struct sim_disk *disk_of(const struct belay_disk *d)
{
    BELAY_ASSERT(d->ops == &ops);
    return BELAY_CONTAINER_OF(d, struct sim_disk, base);
}

static struct inode *inode_of(struct belay_file *f)
{
    return BELAY_CONTAINER_OF(f, struct sim_file, base)->inode;
}

/* The simulation itself is not what runs out of memory: its own comes from libc. */
static void *must(void *p)
{
    BELAY_ASSERT(p);
    return p;
}

static bool chance(struct sim_disk *d, unsigned percent)
{
    return belay_random_below(&d->random, 100) < percent;
}

/* ---- inodes and names ---- */

static struct inode *inode_new(struct sim_disk *d, bool is_dir)
{
    struct inode *i = must(calloc(1, sizeof *i));
    i->is_dir = is_dir;
    belay_list_push(&d->inodes, &i->node);
    return i;
}

static void take(struct sim_disk *d, struct inode *i, uint64_t bytes)
{
    d->used_bytes += bytes - i->taken;
    i->taken = bytes;
}

static void inode_drop_unused(struct sim_disk *d, struct inode *i)
{
    if (i->names_now || i->names_safe || i->handles)
        return;
    take(d, i, 0);
    belay_list_unlink(&i->node);
    free(i->now);
    free(i->safe);
    free(i->dirty);
    free(i);
}

static struct name *name_find(struct belay_list *names, const char *text)
{
    for (struct belay_list *l = names->next; l != names; l = l->next) {
        struct name *n = BELAY_CONTAINER_OF(l, struct name, node);
        if (strcmp(n->text, text) == 0)
            return n;
    }
    return NULL;
}

static unsigned *names_count(struct sim_disk *d, struct belay_list *names, struct inode *i)
{
    return names == &d->names_now ? &i->names_now : &i->names_safe;
}

static void name_clear(struct sim_disk *d, struct belay_list *names, const char *text)
{
    struct name *n = text[0] ? name_find(names, text) : NULL;
    if (!n)
        return;
    struct inode *i = n->inode;
    belay_list_unlink(&n->node);
    free(n);
    --*names_count(d, names, i);
    inode_drop_unused(d, i);
}

static void name_set(struct sim_disk *d, struct belay_list *names, const char *text, struct inode *i)
{
    if (!text[0])
        return;
    ++*names_count(d, names, i);
    name_clear(d, names, text);
    struct name *n = must(calloc(1, sizeof *n));
    n->inode = i;
    snprintf(n->text, sizeof n->text, "%s", text);
    belay_list_push(names, &n->node);
}

/* The change as the process sees it, remembered until it is durable. */
static void change(struct sim_disk *d, struct inode *i, const char *set, const char *cleared)
{
    struct name_change *c = must(calloc(1, sizeof *c));
    c->inode = i;
    i->handles++; /* the change keeps it */
    snprintf(c->set, sizeof c->set, "%s", set);
    snprintf(c->cleared, sizeof c->cleared, "%s", cleared);
    belay_list_push(&d->changes, &c->node);
    name_set(d, &d->names_now, set, i);
    name_clear(d, &d->names_now, cleared);
}

static void change_settle(struct sim_disk *d, struct name_change *c, bool happened)
{
    struct inode *i = c->inode;
    if (happened) {
        name_set(d, &d->names_safe, c->set, i);
        name_clear(d, &d->names_safe, c->cleared);
    }
    belay_list_unlink(&c->node);
    free(c);
    i->handles--;
    inode_drop_unused(d, i);
}

static size_t dir_length(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash ? (size_t)(slash - name) : 0;
}

static bool lies_in(const char *name, const char *dir)
{
    return name[0] && dir_length(name) == strlen(dir) && strncmp(name, dir, strlen(dir)) == 0;
}

static bool dir_exists(struct sim_disk *d, const char *dir)
{
    struct name *n = dir[0] ? name_find(&d->names_now, dir) : NULL;
    return dir[0] == '\0' || (n && n->inode->is_dir);
}

static bool parent_exists(struct sim_disk *d, const char *name)
{
    char dir[BELAY_FILE_NAME_BYTES_MAX + 1];
    snprintf(dir, sizeof dir, "%.*s", (int)dir_length(name), name);
    return dir_exists(d, dir);
}

/* ---- failing ---- */

/* Counts the operation. *ret_last: the power goes while it runs. */
static int begin(struct sim_disk *d, const char *what, bool *ret_last, struct belay_err *err)
{
    *ret_last = false;
    d->stats.operations++;
    if (d->stopped)
        return belay_fail(err, BELAY_IO, "%s: the disk is gone", what);
    if (d->stop_after == 0) {
        d->stopped = true;
        *ret_last = true;
        belay_fail(err, BELAY_IO, "%s: the disk went away", what);
        return BELAY_OK;
    }
    if (d->stop_after != UINT64_MAX)
        d->stop_after--;
    return BELAY_OK;
}

/* For operations that happen whole or not at all: one in which the power goes did not. */
static int begin_whole(struct sim_disk *d, const char *what, struct belay_err *err)
{
    bool last;
    int status = begin(d, what, &last, err);
    return last ? BELAY_IO : status;
}

static bool sync_fails(struct sim_disk *d)
{
    d->stats.syncs++;
    if (d->fail_sync_after == UINT64_MAX)
        return false;
    return d->fail_sync_after-- == 0;
}

/* ---- bytes ---- */

static void grow(struct inode *i, uint64_t size)
{
    uint64_t cap = (size + BELAY_SECTOR_BYTES - 1) / BELAY_SECTOR_BYTES * BELAY_SECTOR_BYTES;
    if (cap <= i->cap)
        return;
    cap = cap < 2 * i->cap ? 2 * i->cap : cap;
    i->now = must(realloc(i->now, cap));
    i->safe = must(realloc(i->safe, cap));
    i->dirty = must(realloc(i->dirty, cap / BELAY_SECTOR_BYTES));
    memset(i->now + i->cap, 0, cap - i->cap);
    memset(i->safe + i->cap, 0, cap - i->cap);
    memset(i->dirty + i->cap / BELAY_SECTOR_BYTES, 0, (cap - i->cap) / BELAY_SECTOR_BYTES);
    i->cap = cap;
}

static int take_space(struct sim_disk *d, struct inode *i, uint64_t size, const char *what,
                      struct belay_err *err)
{
    uint64_t bytes = (size + BELAY_BLOCK_BYTES - 1) / BELAY_BLOCK_BYTES * BELAY_BLOCK_BYTES;
    if (bytes <= i->taken)
        return BELAY_OK;
    if (d->capacity_bytes && d->used_bytes - i->taken + bytes > d->capacity_bytes)
        return belay_fail(err, BELAY_NOSPACE, "%s: %s", what, belay_status_text(BELAY_NOSPACE));
    take(d, i, bytes);
    return BELAY_OK;
}

static uint8_t *sector(uint8_t *bytes, uint64_t s)
{
    return bytes + s * BELAY_SECTOR_BYTES;
}

static void sector_settle(struct inode *i, uint64_t s)
{
    memcpy(sector(i->safe, s), sector(i->now, s), BELAY_SECTOR_BYTES);
    i->dirty[s] = 0;
}

/* Sector by sector; `percent` of them arrive (100 but where the power goes). */
static void put(struct sim_disk *d, struct inode *i, uint64_t offset, const uint8_t *p, size_t n,
                unsigned percent)
{
    for (size_t done = 0; done < n;) {
        uint64_t at = offset + done, s = at / BELAY_SECTOR_BYTES, in = at % BELAY_SECTOR_BYTES;
        size_t piece = BELAY_SECTOR_BYTES - in < n - done ? BELAY_SECTOR_BYTES - in : n - done;
        if (i->dirty[s] && chance(d, 30))
            sector_settle(i, s); /* written back just before it changes again */
        if (percent == 100 || chance(d, percent)) {
            memcpy(sector(i->now, s) + in, p + done, piece);
            i->dirty[s] = 1;
        }
        done += piece;
    }
}

static void settle_all(struct inode *i)
{
    for (uint64_t s = 0; s < i->cap / BELAY_SECTOR_BYTES; s++)
        if (i->dirty[s])
            sector_settle(i, s);
    i->size_safe = i->size;
}

static void settle_range(struct inode *i, uint64_t offset, uint64_t n)
{
    for (uint64_t s = offset / BELAY_SECTOR_BYTES; s * BELAY_SECTOR_BYTES < offset + n; s++)
        sector_settle(i, s);
    if (offset + n > i->size_safe)
        i->size_safe = offset + n;
}

/* D5: of what was to be synced some is safe, some is lost though it still reads well. */
static int sync_failed(struct sim_disk *d, struct inode *i, struct belay_err *err)
{
    for (uint64_t s = 0; s < i->cap / BELAY_SECTOR_BYTES; s++) {
        if (i->dirty[s] && chance(d, 40))
            sector_settle(i, s);
        else if (chance(d, 60))
            i->dirty[s] = 0;
    }
    return belay_fail(err, BELAY_IO, "sync: injected fault: %s", belay_status_text(BELAY_IO));
}

static void map_flush(struct sim_disk *d, struct inode *i)
{
    if (i->map)
        put(d, i, 0, i->map, i->map_bytes, 100);
}

/* ---- operations ---- */

static int sim_open(struct belay_disk *base, const char *name, unsigned flags,
                    struct belay_file **ret_file, struct belay_err *err)
{
    struct sim_disk *d = disk_of(base);
    int status = begin_whole(d, "open", err);
    if (status != BELAY_OK)
        return status;
    struct name *n = name_find(&d->names_now, name);
    if (n && n->inode->is_dir)
        return belay_fail(err, BELAY_IO, "open %s: is a directory", name);
    if (n && (flags & BELAY_FILE_CREATE) && (flags & BELAY_FILE_EXCL))
        return belay_fail(err, BELAY_EXISTS, "open %s: exists already", name);
    if (!n && (!(flags & BELAY_FILE_CREATE) || !parent_exists(d, name)))
        return belay_fail(err, BELAY_NOTFOUND, "open %s: not found", name);
    struct inode *i = n ? n->inode : inode_new(d, false);
    if (!n)
        change(d, i, name, "");
    i->handles++;
    d->open_files++;
    struct sim_file *f = must(calloc(1, sizeof *f));
    f->base = (struct belay_file){ .disk = base, .flags = flags };
    f->inode = i;
    status = flags & BELAY_FILE_TRUNCATE ? ops.truncate(&f->base, 0, err) : BELAY_OK;
    if (status == BELAY_OK)
        *ret_file = &f->base;
    else
        ops.close(&f->base);
    return status;
}

static void sim_close(struct belay_file *file)
{
    struct sim_disk *d = disk_of(file->disk);
    struct inode *i = inode_of(file);
    if (i->map && i->handles) {
        map_flush(d, i);
        free(i->map);
        i->map = NULL;
    }
    i->handles--;
    d->open_files--;
    inode_drop_unused(d, i);
    free(BELAY_CONTAINER_OF(file, struct sim_file, base));
}

static int sim_write(struct belay_file *f, uint64_t offset, const void *p, size_t n, unsigned flags,
                     struct belay_err *err)
{
    struct sim_disk *d = disk_of(f->disk);
    struct inode *i = inode_of(f);
    bool last;
    int status = begin(d, "write", &last, err);
    if (status == BELAY_OK && !last)
        status = take_space(d, i, offset + n, "write", err);
    if (status != BELAY_OK)
        return status;
    d->stats.writes++;
    d->stats.write_bytes += n;
    grow(i, offset + n);
    put(d, i, offset, p, n, last ? 50 : 100);
    if (offset + n > i->size)
        i->size = offset + n;
    if (last)
        return BELAY_IO;
    if (!(flags & BELAY_WRITE_SYNC))
        return BELAY_OK;
    if (sync_fails(d))
        return sync_failed(d, i, err);
    settle_range(i, offset, n);
    return BELAY_OK;
}

static int sim_read(struct belay_file *f, uint64_t offset, void *p, size_t n, size_t *ret_n,
                    struct belay_err *err)
{
    struct inode *i = inode_of(f);
    int status = begin_whole(disk_of(f->disk), "read", err);
    if (status != BELAY_OK)
        return status;
    uint64_t left = offset < i->size ? i->size - offset : 0;
    size_t got = left < n ? (size_t)left : n;
    if (got)
        memcpy(p, i->now + offset, got);
    *ret_n = got;
    return BELAY_OK;
}

static int sim_sync(struct belay_file *f, struct belay_err *err)
{
    struct sim_disk *d = disk_of(f->disk);
    int status = begin_whole(d, "sync", err);
    if (status != BELAY_OK)
        return status;
    map_flush(d, inode_of(f));
    if (sync_fails(d))
        return sync_failed(d, inode_of(f), err);
    settle_all(inode_of(f));
    return BELAY_OK;
}

static int sim_reserve(struct belay_file *f, uint64_t size_bytes, struct belay_err *err)
{
    struct sim_disk *d = disk_of(f->disk);
    struct inode *i = inode_of(f);
    int status = begin_whole(d, "reserve", err);
    if (status == BELAY_OK)
        status = take_space(d, i, size_bytes, "reserve", err);
    if (status != BELAY_OK)
        return status;
    grow(i, size_bytes);
    if (size_bytes > i->size)
        i->size = size_bytes;
    return BELAY_OK;
}

static int sim_truncate(struct belay_file *f, uint64_t size_bytes, struct belay_err *err)
{
    struct sim_disk *d = disk_of(f->disk);
    struct inode *i = inode_of(f);
    int status = begin_whole(d, "truncate", err);
    if (status != BELAY_OK)
        return status;
    grow(i, size_bytes);
    for (uint64_t at = size_bytes; at < i->size; at++) {
        i->dirty[at / BELAY_SECTOR_BYTES] = 1;
        i->now[at] = 0;
    }
    i->size = size_bytes;
    uint64_t taken = (size_bytes + BELAY_BLOCK_BYTES - 1) / BELAY_BLOCK_BYTES * BELAY_BLOCK_BYTES;
    if (taken < i->taken)
        take(d, i, taken);
    return BELAY_OK;
}

static int sim_size(struct belay_file *f, uint64_t *ret_size_bytes, struct belay_err *err)
{
    int status = begin_whole(disk_of(f->disk), "size", err);
    if (status == BELAY_OK)
        *ret_size_bytes = inode_of(f)->size;
    return status;
}

static int sim_map(struct belay_file *f, size_t size_bytes, void **ret_p, struct belay_err *err)
{
    struct inode *i = inode_of(f);
    BELAY_ASSERT(!i->map);
    int status = sim_reserve(f, size_bytes, err);
    if (status != BELAY_OK)
        return status;
    i->map = must(malloc(size_bytes));
    i->map_bytes = size_bytes;
    memcpy(i->map, i->now, size_bytes);
    *ret_p = i->map;
    return BELAY_OK;
}

static int sim_mkdir(struct belay_disk *base, const char *name, struct belay_err *err)
{
    struct sim_disk *d = disk_of(base);
    int status = begin_whole(d, "mkdir", err);
    if (status != BELAY_OK)
        return status;
    struct name *n = name_find(&d->names_now, name);
    if (n)
        return n->inode->is_dir ? BELAY_OK : belay_fail(err, BELAY_EXISTS, "mkdir %s: exists", name);
    if (!parent_exists(d, name))
        return belay_fail(err, BELAY_NOTFOUND, "mkdir %s: no parent", name);
    change(d, inode_new(d, true), name, "");
    return BELAY_OK;
}

static int sim_sync_dir(struct belay_disk *base, const char *dir, struct belay_err *err)
{
    struct sim_disk *d = disk_of(base);
    int status = begin_whole(d, "sync directory", err);
    if (status != BELAY_OK)
        return status;
    if (!dir_exists(d, dir))
        return belay_fail(err, BELAY_NOTFOUND, "sync directory %s: not found", dir);
    for (struct belay_list *l = d->changes.next, *next; l != &d->changes; l = next) {
        struct name_change *c = BELAY_CONTAINER_OF(l, struct name_change, node);
        next = l->next;
        if (lies_in(c->set, dir) || lies_in(c->cleared, dir))
            change_settle(d, c, true);
    }
    return BELAY_OK;
}

static int sim_rename(struct belay_disk *base, const char *from, const char *to,
                      struct belay_err *err)
{
    struct sim_disk *d = disk_of(base);
    int status = begin_whole(d, "rename", err);
    if (status != BELAY_OK)
        return status;
    struct name *n = name_find(&d->names_now, from);
    if (!n || !parent_exists(d, to))
        return belay_fail(err, BELAY_NOTFOUND, "rename %s: not found", from);
    BELAY_ASSERT(!n->inode->is_dir);
    change(d, n->inode, to, from);
    return BELAY_OK;
}

static int sim_unlink(struct belay_disk *base, const char *name, struct belay_err *err)
{
    struct sim_disk *d = disk_of(base);
    int status = begin_whole(d, "unlink", err);
    if (status != BELAY_OK)
        return status;
    struct name *n = name_find(&d->names_now, name);
    if (!n)
        return belay_fail(err, BELAY_NOTFOUND, "unlink %s: not found", name);
    change(d, n->inode, "", name);
    return BELAY_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct belay_dir_entry *)a)->name,
                  ((const struct belay_dir_entry *)b)->name);
}

static int sim_list(struct belay_disk *base, const char *dir, struct belay_dir_entry **ret_entries,
                    size_t *ret_count, struct belay_err *err)
{
    struct sim_disk *d = disk_of(base);
    int status = begin_whole(d, "list", err);
    if (status != BELAY_OK)
        return status;
    if (!dir_exists(d, dir))
        return belay_fail(err, BELAY_NOTFOUND, "list %s: not found", dir);
    struct belay_dir_entry *entries = NULL;
    size_t count = 0;
    for (struct belay_list *l = d->names_now.next; l != &d->names_now; l = l->next) {
        struct name *n = BELAY_CONTAINER_OF(l, struct name, node);
        if (!lies_in(n->text, dir))
            continue;
        struct belay_dir_entry *grown = belay_realloc(entries, (count + 1) * sizeof *entries);
        if (!grown) {
            belay_free(entries);
            return belay_fail(err, BELAY_NOMEM, "list %s: out of memory", dir);
        }
        entries = grown;
        memset(&entries[count], 0, sizeof *entries);
        snprintf(entries[count].name, sizeof entries->name, "%s",
                 n->text + (dir[0] ? strlen(dir) + 1 : 0));
        entries[count].size_bytes = n->inode->size;
        entries[count++].is_dir = n->inode->is_dir;
    }
    if (count)
        qsort(entries, count, sizeof *entries, by_name);
    *ret_entries = entries;
    *ret_count = count;
    return BELAY_OK;
}

static int sim_free_bytes(struct belay_disk *base, uint64_t *ret_bytes, struct belay_err *err)
{
    struct sim_disk *d = disk_of(base);
    int status = begin_whole(d, "free space", err);
    if (status != BELAY_OK)
        return status;
    uint64_t cap = d->capacity_bytes;
    *ret_bytes = cap == 0 ? UINT64_MAX / 4 : cap > d->used_bytes ? cap - d->used_bytes : 0;
    return BELAY_OK;
}

static void names_forget(struct sim_disk *d, struct belay_list *names)
{
    while (!belay_list_empty(names))
        name_clear(d, names, BELAY_CONTAINER_OF(names->next, struct name, node)->text);
}

static void sim_close_disk(struct belay_disk *base)
{
    struct sim_disk *d = disk_of(base);
    BELAY_ASSERT(d->open_files == 0);
    while (!belay_list_empty(&d->changes))
        change_settle(d, BELAY_CONTAINER_OF(d->changes.next, struct name_change, node), false);
    names_forget(d, &d->names_now);
    names_forget(d, &d->names_safe);
    BELAY_ASSERT(belay_list_empty(&d->inodes));
    free(d);
}

static const struct belay_disk_ops ops = {
    .open = sim_open,
    .close = sim_close,
    .write = sim_write,
    .read = sim_read,
    .sync = sim_sync,
    .reserve = sim_reserve,
    .truncate = sim_truncate,
    .size = sim_size,
    .map = sim_map,
    .mkdir = sim_mkdir,
    .sync_dir = sim_sync_dir,
    .rename = sim_rename,
    .unlink = sim_unlink,
    .list = sim_list,
    .free_bytes = sim_free_bytes,
    .close_disk = sim_close_disk,
};

/* ---- dying and coming back ---- */

int sim_disk_new(const struct sim_disk_opt *opt, struct belay_disk **ret_disk, struct belay_err *err)
{
    struct sim_disk *d = calloc(1, sizeof *d);
    if (!d)
        return belay_fail(err, BELAY_NOMEM, "simulated disk: out of memory");
    d->base.ops = &ops;
    d->base.caps = (struct belay_disk_caps){ opt->direct, opt->write_sync, BELAY_BLOCK_BYTES };
    d->random.state = opt->seed;
    d->capacity_bytes = opt->capacity_bytes;
    d->stop_after = d->fail_sync_after = UINT64_MAX;
    belay_list_init(&d->inodes);
    belay_list_init(&d->names_now);
    belay_list_init(&d->names_safe);
    belay_list_init(&d->changes);
    *ret_disk = &d->base;
    return BELAY_OK;
}

void sim_disk_stop(struct belay_disk *d)
{
    disk_of(d)->stopped = true;
}

void sim_disk_stop_after(struct belay_disk *d, uint64_t n)
{
    disk_of(d)->stop_after = n;
}

bool sim_disk_stopped(const struct belay_disk *d)
{
    return disk_of(d)->stopped;
}

void sim_disk_fail_sync_after(struct belay_disk *d, uint64_t n)
{
    disk_of(d)->fail_sync_after = n;
}

void sim_disk_set_capacity(struct belay_disk *d, uint64_t capacity_bytes)
{
    disk_of(d)->capacity_bytes = capacity_bytes;
}

/* The size on the medium: the synced one, the last one, or one between. */
static uint64_t size_after_power(struct sim_disk *d, const struct inode *i)
{
    uint64_t low = i->size < i->size_safe ? i->size : i->size_safe;
    uint64_t high = i->size < i->size_safe ? i->size_safe : i->size;
    switch (belay_random_below(&d->random, 3)) {
    case 0: return i->size_safe;
    case 1: return i->size;
    default: return low + belay_random_below(&d->random, high - low + 1);
    }
}

static void inode_lose_power(struct sim_disk *d, struct inode *i)
{
    unsigned percent = (unsigned)belay_random_below(&d->random, 101); /* a mood for each file */
    for (uint64_t s = 0; s < i->cap / BELAY_SECTOR_BYTES; s++) {
        if (i->dirty[s] && chance(d, percent))
            sector_settle(i, s);
        else if (i->dirty[s])
            d->stats.sectors_lost++;
        i->dirty[s] = 0;
    }
    i->size = i->size_safe = size_after_power(d, i);
    if (i->cap) {
        memset(i->safe + i->size, 0, i->cap - i->size);
        memcpy(i->now, i->safe, i->cap);
    }
}

/* A directory whose name was lost takes what is in it along. */
static void drop_orphans(struct sim_disk *d)
{
    for (struct belay_list *l = d->names_safe.next; l != &d->names_safe;) {
        struct name *n = BELAY_CONTAINER_OF(l, struct name, node);
        char dir[BELAY_FILE_NAME_BYTES_MAX + 1];
        snprintf(dir, sizeof dir, "%.*s", (int)dir_length(n->text), n->text);
        struct name *parent = dir[0] ? name_find(&d->names_safe, dir) : NULL;
        if (dir[0] == '\0' || (parent && parent->inode->is_dir)) {
            l = l->next;
            continue;
        }
        name_clear(d, &d->names_safe, n->text);
        l = d->names_safe.next; /* from the start: it may have been a directory itself */
    }
}

static void lose_power(struct sim_disk *d)
{
    unsigned percent = (unsigned)belay_random_below(&d->random, 101);
    while (!belay_list_empty(&d->changes)) {
        bool happened = chance(d, percent);
        d->stats.names_lost += !happened;
        change_settle(d, BELAY_CONTAINER_OF(d->changes.next, struct name_change, node), happened);
    }
    drop_orphans(d);
    names_forget(d, &d->names_now);
    for (struct belay_list *l = d->names_safe.next; l != &d->names_safe; l = l->next) {
        struct name *n = BELAY_CONTAINER_OF(l, struct name, node);
        name_set(d, &d->names_now, n->text, n->inode);
    }
    for (struct belay_list *l = d->inodes.next; l != &d->inodes; l = l->next)
        inode_lose_power(d, BELAY_CONTAINER_OF(l, struct inode, node));
}

void sim_disk_restart(struct belay_disk *base, enum sim_death death)
{
    struct sim_disk *d = disk_of(base);
    BELAY_ASSERT(d->open_files == 0);
    if (death == SIM_POWER)
        lose_power(d);
    d->stopped = false;
    d->stop_after = d->fail_sync_after = UINT64_MAX;
}

bool sim_disk_flip(struct belay_disk *base, const char *name, uint64_t offset, unsigned bit)
{
    struct sim_disk *d = disk_of(base);
    struct name *n = name_find(&d->names_now, name);
    if (!n || offset >= n->inode->size)
        return false;
    n->inode->now[offset] ^= (uint8_t)(1u << (bit & 7));
    n->inode->safe[offset] = n->inode->now[offset];
    return true;
}

void sim_disk_stats(const struct belay_disk *base, struct sim_disk_stats *ret_stats)
{
    struct sim_disk *d = disk_of(base);
    *ret_stats = d->stats;
    ret_stats->used_bytes = d->used_bytes;
}
