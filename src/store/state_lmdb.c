/* The state's home on the disk: one LMDB environment, a named database for each table.
 *
 * The file has two meta pages that are written in turn; pages are copied before they change, so a
 * commit is on the disk as a whole or not at all (write, fdatasync, then the meta page with O_DSYNC).
 * One reader (the engine's, kept open between refreshes) and one writer (the checkpoint thread).
 * LMDB has no checksums; each value is stored behind the CRC32C of its table, key and value.
 * Byte layout: docs/format/checkpoint.md. */
#include <errno.h>
#include <lmdb.h>
#include <signal.h> /* allow: signal.h - what on_stumble raises */
#include <stdio.h>
#include <sys/statvfs.h> /* allow: sys/statvfs.h - the disk below LMDB's own file */
#include <unistd.h>      /* allow: unistd.h - the size of LMDB's own file */

#include "base/alloc.h"
#include "base/crc.h"
#include "base/limits.h"
#include "base/pack.h"
#include "store/state_overlay.h"

#define MAP_BYTES_DEFAULT ((uint64_t)256 << 30)
#define PAGE_BYTES 4096 /* LMDB's, the system's */
#define FULL_BYTES BELAY_MIB(1) /* LMDB writes up to 64 pages at once: less is no room for them */

enum { CRC_BYTES = 4, READERS_MAX = 8 };

struct lmdb {
    MDB_env *env;
    MDB_txn *reader;
    MDB_dbi meta;
    MDB_dbi dbi[STATE_TABLES];
    MDB_cursor *cursor[STATE_TABLES]; /* of reader; NULL until it is wanted */
    bool renewed[STATE_TABLES];       /* cursor belongs to the reader's present snapshot */
    uint64_t position;
    uint32_t format;       /* that it must have */
    uint32_t format_next;  /* a migration writes it with its commit; 0: none is under way */
    bool borrowed; /* a snapshot: env is another's */
    char *value; /* a changed value with its CRC, on its way into a commit */
    size_t value_cap;
};

static int fail(struct belay_err *err, int code, const char *what)
{
    int status = BELAY_IO;
    switch (code) {
    case MDB_MAP_FULL:
    case ENOSPC:
    case EDQUOT: status = BELAY_NOSPACE; break;
    case ENOMEM: status = BELAY_NOMEM; break;
    case MDB_VERSION_MISMATCH: status = BELAY_VERSION; break;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_PAGE_FULL:
    case MDB_CURSOR_FULL:
    case MDB_BAD_TXN: /* what it says about pages that make no sense */
    case MDB_INCOMPATIBLE:
    case MDB_INVALID: status = BELAY_CORRUPT; break;
    default: break;
    }
    return belay_fail(err, status, "checkpoint (LMDB): %s: %s", what, mdb_strerror(code));
}

/* LMDB takes any other number in the place of its format's version for another version, a flipped bit too. Both meta pages
 * of a file that another version wrote have the same one, and there were few. */
static bool other_version(const char *path)
{
    enum { META_AT = 16, META_BYTES = 8, VERSION_AT = 4, VERSION_MAX = 2, VERSION_DEVEL = 999 };
    char name[4096], meta[2][META_BYTES];
    snprintf(name, sizeof name, "%s/data.mdb", path);
    FILE *file = fopen(name, "rb");
    bool whole = file;
    for (int i = 0; i < 2 && whole; i++)
        whole = fseek(file, META_AT + (long)i * PAGE_BYTES, SEEK_SET) == 0 && fread(meta[i], META_BYTES, 1, file) == 1;
    if (file)
        fclose(file);
    if (!whole || memcmp(meta[0], meta[1], META_BYTES) != 0)
        return false;
    uint32_t version = belay_load_u32(meta[0] + VERSION_AT);
    return (version > 0 && version <= VERSION_MAX) || version == VERSION_DEVEL;
}

static int fail_to_open(struct belay_err *err, int code, const char *path)
{
    if (code == MDB_VERSION_MISMATCH && !other_version(path))
        return belay_fail(err, BELAY_CORRUPT, "checkpoint: %s/data.mdb: a meta page is damaged (its version makes no sense)",
                          path);
    return fail(err, code, path);
}

static bool known(uint32_t table)
{
    return (table > 0 && table < BELAY_TABLE_STATIC_COUNT)
           || (table >= BELAY_TABLE_DROPPABLE && table < STATE_TABLES);
}

