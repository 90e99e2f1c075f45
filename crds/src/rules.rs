//! The rules that no schema can say, in CEL: each once, with the message that people see at the API server and from
//! the lint alike. Patterns that several fields share are here too.

use kube::core::Rule;

/// A name that can be part of a Kubernetes name.
pub(crate) const LABEL: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
/// A minute of the day.
pub(crate) const CLOCK: &str = "^([01][0-9]|2[0-3]):[0-5][0-9]$";
/// Five fields.
pub(crate) const CRON: &str = "^[-*/,0-9A-Za-z]+( +[-*/,0-9A-Za-z]+){4}$";
/// The form of a time zone's IANA name.
pub(crate) const TIME_ZONE: &str = "^[A-Za-z][-+_A-Za-z0-9]*(/[-+_A-Za-z0-9]+)*$";
/// Printable ASCII that JSON does not escape.
pub(crate) const PLAIN: &str = r"^[ !#-\[\]-~]*$";

/// CEL for a field's whole seconds. CEL's own durations know no days, and an API server has no patience with rules that
/// put texts together.
fn seconds(field: &str) -> String {
    let days = format!("int(self.{field}.substring(0, size(self.{field}) - 1)) * 86400");
    format!("(self.{field}.endsWith('d') ? {days} : duration(self.{field}).getSeconds())")
}

/// CEL for what a duration of days always keeps, since nobody can write `0d`, and one of a finer unit may.
fn shorter_than_days(field: &str, keeps: &str) -> String {
    format!("self.{field}.endsWith('d') || duration(self.{field}) {keeps}")
}

/// What a campaign makes is named after it, and no name of those may be too long.
pub(crate) fn campaign_name() -> Rule {
    Rule::new("size(self.metadata.name) <= 36 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')").message(
        "a campaign's name has at most 36 characters, lower-case letters, digits and '-', and begins with a letter",
    )
}

pub(crate) fn network_immutable() -> Rule {
    Rule::new("self.network == oldSelf.network")
        .message("network cannot be changed: create another resource")
        .field_path(".network")
}

pub(crate) fn host_immutable() -> Rule {
    Rule::new("self.host == oldSelf.host")
        .message("host cannot be changed: create another resource")
        .field_path(".host")
}

pub(crate) fn contact_on_mainnet() -> Rule {
    Rule::new("self.network != 'mainnet' || has(self.politeness.contact)")
        .message("mainnet needs politeness.contact: where an operator of a server reaches a person who stops the scan")
        .field_path(".politeness")
}

pub(crate) fn private_only_on_regtest() -> Rule {
    Rule::new("self.network == 'regtest' || !self.discovery.allowPrivate")
        .message("allowPrivate is for regtest only")
        .field_path(".discovery.allowPrivate")
}

pub(crate) fn onion_needs_proxy() -> Rule {
    Rule::new("!self.discovery.onion || self.vantages.exists(v, has(v.proxy))")
        .message("onion needs a vantage with a Tor proxy: set vantages[].proxy to socks5://host:port")
        .field_path(".discovery.onion")
}

pub(crate) fn once_does_not_watch() -> Rule {
    Rule::new("self.mode != 'Once' || !self.schedule.watch")
        .message("watch needs mode Continuous: who visits once does not stay to listen")
        .field_path(".schedule.watch")
}

pub(crate) fn quorum_within_vantages() -> Rule {
    Rule::new("!has(self.quorum.vantages) || self.quorum.vantages <= size(self.vantages)")
        .message("quorum.vantages is more than there are vantages")
        .field_path(".quorum.vantages")
}

pub(crate) fn window_within_retention() -> Rule {
    Rule::new(format!("{} <= {}", seconds("analysis.window"), seconds("retention.visits")))
        .message("analysis.window is longer than retention.visits: older visits are gone by then")
        .field_path(".analysis.window")
}

/// A duration that may not be shorter than this, nor on regtest than that.
pub(crate) fn floor(field: &str, least: &str, on_regtest: &str) -> Rule {
    let keeps = format!(">= duration(self.network == 'regtest' ? '{on_regtest}' : '{least}')");
    Rule::new(shorter_than_days(field, &keeps))
        .message(format!("{field} must be at least {least} ({on_regtest} on regtest)").as_str())
        .field_path(format!(".{field}"))
}

/// A duration that may not be nothing.
pub(crate) fn positive(field: &str) -> Rule {
    Rule::new(shorter_than_days(field, "> duration('0s')"))
        .message(format!("{field} must be longer than nothing").as_str())
        .field_path(format!(".{field}"))
}

pub(crate) fn seeds_or_seeds_from() -> Rule {
    Rule::new("has(self.seeds) != has(self.seedsFrom)").message("give a source either seeds or seedsFrom")
}

pub(crate) fn quiet_hours_last() -> Rule {
    Rule::new("self.from != self.to")
        .message("quiet hours begin and end in the same minute: use suspend to stop for good")
}

pub(crate) fn excludes_somebody() -> Rule {
    Rule::new("has(self.hosts) || has(self.domains) || has(self.cidrs)")
        .message("an exclusion names at least one of hosts, domains and cidrs")
}
