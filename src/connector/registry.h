/* registry.h - which connectors this binary has.  Uses: the connectors' descriptors.  Thread: any
 * (a constant table).  Invariant: names are unique; each descriptor lives as long as the program. */
#ifndef BELAY_CONNECTOR_REGISTRY_H
#define BELAY_CONNECTOR_REGISTRY_H

#include "base/str.h"
#include "belay/connector.h"

/* By its YAML key ("http"); NULL where there is none. */
const struct belay_connector *belay_connector_find(struct belay_str name);
/* All of them by name; ends with NULL. */
const struct belay_connector *const *belay_connector_list(void);

#endif
