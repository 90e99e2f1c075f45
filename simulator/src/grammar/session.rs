//! One connection as the server sees it. No I/O and no clock: bytes and times come in, [`Reaction`]s go out.

use std::sync::Arc;

use super::{
    answer::answer,
    call::Fault,
    cost::Account,
    data::{Case, Echo, Failure, Grammar, Member, MethodRule, Protocol, Unreadable},
    envelope::{Call, Flawed, Message, Params, Rpc},
    greeting::Agreement,
    identity::Identity,
    json::{Json, JsonError},
    outbox::{End, Framing, Outbox, Reaction, later},
    question::{Question, Source},
    reply::Reply,
    subscriptions::Subscriptions,
};
use crate::{
    SimTime,
    behaviour::{Conduct, Manner},
    node::View,
};

/// The printable part of a line that an error repeats, in bytes.
const PRINTABLE: usize = 80;

/// The state of one connection.
#[derive(Debug)]
pub struct Session {
    grammar: Arc<Grammar>,
    identity: Arc<Identity>,
    conduct: Arc<Conduct>,
    /// What the client calls itself, once it has said so.
    client: Option<String>,
    rpc: Rpc,
    /// The protocol agreed on, once there was a greeting.
    agreed: Option<Protocol>,
    subscriptions: Subscriptions,
    account: Option<Account>,
    /// Errors that are held against the client, less what was answered well.
    strikes: u32,
    deaf: bool,
    /// Whether the client began with something else than a greeting, and is about to be left.
    doomed: bool,
    outbox: Outbox,
}

/// What became of one request.
struct Outcome {
    /// None: there is no answer.
    answer: Option<Answer>,
    source: Source,
    /// Milliseconds that the server takes because it wants to, or cannot help it.
    dawdles: u64,
    hangs_up: bool,
}

/// An answer without its envelope.
struct Answer {
    id: Json,
    result: Result<Json, Json>,
    /// Whether it is about the form of the request.
    about_form: bool,
}

/// Everything that is known while a request is answered.
#[derive(Clone, Copy)]
struct Now<'v> {
    view: &'v View,
    time: SimTime,
}

impl Session {
    /// A new connection.
    #[must_use]
    pub fn new(grammar: Arc<Grammar>, identity: Arc<Identity>, framing: Framing, now: SimTime) -> Self {
        Self {
            rpc: if grammar.reading.detects_version { Rpc::Undecided } else { Rpc::Loose },
            account: grammar.costs.map(|costs| Account::open(costs, now)),
            outbox: Outbox::new(framing, grammar.pace, &grammar.writing.line_end, now),
            subscriptions: Subscriptions::default(),
            conduct: Arc::default(),
            client: None,
            agreed: None,
            strikes: 0,
            deaf: false,
            doomed: false,
            grammar,
            identity,
        }
    }

    /// The same connection to a server that behaves so.
    #[must_use]
    pub fn behaving(self, conduct: Arc<Conduct>) -> Self {
        Self { conduct, ..self }
    }

    /// Takes a line, without its end. What it leads to is in the next [`Self::flush`]; lines that came together
    /// should be given together, since their answers may overtake each other.
    pub fn receive(&mut self, line: &[u8], view: &View, now: SimTime) {
        if self.deaf || self.outbox.is_ending() {
            return;
        }
        if let Some(account) = &mut self.account {
            account.bytes(line.len() + 1, now);
        }
        let grammar = Arc::clone(&self.grammar);
        let reading = &grammar.reading;
        let Ok(text) = str::from_utf8(line) else {
            return self.unreadable(&reading.not_utf8, line, now);
        };
        match Json::read(text, reading.dialect) {
            Err(JsonError::Form) => self.unreadable(&reading.not_json, line, now),
            Err(JsonError::Depth) => self.unreadable(&reading.too_deep, line, now),
            Ok(json) => {
                if self.rpc == Rpc::Undecided {
                    self.rpc = Rpc::decided_by(&json);
                }
                let message = Message::read(&grammar, self.rpc, json);
                self.message(&grammar, &message, Now { view, time: now });
            }
        }
    }

