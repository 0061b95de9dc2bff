/* schema_validate.h - belay schema validate.  Uses: config's documents.  Thread: main. */
#ifndef BELAY_CLI_SCHEMA_VALIDATE_H
#define BELAY_CLI_SCHEMA_VALIDATE_H

#include "cli/command.h"
#include "config/library.h"
#include "json/schema.h"

struct schema_options {
    const char *remotes, *output, *dialect;
    bool json, strict, no_formats;
};

/* paths[0] is the schema, the others are instances. Returns the exit code. */
int schema_validate(const struct schema_options *options, char **paths, int count);

/* How faults are written (schema_report.c): path is the instance's, faults empty where it is valid. */
struct schema_report {
    const struct belay_library *library;
    const struct belay_document *schema, *instance;
    const char *path;
    const struct belay_schema_faults *faults;
    bool json, detailed;
};
void schema_report(const struct schema_report *r);

#endif
