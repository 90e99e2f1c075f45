//! Tickets: who takes whose.

use electrum::{
    dial::DialError,
    tls::{Redemption, Ticket},
};

use crate::support::{Server, Workshop, dialer, endpoint, route};

async fn ticket(server: &Server) -> Option<Ticket> {
    let (dialer, endpoint) = (dialer(), endpoint(server.address));
    let route = route(&dialer, &endpoint).await;
    dialer.tls_ticket(&endpoint, &route).await.expect("a handshake")
}

async fn redeem(ticket: &mut Ticket, server: &Server) -> Redemption {
    let (dialer, endpoint) = (dialer(), endpoint(server.address));
    let route = route(&dialer, &endpoint).await;
    dialer.tls_redeem(&endpoint, &route, ticket).await.expect("a handshake")
}

/// What becomes of a ticket of `from` at `to`.
async fn taken(from: &Server, to: &Server) -> Redemption {
    let mut ticket = ticket(from).await.expect("a ticket");
    redeem(&mut ticket, to).await
}

#[tokio::test]
async fn one_ticket_key_on_two_servers() {
    let shop = Workshop::new();
    shop.certificate("-newkey rsa:2048");
    shop.openssl("rand -out shared.key 80");
    shop.openssl("rand -out other.key 80");
    for version in ["TLSv1.2", "TLSv1.3"] {
        let nginx = |key: &str| shop.nginx_of(version, &format!("ssl_session_ticket_key {key}.key;"));
        let [one, two, stranger] = [nginx("shared"), nginx("shared"), nginx("other")];
        assert_eq!(taken(&one, &one).await, Redemption::Resumed, "{version}");
        assert_eq!(taken(&one, &two).await, Redemption::Resumed, "{version}");
        assert_eq!(taken(&two, &one).await, Redemption::Resumed, "{version}");
        assert_eq!(taken(&one, &stranger).await, Redemption::Refused, "{version}");
        assert_eq!(taken(&stranger, &two).await, Redemption::Refused, "{version}");
    }
}

/// The limit of the probe: nginx seals the certificate into the session.
#[tokio::test]
async fn one_ticket_key_under_two_certificates() {
    let (one, two) = (Workshop::new(), Workshop::new());
    for shop in [&one, &two] {
        shop.certificate("-newkey rsa:2048");
        shop.write("shared.key", &[7; 80]);
    }
    let [one, two] = [&one, &two].map(|shop| shop.nginx("ssl_session_ticket_key shared.key;"));
    assert_eq!(taken(&one, &one).await, Redemption::Resumed);
    assert_eq!(taken(&one, &two).await, Redemption::Refused);
}

/// Certificates of version 1 are no obstacle, and servers that share nothing share nothing.
#[tokio::test]
async fn two_servers_with_one_certificate() {
    let shop = Workshop::new();
    shop.version_1("-algorithm RSA -pkeyopt rsa_keygen_bits:2048", 9);
    for options in ["-tls1_2", "-tls1_3", "-tls1_2 -no_ticket"] {
        let [one, two] = [shop.serve(options), shop.serve(options)];
        assert_eq!(taken(&one, &one).await, Redemption::Resumed, "{options}");
        assert_eq!(taken(&one, &two).await, Redemption::Refused, "{options}");
    }
    let [old, new] = [shop.serve("-tls1_2"), shop.serve("-tls1_3")];
    assert_eq!(taken(&new, &old).await, Redemption::Refused);
    assert_eq!(taken(&old, &new).await, Redemption::Refused);
    let python = shop.asyncio();
    assert_eq!(taken(&python, &python).await, Redemption::Resumed);
}

#[tokio::test]
async fn tickets_are_used_up_and_not_replaced() {
    let shop = Workshop::new();
    shop.certificate("-newkey rsa:2048");
    let [one, two] = [shop.serve("-tls1_3"), shop.serve("-tls1_3")];
    let mut pair = ticket(&one).await.expect("two tickets");
    // Were the tickets that the second server gives kept, it would take them itself.
    assert_eq!(redeem(&mut pair, &two).await, Redemption::Refused);
    assert!(!pair.is_spent());
    assert_eq!(redeem(&mut pair, &one).await, Redemption::Resumed);
    assert!(pair.is_spent());
    assert_eq!(redeem(&mut pair, &one).await, Redemption::NoTicket);
    assert_eq!(format!("{pair:?}"), "Ticket { spent: true, .. }");
}

#[tokio::test]
async fn no_ticket_and_no_server() {
    let shop = Workshop::new();
    shop.certificate("-newkey rsa:2048");
    assert!(ticket(&shop.serve("-tls1_3 -num_tickets 0")).await.is_none());

    let server = shop.serve("");
    let mut left = ticket(&server).await.expect("a ticket");
    let (dialer, endpoint) = (dialer(), endpoint(server.address));
    let route = route(&dialer, &endpoint).await;
    drop(server);
    let nobody = dialer.tls_redeem(&endpoint, &route, &mut left).await;
    assert!(matches!(nobody, Err(DialError::Refused)), "{nobody:?}");
    assert!(matches!(dialer.tls_ticket(&endpoint, &route).await, Err(DialError::Refused)));
    assert!(!left.is_spent(), "a ticket that was not offered is still there");
}
