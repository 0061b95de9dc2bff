#include "connector/registry.h"

#include "connector/http/client.h"

static const struct belay_connector *const connectors[] = {
    &belay_connector_http,
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
