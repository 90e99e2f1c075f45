//! The volumes of a Pod as directories, and what mount paths are on this machine.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::{Container, KeyToPath, Pod, Volume};
use kube::ResourceExt;

use super::Settings;
use super::environment::substitute;
use super::seen::{Seen, find};
use super::worker::Obstacle;

type Files = BTreeMap<String, Vec<u8>>;

pub(super) struct Volumes {
    directory: PathBuf,
    namespace: String,
    /// Directories by the name of the volume.
    places: BTreeMap<String, PathBuf>,
    projected: Vec<Projected>,
    names: Vec<(String, String)>,
}

struct Projected {
    volume: Volume,
    written: Files,
    edition: u32,
}

impl Volumes {
    pub(super) fn prepare(
        pod: &Pod,
        seen: &Seen,
        settings: &Settings,
        directory: &Path,
    ) -> Result<Self, Obstacle> {
        let namespace = pod.namespace().unwrap_or_default();
        let own = directory.join(pod.uid().unwrap_or_default());
        let spec = pod.spec.clone().unwrap_or_default();
        let mut volumes = Self {
            directory: own.clone(),
            namespace,
            places: BTreeMap::new(),
            projected: Vec::new(),
            names: Vec::new(),
        };
        for volume in spec.volumes.iter().flatten() {
            let claim = volume.persistent_volume_claim.as_ref();
            let place = claim.map_or_else(
                || own.join(&volume.name),
                |claim| directory.join(format!("claim.{}.{}", volumes.namespace, claim.claim_name)),
            );
            volumes.places.insert(volume.name.clone(), place);
            if volume.config_map.is_some() || volume.secret.is_some() {
                volumes.projected.push(Projected {
                    volume: volume.clone(),
                    written: Files::new(),
                    edition: 0,
                });
            } else if claim.is_none() && volume.empty_dir.is_none() {
                let kinds = "only configMap, secret, emptyDir and persistentVolumeClaim are supported";
                return Err(Obstacle("NotSupported", format!("volume {}: {kinds}", volume.name)));
            }
        }
        volumes.names = settings.names.clone().into_iter().collect();
        for container in &spec.containers {
            let mounts = volumes.mounts(container);
            volumes.names.extend(mounts);
        }
        volumes.names.sort_by(|one, other| other.0.len().cmp(&one.0.len()).then_with(|| one.cmp(other)));
        volumes.names.dedup();
        let failed = |error: io::Error| Obstacle("CreateContainerError", error.to_string());
        for place in volumes.places.values().chain([&own]) {
            fs::create_dir_all(place).map_err(failed)?;
        }
        for at in 0..volumes.projected.len() {
            volumes.write(at, seen)?;
        }
        Ok(volumes)
    }

    /// Where a container begins.
    pub(super) fn home(&self) -> &Path {
        &self.directory
    }

    /// What a container's mount paths, and names of Services, are to be replaced by.
    pub(super) fn names(&self, container: &Container) -> Vec<(String, String)> {
        let elsewhere =
            |name: &str| container.volume_mounts.iter().flatten().any(|mount| mount.mount_path == name);
        let mounts = self.mounts(container);
        let mut names: Vec<_> =
            self.names.iter().filter(|(name, _)| !elsewhere(name)).cloned().chain(mounts).collect();
        names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        names
    }

    fn mounts(&self, container: &Container) -> Vec<(String, String)> {
        let place = |mount: &k8s_openapi::api::core::v1::VolumeMount| {
            let place = self.places.get(&mount.name)?.join(mount.sub_path.as_deref().unwrap_or_default());
            let text = place.display().to_string();
            Some((mount.mount_path.trim_end_matches('/').into(), text.trim_end_matches('/').into()))
        };
        container.volume_mounts.iter().flatten().filter_map(place).collect()
    }

    /// Writes what has changed. What is gone stays as it was, as on a real node.
    pub(super) fn refresh(&mut self, seen: &Seen) {
        for at in 0..self.projected.len() {
            let _ = self.write(at, seen);
        }
    }

