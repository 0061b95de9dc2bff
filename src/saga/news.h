/* news.h - what the engine is told of a move (news.c).  Private to saga.  Thread: engine. */
#ifndef BELAY_SAGA_NEWS_H
#define BELAY_SAGA_NEWS_H

#include "saga/record.h"
#include "saga/saga.h"

/* Before i is as the move says. */
void saga_tell(struct belay_sagas *s, const struct saga *i, const struct saga_move *m);

#endif
