/* jobs_inline.h - background jobs that run, and end, within submit: after belay_store_flush
 * everything that was due is done.  For tests that are not about time. */
#ifndef BELAY_TESTS_JOBS_INLINE_H
#define BELAY_TESTS_JOBS_INLINE_H

#include "store/jobs.h"

static inline void jobs_inline_submit(void *self, struct belay_job *job)
{
    (void)self;
    job->run(job);
    job->done(job);
}

static const struct belay_jobs jobs_inline = { NULL, jobs_inline_submit, NULL };

#endif
