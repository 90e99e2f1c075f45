//! What a container is run with: its command, its arguments and its environment, as they are on this machine.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;

use k8s_openapi::api::core::v1::{Container, EnvVar, Pod};
use kube::ResourceExt;

use super::Settings;
use super::seen::{Seen, find};
use super::template::NODE;
use super::volumes::Volumes;
use super::worker::Obstacle;

pub(super) struct Environment {
    pub(super) command: Vec<String>,
    pub(super) variables: BTreeMap<String, String>,
}

impl Environment {
    pub(super) fn new(
        pod: &Pod,
        container: &Container,
        seen: &Seen,
        settings: &Settings,
        volumes: &Volumes,
        address: Ipv4Addr,
    ) -> Result<Self, Obstacle> {
        let name = container.image.as_deref().unwrap_or_default();
        let image = settings
            .images
            .get(name)
            .ok_or_else(|| Obstacle("ErrImagePull", format!("the test kubelet has no image {name}")))?;
        let names = volumes.names(container);
        let mut variables = BTreeMap::new();
        for variable in container.env.iter().flatten() {
            if let Some(value) = value(pod, variable, seen, address)? {
                let value = substitute(&expand(&value, &variables), &names);
                variables.insert(variable.name.clone(), value);
            }
        }
        let given = |list: &Option<Vec<String>>| list.clone().filter(|list| !list.is_empty());
        let mut command = given(&container.command).unwrap_or_else(|| image.entrypoint.clone());
        command.extend(container.args.clone().unwrap_or_default());
        for part in &mut command {
            *part = substitute(&expand(part, &variables), &names);
        }
        let Some(program) = command.first_mut() else {
            return Err(Obstacle(
                "RunContainerError",
                format!("neither the container nor {name} has a command"),
            ));
        };
        let own = image.programs.join(Path::new(program.as_str()).file_name().unwrap_or_default());
        if own.is_file() {
            *program = own.display().to_string();
        }
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", image.programs.display());
        variables.entry("PATH".into()).or_insert(path);
        variables.entry("HOSTNAME".into()).or_insert(pod.name_any());
        Ok(Self { command, variables })
    }
}

impl Environment {
    /// Who it is to the API server. A real Pod finds that in files at a place of their own.
    pub(super) fn of_user(mut self, kubeconfig: Option<&Path>) -> Self {
        if let Some(file) = kubeconfig {
            self.variables.insert("KUBECONFIG".into(), file.display().to_string());
        }
        self
    }
}

/// None where an optional source is not there.
fn value(pod: &Pod, variable: &EnvVar, seen: &Seen, address: Ipv4Addr) -> Result<Option<String>, Obstacle> {
    let Some(from) = &variable.value_from else {
        return Ok(Some(variable.value.clone().unwrap_or_default()));
    };
    let namespace = pod.namespace().unwrap_or_default();
    let (source, found, optional) = if let Some(key) = &from.secret_key_ref {
        let secret = find(&seen.secrets, &namespace, &key.name).and_then(|secret| secret.data.as_ref());
        let value =
            secret.and_then(|data| data.get(&key.key)).map(|bytes| String::from_utf8_lossy(&bytes.0).into());
        (format!("secret {}, key {}", key.name, key.key), value, key.optional)
    } else if let Some(key) = &from.config_map_key_ref {
        let config = find(&seen.configs, &namespace, &key.name).and_then(|config| config.data.as_ref());
        let value = config.and_then(|data| data.get(&key.key)).cloned();
        (format!("configmap {}, key {}", key.name, key.key), value, key.optional)
    } else if let Some(field) = &from.field_ref {
        (format!("field {}", field.field_path), self::field(pod, &field.field_path, address), None)
    } else {
        ("a kind of source that the test kubelet does not know".into(), None, None)
    };
    if found.is_none() && optional != Some(true) {
        return Err(Obstacle("CreateContainerConfigError", format!("there is no {source}")));
    }
    Ok(found)
}

fn field(pod: &Pod, path: &str, address: Ipv4Addr) -> Option<String> {
    let quoted = |prefix: &str| path.strip_prefix(prefix)?.strip_suffix("']");
    match path {
        "metadata.name" => pod.metadata.name.clone(),
        "metadata.namespace" => pod.namespace(),
        "metadata.uid" => pod.uid(),
        "spec.nodeName" => Some(NODE.into()),
        "spec.serviceAccountName" => pod.spec.as_ref()?.service_account_name.clone(),
        "status.podIP" | "status.hostIP" => Some(address.to_string()),
        _ => quoted("metadata.labels['").map_or_else(
            || pod.annotations().get(quoted("metadata.annotations['")?).cloned(),
            |key| pod.labels().get(key).cloned(),
        ),
    }
}

/// Replaces `$(NAME)`; what is not known stays.
fn expand(text: &str, variables: &BTreeMap<String, String>) -> String {
    variables
        .iter()
        .fold(text.into(), |text: String, (name, value)| text.replace(&format!("$({name})"), value))
}

/// Replaces names that stand by themselves, not within a longer one: the longest first.
pub(super) fn substitute(text: &str, names: &[(String, String)]) -> String {
    let inside = |symbol: char| symbol.is_alphanumeric() || matches!(symbol, '-' | '_' | '.');
    let mut done = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(symbol) = rest.chars().next() {
        let alone = !done.chars().next_back().is_some_and(inside);
        let found = names.iter().find(|(name, _)| {
            alone
                && rest
                    .strip_prefix(name.as_str())
                    .is_some_and(|after| !after.chars().next().is_some_and(inside))
        });
        if let Some((name, value)) = found {
            done.push_str(value);
            rest = &rest[name.len()..];
        } else {
            done.push(symbol);
            rest = &rest[symbol.len_utf8()..];
        }
    }
    done
}

#[cfg(test)]
mod tests {
    use super::substitute;

    #[test]
    fn names_are_replaced_where_they_stand_by_themselves() {
        let names = [
            ("/etc/app/sub".into(), "/t/2".into()),
            ("/etc/app".into(), "/t/1".into()),
            ("db.a.svc".into(), "::1".into()),
        ];
        for (text, expected) in [
            ("--config=/etc/app/file.toml", "--config=/t/1/file.toml"),
            ("/etc/app/sub/x:/etc/app", "/t/2/x:/t/1"),
            ("/etc/application /opt/etc/app /etc/app.toml", "/etc/application /opt/etc/app /etc/app.toml"),
            ("redis://db.a.svc:6379 db.a.svc.cluster.local", "redis://::1:6379 db.a.svc.cluster.local"),
        ] {
            assert_eq!(substitute(text, &names), expected);
        }
    }
}
