/* outcome.h - what connectors share: finding a parameter or an option by name.
 * (belay_call_outcome_copy and _free of the contract are here too.)  Uses: base.  Thread: any. */
#ifndef BELAY_CONNECTOR_COMMON_OUTCOME_H
#define BELAY_CONNECTOR_COMMON_OUTCOME_H

#include "belay/connector.h"

/* The first of that name; BELAY_STR_NONE when absent. */
struct belay_str belay_call_param(const struct belay_call_request *request, struct belay_str name);
/* NULL when unset. */
const struct belay_option_value *belay_connection_option(const struct belay_connection_config *config,
                                                         struct belay_str name);

#endif
