#include "store/upgrade.h"

#include "store/journal.h"

/* From format 1 on: { 1, "what changes", begin, end }, one a released format. */
const struct belay_migration belay_migrations[] = { { 0 } };

static const struct belay_migration *step_from(const struct belay_migration *table, uint32_t format)
{
    for (; table->from; table++)
        if (table->from == format)
            return table;
    return NULL;
}

static int count_commit(void *arg, const struct commit *c, const uint8_t *p, uint64_t where, struct belay_err *err)
{
    (void)c, (void)p, (void)where, (void)err;
    ++*(uint64_t *)arg;
    return BELAY_OK;
}

/* Records of an older form would be applied to rows of a newer. */
static int check_journal(struct belay_disk *disk, uint64_t checkpoint, struct belay_err *err)
{
    struct journal j;
    uint64_t behind = 0;
    bool looked = disk->look;
    journal_init(&j, &(struct journal_opt){ .disk = disk, .segment_bytes = BELAY_SEGMENT_BYTES_DEFAULT,
                                            .limit_bytes = UINT64_MAX });
    j.trimmed = checkpoint + 1; /* what lies before is for a start to judge */
    disk->look = true;
    int status = journal_look(&j, checkpoint, false, count_commit, &behind, err);
    disk->look = looked;
    journal_deinit(&j);
    if (status == BELAY_OK && behind)
        return belay_fail(err, BELAY_CONFLICT,
                          "the journal holds %llu commits behind the checkpoint: start the version that wrote them once "
                          "more and stop it in order", (unsigned long long)behind);
    return status;
}

static int make_step(struct belay_disk *disk, const char *path, const struct belay_migration *step, struct belay_err *err)
{
    struct belay_state_backend old;
    bool (*next)(void *arg, struct belay_state_change *ret) = NULL;
    void *arg = NULL;
    int status = belay_state_lmdb_open_format(path, step->from, &old, err);
    if (status != BELAY_OK)
        return status;
    status = check_journal(disk, old.position(old.self), err);
    if (status == BELAY_OK)
        status = step->begin(&old, &next, &arg, err);
    if (status == BELAY_OK) {
        status = belay_state_lmdb_migrate(&old, step->from + 1, next, arg, err);
        status = step->end(arg, status, err);
    }
    old.close(old.self);
    return status;
}

int belay_store_upgrade(struct belay_disk *disk, const char *state_path, const struct belay_migration *table, uint32_t current,
                        void (*told)(const struct belay_migration *step), struct belay_upgraded *ret_upgraded,
                        struct belay_err *err)
{
    struct belay_upgraded u = { 0 };
    int status = belay_state_lmdb_format(state_path, &u.before, err);
    u.now = u.before;
    if (status == BELAY_OK && u.now > current)
        return belay_fail(err, BELAY_VERSION, "the directory is of format %u, this version knows %u", (unsigned)u.now,
                          (unsigned)current);
    while (status == BELAY_OK && u.now < current) {
        const struct belay_migration *step = step_from(table, u.now);
        if (!step)
            return belay_fail(err, BELAY_UNSUPPORTED, "there is no way from format %u to %u", (unsigned)u.now,
                              (unsigned)current);
        status = make_step(disk, state_path, step, err);
        if (status != BELAY_OK)
            break;
        u.now++;
        u.steps++;
        if (told)
            told(step);
    }
    if (status == BELAY_OK)
        *ret_upgraded = u;
    return status;
}
