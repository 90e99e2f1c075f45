//! All servers side by side, and what their comparison shows. Indicators read it; nothing is concluded here.

use crate::{server::Server, truth::Truth};

/// All servers side by side.
#[derive(Debug)]
pub struct Survey<'d> {
    /// The servers, in the order of their names.
    pub servers: Vec<Server<'d>>,
    /// What is not so of what they say, in the same order.
    pub truth: Vec<Truth>,
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

    /// What is not so of what it says.
    #[must_use]
    pub fn truth(&self) -> &'s Truth {
        &self.survey.truth[self.place]
    }
}
