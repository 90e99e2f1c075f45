//! From a call to a question: the method is looked up, its parameters are counted and read, and whatever is wrong is
//! put into the server's words.

use super::{
    arguments::Argument,
    data::{Case, Failure, Grammar, Kind, MethodRule, Names, Param, Protocol},
    envelope::{Call, Params},
    json::Json,
    question::{Method, Question},
    words::Values,
};

/// An error, in words.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fault {
    pub(crate) error: Json,
    pub(crate) hangs_up: bool,
    /// Whether it is held against the client.
    pub(crate) strike: bool,
}

impl Failure {
    pub(crate) fn fault(&self, values: &Values<'_>) -> Fault {
        let message = Json::Text(self.message.fill(values));
        let error = match self.code {
            Some(code) => Json::object([("code", Json::from(code)), ("message", message)]),
            None => message,
        };
        Fault { error, hangs_up: self.hangs_up, strike: self.strike }
    }
}

impl Fault {
    /// What this implementation says where its node takes no transaction, with the node's words exchanged.
    pub(crate) fn refusing_a_transaction(grammar: &Grammar, text: &str) -> Self {
        let code = grammar.failures.get(&Case::TransactionRefused).and_then(|failure| failure.code);
        let error = match code {
            Some(code) => Json::object([("code", Json::from(code)), ("message", Json::text(text))]),
            None => Json::text(text),
        };
        Self { error, hangs_up: false, strike: false }
    }
}

impl Grammar {
    /// The words for a case; a fault of ours where the grammar has none.
    pub(crate) fn fault(&self, case: Case, values: &Values<'_>) -> Fault {
        match self.failures.get(&case) {
            Some(failure) => failure.fault(values),
            None => Fault { error: Json::text("internal error"), hangs_up: false, strike: false },
        }
    }

    /// The method of that name under a protocol.
    pub(crate) fn method(&self, name: &str, protocol: &Protocol) -> Option<&MethodRule> {
        let family = || {
            self.methods
                .iter()
                .find(|(key, _)| key.strip_suffix('*').is_some_and(|stem| name.starts_with(stem)))
        };
        let rules = self.methods.get(name).or_else(|| family().map(|(_, rules)| rules))?;
        rules.iter().find(|rule| {
            rule.since.as_ref().is_none_or(|since| protocol >= since)
                && rule.until.as_ref().is_none_or(|until| protocol < until)
        })
    }

    /// Understands a call.
    pub(crate) fn understand(
        &self,
        call: &Call,
        protocol: &Protocol,
    ) -> Result<(&MethodRule, Question), Fault> {
        let method = Json::text(&call.method);
        let given = match &call.params {
            Params::List(items) => Json::List(items.clone()),
            _ => Json::List(Vec::new()),
        };
        let Some(rule) = self.method(&call.method, protocol) else {
            return Err(self.fault(Case::UnknownMethod, &[("method", &method), ("params", &given)]));
        };
        if let Some(failure) = &rule.fails {
            return Err(failure.fault(&[("method", &method)]));
        }
        let reading = Reading { grammar: self, rule, method: &method };
        let arguments = reading.arguments(&call.params)?;
        let question = Question::new(rule.does, &arguments);
        question
            .map(|question| (rule, question))
            .ok_or_else(|| self.fault(Case::UnknownMethod, &[("method", &method)]))
    }
}

/// Parameters being read for a method.
struct Reading<'g> {
    grammar: &'g Grammar,
    rule: &'g MethodRule,
    method: &'g Json,
}

impl Reading<'_> {
    fn arguments(&self, params: &Params) -> Result<Vec<Option<Argument>>, Fault> {
        let takes_anything = self.rule.params.is_empty() && self.grammar.arity.nothing_is_anything;
        match params {
            _ if takes_anything => Ok(Vec::new()),
            Params::Absent => self.absent(),
            Params::List(items) => self.listed(items),
            Params::Named(members) => self.named(members),
            // To those that do not look, it is nothing.
            Params::Odd => self.listed(&[]),
        }
    }

    fn absent(&self) -> Result<Vec<Option<Argument>>, Fault> {
        match &self.grammar.arity.none {
            Some(failure) if self.least() > 0 => Err(failure.fault(&[("method", self.method)])),
            _ => self.listed(&[]),
        }
    }

    fn least(&self) -> usize {
        self.rule.params.iter().filter(|param| !param.optional).count()
    }

    fn listed(&self, items: &[Json]) -> Result<Vec<Option<Argument>>, Fault> {
        let (least, most) = (self.least(), self.rule.params.len());
        let [given, min, max] = [items.len(), least, most].map(|count| Json::from(count as u64));
        let values = [("method", self.method), ("given", &given), ("min", &min), ("max", &max)];
        let arity = &self.grammar.arity;
        if let Some(few) = arity.few.as_ref().filter(|_| items.len() < least) {
            return Err(few.fault(&values));
        }
        let too_many = items.len() > most && !self.rule.variadic;
        if let Some(refused) = self.rule.last_refused.as_ref().filter(|_| items.len() == most) {
            return Err(refused.fault(&values));
        }
        if let Some(many) = arity.many.as_ref().filter(|_| too_many) {
            return Err(many.fault(&values));
        }
        let places = self.rule.params.iter().zip(items.iter().map(Some).chain(std::iter::repeat(None)));
        places.map(|(param, item)| self.argument(param, item)).collect()
    }

    fn named(&self, members: &[(String, Json)]) -> Result<Vec<Option<Argument>>, Fault> {
        let (missing, excess) = match &self.grammar.arity.names {
            Names::Refused(failure) => return Err(failure.fault(&[("method", self.method)])),
            Names::Accepted { missing, excess } => (missing, excess),
        };
        let given =
            |param: &Param| members.iter().find(|(name, _)| *name == param.name).map(|(_, value)| value);
        let absent = self.rule.params.iter().filter(|param| !param.optional && given(param).is_none());
        let unknown =
            members.iter().filter(|(name, _)| !self.rule.params.iter().any(|param| param.name == *name));
        let absent: Vec<&str> = absent.map(|param| param.name.as_str()).collect();
        let unknown: Vec<&str> =
            unknown.map(|(name, _)| name.as_str()).filter(|_| !self.rule.variadic).collect();
        for (failure, mut names) in [(missing, absent), (excess, unknown)] {
            if !names.is_empty() {
                names.sort_unstable();
                let count = Json::from(names.len() as u64);
                let list =
                    Json::Text(names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", "));
                return Err(failure.fault(&[("method", self.method), ("count", &count), ("names", &list)]));
            }
        }
        self.rule.params.iter().map(|param| self.argument(param, given(param))).collect()
    }

    fn argument(&self, param: &Param, item: Option<&Json>) -> Result<Option<Argument>, Fault> {
        let kind: Option<&Kind> = self.grammar.kinds.get(&param.kind);
        let name = Json::text(&param.name);
        let fault = |failure: &Failure, value: &Json| {
            failure.fault(&[("method", self.method), ("name", &name), ("value", value)])
        };
        match (kind, item) {
            (_, None) if param.optional => Ok(None),
            (Some(kind), None) => Err(fault(kind.missing.as_ref().unwrap_or(&kind.failure), &Json::Null)),
            (Some(kind), Some(item)) => {
                kind.read(item).map(Some).map_err(|shown| fault(&kind.failure, &shown))
            }
            (None, _) => Ok(None),
        }
    }
}

impl MethodRule {
    /// Whether it is the greeting.
    pub(crate) fn is_greeting(&self) -> bool {
        self.does == Method::Version
    }
}