static uint32_t crc_of(uint32_t table, struct belay_str key, struct belay_str value)
{
    char head[4];
    belay_store_u32(head, table);
    uint32_t crc = belay_crc32c(0, head, sizeof head);
    return belay_crc32c(belay_crc32c(crc, key.p, key.n), value.p, value.n);
}

static int unwrap(uint32_t table, const MDB_val *k, const MDB_val *v, struct belay_str *ret_value,
                  struct belay_err *err)
{
    struct belay_str key = belay_str(k->mv_data, k->mv_size);
    if (v->mv_size >= CRC_BYTES) {
        const char *p = v->mv_data;
        struct belay_str value = belay_str(p + CRC_BYTES, v->mv_size - CRC_BYTES);
        if (crc_of(table, key, value) == belay_load_u32(p)) {
            *ret_value = value;
            return BELAY_OK;
        }
    }
    return belay_fail(err, BELAY_CORRUPT, "checkpoint: a value of table %u fails its checksum", table);
}

/* ---- reads (engine thread) ---- */

static uint64_t lmdb_position(void *self)
{
    return ((struct lmdb *)self)->position;
}

static int lmdb_get(void *self, uint32_t table, struct belay_str key, struct belay_str *ret_value,
                    struct belay_err *err)
{
    struct lmdb *l = self;
    MDB_val k = { key.n, (void *)key.p }, v;
    int rc = known(table) ? mdb_get(l->reader, l->dbi[table], &k, &v) : MDB_NOTFOUND;
    if (rc == MDB_NOTFOUND)
        return BELAY_NOTFOUND;
    return rc ? fail(err, rc, "read") : unwrap(table, &k, &v, ret_value, err);
}

static int cursor_of(struct lmdb *l, uint32_t table)
{
    int rc = 0;
    if (!l->cursor[table])
        rc = mdb_cursor_open(l->reader, l->dbi[table], &l->cursor[table]);
    else if (!l->renewed[table])
        rc = mdb_cursor_renew(l->reader, l->cursor[table]);
    l->renewed[table] = rc == 0;
    return rc;
}

static int lmdb_seek(void *self, uint32_t table, struct belay_str from, bool after,
                     struct belay_str *ret_key, struct belay_str *ret_value, struct belay_err *err)
{
    struct lmdb *l = self;
    if (!known(table))
        return BELAY_NOTFOUND;
    int rc = cursor_of(l, table);
    MDB_val k = { from.n, (void *)from.p }, v;
    if (rc == 0)
        rc = mdb_cursor_get(l->cursor[table], &k, &v, from.n ? MDB_SET_RANGE : MDB_FIRST);
    if (rc == 0 && after && belay_str_eq(from, belay_str(k.mv_data, k.mv_size)))
        rc = mdb_cursor_get(l->cursor[table], &k, &v, MDB_NEXT);
    if (rc == MDB_NOTFOUND)
        return BELAY_NOTFOUND;
    if (rc)
        return fail(err, rc, "seek");
    int status = unwrap(table, &k, &v, ret_value, err);
    if (status == BELAY_OK)
        *ret_key = belay_str(k.mv_data, k.mv_size);
    return status;
}

static uint32_t position_crc(uint64_t position)
{
    char bytes[8];
    belay_store_u64(bytes, position);
    return belay_crc32c(0, bytes, sizeof bytes);
}

