#include "store/witness.h"

#include <string.h>

#include "base/crc.h"
#include "base/pack.h"

#define MAGIC 0x4e594c42 /* "BLYN" */
#define WITNESS_FORMAT 1

enum { AT_CRC = 4, AT_FORMAT = 8, AT_ID = 12, AT_INCARNATION = 16, AT_FIRST = 24 };

static uint32_t crc_of(const uint8_t *sector)
{
    return belay_crc32c(0, sector + AT_FORMAT, BELAY_SECTOR_BYTES - AT_FORMAT);
}

static int decode(const uint8_t *sector, struct witness *ret_w, struct belay_err *err)
{
    if (belay_load_u32(sector) != MAGIC || belay_load_u32(sector + AT_CRC) != crc_of(sector))
        return belay_fail(err, BELAY_CORRUPT, WITNESS_NAME " is damaged");
    if (belay_load_u32(sector + AT_FORMAT) != WITNESS_FORMAT)
        return belay_fail(err, BELAY_VERSION, WITNESS_NAME " has another format than %d", WITNESS_FORMAT);
    *ret_w = (struct witness){ .valid = true,
                               .id = belay_load_u32(sector + AT_ID),
                               .incarnation = belay_load_u64(sector + AT_INCARNATION),
                               .first = belay_load_u64(sector + AT_FIRST) };
    return BELAY_OK;
}

int witness_read(struct belay_disk *disk, struct witness *ret_w, struct belay_err *err)
{
    static const uint8_t zero[BELAY_SECTOR_BYTES];
    uint8_t sector[BELAY_SECTOR_BYTES];
    struct belay_file *file;
    size_t n = 0;
    int status = belay_file_open(disk, WITNESS_NAME, 0, &file, err);
    if (status == BELAY_NOTFOUND) {
        if (err)
            belay_err_clear(err);
        *ret_w = (struct witness){ 0 };
        return BELAY_OK;
    }
    if (status != BELAY_OK)
        return status;
    status = belay_file_read(file, 0, sector, sizeof sector, &n, err);
    belay_file_close(file);
    if (status != BELAY_OK)
        return status;
    if (n < sizeof sector || memcmp(sector, zero, sizeof zero) == 0) {
        *ret_w = (struct witness){ 0 };
        return BELAY_OK;
    }
    return decode(sector, ret_w, err);
}

static int open_file(struct witness *w, struct belay_disk *disk, struct belay_err *err)
{
    return w->file ? BELAY_OK
                   : belay_file_open(disk, WITNESS_NAME, BELAY_FILE_WRITE | BELAY_FILE_CREATE, &w->file, err);
}

int witness_write(struct witness *w, struct belay_disk *disk, const struct segment *seg, uint64_t first,
                  struct belay_err *err)
{
    uint8_t sector[BELAY_SECTOR_BYTES] = { 0 };
    bool fresh = !w->valid;
    belay_store_u32(sector, MAGIC);
    belay_store_u32(sector + AT_FORMAT, WITNESS_FORMAT);
    belay_store_u32(sector + AT_ID, seg->id);
    belay_store_u64(sector + AT_INCARNATION, seg->incarnation);
    belay_store_u64(sector + AT_FIRST, first);
    belay_store_u32(sector + AT_CRC, crc_of(sector));
    int status = open_file(w, disk, err);
    if (status == BELAY_OK)
        status = belay_file_write(w->file, 0, sector, sizeof sector, BELAY_WRITE_SYNC, err);
    if (status == BELAY_OK && fresh)
        status = belay_disk_sync_dir(disk, JOURNAL_DIR, err);
    if (status == BELAY_NOSPACE && fresh) /* no worse than a store that never had one */
        return BELAY_OK;
    if (status != BELAY_OK)
        return status;
    w->valid = true;
    w->id = seg->id;
    w->incarnation = seg->incarnation;
    w->first = first;
    return BELAY_OK;
}

void witness_close(struct witness *w)
{
    belay_file_close(w->file);
    w->file = NULL;
}
