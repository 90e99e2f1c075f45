use super::*;

const CAMPAIGN: &str = r#"
apiVersion: electrumobservatory.org/v1alpha1
kind: ScanCampaign
metadata: {name: test, namespace: observatory}
spec:
  network: testnet4
  discovery:
    bundledServers: false
    maxServers: 50
    sources:
    - name: mine
      seeds: ["ssl://a.example:50002", "b.example:50001:t"]
    - name: theirs
      seedsFrom: {configMap: seeds}
  schedule: {liveness: 5m, deep: 1h, watch: true}
  politeness: {contact: "mailto:me@example.org", budgets: {serverSpacing: 30s, connections: 1}}
  vantages:
  - {name: zurich, concurrency: 7, canary: ["ssl://good.example:50002"]}
  - {name: tor, proxy: "socks5://tor:9050", resolver: "9.9.9.9:53"}
"#;

fn orders(text: &str, vantage: Option<&str>) -> Result<Orders, OrdersError> {
    let campaign: ScanCampaign = crds::yaml::read(text).expect("a campaign");
    Orders::of(&campaign, vantage, |name| Ok(format!("{name}.example:50001:t")))
}

#[test]
fn a_campaign_becomes_orders_for_a_vantage() {
    let orders = orders(CAMPAIGN, Some("zurich")).expect("orders");
    assert_eq!(orders.scope, Scope { campaign: "observatory/test".to_owned(), vantage: "zurich".to_owned() });
    assert_eq!((orders.network, orders.concurrency, orders.once), (Network::Testnet4, 7, false));
    assert_eq!(orders.lanes, [Lane::Discovery, Lane::Liveness, Lane::Deep, Lane::Watch]);
    let names = |(source, servers): &(Source, Vec<Server>)| {
        (source.to_string(), servers.iter().map(Server::name).collect::<Vec<_>>().join(" "))
    };
    let lists: Vec<(String, String)> = orders.seeds.lists.iter().map(names).collect();
    assert_eq!(
        lists,
        [
            ("seeds:mine".to_owned(), "a.example b.example".to_owned()),
            ("seeds:theirs".to_owned(), "theirs.example".to_owned())
        ]
    );
    assert_eq!(orders.seeds.caps.total, 50);
    let bounds = orders.politeness.bounds("8.8.8.8".parse().ok());
    assert_eq!((bounds.connections, bounds.server_spacing.as_secs()), (1, 30));
    assert_eq!(orders.canaries.len(), 1);
    let usual = concat!("electrum-observatory/", env!("CARGO_PKG_VERSION"), " (+mailto:me@example.org)");
    assert_eq!(orders.name, ClientName::Same(usual.to_owned()));
}

#[test]
fn a_source_that_cannot_be_read_names_nobody_and_the_others_are_used() {
    let campaign: ScanCampaign = crds::yaml::read(CAMPAIGN).expect("a campaign");
    let orders = Orders::of(&campaign, Some("zurich"), |_| Err("no such file".to_owned())).expect("orders");
    let named: Vec<String> = orders.seeds.lists.iter().map(|(source, _)| source.to_string()).collect();
    assert_eq!(named, ["seeds:mine"]);
}

#[test]
fn a_vantage_is_named_where_there_are_several() {
    for vantage in [None, Some("paris")] {
        let error = orders(CAMPAIGN, vantage).expect_err("which one?");
        assert!(error.to_string().contains("zurich, tor"), "{error}");
    }
    let tor = orders(CAMPAIGN, Some("tor")).expect("orders");
    assert!(tor.proxy.is_some() && tor.resolver.is_some());
}

#[test]
fn what_makes_no_sense_is_named_by_its_field() {
    for (from, to, said) in [
        ("network: testnet4", "network: mainnet", None),
        ("ssl://good.example:50002", "ssl://good.example", Some("spec.vantages[zurich].canary")),
        ("watch: true}", "watch: true}\n  probes: {disabled: [E99]}", Some("no probe \"E99\"")),
        ("watch: true}", "watch: true}\n  probes: {disabled: [H1]}", Some("spec.probes.disabled")),
        ("watch: true", "watch: true, timeZone: Mars/Base", Some("timeZone")),
    ] {
        let result = orders(&CAMPAIGN.replace(from, to), Some("zurich"));
        match said {
            None => assert!(result.is_ok(), "it has a contact"),
            Some(said) => assert!(result.expect_err(to).to_string().contains(said), "{to}"),
        }
    }
    let anonymous = CAMPAIGN.replace("contact: \"mailto:me@example.org\", ", "");
    let mainnet = anonymous.replace("testnet4", "mainnet");
    assert!(orders(&anonymous, Some("zurich")).is_ok());
    assert!(
        orders(&mainnet, Some("zurich"))
            .expect_err("no contact")
            .to_string()
            .contains("spec.politeness.contact")
    );
}
