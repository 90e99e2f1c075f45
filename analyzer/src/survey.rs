//! All servers side by side, and what their comparison shows. Indicators read it; nothing is concluded here.

use crate::{
    attribution::{Attribution, Context},
    behaviour::Behaviour,
    gossip::Gossip,
    server::Server,
};

/// All servers side by side.
#[derive(Debug)]
pub struct Survey<'d> {
    /// The servers, in the order of their names.
    pub servers: Vec<Server<'d>>,
    /// Who names whom.
    pub gossip: Gossip,
    /// Which of them belong together.
    pub attribution: Attribution,
    /// Which behave alike, and which like nobody else.
    pub behaviour: Behaviour,
}

impl<'d> Survey<'d> {
    /// Compares servers.
    #[must_use]
    pub fn of(servers: Vec<Server<'d>>, context: &Context<'_>) -> Self {
        let gossip = Gossip::of(&servers);
        let attribution = Attribution::of(&servers, &gossip, context);
        let behaviour = Behaviour::of(&servers);
        Self { servers, gossip, attribution, behaviour }
    }
}

/// One server among all.
#[derive(Clone, Copy, Debug)]
pub struct Case<'s, 'd> {
    /// All of them.
    pub survey: &'s Survey<'d>,
    /// Its place among them.
    pub place: usize,
}

impl<'s, 'd> Case<'s, 'd> {
    /// The server.
    #[must_use]
    pub fn server(&self) -> &'s Server<'d> {
        &self.survey.servers[self.place]
    }
}
