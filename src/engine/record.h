/* record.h - numbers of the engine's own records.  Private to engine.  What is in them stands where they are applied:
 * docs/format/engine-records.md. */
#ifndef BELAY_ENGINE_RECORD_H
#define BELAY_ENGINE_RECORD_H

#include "engine/engine.h"

#define RECORD_CLOCK (BELAY_RECORD_ENGINE + 1)      /* time */
#define RECORD_DEFINITION (BELAY_RECORD_ENGINE + 2) /* kind, hash, name, text */
#define RECORD_TIMER (BELAY_RECORD_ENGINE + 3)      /* flow, next */
#define RECORD_NOTE (BELAY_RECORD_ENGINE + 4)       /* name, value */
#define RECORD_VERSION 1

#endif
