//! The `restricted` Pod security standard, which this API server does not enforce.

use k8s_openapi::api::core::v1::{Container, PodSpec, Volume};

/// What the `restricted` profile would refuse, one sentence each; none if the Pod may run.
#[must_use]
pub fn violations(spec: &PodSpec) -> Vec<String> {
    let mut found = Vec::new();
    let mut must = |holds: bool, text: String| {
        if !holds {
            found.push(text);
        }
    };
    let shares = [spec.host_network, spec.host_pid, spec.host_ipc].contains(&Some(true));
    must(!shares, "it shares a namespace of the host".into());
    for volume in spec.volumes.iter().flatten() {
        must(allowed(volume), format!("volume {} is of a kind that is not allowed", volume.name));
    }
    let pod = spec.security_context.clone().unwrap_or_default();
    let init = spec.init_containers.iter().flatten();
    for container in spec.containers.iter().chain(init) {
        let own = container.security_context.clone().unwrap_or_default();
        let name = &container.name;
        must(own.privileged != Some(true), format!("{name}: privileged"));
        must(
            own.allow_privilege_escalation == Some(false),
            format!("{name}: allowPrivilegeEscalation must be false"),
        );
        must(
            own.run_as_non_root.or(pod.run_as_non_root) == Some(true),
            format!("{name}: runAsNonRoot must be true"),
        );
        must(own.run_as_user.or(pod.run_as_user) != Some(0), format!("{name}: runAsUser must not be 0"));
        let seccomp =
            own.seccomp_profile.or_else(|| pod.seccomp_profile.clone()).map(|profile| profile.type_);
        must(
            matches!(seccomp.as_deref(), Some("RuntimeDefault" | "Localhost")),
            format!("{name}: seccompProfile must be RuntimeDefault or Localhost"),
        );
        let capabilities = own.capabilities.unwrap_or_default();
        must(
            capabilities.drop.iter().flatten().any(|each| each == "ALL"),
            format!("{name}: capabilities must drop ALL"),
        );
        must(
            capabilities.add.iter().flatten().all(|each| each == "NET_BIND_SERVICE"),
            format!("{name}: no capability but NET_BIND_SERVICE may be added"),
        );
        must(
            own.proc_mount.is_none_or(|mount| mount == "Default"),
            format!("{name}: procMount must be Default"),
        );
        must(!has_host_port(container), format!("{name}: hostPort"));
    }
    found
}

fn allowed(volume: &Volume) -> bool {
    volume.config_map.is_some()
        || volume.secret.is_some()
        || volume.empty_dir.is_some()
        || volume.persistent_volume_claim.is_some()
        || volume.projected.is_some()
        || volume.downward_api.is_some()
        || volume.csi.is_some()
        || volume.ephemeral.is_some()
}

fn has_host_port(container: &Container) -> bool {
    container.ports.iter().flatten().any(|port| port.host_port.is_some_and(|port| port != 0))
}
