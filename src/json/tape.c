#include "base/assert.h"
#include "json/json.h"

const char *belay_json_type_name(const belay_json *v)
{
    switch ((enum belay_json_type)v->type) {
    case BELAY_JSON_NULL: return "null";
    case BELAY_JSON_FALSE:
    case BELAY_JSON_TRUE: return "boolean";
    case BELAY_JSON_INT:
    case BELAY_JSON_DOUBLE:
    case BELAY_JSON_BIG: return "number";
    case BELAY_JSON_STRING: return "string";
    case BELAY_JSON_ARRAY: return "array";
    case BELAY_JSON_OBJECT: return "object";
    }
    BELAY_UNREACHABLE();
}

const belay_json *belay_json_get(const belay_json *v, struct belay_str name)
{
    const belay_json *found = NULL;
    if (!v || v->type != BELAY_JSON_OBJECT)
        return NULL;
    const belay_json *key = belay_json_first(v);
    for (uint32_t i = 0; i < v->n; i++, key = belay_json_next(key + 1)) {
        BELAY_ASSERT(key->type == BELAY_JSON_STRING);
        if (key->n == name.n && (name.n == 0 || memcmp(key->u.s, name.p, name.n) == 0))
            found = key + 1; /* the last of several counts */
    }
    return found;
}

const belay_json *belay_json_at(const belay_json *v, size_t index)
{
    if (!v || v->type != BELAY_JSON_ARRAY || index >= v->n)
        return NULL;
    const belay_json *element = belay_json_first(v);
    while (index--)
        element = belay_json_next(element);
    return element;
}