    /// A line was longer than [`Grammar::longest_line`], and was not kept.
    pub fn receive_too_much(&mut self, now: SimTime) {
        let grammar = Arc::clone(&self.grammar);
        let Some(failure) = grammar.failures.get(&Case::LineTooLong) else { return };
        let line =
            self.framed(&Answer { id: Json::Null, result: Err(failure.fault(&[]).error), about_form: true });
        self.outbox.put(line, now, false);
        if failure.hangs_up {
            self.outbox.hang_up(now, End::Reset);
        }
    }

    /// Tells the client what changed since the last time.
    pub fn advance(&mut self, view: &View, now: SimTime) {
        let protocol = self.protocol().clone();
        let grammar = Arc::clone(&self.grammar);
        let shown = self.conduct.shown(self.client.as_deref(), view);
        let view = shown.as_ref().unwrap_or(view);
        for (method, params) in self.subscriptions.notices(&grammar, &protocol, view) {
            self.notify(&method, Some(params), now);
        }
    }

    /// What leaves now.
    pub fn flush(&mut self, now: SimTime) -> Reaction {
        let (reaction, sent) = self.outbox.flush(now);
        if let Some(account) = &mut self.account {
            account.bytes(sent, now);
        }
        reaction
    }

    fn protocol(&self) -> &Protocol {
        self.agreed.as_ref().unwrap_or(&self.grammar.greeting.min)
    }

    fn unreadable(&mut self, rule: &Unreadable, line: &[u8], now: SimTime) {
        if let Some(account) = &mut self.account {
            account.error(true, now);
        }
        match rule {
            Unreadable::Deafens => self.deaf = true,
            Unreadable::Closes => self.outbox.hang_up(now, End::Close),
            Unreadable::Answered(failure) => {
                let echo = Json::Text(self.echo(line));
                let fault = failure.fault(&[("echo", &echo)]);
                let hangs_up = fault.hangs_up | self.counts(&fault, now);
                let line =
                    self.framed(&Answer { id: Json::Null, result: Err(fault.error), about_form: true });
                self.outbox.put(line, now, self.grammar.latency.flaws_first);
                if hangs_up {
                    self.outbox.hang_up(now, End::Close);
                }
            }
        }
    }

    fn echo(&self, line: &[u8]) -> String {
        let end = b"\n";
        match self.grammar.writing.echo {
            Echo::Whole => String::from_utf8_lossy(&[line, end].concat()).into_owned(),
            Echo::Printable => {
                let printable = |byte: u8| if (b' '..=b'~').contains(&byte) { char::from(byte) } else { '?' };
                let text: String = line.iter().chain(end).take(PRINTABLE).copied().map(printable).collect();
                if line.len() < PRINTABLE { text } else { text + "..." }
            }
        }
    }

