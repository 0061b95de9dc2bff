/* news.h - what the rooms below found out by themselves, as events (news.c).  Private to engine.  Thread: engine. */
#ifndef BELAY_ENGINE_NEWS_H
#define BELAY_ENGINE_NEWS_H

#include "broker/crash.h"
#include "engine/engine.h"

/* The process ended while these were in flight: perhaps because of one of them. */
void engine_news_crash(struct belay_engine *e, const struct belay_crash *crash);
/* Once a step, behind the broker's tick: replay jobs that ended, letters that expired, rows that cannot be read. */
void engine_news_tell(struct belay_engine *e);

#endif
