/* What lies in the folder of `remotes`: found as `belay schema validate --remotes` finds it. */
#include <sys/stat.h> /* allow: sys/stat.h - what lies there */

#include "config/library.h"
#include "config/load.h"

bool config_is_file(struct config *c, struct belay_str path)
{
    struct stat st;
    return c->opt->read || (stat(path.p, &st) == 0 && S_ISREG(st.st_mode));
}

void config_remotes(struct config *c, struct belay_str path, struct belay_place place)
{
    struct stat st;
    if (c->opt->read)
        return; /* folders are not looked into */
    if (stat(path.p, &st) != 0 || !S_ISDIR(st.st_mode)) {
        config_error(c->problems, place, "file", "there is no folder %.*s", BELAY_STR_ARG(path));
        return;
    }
    c->library = belay_library_new(path.p, c->problems);
    if (!c->library)
        config_no_memory(c);
}

struct belay_str config_remote(struct config *c, struct belay_str uri)
{
    static const struct belay_str published[] = { BELAY_STR_INIT("https://json-schema.org/"), BELAY_STR_INIT("http://json-schema.org/") };
    for (size_t i = 0; i < sizeof published / sizeof published[0]; i++)
        if (belay_str_starts(uri, published[i])) /* built in */
            return BELAY_STR_NONE;
    return c->library ? belay_library_find(c->library, uri) : BELAY_STR_NONE;
}
