/* notes.h - small texts that outlive the process (notes.c).  Private to engine.  Thread: engine. */
#ifndef BELAY_ENGINE_NOTES_H
#define BELAY_ENGINE_NOTES_H

#include "engine/engine.h"

int engine_note_apply(struct belay_engine *e, struct belay_str body, struct belay_err *err);

#endif
