//! What each component is allowed to ask of the API server beside what it asked: roles held against an audit log. Pure.
//! Whose role a rule is in, and whose account made a call, is the last word of its name.

use std::{collections::HashSet, fmt};

use serde::Deserialize;

/// Whose calls count: components run under accounts, persons and the cluster itself do not.
const ACCOUNTS: &str = "system:serviceaccount:";
/// The role by which Kubernetes lets everybody with an account ask which kinds there are.
const DISCOVERY: &str = "system:discovery";

/// A Role or a ClusterRole.
#[derive(Clone, Debug, Deserialize)]
pub struct Role {
    kind: String,
    metadata: Metadata,
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, Deserialize)]
struct Metadata {
    name: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    api_groups: Vec<String>,
    resources: Vec<String>,
    #[serde(default)]
    resource_names: Vec<String>,
    verbs: Vec<String>,
}

/// A line of an audit log (audit.k8s.io/v1 Event).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(rename = "auditID")]
    id: String,
    verb: String,
    user: User,
    #[serde(rename = "requestURI")]
    uri: String,
    object_ref: Option<Object>,
    response_status: Option<Answer>,
}

impl Event {
    /// Without what is asked for of it.
    fn path(&self) -> &str {
        self.uri.split('?').next().unwrap_or_default()
    }

    fn discovers(&self) -> bool {
        let root = self.path().split('/').nth(1);
        self.object_ref.is_none() && self.verb == "get" && matches!(root, Some("api" | "apis"))
    }

    fn answered(&self, code: u16) -> bool {
        self.response_status.as_ref().is_some_and(|answer| answer.code == code)
    }
}

#[derive(Deserialize)]
struct User {
    username: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Object {
    api_group: String,
    resource: String,
    subresource: String,
    name: String,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    code: u16,
}

/// What a component may ask, or has asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Right {
    component: String,
    /// As kubectl writes it: `deployments.apps`, `scancampaigns.electrumobservatory.org/status`.
    resource: String,
    verb: String,
}

/// A right, with who gives it and how often it was used.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    right: Right,
    /// The objects that it is for; all of them where there are none.
    only: Vec<String>,
    /// The kind of the role, or the name of Kubernetes' own; none where no role allows it.
    allowed_by: Option<String>,
    calls: usize,
}

/// Every right of every role, and every call that no role allows.
#[derive(Clone, Debug)]
pub struct Table(Vec<Row>);

impl Table {
    /// Counts the calls of an audit log by the rule that allows them. Of two rules that allow the same, the second is for
    /// nothing.
    ///
    /// # Errors
    /// Where a line is no event.
    pub fn new(roles: &[Role], audit: &str) -> Result<Self, serde_json::Error> {
        let mut rows: Vec<Row> = roles.iter().flat_map(granted).collect();
        let mut counted = HashSet::new();
        for line in audit.lines() {
            let event: Event = serde_json::from_str(line)?;
            // A watch is there twice: where it begins and where it ends.
            if !event.user.username.starts_with(ACCOUNTS) || !counted.insert(event.id.clone()) {
                continue;
            }
            for (right, name) in asked(&event) {
                // Bindings are the API server's to read: what it refused is allowed by no role.
                let refused = event.answered(403);
                let counts = |row: &&mut Row| {
                    row.right == right
                        && (row.only.is_empty() || row.only.contains(&name))
                        && !(refused && row.allowed_by.is_some())
                };
                match rows.iter_mut().find(counts) {
                    Some(row) => row.calls += 1,
                    None => {
                        let only = Some(name).filter(|name| !name.is_empty()).into_iter().collect();
                        let discovers = event.discovers() && !refused;
                        let allowed_by = discovers.then(|| DISCOVERY.to_owned());
                        rows.push(Row { right, only, allowed_by, calls: 1 });
                    }
                }
            }
        }
        rows.sort_by(|a, b| a.right.cmp(&b.right));
        Ok(Self(rows))
    }

    /// Calls that no role allows, and rights that nobody used, a line each.
    #[must_use]
    pub fn wrongs(&self) -> Vec<String> {
        let wrong = |row: &Row| {
            let Right { component, resource, verb } = &row.right;
            match &row.allowed_by {
                None => {
                    Some(format!("no role allows {component} to {verb} {resource} {}", row.only.join(", ")))
                }
                Some(role) if row.calls == 0 => {
                    Some(format!("{component} never needed to {verb} {resource}: take it from its {role}"))
                }
                Some(_) => None,
            }
        };
        self.0.iter().filter_map(wrong).collect()
    }
}

/// In Markdown.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| component | resource | verb | calls | allowed by |\n|---|---|---|---|---|")?;
        for Row { right, only, allowed_by, calls } in &self.0 {
            let Right { component, resource, verb } = right;
            let only = if only.is_empty() { String::new() } else { format!(" `{}`", only.join("`, `")) };
            let by = allowed_by.as_deref().unwrap_or("nobody");
            writeln!(f, "| {component} | `{resource}`{only} | {verb} | {calls} | {by} |")?;
        }
        Ok(())
    }
}

