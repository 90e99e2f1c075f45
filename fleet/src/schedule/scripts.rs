//! The scripts of the schedule, each with what all of them begin with.

use std::sync::LazyLock;

use redis::Script;

pub(super) struct Scripts {
    pub(super) enrol: Script,
    pub(super) retire: Script,
    pub(super) attend: Script,
    pub(super) claim: Script,
    pub(super) extend: Script,
    pub(super) report: Script,
    pub(super) settle: Script,
    pub(super) tell: Script,
    pub(super) forget: Script,
    pub(super) status: Script,
    pub(super) uptime: Script,
}

pub(super) static SCRIPTS: LazyLock<Scripts> = LazyLock::new(|| {
    let script = |text: &str| Script::new(&format!("{}{text}", include_str!("common.lua")));
    Scripts {
        enrol: script(include_str!("enrol.lua")),
        retire: script(include_str!("retire.lua")),
        attend: script(include_str!("attend.lua")),
        claim: script(include_str!("claim.lua")),
        extend: script(include_str!("extend.lua")),
        report: script(include_str!("report.lua")),
        settle: script(include_str!("settle.lua")),
        tell: script(include_str!("tell.lua")),
        forget: script(include_str!("forget.lua")),
        status: script(include_str!("status.lua")),
        uptime: script(include_str!("uptime.lua")),
    }
});
