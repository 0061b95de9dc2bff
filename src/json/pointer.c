#include "json/json.h"


/* Unescapes ~0 and ~1 while comparing; *ret_ok is false where ~ is followed by anything else. */
static bool token_is(struct belay_str token, struct belay_str name, bool *ret_ok)
{
    size_t j = 0;
    bool same = true;
    for (size_t i = 0; i < token.n; i++, j++) {
        char c = token.p[i];
        if (c == '~') {
            c = ++i < token.n ? token.p[i] : 'x';
            if (c != '0' && c != '1') {
                *ret_ok = false;
                return false;
            }
            c = c == '0' ? '~' : '/';
        }
        same = same && j < name.n && name.p[j] == c;
    }
    return same && j == name.n;
}

static const belay_json *member(const belay_json *object, struct belay_str token)
{
    if (belay_str_find(token, '~') == token.n)
        return belay_json_get(object, token);
    const belay_json *name = belay_json_first(object), *found = NULL;
    bool ok = true;
    for (uint32_t i = 0; i < object->n && ok; i++, name = belay_json_next(name + 1))
        if (token_is(token, belay_json_str(name), &ok))
            found = name + 1;
    return ok ? found : NULL;
}

static const belay_json *element(const belay_json *array, struct belay_str token)
{
    uint64_t index;
    bool plain = token.n == 1 || (token.n > 1 && token.p[0] != '0');
    return plain && belay_str_to_u64(token, &index) ? belay_json_at(array, index) : NULL;
}

const belay_json *belay_json_pointer(const belay_json *root, struct belay_str pointer)
{
    if (pointer.n == 0)
        return root;
    if (pointer.p[0] != '/')
        return NULL;
    struct belay_str rest = belay_str_sub(pointer, 1, pointer.n);
    const belay_json *v = root;
    while (v && rest.p) {
        struct belay_str token = belay_str_split(&rest, '/');
        if (v->type == BELAY_JSON_OBJECT)
            v = member(v, token);
        else
            v = v->type == BELAY_JSON_ARRAY ? element(v, token) : NULL;
    }
    return v;
}

void belay_json_pointer_push(struct belay_buf *pointer, struct belay_str token)
{
    belay_buf_put_c(pointer, '/');
    for (size_t i = 0; i < token.n; i++) {
        if (token.p[i] == '~')
            belay_buf_put(pointer, "~0", 2);
        else if (token.p[i] == '/')
            belay_buf_put(pointer, "~1", 2);
        else
            belay_buf_put_c(pointer, token.p[i]);
    }
}

void belay_json_pointer_push_index(struct belay_buf *pointer, size_t index)
{
    belay_buf_put_c(pointer, '/');
    belay_json_write_uint(pointer, index);
}
