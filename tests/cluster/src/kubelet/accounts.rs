//! Who Pods are to the API server: those that automount a token get a kubeconfig with one of their service account.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::Pod;
use kube::{Client, ResourceExt};

use super::seen::Seen;
use super::template;
use super::worker::Obstacle;
use crate::user::{Access, User};

pub(super) struct Accounts {
    client: Client,
    access: Access,
    /// By the uid of the Pod.
    kubeconfigs: BTreeMap<String, PathBuf>,
}

impl Accounts {
    pub(super) fn new(client: Client, access: Access) -> Self {
        Self { client, access, kubeconfigs: BTreeMap::new() }
    }

    /// Makes tokens for Pods that are to begin. Who gets none yet waits.
    pub(super) async fn admit(&mut self, seen: &Seen) {
        let pods: BTreeMap<String, &Pod> =
            seen.pods.iter().filter_map(|pod| Some((pod.uid()?, pod))).collect();
        self.kubeconfigs.retain(|uid, _| pods.contains_key(uid));
        for (uid, pod) in pods {
            let Some(account) = account(pod).filter(|_| template::active(pod)) else { continue };
            if self.kubeconfigs.contains_key(&uid) {
                continue;
            }
            let namespace = pod.namespace().unwrap_or_default();
            if let Ok(user) =
                User::of_service_account(&self.client, &self.access, &namespace, account, &uid).await
            {
                self.kubeconfigs.insert(uid, user.kubeconfig().into());
            }
        }
    }

    /// The file for a Pod; none where it wants no token.
    pub(super) fn kubeconfig(&self, pod: &Pod) -> Result<Option<&Path>, Obstacle> {
        let Some(account) = account(pod) else { return Ok(None) };
        let found = self.kubeconfigs.get(&pod.uid().unwrap_or_default()).map(PathBuf::as_path);
        let missing =
            || Obstacle("FailedMount", format!("there is no token of the service account {account}"));
        found.map(Some).ok_or_else(missing)
    }
}

/// The service account whose token a Pod automounts. Real ones do so unless told not to.
fn account(pod: &Pod) -> Option<&str> {
    let spec = pod.spec.as_ref()?;
    let name = spec.service_account_name.as_deref().unwrap_or("default");
    (spec.automount_service_account_token == Some(true)).then_some(name)
}
