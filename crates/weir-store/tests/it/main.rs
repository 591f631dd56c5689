//! One suite, two engines.
//!
//! A test is a function of a [`Fixture`]; [`store_suite`] makes one test of it for each engine, from the one list of names
//! below. Where PostgreSQL is not installed its half says so and passes, unless `WEIR_REQUIRE` names `postgres`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and tells what it measured"
)]

mod advisories;
mod artifacts;
mod cached;
mod check;
mod crash;
mod documents;
mod facts;
mod fixture;
mod group;
mod hosted;
mod hostile;
mod kept;
mod opening;
mod record;
mod schema;
mod seen;
mod settings;
mod sharing;
mod ship;
mod statements;

use fixture::Fixture;

macro_rules! store_suite {
    ($($engine:ident),*) => {$(
        store_suite! { @list $engine
            advisories {
                a_record_is_new_then_unchanged_then_changed,
                an_advisory_is_known_as_of_a_day,
                an_older_record_of_another_feed_is_left_out,
                a_feed_may_take_its_own_record_back,
                advisories_come_in_order_of_their_ids,
                advisories_come_until_told_to_stop,
                an_osv_and_a_cve_record_may_share_an_id,
                an_id_twice_in_one_feed_counts_once,
                ten_thousand_records_are_taken_in_quickly,
                a_batch_tells_which_ids_it_changed,
            }
            artifacts {
                the_first_bytes_win,
                other_bytes_are_an_event_once,
                artifacts_are_listed_by_file_name,
                what_is_absent_stays_apart_from_what_is_empty,
            }
            hosted {
                what_is_published_is_visible_at_once_with_its_event,
                the_same_bytes_again_are_known_and_others_a_conflict,
                a_file_that_once_came_from_upstream_keeps_its_bytes,
                a_name_that_differs_in_spelling_only_is_taken,
                a_release_is_yanked_and_restored,
                tags_owners_and_deprecations_change,
                hosted_bytes_are_never_evicted,
                what_waits_is_seen_by_nobody_until_its_release_is_whole,
                what_has_waited_for_too_long_is_forgotten,
                so_many_files_wait_and_no_more,
            }
            kept {
                what_a_set_names_is_not_evicted_until_it_ends_or_is_dropped,
            }
            check {
                pages_go_on_where_the_last_one_ended,
                an_artifact_that_was_never_seen_in_an_index_is_a_contradiction,
            }
            cached {
                what_is_held_is_counted_up_to_a_size_and_above,
                requests_tell_what_was_used_last,
                an_eviction_takes_bytes_and_leaves_the_artifact,
                what_was_used_since_or_has_another_use_is_not_evicted,
                bytes_that_come_back_while_they_are_evicted_stay,
            }
            crash {
                what_was_acknowledged_survives_a_kill,
                a_dropped_transaction_leaves_nothing,
            }
            documents {
                a_first_document_is_current,
                the_same_bytes_again_renew_the_check,
                other_bytes_close_an_interval_and_open_one,
                a_not_modified_keeps_validators_that_are_not_sent,
                many_current_documents_are_found_at_once,
                a_deleted_document_is_not_current_but_was,
                the_newest_version_of_a_document_is_found_after_its_end,
                a_day_in_the_past_has_its_own_document,
                the_versions_before_and_after_a_moment_are_found,
                paths_are_found_by_their_ending,
                a_clock_set_back_never_makes_an_interval_negative,
                retention_forgets_only_closed_intervals,
                retention_keeps_digests_that_came_back,
                past_versions_are_listed_and_forgotten_one_by_one,
                files_that_a_new_catalogue_states_otherwise_are_events_with_it,
                a_change_is_an_event_in_the_same_transaction,
            }
            facts {
                a_fact_has_an_interval,
                the_same_fact_again_is_not_written,
                two_sources_may_disagree,
                a_fact_twice_in_one_batch_counts_once,
                many_facts_go_in_at_once,
            }
            group {
                many_writers_are_each_told_and_all_is_there,
                a_writer_that_fails_takes_no_other_with_it,
                a_writer_that_goes_away_takes_no_other_with_it,
                one_that_is_large_waits_for_its_own_end_alone,
            }
            hostile {
                quotes_and_unicode_come_back_as_they_went_in,
                a_megabyte_of_text_comes_back,
                nul_is_refused_everywhere,
                names_that_are_too_long_are_refused,
                the_longest_names_fit_every_index,
                what_is_not_json_is_refused,
                bytes_order_texts,
            }
            opening {
                an_empty_database_is_ready_in_no_time,
                a_database_opens_again_as_it_was,
                a_newer_format_is_refused,
                a_newer_schema_of_the_same_format_is_served,
                many_open_an_empty_database_at_once,
                a_closed_store_says_so,
            }
            record {
                a_decision_is_recorded_once,
                an_index_state_is_recorded_once,
                requests_are_appended_in_order,
                requests_that_repeat_keep_their_places,
                events_come_in_pages,
                event_ids_have_no_gaps_under_concurrency,
                an_event_reader_misses_nothing,
            }
            schema {
                the_tables_are_those_of_the_other_engine,
                a_current_interval_exists_once,
            }
            seen {
                what_is_new_is_first_seen_now,
                what_was_seen_keeps_its_moment,
                every_version_that_was_ever_seen_is_named,
                every_file_that_was_ever_seen_is_named,
                nothing_new_writes_nothing,
                another_digest_is_flagged_for_good,
                a_digest_by_another_algorithm_is_no_change,
                a_digest_that_was_missing_is_learned,
                the_answer_is_in_the_order_of_the_question,
                a_file_listed_twice_is_seen_once,
                a_big_document_is_taken_in_quickly,
                a_new_file_was_absent_when_the_page_before_was_last_confirmed,
                nothing_is_known_to_have_been_absent_before_the_first_sight_of_a_package,
                a_page_that_nobody_compared_tells_no_absence,
                the_same_page_read_better_tells_no_absence,
                another_upstream_tells_no_absence,
                the_date_that_was_stated_first_is_kept,
                two_at_once_agree_on_the_moment,
                names_come_in_pages,
            }
            settings {
                a_setting_is_replaced_only_by_who_knows_it,
                one_of_many_wins_a_setting,
                a_feed_has_a_state,
                a_revision_is_current_until_the_next,
                a_revision_that_comes_back_is_kept_once,
                a_token_is_kept_until_it_is_revoked,
                a_second_token_with_the_same_id_is_refused,
            }
            ship {
                what_one_weir_tells_another_knows_afterwards,
                the_same_again_changes_nothing,
                only_what_is_new_is_told,
                the_earlier_first_sight_counts,
                intervals_are_put_in_order,
                other_bytes_that_were_seen_elsewhere_are_remembered,
                what_is_too_long_is_refused_and_nothing_of_it_is_kept,
            }
            sharing {
                writers_queue_rather_than_fail,
                two_handles_see_what_the_other_wrote,
                two_processes_write_to_one_database,
                readers_do_not_wait_for_a_writer,
                two_that_record_one_document_open_one_interval,
            }
            statements {
                every_statement_is_executed,
            }
        }
    )*};
    (@list $engine:ident $($module:ident { $($test:ident),* $(,)? })*) => {
        mod $engine {$(
            mod $module {$(
                #[test]
                fn $test() {
                    crate::fixture::run(crate::fixture::$engine(), crate::$module::$test);
                }
            )*}
        )*}
    };
}

store_suite!(sqlite, postgres);