/* *ret_value stays where there is none. */
static int meta_get(MDB_txn *txn, MDB_dbi meta, struct belay_str name, uint64_t *ret_value)
{
    MDB_val k = { name.n, (void *)name.p }, v;
    int rc = mdb_get(txn, meta, &k, &v);
    if (rc == 0 && v.mv_size != 8)
        return MDB_CORRUPTED;
    if (rc == 0)
        *ret_value = belay_load_u64(v.mv_data);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* A wrong position would apply commits twice, or leave some out. A store of an older build has no CRC. */
static int read_position(struct lmdb *l)
{
    uint64_t position = 0, crc;
    int rc = meta_get(l->reader, l->meta, BELAY_STR("position"), &position);
    crc = position_crc(position);
    if (rc == 0)
        rc = meta_get(l->reader, l->meta, BELAY_STR("position-crc"), &crc);
    if (rc == 0 && crc != position_crc(position))
        rc = MDB_CORRUPTED;
    if (rc == 0)
        l->position = position;
    return rc;
}

static int lmdb_refresh(void *self, struct belay_err *err)
{
    struct lmdb *l = self;
    mdb_txn_reset(l->reader);
    for (uint32_t i = 0; i < STATE_TABLES; i++)
        l->renewed[i] = false;
    int rc = mdb_txn_renew(l->reader);
    if (rc == 0)
        rc = read_position(l);
    return rc ? fail(err, rc, "refresh") : BELAY_OK;
}

/* ---- commit (checkpoint thread) ---- */

static int meta_put(MDB_txn *txn, MDB_dbi meta, struct belay_str name, uint64_t value)
{
    char bytes[8];
    belay_store_u64(bytes, value);
    MDB_val k = { name.n, (void *)name.p }, v = { sizeof bytes, bytes };
    return mdb_put(txn, meta, &k, &v, 0);
}

static int wrap(struct lmdb *l, const struct belay_state_change *c, MDB_val *ret_v)
{
    size_t n = c->value.n + CRC_BYTES;
    if (n > l->value_cap) {
        char *more = belay_realloc(l->value, n + n / 2);
        if (!more)
            return ENOMEM;
        l->value = more;
        l->value_cap = n + n / 2;
    }
    belay_store_u32(l->value, crc_of(c->table, c->key, c->value));
    memcpy(l->value + CRC_BYTES, c->value.p, c->value.n);
    *ret_v = (MDB_val){ n, l->value };
    return 0;
}

/* With a cursor: neighbours are found without a descent. */
static int change_row(struct lmdb *l, MDB_cursor *cursor, const struct belay_state_change *c)
{
    MDB_val k = { c->key.n, (void *)c->key.p }, v;
    if (c->value.p) {
        int rc = wrap(l, c, &v);
        return rc ? rc : mdb_cursor_put(cursor, &k, &v, 0);
    }
    int rc = mdb_cursor_get(cursor, &k, &v, MDB_SET);
    if (rc == 0)
        rc = mdb_cursor_del(cursor, 0);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int count_rows(struct lmdb *l, MDB_txn *txn, uint64_t *ret_rows)
{
    uint64_t rows = 0;
    int rc = 0;
    for (uint32_t table = 0; rc == 0 && table < STATE_TABLES; table++) {
        MDB_stat stat;
        if (known(table) && (rc = mdb_stat(txn, l->dbi[table], &stat)) == 0)
            rows += stat.ms_entries;
    }
    *ret_rows = rows;
    return rc;
}

static int change_all(struct lmdb *l, MDB_txn *txn,
                      bool (*next)(void *arg, struct belay_state_change *ret), void *arg)
{
    struct belay_state_change c;
    MDB_cursor *cursor = NULL;
    uint32_t table = 0;
    int rc = 0;
    while (rc == 0 && next(arg, &c)) {
        if (!known(c.table)) {
            rc = EINVAL;
        } else if (c.drop) {
            rc = mdb_drop(txn, l->dbi[c.table], 0);
        } else {
            if (table != c.table) {
                if (cursor)
                    mdb_cursor_close(cursor);
                cursor = NULL;
                rc = mdb_cursor_open(txn, l->dbi[c.table], &cursor);
                table = c.table;
            }
            if (rc == 0)
                rc = change_row(l, cursor, &c);
        }
    }
    if (cursor)
        mdb_cursor_close(cursor);
    return rc;
}

/* LMDB calls a write that the disk cut short an input/output error. No meta page knows what it tried to
 * write, so a later commit, which writes all of it again, may do better. */
static int commit_code(struct lmdb *l, int code)
{
    mdb_filehandle_t fd;
    struct statvfs vfs;
    bool full = code == EIO && mdb_env_get_fd(l->env, &fd) == 0 && fstatvfs(fd, &vfs) == 0
                && (uint64_t)vfs.f_bavail * vfs.f_frsize < FULL_BYTES;
    return full ? ENOSPC : code;
}

static int lmdb_commit(void *self, uint64_t position,
                       bool (*next)(void *arg, struct belay_state_change *ret), void *arg,
                       struct belay_err *err)
{
    struct lmdb *l = self;
    MDB_txn *txn;
    uint64_t rows;
    int rc = mdb_txn_begin(l->env, NULL, 0, &txn);
    if (rc)
        return fail(err, rc, "begin");
    rc = change_all(l, txn, next, arg);
    if (rc == 0)
        rc = meta_put(txn, l->meta, BELAY_STR("position"), position);
    if (rc == 0)
        rc = meta_put(txn, l->meta, BELAY_STR("position-crc"), position_crc(position));
    if (rc == 0 && l->format_next)
        rc = meta_put(txn, l->meta, BELAY_STR("format"), l->format_next);
    if (rc == 0)
        rc = count_rows(l, txn, &rows);
    if (rc == 0)
        rc = meta_put(txn, l->meta, BELAY_STR("rows"), rows);
    if (rc == 0)
        rc = mdb_txn_commit(txn);
    else
        mdb_txn_abort(txn);
    return rc ? fail(err, commit_code(l, rc), "commit") : BELAY_OK;
}

/* ---- life ---- */

static void lmdb_close(void *self)
{
    struct lmdb *l = self;
    for (uint32_t i = 0; i < STATE_TABLES; i++)
        if (l->cursor[i])
            mdb_cursor_close(l->cursor[i]);
    if (l->reader)
        mdb_txn_abort(l->reader);
    if (l->env && !l->borrowed)
        mdb_env_close(l->env);
    belay_free(l->value);
    belay_free(l);
}

/* A file that lost its end would kill the process on the first look at it. */
static int check_length(struct lmdb *l, struct belay_err *err)
{
    MDB_envinfo info;
    MDB_stat stat;
    mdb_filehandle_t fd;
    int rc = mdb_env_info(l->env, &info);
    if (rc == 0)
        rc = mdb_env_stat(l->env, &stat);
    if (rc == 0)
        rc = mdb_env_get_fd(l->env, &fd);
    if (rc)
        return fail(err, rc, "open");
    off_t size = lseek(fd, 0, SEEK_END);
    uint64_t wanted = (info.me_last_pgno + 1) * (uint64_t)stat.ms_psize;
    if (info.me_last_txnid > 0 && (size < 0 || (uint64_t)size < wanted))
        return belay_fail(err, BELAY_CORRUPT, "checkpoint: data.mdb has %lld bytes of %llu",
                          (long long)size, (unsigned long long)wanted);
    return BELAY_OK;
}

static int open_tables(struct lmdb *l, MDB_txn *txn)
{
    int rc = mdb_dbi_open(txn, "meta", MDB_CREATE, &l->meta);
    for (uint32_t table = 0; rc == 0 && table < STATE_TABLES; table++) {
        char name[16];
        snprintf(name, sizeof name, "t%03u", table);
        if (known(table))
            rc = mdb_dbi_open(txn, name, MDB_CREATE, &l->dbi[table]);
    }
    return rc;
}

/* Pages have no checksum, and one that lost its way takes rows with it that nobody misses: so they are counted,
 * and each is looked for by its key, too. */
static int verify_table(struct lmdb *l, uint32_t table, struct belay_err *err)
{
    MDB_stat stat;
    MDB_cursor *cursor;
    MDB_val k, v, found;
    struct belay_str ignored;
    uint64_t rows = 0;
    int rc = mdb_stat(l->reader, l->dbi[table], &stat), status = BELAY_OK;
    if (rc == 0)
        rc = mdb_cursor_open(l->reader, l->dbi[table], &cursor);
    if (rc)
        return fail(err, rc, "verify");
    while (rc == 0 && status == BELAY_OK && rows <= stat.ms_entries
           && (rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0) {
        rows++;
        status = unwrap(table, &k, &v, &ignored, err);
        if (status == BELAY_OK && (rc = mdb_get(l->reader, l->dbi[table], &k, &found)) == MDB_NOTFOUND)
            rc = MDB_CORRUPTED;
        else if (rc == 0 && found.mv_data != v.mv_data)
            rc = MDB_CORRUPTED;
    }
    mdb_cursor_close(cursor);
    if (status == BELAY_OK && rc != MDB_NOTFOUND && rc != 0)
        return fail(err, rc, "verify");
    if (status == BELAY_OK && rows != stat.ms_entries)
        return belay_fail(err, BELAY_CORRUPT, "checkpoint: state/data.mdb has %llu rows of %llu in table %u",
                          (unsigned long long)rows, (unsigned long long)stat.ms_entries, table);
    return status;
}

static int verify(struct lmdb *l, uint64_t rows_max, struct belay_err *err)
{
    uint64_t rows, wanted;
    int rc = count_rows(l, l->reader, &rows), status = BELAY_OK;
    wanted = rows; /* a store of an older build does not say */
    if (rc == 0)
        rc = meta_get(l->reader, l->meta, BELAY_STR("rows"), &wanted);
    if (rc)
        return fail(err, rc, "verify");
    if (rows != wanted || (rows && l->position == 0))
        return belay_fail(err, BELAY_CORRUPT, "checkpoint: state/data.mdb has %llu rows of %llu",
                          (unsigned long long)rows, (unsigned long long)wanted);
    for (uint32_t table = 0; rows <= rows_max && status == BELAY_OK && table < STATE_TABLES; table++)
        if (known(table))
            status = verify_table(l, table, err);
    return status;
}

/* An offset within a damaged page may lead anywhere: while all of it is walked for the first time, reading where
 * nothing is means that, and is told as what lies behind the file's end (on_stumble). */
static void on_wild_read(int signal_number)
{
    (void)signal_number;
    raise(SIGBUS); /* allow: raise - as in on_stumble */
}

static int verify_guarded(struct lmdb *l, uint64_t rows_max, struct belay_err *err)
{
    void (*before)(int) = signal(SIGSEGV, on_wild_read); /* allow: signal - set back below */
    int status = verify(l, rows_max, err);
    signal(SIGSEGV, before == SIG_ERR ? SIG_DFL : before); /* allow: signal - what was there */
    return status;
}

static int lmdb_verify(void *self, struct belay_err *err)
{
    return verify_guarded(self, UINT64_MAX, err);
}

/* Creates what is missing; writes nothing where nothing is. */
static int prepare(struct lmdb *l, struct belay_err *err)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(l->env, NULL, 0, &txn);
    if (rc)
        return fail(err, rc, "begin");
    uint64_t format = 0;
    rc = open_tables(l, txn);
    if (rc == 0)
        rc = meta_get(txn, l->meta, BELAY_STR("format"), &format);
    if (rc == 0 && format == 0)
        rc = meta_put(txn, l->meta, BELAY_STR("format"), l->format);
    bool wrong = rc == 0 && format != 0 && format != l->format;
    if (rc == 0 && !wrong)
        rc = mdb_txn_commit(txn);
    else
        mdb_txn_abort(txn);
    if (wrong)
        return belay_fail(err, BELAY_VERSION, "checkpoint: format %llu, this version reads %u%s",
                          (unsigned long long)format, (unsigned)l->format,
                          format < l->format ? ": see `belay store upgrade`" : "");
    return rc ? fail(err, rc, "create tables") : BELAY_OK;
}

/* LMDB does not check its pages. Where it stumbles over a damaged one it asserts, and there is no way back out of
 * it; what lies behind the end of its file is a SIGBUS, so this is made one too (cli/main.c says what it means). */
static void on_stumble(MDB_env *env, const char *what)
{
    (void)env, (void)what;
    raise(SIGBUS); /* allow: raise - the program's handler ends it with a word and a status */
}

static int open_env(struct lmdb *l, const char *path, uint64_t map_bytes)
{
    int dead;
    int rc = mdb_env_create(&l->env);
    if (rc == 0)
        rc = mdb_env_set_assert(l->env, on_stumble);
    if (rc == 0)
        rc = mdb_env_set_maxdbs(l->env, STATE_TABLES + 1);
    if (rc == 0)
        rc = mdb_env_set_maxreaders(l->env, READERS_MAX);
    if (rc == 0)
        rc = mdb_env_set_mapsize(l->env, map_bytes ? map_bytes : MAP_BYTES_DEFAULT);
    /* NOTLS: the reader is the engine's, whatever thread it runs on. NORDAHEAD: rows are small and far
     * apart. Nothing that weakens the sync. */
    if (rc == 0)
        rc = mdb_env_open(l->env, path, MDB_NOTLS | MDB_NORDAHEAD, 0600);
    return rc ? rc : mdb_reader_check(l->env, &dead); /* slots of a killed process pin its pages */
}

/* A snapshot is what it was. */
static int stay(void *self, struct belay_err *err)
{
    (void)self;
    (void)err;
    return BELAY_OK;
}

int belay_state_lmdb_snapshot(const struct belay_state_backend *of, struct belay_state_backend *ret_backend,
                              struct belay_err *err)
{
    const struct lmdb *live = of->self;
    struct lmdb *l = belay_calloc(1, sizeof *l);
    if (!l)
        return belay_fail(err, BELAY_NOMEM, "no memory for a snapshot of the checkpoint");
    l->env = live->env;
    l->borrowed = true;
    l->meta = live->meta;
    memcpy(l->dbi, live->dbi, sizeof l->dbi);
    int rc = mdb_txn_begin(l->env, NULL, MDB_RDONLY, &l->reader);
    if (rc == 0)
        rc = read_position(l);
    if (rc) {
        lmdb_close(l);
        return fail(err, rc, "begin a snapshot");
    }
    *ret_backend = (struct belay_state_backend){ .self = l, .position = lmdb_position, .get = lmdb_get,
                                                 .seek = lmdb_seek, .refresh = stay, .close = lmdb_close };
    return BELAY_OK;
}

static int open_backend(const char *path, uint64_t map_bytes, uint32_t format, struct belay_state_backend *ret_backend,
                        struct belay_err *err)
{
    struct lmdb *l = belay_calloc(1, sizeof *l);
    if (!l)
        return belay_fail(err, BELAY_NOMEM, "no memory for the checkpoint's backend");
    l->format = format;
    int rc = open_env(l, path, map_bytes);
    int status = rc ? fail_to_open(err, rc, path) : check_length(l, err);
    if (status == BELAY_OK)
        status = prepare(l, err);
    if (status == BELAY_OK) {
        rc = mdb_txn_begin(l->env, NULL, MDB_RDONLY, &l->reader);
        status = rc ? fail(err, rc, "begin reading") : lmdb_refresh(l, err);
    }
    if (status == BELAY_OK)
        status = verify_guarded(l, BELAY_STATE_VERIFY_ROWS_MAX, err);
    if (status != BELAY_OK) {
        lmdb_close(l);
        return status;
    }
    *ret_backend = (struct belay_state_backend){ .self = l,
                                                 .position = lmdb_position,
                                                 .get = lmdb_get,
                                                 .seek = lmdb_seek,
                                                 .commit = lmdb_commit,
                                                 .refresh = lmdb_refresh,
                                                 .verify = lmdb_verify,
                                                 .close = lmdb_close };
    return BELAY_OK;
}

int belay_state_lmdb_open(const char *path, uint64_t map_bytes, struct belay_state_backend *ret_backend,
                          struct belay_err *err)
{
    return open_backend(path, map_bytes, BELAY_STORE_FORMAT, ret_backend, err);
}

/* ---- migrations (upgrade.c) ---- */

int belay_state_lmdb_open_format(const char *path, uint32_t format, struct belay_state_backend *ret_backend,
                                 struct belay_err *err)
{
    return open_backend(path, 0, format, ret_backend, err);
}

int belay_state_lmdb_migrate(const struct belay_state_backend *backend, uint32_t format,
                             bool (*next)(void *arg, struct belay_state_change *ret), void *arg, struct belay_err *err)
{
    struct lmdb *l = backend->self;
    l->format_next = format;
    int status = lmdb_commit(l, l->position, next, arg, err);
    l->format_next = 0;
    return status;
}

int belay_state_lmdb_format(const char *path, uint32_t *ret_format, struct belay_err *err)
{
    MDB_env *env = NULL;
    MDB_txn *txn = NULL;
    MDB_dbi meta;
    uint64_t format = 0;
    int rc = mdb_env_create(&env);
    if (rc == 0)
        rc = mdb_env_set_maxdbs(env, 1);
    if (rc == 0)
        rc = mdb_env_open(env, path, MDB_RDONLY | MDB_NOTLS, 0600);
    if (rc == 0)
        rc = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
    if (rc == 0)
        rc = mdb_dbi_open(txn, "meta", 0, &meta);
    if (rc == 0)
        rc = meta_get(txn, meta, BELAY_STR("format"), &format);
    if (txn)
        mdb_txn_abort(txn);
    if (env)
        mdb_env_close(env);
    if (rc == ENOENT || rc == MDB_NOTFOUND)
        return belay_fail(err, BELAY_NOTFOUND, "%s holds no checkpoint", path);
    if (rc)
        return fail_to_open(err, rc, path);
    *ret_format = (uint32_t)format;
    return BELAY_OK;
}
