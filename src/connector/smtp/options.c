#include "connector/smtp/options.h"

#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "connector/common/outcome.h"
#include "connector/smtp/message.h"

const struct belay_option smtp_option_table[] = {
    { "server", BELAY_OPTION_STRING, true, NULL, "Host and port: mail.example.com:587." },
    { "tls", BELAY_OPTION_STRING, false, "starttls",
      "starttls: required of the server; tls: from the first byte (port 465); none: in the clear, without a password." },
    { "username", BELAY_OPTION_STRING, false, NULL, "User of the server." },
    { "password", BELAY_OPTION_SECRET, false, NULL, "Password of the user." },
    { "from", BELAY_OPTION_STRING, true, NULL, "Address of the sender." },
    { "to", BELAY_OPTION_TEXTS, false, NULL, "Addresses of who gets it, where a call does not say." },
    { "ca_file", BELAY_OPTION_PATH, false, NULL, "PEM file with the authorities to trust instead of the system's." },
    { "connect_timeout", BELAY_OPTION_DURATION, false, "10s", "How long resolving, connecting and TLS may take together." },
    { 0 },
};

const struct belay_option smtp_param_table[] = {
    { "to", BELAY_OPTION_STRING, false, NULL, "Addresses, with commas; without it the connection's." },
    { "subject", BELAY_OPTION_STRING, true, NULL, "Subject of the mail." },
    { 0 },
};

/* What can be said of a text before anybody connects. */
static const char *fault_of(const char *option, struct belay_str text)
{
    if (strcmp(option, "from") == 0 || strcmp(option, "to") == 0)
        return smtp_is_address(text) ? NULL : "is no address";
    if (strcmp(option, "tls") == 0)
        return belay_str_eq(text, BELAY_STR("starttls")) || belay_str_eq(text, BELAY_STR("tls"))
                       || belay_str_eq(text, BELAY_STR("none"))
                   ? NULL
                   : "is starttls, tls or none";
    if (strcmp(option, "server") == 0)
        for (size_t i = 0; i < text.n; i++)
            if (strchr("/@?# \\", text.p[i]))
                return "is a host, or host:port";
    return NULL;
}

bool smtp_check(const char *name, struct belay_str text, bool whole, struct belay_option_fault *ret_fault)
{
    struct belay_str rest = text, one;
    const char *why = NULL;
    if (!whole)
        return false;
    if (strcmp(name, "to") == 0) /* of a call: with commas */
        while (!why && smtp_next_address(&rest, &one))
            why = fault_of(name, one);
    else
        why = fault_of(name, text);
    if (why)
        *ret_fault = (struct belay_option_fault){ .why = why };
    return why;
}

static int refuse(struct belay_err *err, const char *option, const char *why)
{
    return belay_fail(err, BELAY_INVALID, "%s: %s", option, why);
}

static int copy_text(struct smtp_options *o, const struct belay_connection_config *config, const char *option,
                     const char **ret, struct belay_err *err)
{
    const struct belay_option_value *v = belay_connection_option(config, belay_str_c(option));
    if (!v || v->text.n == 0)
        return BELAY_OK;
    for (size_t i = 0; i < v->text.n; i++)
        if ((unsigned char)v->text.p[i] < ' ')
            return refuse(err, option, "must not hold control characters");
    *ret = belay_arena_str(&o->arena, v->text).p;
    return *ret ? BELAY_OK : belay_fail(err, BELAY_NOMEM, "smtp: out of memory");
}

static int take_tls(struct smtp_options *o, const char *word, struct belay_err *err)
{
    static const char *const words[] = { "starttls", "tls", "none" };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (!word || strcmp(word, words[i]) == 0) {
            o->tls = (enum smtp_tls)i;
            return BELAY_OK;
        }
    return refuse(err, "tls", "is starttls, tls or none");
}

/* "host", "host:port", "[::1]:port" */
static int take_server(struct smtp_options *o, const char *server, struct belay_err *err)
{
    if (!server || strpbrk(server, "/@?# \\"))
        return refuse(err, "server", "is a host, or host:port");
    o->url = belay_arena_printf(&o->arena, "%s://%s", o->tls == SMTP_TLS ? "smtps" : "smtp", server).p;
    return o->url ? BELAY_OK : belay_fail(err, BELAY_NOMEM, "smtp: out of memory");
}

static int take_to(struct smtp_options *o, const struct belay_connection_config *config, struct belay_err *err)
{
    const struct belay_option_value *v = belay_connection_option(config, BELAY_STR("to"));
    uint32_t count = v ? v->field_count : 0;
    struct belay_str *to = BELAY_ARENA_ARRAY(&o->arena, struct belay_str, count + 1);
    for (uint32_t i = 0; to && i < count; i++) {
        if (!smtp_is_address(v->fields[i].value))
            return belay_fail(err, BELAY_INVALID, "to: '%.*s' is no address", BELAY_STR_ARG(v->fields[i].value));
        to[i] = belay_arena_str(&o->arena, v->fields[i].value);
        if (!to[i].p)
            return belay_fail(err, BELAY_NOMEM, "smtp: out of memory");
    }
    o->to = to;
    o->to_count = count;
    return to ? BELAY_OK : belay_fail(err, BELAY_NOMEM, "smtp: out of memory");
}

static int take_all(struct smtp_options *o, const struct belay_connection_config *config, struct belay_err *err)
{
    const char *server = NULL, *tls = NULL, *from = NULL;
    const struct {
        const char *option, **to;
    } texts[] = { { "server", &server },         { "tls", &tls },           { "from", &from },
                  { "username", &o->username }, { "password", &o->password }, { "ca_file", &o->ca_file } };
    int status = BELAY_OK;
    for (size_t i = 0; status == BELAY_OK && i < sizeof texts / sizeof texts[0]; i++)
        status = copy_text(o, config, texts[i].option, texts[i].to, err);
    if (status == BELAY_OK)
        status = take_tls(o, tls, err);
    if (status == BELAY_OK)
        status = take_server(o, server, err);
    if (status == BELAY_OK)
        status = take_to(o, config, err);
    if (status != BELAY_OK)
        return status;
    o->from = belay_str_c(from ? from : "");
    if (!smtp_is_address(o->from))
        return refuse(err, "from", "is no address");
    if (o->tls == SMTP_PLAIN && (o->username || o->password))
        return refuse(err, "password", "does not go over a connection without TLS");
    if (!o->username != !o->password)
        return refuse(err, "username", "and password belong together");
    if (o->ca_file && access(o->ca_file, R_OK))
        return belay_fail(err, BELAY_INVALID, "ca_file: cannot read %s", o->ca_file);
    const struct belay_option_value *timeout = belay_connection_option(config, BELAY_STR("connect_timeout"));
    o->connect_timeout_ms = timeout && timeout->number > 0 && timeout->number < INT32_MAX ? (uint32_t)timeout->number : 10000;
    return BELAY_OK;
}

int smtp_options_init(struct smtp_options *o, const struct belay_connection_config *config, struct belay_err *err)
{
    *o = (struct smtp_options){ .tls = SMTP_STARTTLS };
    belay_arena_init(&o->arena, 0, BELAY_MIB(1));
    int status = take_all(o, config, err);
    if (status != BELAY_OK)
        smtp_options_deinit(o);
    return status;
}

void smtp_options_deinit(struct smtp_options *o)
{
    belay_arena_deinit(&o->arena);
}
