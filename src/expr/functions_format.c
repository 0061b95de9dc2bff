#include <math.h>

#include "expr/functions.h"
#include "expr/integer_picture.h"

static bool parse_picture(struct run *run, struct belay_value picture, struct integer_picture *ret)
{
    const char *code = integer_picture_parse(value_str(picture), ret);
    if (code)
        run_fail_value(run, code, NO_POSITION, picture);
    return !code;
}

struct belay_value f_formatInteger(struct run *run, struct call *call)
{
    struct integer_picture picture;
    struct text t = { .run = run };
    if (!value_defined(call->args[0]) || !value_defined(call->args[1]))
        return UNDEFINED;
    if (!parse_picture(run, call->args[1], &picture)
        || !integer_format(&t, floor(value_double(call->args[0])), &picture))
        return FAILED;
    return text_value(&t);
}

struct belay_value f_parseInteger(struct run *run, struct call *call)
{
    struct integer_picture picture;
    double d;
    if (!value_defined(call->args[0]) || !value_defined(call->args[1]))
        return UNDEFINED;
    if (!parse_picture(run, call->args[1], &picture))
        return FAILED;
    if (picture.kind == INTEGER_SEQUENCE)
        return run_fail_value(run, "D3130", NO_POSITION, call->args[1]);
    if (!integer_read(value_str(call->args[0]), &picture, &d))
        return UNDEFINED;
    return belay_value_number(d);
}
