//! Visits as scanners put them into the stream of the campaign `main`.

use std::time::Duration;

use fleet::{
    Redis,
    pack::{Seen, pack},
};
use jiff::Timestamp;
use model::{Exchange, Outcome, Purpose, Recorded, Seconds, Visit, exchange::Reply};

pub(crate) const CAMPAIGN: &str = "default/main";

/// A visit of a server that is up or that nobody reaches.
pub(crate) fn visit(endpoint: &str, up: bool, teller: &str) -> Visit {
    let endpoint = endpoint.parse().expect("an endpoint");
    let mut visit = Visit::begun(
        electrum::Network::Testnet4,
        endpoint,
        "here".to_owned(),
        Purpose::Light,
        Timestamp::now(),
    );
    visit.learnt_from = vec![teller.to_owned()];
    if !up {
        visit.outcome = Outcome::TimedOut;
        return visit;
    }
    visit.peer = "203.0.113.9:50001".parse().ok();
    visit.exchanges = vec![exchange("H1", r#"["ElectrumX 1.20.0","1.6"]"#)];
    visit
}

/// A question of a probe, and its result 40 ms later.
pub(crate) fn exchange(probe: &'static str, result: &str) -> Exchange {
    let after = |millis| Seconds::from(Duration::from_millis(millis));
    let answer = format!(r#"{{"jsonrpc":"2.0","result":{result},"id":7}}"#);
    Exchange {
        probe: probe.into(),
        request: Recorded::new(b"{}", 9),
        sent: after(1),
        answer: Some(Reply {
            response: Recorded::new(answer.as_bytes(), Recorded::LIMIT),
            first_byte: after(41),
            last_byte: after(42),
        }),
    }
}

/// Puts visits into the stream as scanners do.
pub(crate) async fn put(redis: &Redis, visits: impl IntoIterator<Item = Visit>) {
    let mut seen = Seen::default();
    for visit in visits {
        let up = if visit.outcome == Outcome::Answered { "1" } else { "0" };
        let packed = pack(&visit, &mut seen).expect("packs");
        let mut add = redis::cmd("XADD");
        add.arg(format!("eo:{{{CAMPAIGN}}}:visits")).arg("*").arg("v").arg(packed.entry);
        add.arg("lane").arg("liveness").arg("doubtful").arg("0").arg("up").arg(up);
        redis.call::<()>(&add).await.expect("adds");
    }
}

/// Whether everything was acknowledged that was delivered.
pub(crate) async fn acknowledged(redis: &Redis) -> bool {
    let mut pending = redis::cmd("XPENDING");
    pending.arg(format!("eo:{{{CAMPAIGN}}}:visits")).arg("operator");
    let pending = redis.call::<(u64, redis::Value, redis::Value, redis::Value)>(&pending).await;
    pending.is_ok_and(|pending| pending.0 == 0)
}
