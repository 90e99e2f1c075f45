//! Prints the tables of docs/exposure.md that rest on the network of December 2025.

#![allow(clippy::print_stdout, reason = "the table goes to standard output")]

#[path = "../tests/december/mod.rs"]
mod december;

use std::time::Instant;

use analyzer::exposure::{Client, Course, Own, Play, SWITCHING, Setting};
use december::december;

fn main() {
    let snapshot = december();
    let play = Play { wallets: 10_000, seed: 1 };
    println!(
        "| switching | 1 | 5 | 10 | 30 | 60 | operators after 60 | seconds |\n|---|---|---|---|---|---|---|---|"
    );
    for switching in [0.0, SWITCHING] {
        let begun = Instant::now();
        let setting = Setting { client: Client::Electrum, tor: false, own: Own::None, switching };
        let course = Course::play(&snapshot, setting, play);
        let fleet = course.operators.iter().find(|curve| curve.operator == "A");
        let after = [1, 5, 10, 30, 60].map(|sessions| fleet.map_or(0.0, |fleet| fleet.learns[sessions - 1]));
        let cells = after.map(|chance| format!("{chance:.3}")).join(" | ");
        let distinct = course.distinct.last().copied().unwrap_or_default();
        println!("| {switching} | {cells} | {distinct:.1} | {:.2} |", begun.elapsed().as_secs_f64());
    }
}