    fn message(&mut self, grammar: &Grammar, message: &Message<'_>, now: Now<'_>) {
        let outcomes: Vec<Outcome> = match message {
            Message::Batch(messages) => {
                messages.iter().map(|message| self.single(grammar, message, true, now)).collect()
            }
            single => vec![self.single(grammar, single, false, now)],
        };
        let delay = self.account.as_ref().map_or(std::time::Duration::ZERO, Account::delay);
        let latency = |outcome: &Outcome| match outcome.source {
            Source::Memory => grammar.latency.memory,
            Source::Index => grammar.latency.index,
            Source::Node => grammar.latency.node,
        };
        let slowest = outcomes
            .iter()
            .map(|outcome| latency(outcome).saturating_add(outcome.dawdles))
            .max()
            .unwrap_or(0);
        let due = later(now.time + delay, slowest);
        let hangs_up = outcomes.iter().any(|outcome| outcome.hangs_up);
        if let Message::Batch(messages) = message {
            let mut answers: Vec<(u64, Answer)> = outcomes
                .into_iter()
                .filter_map(|outcome| Some((latency(&outcome), outcome.answer?)))
                .collect();
            if grammar.batch.unordered {
                answers.sort_by_key(|(latency, answer)| (!answer.about_form, *latency));
            }
            let lines: Vec<String> = answers.iter().map(|(_, answer)| self.framed(answer)).collect();
            if !lines.is_empty() || messages.is_empty() {
                let overtakes =
                    grammar.latency.flaws_first && answers.iter().all(|(_, answer)| answer.about_form);
                self.outbox.put(format!("[{}]", lines.join(&grammar.writing.batch_join)), due, overtakes);
            }
        } else if let Some(answer) = outcomes.into_iter().find_map(|outcome| outcome.answer) {
            let overtakes = answer.about_form && grammar.latency.flaws_first;
            let line = self.framed(&answer);
            self.outbox.put(line, if overtakes { now.time } else { due }, overtakes);
        }
        if hangs_up {
            self.outbox.hang_up(due, End::Close);
        }
    }

    fn single(&mut self, grammar: &Grammar, message: &Message<'_>, in_batch: bool, now: Now<'_>) -> Outcome {
        match message {
            Message::Call(call) => self.call(grammar, call, in_batch, now),
            Message::Flawed(flawed) => self.flawed(flawed, now.time),
            // Batches do not nest: the envelope finds no list in a list.
            Message::Batch(_) => {
                Outcome { answer: None, source: Source::Memory, dawdles: 0, hangs_up: false }
            }
        }
    }

    fn flawed(&mut self, flawed: &Flawed<'_>, now: SimTime) -> Outcome {
        if let Some(account) = &mut self.account {
            account.error(false, now);
        }
        let Flawed { failure, id, request } = flawed;
        let values = Json::Text(self.grammar.writing.style.text_of(request));
        let member = |name: &str| request.get(name).cloned().unwrap_or(Json::Null);
        let (its_id, params) = (member("id"), member("params"));
        let fault = failure.map(|failure: &Failure| {
            failure.fault(&[("request", &values), ("id", &its_id), ("params", &params)])
        });
        let hangs_up = fault.as_ref().is_some_and(|fault| fault.hangs_up | self.counts(fault, now));
        let answer = fault.map(|fault| Answer { id: id.clone(), result: Err(fault.error), about_form: true });
        Outcome { answer, source: Source::Memory, dawdles: 0, hangs_up }
    }

    fn call(&mut self, grammar: &Grammar, call: &Call, in_batch: bool, now: Now<'_>) -> Outcome {
        if self.account.as_ref().is_some_and(Account::is_exhausted) {
            return self.failed(call, grammar.fault(Case::ExcessiveUse, &[]), Source::Memory, now.time);
        }
        let protocol = self.protocol().clone();
        let rule = grammar.method(&call.method, &protocol);
        let greets = call.id.is_some() && rule.is_some_and(MethodRule::is_greeting);
        if let (None, Some(failure), false) = (&self.agreed, &grammar.greeting.anything_first, greets) {
            if !std::mem::replace(&mut self.doomed, true) {
                self.crash(grammar, now.time);
            }
            let outcome = self.failed(call, failure.fault(&[]), Source::Memory, now.time);
            // The answers of a batch are sent together, and this connection does not live to see it.
            return if in_batch { Outcome { answer: None, ..outcome } } else { outcome };
        }
        if call.id.is_none() {
            // No notification of a client means anything to anybody.
            let fault = Fault { error: Json::Null, hangs_up: false, strike: false };
            return self.failed(call, fault, Source::Memory, now.time);
        }
        match grammar.understand(call, &protocol) {
            Err(fault) => self.failed(call, fault, Source::Memory, now.time),
            Ok((rule, question)) => {
                if let Some(account) = &mut self.account {
                    account.add(rule.cost + rule.cost_each * question.things(), now.time);
                }
                let manner = self.conduct.manner(&question);
                let outcome = match self.tell(grammar, call, &question, now) {
                    Err(fault) => self.failed(call, fault, rule.does.source(), now.time),
                    Ok(reply) => {
                        if let Some(account) = &mut self.account {
                            account.add(rule.cost_each * reply.things(), now.time);
                        }
                        self.succeeded(call, rule, &reply)
                    }
                };
                match manner {
                    Manner::After(dawdles) => Outcome { dawdles, ..outcome },
                    Manner::Never => Outcome { answer: None, ..outcome },
                }
            }
        }
    }

