//! Writes a report of servers that all try to get something into the page: `cargo run -p analyzer --example page -- DIR
//! [SERVERS]`. tests/browser opens it, and nothing that they sent may run, load, or break the page.

use std::{collections::BTreeSet, fs, net::IpAddr, path::Path, time::Duration};

use analyzer::{
    analysis::{Analysis, Beside},
    collect::Collection,
    dossier::of_visits,
    exposure::Play,
    figures::DRAWS,
    identify::Knowledge,
    report,
    signs::Signs,
};
use anyhow::Context as _;
use electrum::Network;
use jiff::Timestamp;
use model::{
    Exchange, Purpose, Recorded, Visit,
    assessment::{Address, Group},
    exchange::Reply,
};

/// What each server sends wherever it can send a text, and every second database says of it.
const ATTACKS: [&str; 8] = [
    "<script>document.title='stolen'</script>",
    "\"><img src=x onerror=\"document.title='stolen'\">",
    "</title></style></script><svg onload=\"document.title='stolen'\">",
    "{{ 7 * 7 }} ${7 * 7} <!-- ",
    "javascript:document.title='stolen'",
    "\u{202e}moc.elgoog\u{202c}\u{0}\u{1b}[31m",
    "' onfocus=document.title='stolen' autofocus x='",
    "]]></desc></svg><iframe src=\"http://127.0.0.1:9/\"></iframe>",
];

fn exchange(probe: &'static str, result: &str) -> Exchange {
    let at = |millis| Duration::from_millis(millis).into();
    let recorded = |text: String| Recorded::new(text.as_bytes(), Recorded::LIMIT);
    Exchange {
        probe: probe.into(),
        request: recorded(r#"{"id":1,"method":"m","params":[]}"#.to_owned()),
        sent: at(10),
        answer: Some(Reply {
            response: recorded(format!(r#"{{"id":1,"result":{result}}}"#)),
            first_byte: at(60),
            last_byte: at(61),
        }),
    }
}

/// What a server says in one visit.
fn visit(number: usize, second: i64) -> anyhow::Result<Visit> {
    let attack = ATTACKS[number % ATTACKS.len()];
    let text = serde_json::to_string(attack)?;
    let [high, low] = u16::try_from(number)?.to_be_bytes();
    let endpoint = format!("tcp://198.18.{high}.{low}:50001").parse()?;
    let begun = Timestamp::from_second(1_767_225_600 + second)?;
    let mut visit = Visit::begun(Network::Mainnet, endpoint, "example".to_owned(), Purpose::Light, begun);
    visit.peer = format!("198.18.{high}.{low}:50001").parse().ok();
    visit.resolution.pointer = Some(attack.to_owned());
    visit.exchanges = vec![
        exchange("H1", &format!(r#"[{text},"1.4"]"#)),
        exchange(
            "M1",
            &format!(r#"{{"protocol_min":{text},"protocol_max":{text},"hosts":{{"10.0.0.1":{{}}}}}}"#),
        ),
        exchange("M2", &text),
        exchange("M3", &text),
        exchange("M4", &format!(r#"[[{text},"peer{number}.example",[{text}]]]"#)),
    ];
    Ok(visit)
}

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().context("usage: page DIR [SERVERS]")?;
    let servers: usize = arguments.next().map_or(Ok(ATTACKS.len()), |servers| servers.parse())?;
    let visits: Vec<Visit> = (0..servers)
        .flat_map(|number| (0..3).map(move |day| visit(number, day * 86_400)))
        .collect::<Result<_, _>>()?;
    let knowledge = Knowledge::embedded()?;
    let dossiers = of_visits(&visits, &knowledge)?;
    let collection = Collection::of(Network::Mainnet, dossiers);
    let countries = ["US", "DE", "FR", "NL", "SG", "\"><b>", "ZZ", "FI"];
    let place = |ip: IpAddr| {
        let number = ip.to_string().bytes().map(usize::from).sum::<usize>();
        Address {
            ip,
            asn: u32::try_from(number % 40).ok(),
            organisation: Some(ATTACKS[number % ATTACKS.len()].to_owned()),
            country: Some(countries[number % countries.len()].to_owned()),
        }
    };
    let beside = Beside {
        previous: &[] as &[Group],
        opened: &BTreeSet::new(),
        place: &place,
        defaults: &[],
        signs: &Signs::embedded()?,
        play: Play { wallets: 200, seed: 1 },
        draws: DRAWS,
    };
    let analysis = Analysis::of(&collection, &knowledge, &beside);
    for report::File { path, text } in report::files(&analysis)? {
        let path = Path::new(&folder).join(path);
        fs::create_dir_all(path.parent().context("a folder")?)?;
        fs::write(path, text)?;
    }
    Ok(())
}
