//! What the page says of what wallets give away: which courses are drawn, and all of them in one table.

use super::{figure::Table, words::percent};
use crate::exposure::{Client, Course, Exposure, Own, SETTINGS, Setting};

/// The courses that are drawn. A wallet of whose servers none was visited has nothing to be drawn.
pub(super) fn shown_courses(exposure: &Exposure) -> Vec<&Course> {
    let is_shown = |course: &&Course| is_drawn(&course.setting) && !course.operators.is_empty();
    exposure.courses.iter().filter(is_shown).collect()
}

/// Of wallets as they are installed, without Tor and without a server of one's own.
fn is_drawn(setting: &Setting) -> bool {
    !setting.tor && setting.own == Own::None
}

/// The names that files of courses can have.
pub(super) fn names() -> impl Iterator<Item = String> {
    SETTINGS.into_iter().filter(is_drawn).map(|setting| name_of_course(setting).0)
}

fn client(client: Client) -> &'static str {
    match client {
        Client::Electrum => "Electrum",
        Client::Sparrow => "Sparrow",
        Client::BlueWallet => "BlueWallet",
    }
}

/// The name of a course's file, and what it is called.
pub(super) fn name_of_course(setting: Setting) -> (String, String) {
    let Setting { client: program, switching, .. } = setting;
    let name = client(program);
    let (suffix, title) = if switching > 0.0 {
        ("-switching", format!("{name}, losing its server in {} of its sessions", percent(switching)))
    } else {
        ("", format!("{name}, keeping its server all session"))
    };
    (format!("exposure-{}{suffix}", name.to_lowercase()), title)
}

fn own(own: Own) -> &'static str {
    match own {
        Own::None => "no",
        Own::Main => "yes, and others for headers",
        Own::Only => "yes, and nobody else",
    }
}

/// All courses: how many operators know the wallet, how many saw it, and what the one that knows most knows.
pub(super) fn table(exposure: &Exposure) -> Table {
    let after = |values: &[f64], sessions: usize| {
        values.get(sessions - 1).map_or_else(|| "–".to_owned(), |value| format!("{value:.2}"))
    };
    let rows = exposure.courses.iter().map(|course| {
        let Setting { client: program, tor, own: server, switching } = course.setting;
        let most = course.operators.first().and_then(|curve| curve.learns.get(29)).copied();
        [
            client(program).to_owned(),
            if tor { "yes" } else { "no" }.to_owned(),
            own(server).to_owned(),
            percent(switching),
            after(&course.distinct, 1),
            after(&course.distinct, 10),
            after(&course.distinct, 60),
            after(&course.present, 60),
            most.map_or_else(|| "–".to_owned(), percent),
        ]
    });
    let head = [
        "Wallet",
        "Tor",
        "Own server",
        "Loses its server",
        "Know it after 1",
        "after 10",
        "after 60",
        "Saw it after 60",
        "The one most likely to, after 30",
    ];
    Table::new(head, rows)
}