fn granted(role: &Role) -> Vec<Row> {
    let mut rows = Vec::new();
    for rule in &role.rules {
        for (group, resource) in rule
            .api_groups
            .iter()
            .flat_map(|group| rule.resources.iter().map(move |resource| (group, resource)))
        {
            let (resource, part) = resource.split_once('/').unwrap_or((resource, ""));
            rows.extend(rule.verbs.iter().map(|verb| Row {
                right: Right {
                    component: component(&role.metadata.name),
                    resource: full(resource, group, part),
                    verb: verb.clone(),
                },
                only: rule.resource_names.clone(),
                allowed_by: Some(role.kind.clone()),
                calls: 0,
            }));
        }
    }
    rows
}

/// What a call needs to be allowed, and the name of its object: a patch that makes an object also needs `create`, of which
/// the log tells by the answer alone.
fn asked(event: &Event) -> Vec<(Right, String)> {
    let (resource, name) = match &event.object_ref {
        Some(object) => (full(&object.resource, &object.api_group, &object.subresource), object.name.clone()),
        None => (event.path().to_owned(), String::new()),
    };
    let made = event.verb == "patch" && event.answered(201);
    let right = |verb: &str| Right {
        component: component(&event.user.username),
        resource: resource.clone(),
        verb: verb.to_owned(),
    };
    let verbs = std::iter::once(event.verb.as_str()).chain(made.then_some("create"));
    verbs.map(|verb| (right(verb), name.clone())).collect()
}

fn component(name: &str) -> String {
    name.rsplit(['-', ':']).next().unwrap_or(name).to_owned()
}

fn full(resource: &str, group: &str, part: &str) -> String {
    let group = if group.is_empty() { String::new() } else { format!(".{group}") };
    let part = if part.is_empty() { String::new() } else { format!("/{part}") };
    format!("{resource}{group}{part}")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn table(calls: &[(&str, &str, &str, &str, u16)]) -> Table {
        let roles = serde_json::from_value::<Vec<Role>>(json!([
            {"kind": "ClusterRole", "metadata": {"name": "observatory-operator"}, "rules": [
                {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["create", "patch"]},
                {"apiGroups": ["apps"], "resources": ["deployments/status"], "verbs": ["patch"]},
            ]},
            {"kind": "Role", "metadata": {"name": "observatory-operator"}, "rules": [
                {"apiGroups": [""], "resources": ["pods"], "resourceNames": ["one"], "verbs": ["get"]},
            ]},
        ]))
        .expect("roles");
        let line = |(id, (user, verb, path, name, code)): (usize, &(&str, &str, &str, &str, u16))| {
            let (resource, part) = path.split_once('/').unwrap_or((path, ""));
            let group = if resource == "pods" { "" } else { "apps" };
            let object = json!({"apiGroup": group, "resource": resource, "subresource": part, "name": name});
            json!({"auditID": id.to_string(), "verb": verb, "user": {"username": user},
                "requestURI": format!("{path}?timeout=5s"), "responseStatus": {"code": code},
                "objectRef": if path.starts_with('/') { Value::Null } else { object }})
            .to_string()
        };
        let audit: Vec<String> = calls.iter().enumerate().map(line).collect();
        // Each twice, as watches are.
        Table::new(&roles, &[audit.join("\n"), audit.join("\n")].join("\n")).expect("events")
    }

    const OPERATOR: &str = "system:serviceaccount:default:observatory-operator";

    #[test]
    fn what_is_used_and_allowed_is_right() {
        let table = table(&[
            (OPERATOR, "patch", "deployments", "a", 201),
            (OPERATOR, "patch", "deployments", "a", 200),
            (OPERATOR, "patch", "deployments/status", "a", 200),
            (OPERATOR, "get", "pods", "one", 200),
            (OPERATOR, "get", "/apis/apps/v1", "", 200),
            ("admin", "delete", "pods", "one", 200),
        ]);
        assert_eq!(table.wrongs(), Vec::<String>::new());
        let rows: Vec<String> = table.to_string().lines().skip(2).map(str::to_owned).collect();
        assert_eq!(
            rows,
            [
                "| operator | `/apis/apps/v1` | get | 1 | system:discovery |",
                "| operator | `deployments.apps` | create | 1 | ClusterRole |",
                "| operator | `deployments.apps` | patch | 2 | ClusterRole |",
                "| operator | `deployments.apps/status` | patch | 1 | ClusterRole |",
                "| operator | `pods` `one` | get | 1 | Role |",
            ]
        );
    }

    #[test]
    fn what_nobody_used_and_what_no_role_allows_is_wrong() {
        let table = table(&[
            (OPERATOR, "patch", "deployments", "a", 200),
            (OPERATOR, "get", "pods", "another", 403),
            (OPERATOR, "get", "/metrics", "", 403),
            (OPERATOR, "delete", "deployments", "a", 403),
            (OPERATOR, "patch", "deployments", "elsewhere", 403),
            (OPERATOR, "patch", "deployments", "elsewhere", 403),
            ("system:serviceaccount:default:observatory-scanner", "get", "deployments", "a", 403),
        ]);
        let mut wrongs = table.wrongs();
        wrongs.sort();
        assert_eq!(
            wrongs,
            [
                "no role allows operator to delete deployments.apps a",
                "no role allows operator to get /metrics ",
                "no role allows operator to get pods another",
                "no role allows operator to patch deployments.apps elsewhere",
                "no role allows scanner to get deployments.apps a",
                "operator never needed to create deployments.apps: take it from its ClusterRole",
                "operator never needed to get pods: take it from its Role",
                "operator never needed to patch deployments.apps/status: take it from its ClusterRole",
            ]
        );
    }
}
