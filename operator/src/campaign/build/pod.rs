//! The pods of scanners and of the analyzer, as far as they are alike: both may do as little as a pod can. Pure.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{
        Capabilities, ConfigMapVolumeSource, Container, KeyToPath, PersistentVolumeClaimVolumeSource,
        PodSecurityContext, PodSpec, ResourceRequirements, SeccompProfile, SecretVolumeSource,
        SecurityContext, Volume, VolumeMount,
    },
    apimachinery::pkg::api::resource::Quantity,
};

use crate::{Settings, campaign::validate::Validated, names};

/// Nobody, in images that hold one program and no users.
const USER: i64 = 65_532;
/// Where the campaign's text and its lists are.
const CAMPAIGN: &str = "/etc/observatory/campaign";
/// Where the name and password for Redis are.
const REDIS: &str = "/etc/observatory/redis";
/// Where the certificate is that signed Redis'.
const REDIS_CA: &str = "/etc/observatory/redis-ca";

/// Where databases of addresses are.
const GEOIP: &str = "/usr/share/observatory";

/// The file of the campaign in every container.
pub(super) fn campaign_file() -> String {
    format!("{CAMPAIGN}/{}", super::CAMPAIGN_FILE)
}

/// How Redis is reached.
pub(super) fn redis_arguments(settings: &Settings) -> Vec<String> {
    let mut arguments = vec!["--redis".to_owned(), settings.shared.redis.clone()];
    if settings.redis_secret.is_some() {
        arguments.extend(["--redis-user-file".to_owned(), format!("{REDIS}/username")]);
        arguments.extend(["--redis-password-file".to_owned(), format!("{REDIS}/password")]);
    }
    if settings.redis_ca_secret.is_some() {
        arguments.extend(["--redis-ca-file".to_owned(), format!("{REDIS_CA}/ca.crt")]);
    }
    arguments
}

/// Where it is written where addresses are.
pub(super) fn geoip_arguments(settings: &Settings) -> impl Iterator<Item = String> {
    settings.geoip.iter().flat_map(|database| ["--geoip".to_owned(), database.clone()])
}

/// A container that runs one of our programs.
pub(super) fn container(settings: &Settings, program: &str, arguments: Vec<String>) -> Container {
    let mut mounts = vec![mount("campaign", CAMPAIGN)];
    if settings.redis_secret.is_some() {
        mounts.push(mount("redis", REDIS));
    }
    if settings.redis_ca_secret.is_some() {
        mounts.push(mount("redis-ca", REDIS_CA));
    }
    if settings.geoip_claim.is_some() {
        mounts.push(VolumeMount { read_only: Some(true), ..mount("geoip", GEOIP) });
    }
    Container {
        name: program.to_owned(),
        image: Some(settings.image.clone()),
        image_pull_policy: settings.image_pull_policy.clone(),
        command: Some(vec![format!("/usr/local/bin/{program}")]),
        args: Some(arguments),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            capabilities: Some(Capabilities {
                drop: Some(vec!["ALL".to_owned()]),
                ..Capabilities::default()
            }),
            read_only_root_filesystem: Some(true),
            ..SecurityContext::default()
        }),
        volume_mounts: Some(mounts),
        ..Container::default()
    }
}

/// A pod with that container alone.
pub(super) fn spec(campaign: &Validated, settings: &Settings, container: Container) -> PodSpec {
    let mut volumes = vec![Volume {
        name: "campaign".to_owned(),
        config_map: Some(ConfigMapVolumeSource {
            name: names::config_map(&campaign.name),
            ..ConfigMapVolumeSource::default()
        }),
        ..Volume::default()
    }];
    for (name, secret) in [("redis", &settings.redis_secret), ("redis-ca", &settings.redis_ca_secret)] {
        if let Some(secret) = secret {
            volumes.push(Volume {
                name: name.to_owned(),
                secret: Some(SecretVolumeSource {
                    secret_name: Some(secret.clone()),
                    // Readable for the group of the pod, and nobody else.
                    default_mode: Some(0o440),
                    ..SecretVolumeSource::default()
                }),
                ..Volume::default()
            });
        }
    }
    if let Some(claim) = &settings.geoip_claim {
        volumes.push(Volume {
            name: "geoip".to_owned(),
            persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
                claim_name: claim.clone(),
                read_only: Some(true),
            }),
            ..Volume::default()
        });
    }
    PodSpec {
        containers: vec![container],
        volumes: Some(volumes),
        // Scanners face hostile servers: there is no token to take from them.
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        termination_grace_period_seconds: Some(settings.grace_seconds.into()),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(USER),
            run_as_group: Some(USER),
            fs_group: Some(USER),
            seccomp_profile: Some(SeccompProfile {
                type_: "RuntimeDefault".to_owned(),
                ..SeccompProfile::default()
            }),
            ..PodSecurityContext::default()
        }),
        ..PodSpec::default()
    }
}

/// Names the files of the campaign's ConfigMap. A node begins no pod with an older one that lacks any of them.
pub(super) fn only(spec: &mut PodSpec, files: impl Iterator<Item = String>) {
    let items = files.map(|key| KeyToPath { path: key.clone(), key, mode: None }).collect();
    if let Some(source) = spec.volumes.iter_mut().flatten().find_map(|volume| volume.config_map.as_mut()) {
        source.items = Some(items);
    }
}

/// A volume's place in a container.
pub(super) fn mount(name: &str, path: &str) -> VolumeMount {
    VolumeMount { name: name.to_owned(), mount_path: path.to_owned(), ..VolumeMount::default() }
}

/// What a container gets, and the memory that it may not exceed.
pub(super) fn resources(cpu: &str, memory: &str, most_memory: &str) -> ResourceRequirements {
    let quantities = |pairs: &[(&str, &str)]| -> Option<BTreeMap<String, Quantity>> {
        Some(
            pairs.iter().map(|(name, amount)| ((*name).to_owned(), Quantity((*amount).to_owned()))).collect(),
        )
    };
    ResourceRequirements {
        requests: quantities(&[("cpu", cpu), ("memory", memory)]),
        limits: quantities(&[("memory", most_memory)]),
        ..ResourceRequirements::default()
    }
}