    /// The seam at which a server lies: a question goes in, a reply comes out, and neither is bytes yet.
    fn tell(
        &mut self,
        grammar: &Grammar,
        call: &Call,
        question: &Question,
        now: Now<'_>,
    ) -> Result<Reply, Fault> {
        let conduct = Arc::clone(&self.conduct);
        let shown = conduct.shown(self.client.as_deref(), now.view);
        let truth =
            self.answer(grammar, call, question, Now { view: shown.as_ref().unwrap_or(now.view), ..now });
        conduct.bend(self.client.as_deref(), grammar, question, truth)
    }

    /// What this implementation answers.
    fn answer(
        &mut self,
        grammar: &Grammar,
        call: &Call,
        question: &Question,
        now: Now<'_>,
    ) -> Result<Reply, Fault> {
        match question {
            Question::Version { client, protocol } => {
                let offered = match &call.params {
                    Params::List(items) => items.len() > 1,
                    Params::Named(members) => members.len() > 1,
                    Params::Absent | Params::Odd => false,
                };
                self.greet(grammar, client, Some(protocol).filter(|_| offered), now.time)
            }
            Question::Features => Ok(Reply::Fixed(self.identity.features(grammar, self.protocol()))),
            Question::Banner => Ok(Reply::Text(self.identity.banner(grammar))),
            Question::DonationAddress => Ok(Reply::Fixed(self.identity.donation_address(grammar))),
            Question::Ping => Ok(Reply::Nothing),
            Question::Pong { length } => {
                let most = grammar.limits.answer.unwrap_or(usize::MAX);
                let length = usize::try_from(*length).ok().filter(|length| *length <= most);
                length.map(Reply::Pong).ok_or_else(|| grammar.fault(Case::TooLongAnAnswer, &[]))
            }
            Question::Peers => Ok(Reply::Fixed(self.identity.peers())),
            Question::AddPeer { features } => Ok(Reply::Flag(self.identity.welcomes(grammar, features))),
            Question::SubscribeHeaders => Ok(self.subscriptions.headers(now.view)),
            Question::UnsubscribeHeaders => Ok(Reply::Flag(self.subscriptions.no_headers())),
            Question::Subscribe(script) => self
                .subscriptions
                .script(grammar, now.view, *script, &call.method)
                .ok_or_else(|| grammar.fault(Case::ExcessiveUse, &[])),
            Question::Unsubscribe(script) => Ok(Reply::Flag(self.subscriptions.no_script(script))),
            // Nobody is told of outputs.
            Question::UnsubscribeOutpoint => Ok(Reply::Flag(false)),
            chain => match answer(grammar, chain, now.view) {
                Some(Ok(reply)) => Ok(reply),
                Some(Err(refusal)) => {
                    let values: Vec<(&str, &Json)> =
                        refusal.values.iter().map(|(name, value)| (*name, value)).collect();
                    Err(grammar.fault(refusal.case, &values))
                }
                None => Ok(Reply::Nothing),
            },
        }
    }