    fn write(&mut self, at: usize, seen: &Seen) -> Result<(), Obstacle> {
        let projected = &mut self.projected[at];
        let files = content(&projected.volume, &self.namespace, seen)?;
        let files: Files = files
            .into_iter()
            .map(|(name, bytes)| match String::from_utf8(bytes) {
                Ok(text) => (name, substitute(&text, &self.names).into_bytes()),
                Err(binary) => (name, binary.into_bytes()),
            })
            .collect();
        if projected.edition > 0 && files == projected.written {
            return Ok(());
        }
        projected.edition += 1;
        let place = &self.places[&projected.volume.name];
        swap(place, &files, projected.edition).map_err(|error| Obstacle("FailedMount", error.to_string()))?;
        projected.written = files;
        Ok(())
    }
}

/// As the kubelet does it: files are links into `..data`, which is a link that is replaced at once.
fn swap(place: &Path, files: &Files, edition: u32) -> io::Result<()> {
    let data = place.join(format!("..edition-{edition}"));
    for (name, bytes) in files {
        let file = data.join(name);
        fs::create_dir_all(file.parent().unwrap_or(&data))?;
        fs::write(file, bytes)?;
    }
    fs::create_dir_all(&data)?;
    symlink(&data, place.join("..next"))?;
    fs::rename(place.join("..next"), place.join("..data"))?;
    let tops = files.keys().filter_map(|name| name.split('/').next());
    for name in tops.clone().filter(|name| !place.join(name).is_symlink()) {
        symlink(Path::new("..data").join(name), place.join(name))?;
    }
    for entry in fs::read_dir(place)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !name.starts_with("..") && !tops.clone().any(|top| top == name) {
            fs::remove_file(place.join(name))?;
        }
    }
    if edition > 1 {
        fs::remove_dir_all(place.join(format!("..edition-{}", edition - 1)))?;
    }
    Ok(())
}

fn content(volume: &Volume, namespace: &str, seen: &Seen) -> Result<Files, Obstacle> {
    let (source, found, items, optional) = if let Some(from) = &volume.config_map {
        let files = find(&seen.configs, namespace, &from.name).map(|config| {
            let text =
                config.data.iter().flatten().map(|(key, text)| (key.clone(), text.clone().into_bytes()));
            let binary =
                config.binary_data.iter().flatten().map(|(key, bytes)| (key.clone(), bytes.0.clone()));
            text.chain(binary).collect::<Files>()
        });
        (format!("configmap {}", from.name), files, from.items.as_deref(), from.optional)
    } else {
        let from = volume.secret.clone().unwrap_or_default();
        let name = from.secret_name.unwrap_or_default();
        let files = find(&seen.secrets, namespace, &name).map(|secret| {
            secret.data.iter().flatten().map(|(key, bytes)| (key.clone(), bytes.0.clone())).collect()
        });
        let items = volume.secret.as_ref().and_then(|from| from.items.as_deref());
        (format!("secret {name}"), files, items, from.optional)
    };
    match found {
        Some(files) => match items {
            Some(items) => pick(&files, items, optional == Some(true))
                .map_err(|key| Obstacle("FailedMount", format!("{source} has no key {key}"))),
            None => Ok(files),
        },
        None if optional == Some(true) => Ok(Files::new()),
        None => Err(Obstacle("FailedMount", format!("there is no {source}"))),
    }
}

/// Those that are named; the key that is not there, unless it may be missing.
fn pick(files: &Files, items: &[KeyToPath], optional: bool) -> Result<Files, String> {
    let mut picked = Files::new();
    for item in items {
        match files.get(&item.key) {
            Some(bytes) => drop(picked.insert(item.path.clone(), bytes.clone())),
            None if optional => {}
            None => return Err(item.key.clone()),
        }
    }
    Ok(picked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_named_and_not_there_holds_up_the_pod() {
        let files = Files::from([("a".to_owned(), b"1".to_vec()), ("b".to_owned(), b"2".to_vec())]);
        let item = |key: &str| KeyToPath { key: key.to_owned(), path: format!("{key}.txt"), mode: None };
        let picked = Files::from([("a.txt".to_owned(), b"1".to_vec())]);
        assert_eq!(pick(&files, &[item("a")], false), Ok(picked.clone()));
        assert_eq!(pick(&files, &[item("a"), item("c")], false), Err("c".to_owned()));
        assert_eq!(pick(&files, &[item("a"), item("c")], true), Ok(picked));
    }
}
