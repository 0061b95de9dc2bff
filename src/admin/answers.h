/* answers.h - the answers to the questions of routes.c.  Private to admin. Each is in the answer_*.c whose name says
 * what it is about; it runs on the engine thread, writes JSON to q->out or fails, and returns true when the question
 * is finished. */
#ifndef BELAY_ADMIN_ANSWERS_H
#define BELAY_ADMIN_ANSWERS_H

#include "admin/question.h"

bool answer_ready(struct question *q, struct belay_engine *e, belay_time now);
bool answer_metrics(struct question *q, struct belay_engine *e, belay_time now);
bool answer_openapi(struct question *q, struct belay_engine *e, belay_time now);
bool answer_status(struct question *q, struct belay_engine *e, belay_time now);
bool answer_topics(struct question *q, struct belay_engine *e, belay_time now);
bool answer_messages(struct question *q, struct belay_engine *e, belay_time now);
bool answer_subscriptions(struct question *q, struct belay_engine *e, belay_time now);
bool answer_pause(struct question *q, struct belay_engine *e, belay_time now);
bool answer_resume(struct question *q, struct belay_engine *e, belay_time now);
bool answer_seek(struct question *q, struct belay_engine *e, belay_time now);
bool answer_letters(struct question *q, struct belay_engine *e, belay_time now);
bool answer_groups(struct question *q, struct belay_engine *e, belay_time now);
bool answer_letter_state(struct question *q, struct belay_engine *e, belay_time now);
bool answer_letter(struct question *q, struct belay_engine *e, belay_time now);
bool answer_letter_replay(struct question *q, struct belay_engine *e, belay_time now);
bool answer_letters_discard(struct question *q, struct belay_engine *e, belay_time now);
bool answer_letter_import(struct question *q, struct belay_engine *e, belay_time now);
bool answer_letter_edit(struct question *q, struct belay_engine *e, belay_time now);
bool answer_letter_settle(struct question *q, struct belay_engine *e, belay_time now);
bool answer_letter_release(struct question *q, struct belay_engine *e, belay_time now);
bool answer_letter_discard(struct question *q, struct belay_engine *e, belay_time now);
bool answer_letter_rehearse(struct question *q, struct belay_engine *e, belay_time now);
bool answer_replays(struct question *q, struct belay_engine *e, belay_time now);
bool answer_job(struct question *q, struct belay_engine *e, belay_time now);
bool answer_job_start(struct question *q, struct belay_engine *e, belay_time now);
bool answer_job_pause(struct question *q, struct belay_engine *e, belay_time now);
bool answer_job_resume(struct question *q, struct belay_engine *e, belay_time now);
bool answer_job_cancel(struct question *q, struct belay_engine *e, belay_time now);
bool answer_sagas(struct question *q, struct belay_engine *e, belay_time now);
bool answer_saga_list(struct question *q, struct belay_engine *e, belay_time now);
bool answer_saga(struct question *q, struct belay_engine *e, belay_time now);
bool answer_saga_settle(struct question *q, struct belay_engine *e, belay_time now);
bool answer_saga_retry(struct question *q, struct belay_engine *e, belay_time now);
bool answer_saga_skip(struct question *q, struct belay_engine *e, belay_time now);
bool answer_saga_abort(struct question *q, struct belay_engine *e, belay_time now);
bool answer_lanes(struct question *q, struct belay_engine *e, belay_time now);
bool answer_lane(struct question *q, struct belay_engine *e, belay_time now);
bool answer_lane_park(struct question *q, struct belay_engine *e, belay_time now);
bool answer_lane_release(struct question *q, struct belay_engine *e, belay_time now);
bool answer_lane_retry(struct question *q, struct belay_engine *e, belay_time now);
bool answer_lane_skip(struct question *q, struct belay_engine *e, belay_time now);
bool answer_lane_move(struct question *q, struct belay_engine *e, belay_time now);
bool answer_alerts(struct question *q, struct belay_engine *e, belay_time now);
bool answer_alert_silence(struct question *q, struct belay_engine *e, belay_time now);
bool answer_alert_unsilence(struct question *q, struct belay_engine *e, belay_time now);
bool answer_alert_test(struct question *q, struct belay_engine *e, belay_time now);
bool answer_trail(struct question *q, struct belay_engine *e, belay_time now);
bool answer_audit_start(struct question *q, struct belay_engine *e, belay_time now);
bool answer_backup_start(struct question *q, struct belay_engine *e, belay_time now);
bool answer_backup_cancel(struct question *q, struct belay_engine *e, belay_time now);
bool answer_backup(struct question *q, struct belay_engine *e, belay_time now);
bool answer_resume_all(struct question *q, struct belay_engine *e, belay_time now);
bool answer_audit(struct question *q, struct belay_engine *e, belay_time now);
bool answer_poison(struct question *q, struct belay_engine *e, belay_time now);
bool answer_poison_clear(struct question *q, struct belay_engine *e, belay_time now);
bool answer_trace(struct question *q, struct belay_engine *e, belay_time now);

#endif