    fn greet(
        &mut self,
        grammar: &Grammar,
        client: &Json,
        offer: Option<&Json>,
        now: SimTime,
    ) -> Result<Reply, Fault> {
        if let (Some(_), Some(again)) = (&self.agreed, &grammar.greeting.again) {
            return Err(again.fault(&[]));
        }
        if let Json::Text(name) = client {
            self.client = Some(name.clone());
        }
        match grammar.greeting.negotiate(offer) {
            Agreement::On(protocol) => {
                if grammar.greeting.crashes(client, Some(&protocol)) {
                    self.crash(grammar, now);
                }
                let reply =
                    Reply::Greeting { agent: self.identity.agent(grammar), protocol: protocol.to_string() };
                self.agreed = Some(protocol);
                Ok(reply)
            }
            Agreement::Not(failure, offer) => {
                if grammar.greeting.crashes(client, None) {
                    self.crash(grammar, now);
                }
                Err(failure.fault(&[("offer", &offer), ("client", client)]))
            }
        }
    }

    fn crash(&mut self, grammar: &Grammar, now: SimTime) {
        for method in &grammar.greeting.crashes {
            self.notify(method, None, now);
        }
    }

    fn notify(&mut self, method: &str, params: Option<Json>, now: SimTime) {
        let version = Some(("jsonrpc".to_owned(), Json::text("2.0"))).filter(|_| self.rpc != Rpc::One);
        let method = Some(("method".to_owned(), Json::text(method)));
        let params = params.map(|params| ("params".to_owned(), params));
        let members = [version, method, params].into_iter().flatten().collect();
        let line = self.grammar.writing.style.text_of(&Json::Object(members));
        self.outbox.put(line, now, false);
    }

    fn succeeded(&mut self, call: &Call, rule: &MethodRule, reply: &Reply) -> Outcome {
        self.strikes = self.strikes.saturating_sub(1);
        let json = reply.json(&self.grammar, self.protocol(), rule.inside.as_deref());
        let answer = call.id.clone().map(|id| Answer { id, result: Ok(json), about_form: false });
        Outcome { answer, source: rule.does.source(), dawdles: 0, hangs_up: false }
    }

    fn failed(&mut self, call: &Call, fault: Fault, source: Source, now: SimTime) -> Outcome {
        if let Some(account) = &mut self.account {
            account.error(false, now);
        }
        let hangs_up = fault.hangs_up | self.counts(&fault, now);
        let answer = call.id.clone().map(|id| Answer { id, result: Err(fault.error), about_form: false });
        Outcome { answer, source, dawdles: 0, hangs_up }
    }

    /// Counts an error; says whether it was one too many.
    fn counts(&mut self, fault: &Fault, now: SimTime) -> bool {
        let Some(limit) = self.grammar.limits.strikes.filter(|_| fault.strike) else { return false };
        self.strikes += 1;
        let too_many = self.strikes >= limit;
        if too_many && !self.outbox.is_empty() {
            // Who sends them all at once gets none of the answers.
            self.outbox.clear();
            self.outbox.hang_up(now, End::Close);
        }
        too_many
    }

    /// An answer in its envelope.
    fn framed(&self, answer: &Answer) -> String {
        let writing = &self.grammar.writing;
        if self.rpc == Rpc::One {
            let (result, error) = match &answer.result {
                Ok(result) => (result.clone(), Json::Null),
                Err(error) => (Json::Null, error.clone()),
            };
            return writing.style.text_of(&Json::object([
                ("result", result),
                ("error", error),
                ("id", answer.id.clone()),
            ]));
        }
        let (order, value) = match &answer.result {
            Ok(result) => (&writing.result, result),
            Err(error) => (&writing.error, error),
        };
        let member = |member: &Member| match member {
            Member::Jsonrpc => ("jsonrpc".to_owned(), Json::text("2.0")),
            Member::Id => ("id".to_owned(), answer.id.clone()),
            Member::Result => ("result".to_owned(), value.clone()),
            Member::Error => ("error".to_owned(), value.clone()),
        };
        writing.style.text_of(&Json::Object(order.iter().map(member).collect()))
    }
}
