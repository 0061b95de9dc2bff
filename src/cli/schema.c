/* schema.c - belay schema: the JSON Schema of the flow language, its reference, and validation by any
 * schema. */
#include <stdio.h>
#include <string.h>

#include "cli/schema_validate.h"
#include "config/config.h"

static const char help[] =
    "belay schema: validates JSON and YAML by a JSON Schema; describes the language of flows\n\n"
    "usage: belay schema validate SCHEMA INSTANCE... [options]\n"
    "       belay schema print         JSON Schema 2020-12 of a flow file, for editors\n"
    "       belay schema reference     every mapping and key, in Markdown\n\n"
    "validate takes 2020-12, 2019-09 and draft-07, as $schema says. A file that ends in .yaml or .yml is YAML;\n"
    "\"-\" is standard input. Each fault is told with its place in the instance.\n\n"
    "  --remotes DIR      other documents that $ref names: as HOST/PATH or PATH in DIR, or by their $id\n"
    "  --output FORM      basic (default): a line a fault; detailed: where the schema says so, too\n"
    "  --json             a line of JSON for each instance\n"
    "  --dialect NAME     of a schema without $schema: 2020-12 (default), 2019-09, draft-07, openapi-3.0\n"
    "  --no-formats       \"format\" is a remark\n"
    "  --strict           a keyword that nobody knows is an error, not a warning\n\n"
    "Exit: 0 all are valid, 1 one is not, 74 a file cannot be read, 78 the schema cannot be used.\n\n"
    "example: belay schema validate bench/order.schema.json bench/order.json\n"
    "example: belay schema print > belay.schema.json\n"
    "         and in a flow file:  # yaml-language-server: $schema=belay.schema.json\n";

static int describe(bool print)
{
    struct belay_buf text;
    belay_buf_init(&text, BELAY_MIB(4));
    if (print)
        belay_config_schema_write(&text);
    else
        belay_config_reference_write(&text);
    print_buf(&text);
    belay_buf_deinit(&text);
    return EXIT_OK;
}

static int run(int argc, char **argv)
{
    struct schema_options o = { 0 };
    const struct option_spec specs[] = { { "remotes", &o.remotes, NULL },      { "output", &o.output, NULL },
                                         { "dialect", &o.dialect, NULL },      { "json", NULL, &o.json },
                                         { "no-formats", NULL, &o.no_formats }, { "strict", NULL, &o.strict } };
    char **operands;
    int count;
    if (!options_parse(argc, argv, specs, sizeof specs / sizeof specs[0], &operands, &count))
        return EXIT_USAGE_;
    if (count >= 1 && strcmp(operands[0], "validate") == 0)
        return schema_validate(&o, operands + 1, count - 1);
    bool print = count == 1 && strcmp(operands[0], "print") == 0;
    if (!print && !(count == 1 && strcmp(operands[0], "reference") == 0))
        return usage_error("schema", "say validate, print or reference");
    return describe(print);
}

const struct command command_schema = { "schema", "validate by a JSON Schema; the language of flows for editors", help,
                                        run };
