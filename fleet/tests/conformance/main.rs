//! One suite for all schedules: each case runs over memory and over each real program, by a clock that the test sets.

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod bed;
mod claims;
mod rehearsal;
mod reports;
mod subjects;

/// Makes a test of each case for each schedule.
macro_rules! cases {
    ($($module:ident :: $case:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test] async fn $case() { super::$module::$case(&super::bed::InMemory::new()).await; })*
        }
        $(async fn $case(program: support::Program) { $module::$case(&bed::InRedis::start(program).await).await; })*
        on_each_program! { $($case),* }
    };
}

cases! {
    claims::the_longest_due_comes_first,
    claims::lanes_are_asked_in_their_order,
    claims::a_subject_has_one_claim_over_all_lanes,
    claims::a_lease_ends_and_the_old_token_is_stale,
    claims::extended_is_kept,
    claims::however_often_extended_other_lanes_keep_their_time,
    claims::a_settlement_said_again_is_done,
    claims::who_leaves_the_lane_is_not_due_in_it,
    claims::others_wait_for_their_patience,
    claims::when_a_worker_goes_its_subjects_move,
    claims::vantages_know_nothing_of_each_other,
    subjects::enrolment_said_again_changes_the_listing_only,
    subjects::who_is_enrolled_while_claimed_is_not_due,
    subjects::who_retires_is_gone,
    subjects::all_come_in_pages,
    subjects::words_wait_for_who_claims_the_campaign,
    subjects::the_first_thing_kept_stays,
    reports::a_report_said_again_is_put_once,
    reports::stale_reports_are_refused_and_counted,
    reports::a_full_stream_stops_reports_and_claims,
    reports::uptime_is_what_was_reported_without_doubt,
    reports::the_last_deep_visit_is_kept,
    reports::numbers_add_up,
}
