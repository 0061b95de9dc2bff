#include "base/status.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"

static const struct {
    const char *name;
    const char *text;
    enum belay_class class_;
} table[] = {
#define X(name, class, text) { #name, text, BELAY_CLASS_##class },
    BELAY_STATUS_TABLE(X)
#undef X
};

static int known(int status)
{
    return status >= 0 && status < BELAY_STATUS_COUNT;
}

const char *belay_status_name(int status)
{
    return known(status) ? table[status].name : "?";
}

const char *belay_status_text(int status)
{
    return known(status) ? table[status].text : "?";
}

enum belay_class belay_status_class(int status)
{
    return known(status) ? table[status].class_ : BELAY_CLASS_FATAL;
}

const char *belay_class_name(enum belay_class class_)
{
    switch (class_) {
    case BELAY_CLASS_TRANSIENT: return "transient";
    case BELAY_CLASS_PERMANENT: return "permanent";
    case BELAY_CLASS_FATAL: return "fatal";
    case BELAY_CLASS_UNKNOWN_OUTCOME: return "unknown_outcome";
    }
    BELAY_UNREACHABLE();
}

int belay_fail(struct belay_err *err, int status, const char *fmt, ...)
{
    BELAY_ASSERT(status != BELAY_OK && known(status));
    if (err) {
        va_list args;
        va_start(args, fmt);
        err->code = status;
        err->class_ = belay_status_class(status);
        err->retry_after_ms = 0;
        vsnprintf(err->msg, sizeof err->msg, fmt, args);
        va_end(args);
    }
    return status;
}

int belay_wrap(struct belay_err *err, int status, const char *fmt, ...)
{
    if (err) {
        char context[BELAY_ERR_MSG_MAX], old[BELAY_ERR_MSG_MAX];
        va_list args;
        va_start(args, fmt);
        vsnprintf(context, sizeof context, fmt, args);
        va_end(args);
        memcpy(old, err->msg, sizeof old);
        int n = snprintf(err->msg, sizeof err->msg, "%.200s: ", context);
        size_t room = sizeof err->msg - (size_t)n - 1, len = strnlen(old, sizeof old - 1);
        if (len > room)
            len = room;
        memcpy(err->msg + n, old, len);
        err->msg[(size_t)n + len] = '\0';
    }
    return status;
}

void belay_err_clear(struct belay_err *err)
{
    memset(err, 0, sizeof *err);
}
