/* room: store */
/* MANIFEST of a backup: whatever is in it, no name leads out of the folder. */
#include <string.h>

#include "base/assert.h"
#include "store/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct belay_arena arena;
    struct manifest m;
    struct belay_err err;
    belay_arena_init(&arena, 0, BELAY_MIB(64));
    if (manifest_parse(belay_str((const char *)data, size), &arena, &m, &err) == BELAY_OK)
        for (uint32_t i = 0; i < m.count; i++) {
            const char *name = m.files[i].name;
            BELAY_ASSERT(name[0] != '/' && name[0] != '.' && !strstr(name, "..") && strlen(name) < sizeof m.files[i].name);
        }
    belay_arena_deinit(&arena);
    return 0;
}
