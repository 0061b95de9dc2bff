# Bugs on purpose (base/planted.h), each to be found by the simulation within 2,000 seeds.
set(planted
  "1:a_reply_before_its_commit_is_durable"
  "2:a_call_before_its_intent_is_durable"
  "3:acknowledged_in_a_commit_before_what_it_publishes"
  "4:idempotency_keys_forgotten_by_a_restart"
  "5:a_retry_that_forgets_what_had_succeeded"
  "6:a_commit_that_is_not_synced"
  "7:a_cursor_that_is_one_too_far_in_the_checkpoint"
  "8:a_lane_that_forgets_the_last_message_it_holds"
  "9:compensations_in_the_order_of_their_steps"
  "10:a_checkpoint_ahead_of_the_journal"
  "11:a_new_segment_whose_name_is_not_synced"
  "12:a_step_of_unknown_outcome_that_is_not_compensated"
  "13:a_last_commit_that_recovery_takes_for_durable"
  "14:engine_time_that_is_not_recorded"
  "15:a_segment_used_again_while_somebody_needs_it"
  "16:a_skipped_compensation_that_takes_those_below_along"
  "17:a_pivot_that_is_none"
  "18:a_step_that_takes_all_the_time_it_wants"
  "19:a_seek_that_leaves_what_was_read_ahead"
  "20:retention_that_takes_what_nobody_has_settled"
  "21:retention_that_takes_nothing"
  "50:an_entry_of_the_trail_that_leaves_a_row_behind"
  "51:a_group_that_counts_what_is_no_letter"
  "22:a_crash_that_is_not_counted"
  "30:a_breaker_that_lets_everything_through"
  "31:a_retry_budget_without_end"
  "32:an_attempt_used_up_by_waiting"
  "33:a_postponed_retry_that_is_due_twice"
  "34:a_rate_that_nobody_keeps"
  "80:a_retry_that_wakes_a_lane_parked_by_hand"
  "81:a_lane_parked_by_hand_whose_head_comes_all_the_same"
  "82:a_release_that_forgets_what_was_held_first"
  "83:a_move_that_loses_its_first_message"
  "42:a_replay_job_that_takes_what_failed_after_it_began"
  "43:a_replay_job_that_lets_the_letters_of_a_key_overtake"
  "44:a_replay_job_that_forgets_how_far_it_was"
  "45:a_replay_job_that_forgets_that_it_was_paused"
  "37:a_newest_segment_that_nobody_witnesses"
  "38:a_letter_that_leaves_its_message_behind"
  "60:a_death_in_company_that_counts_against_all"
  "61:suspects_that_never_run_alone"
  "70:a_full_queue_that_nobody_waits_for"
  "71:a_full_queue_that_rejects_nothing"
  "72:a_message_that_is_begun_after_its_time"
  "73:a_subscription_that_reads_ahead_without_end"
  "74:what_is_stuck_behind_a_letter_is_counted_for_ever"
  "75:more_requests_at_work_than_their_api_allows"
  "62:an_outage_that_counts_as_poison"
  "63:a_message_that_counts_twice_as_poison")
foreach(bug IN LISTS planted)
  string(REPLACE ":" ";" parts ${bug})
  list(GET parts 0 number)
  list(GET parts 1 name)
  add_test(NAME planted.${number}.${name} COMMAND sim --seeds 2000 --bug ${number})
  set_tests_properties(planted.${number}.${name} PROPERTIES LABELS planted TIMEOUT 600
                       RUN_SERIAL ON)
endforeach()
