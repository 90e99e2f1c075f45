//! Where the programs of a cluster are: in `KUBEBUILDER_ASSETS` if that is set, else where `make cluster` puts them.

use std::path::{Path, PathBuf};

use crate::Error;

#[derive(Debug)]
pub(crate) struct Assets {
    pub(crate) etcd: PathBuf,
    pub(crate) kubectl: PathBuf,
    pub(crate) server: PathBuf,
    /// Kubernetes' own server takes a few flags that ours does not know.
    pub(crate) genuine: bool,
}

impl Assets {
    pub(crate) fn find() -> Result<Self, Error> {
        let given = std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
        let genuine = given.is_some();
        let directory =
            given.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/cluster/bin"));
        let found = Self {
            etcd: directory.join("etcd"),
            kubectl: directory.join("kubectl"),
            server: directory.join(if genuine { "kube-apiserver" } else { "apiserver" }),
            genuine,
        };
        for program in [&found.etcd, &found.server] {
            if !program.is_file() {
                return Err(Error::NotInstalled(program.display().to_string()));
            }
        }
        Ok(found)
    }
}
