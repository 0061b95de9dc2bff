#include "connector/registry.h"

#include "connector/command/command.h"
#include "connector/http/client.h"
#include "connector/smtp/smtp.h"

static const struct belay_connector *const connectors[] = {
    &belay_connector_http,
    &belay_connector_smtp,
    &belay_connector_command,
    NULL,
};

const struct belay_connector *const *belay_connector_list(void)
{
    return connectors;
}

const struct belay_connector *belay_connector_find(struct belay_str name)
{
    for (const struct belay_connector *const *at = connectors; *at; at++)
        if (belay_str_eq(belay_str_c((*at)->name), name))
            return *at;
    return NULL;
}
