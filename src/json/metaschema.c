/* metaschema.c - the meta-schemas of the dialects we know, as published, in the program: a schema may refer to them,
 * and nothing is fetched.  Their texts lie in metaschema/ (BELAY_METASCHEMAS is that folder, from the build). */
#include "base/assert.h"
#include "json/schema_compile.h"

#define EMBED(symbol, file)                                                                                \
    extern const char symbol[], symbol##_end[];                                                            \
    __asm__(".pushsection .rodata\n"                                                                       \
            ".global " #symbol "\n" #symbol ":\n.incbin \"" BELAY_METASCHEMAS "/" file "\"\n"              \
            ".global " #symbol "_end\n" #symbol "_end:\n.byte 0\n.popsection\n")

EMBED(belay_draft_07, "draft-07/schema.json");
EMBED(belay_2019_schema, "2019-09/schema.json");
EMBED(belay_2019_core, "2019-09/meta/core.json");
EMBED(belay_2019_applicator, "2019-09/meta/applicator.json");
EMBED(belay_2019_validation, "2019-09/meta/validation.json");
EMBED(belay_2019_meta_data, "2019-09/meta/meta-data.json");
EMBED(belay_2019_format, "2019-09/meta/format.json");
EMBED(belay_2019_content, "2019-09/meta/content.json");
EMBED(belay_2020_schema, "2020-12/schema.json");
EMBED(belay_2020_core, "2020-12/meta/core.json");
EMBED(belay_2020_applicator, "2020-12/meta/applicator.json");
EMBED(belay_2020_unevaluated, "2020-12/meta/unevaluated.json");
EMBED(belay_2020_validation, "2020-12/meta/validation.json");
EMBED(belay_2020_meta_data, "2020-12/meta/meta-data.json");
EMBED(belay_2020_format_annotation, "2020-12/meta/format-annotation.json");
EMBED(belay_2020_format_assertion, "2020-12/meta/format-assertion.json");
EMBED(belay_2020_content, "2020-12/meta/content.json");

#define ROW(path, symbol) { path, symbol, symbol##_end }

static const struct {
    const char *path; /* behind http(s)://json-schema.org/ */
    const char *text, *end;
} rows[] = {
    ROW("draft-07/schema", belay_draft_07),
    ROW("draft/2019-09/schema", belay_2019_schema),
    ROW("draft/2019-09/meta/core", belay_2019_core),
    ROW("draft/2019-09/meta/applicator", belay_2019_applicator),
    ROW("draft/2019-09/meta/validation", belay_2019_validation),
    ROW("draft/2019-09/meta/meta-data", belay_2019_meta_data),
    ROW("draft/2019-09/meta/format", belay_2019_format),
    ROW("draft/2019-09/meta/content", belay_2019_content),
    ROW("draft/2020-12/schema", belay_2020_schema),
    ROW("draft/2020-12/meta/core", belay_2020_core),
    ROW("draft/2020-12/meta/applicator", belay_2020_applicator),
    ROW("draft/2020-12/meta/unevaluated", belay_2020_unevaluated),
    ROW("draft/2020-12/meta/validation", belay_2020_validation),
    ROW("draft/2020-12/meta/meta-data", belay_2020_meta_data),
    ROW("draft/2020-12/meta/format-annotation", belay_2020_format_annotation),
    ROW("draft/2020-12/meta/format-assertion", belay_2020_format_assertion),
    ROW("draft/2020-12/meta/content", belay_2020_content),
};

static struct belay_str metaschema(struct belay_str uri)
{
    static const struct belay_str hosts[] = { BELAY_STR_INIT("https://json-schema.org/"),
                                              BELAY_STR_INIT("http://json-schema.org/") };
    for (size_t h = 0; h < sizeof hosts / sizeof hosts[0]; h++) {
        struct belay_str path = belay_str_sub(uri, hosts[h].n, uri.n);
        for (size_t i = 0; belay_str_starts(uri, hosts[h]) && i < sizeof rows / sizeof rows[0]; i++)
            if (belay_str_eq(path, belay_str_c(rows[i].path)))
                return belay_str(rows[i].text, (size_t)(rows[i].end - rows[i].text));
    }
    return BELAY_STR_NONE;
}

int schema_document(struct schema_compiler *c, struct belay_str uri, const belay_json **ret_document)
{
    *ret_document = c->opt.resolve ? c->opt.resolve(c->opt.resolve_arg, uri) : NULL;
    struct belay_str text = *ret_document ? BELAY_STR_NONE : metaschema(uri);
    if (!text.p)
        return BELAY_OK;
    int status = belay_json_parse(text, NULL, &c->schema->arena, ret_document, NULL, NULL);
    BELAY_ASSERT(status != BELAY_SYNTAX);
    return status ? schema_no_memory(c) : BELAY_OK;
}
