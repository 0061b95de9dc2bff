/* schema.c - belay schema: the JSON Schema of the flow language, for editors; its reference. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "config/config.h"

static const char help[] =
    "belay schema: the language of flows, described\n\n"
    "usage: belay schema print         JSON Schema 2020-12 of a flow file, for editors\n"
    "       belay schema reference     every mapping and key, in Markdown\n\n"
    "example: belay schema print > belay.schema.json\n"
    "         and in a flow file:  # yaml-language-server: $schema=belay.schema.json\n";

static int run(int argc, char **argv)
{
    bool json = false;
    const struct option_spec specs[] = { { "json", NULL, &json } };
    char **operands;
    int count;
    struct belay_buf text;
    if (!options_parse(argc, argv, specs, 1, &operands, &count))
        return EXIT_USAGE_;
    bool print = count == 1 && strcmp(operands[0], "print") == 0;
    if (!print && !(count == 1 && strcmp(operands[0], "reference") == 0))
        return usage_error("schema", "say print or reference");
    belay_buf_init(&text, BELAY_MIB(4));
    if (print)
        belay_config_schema_write(&text);
    else
        belay_config_reference_write(&text);
    print_buf(&text);
    belay_buf_deinit(&text);
    return EXIT_OK;
}

const struct command command_schema = { "schema", "the language of flows, described for editors", help, run };
