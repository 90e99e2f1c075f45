//! The only way to the API server that changes anything. Each write is fenced: it is not begun where this replica does
//! not hold the lease, and given up when the lease ends. It decides nothing.

use std::{fmt::Debug, time::Instant};

use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Api, Client, Resource,
    api::{DeleteParams, Patch, PatchParams, Preconditions},
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::time::timeout_at;
use tracing::warn;

use crate::{Error, leader::Fence, metrics::Metrics, names, settings::CALL};

/// Something that a person would want to know.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    /// Whether it is a warning.
    pub warns: bool,
    /// What happened, in one word.
    pub reason: &'static str,
    /// What was done or tried, in one word.
    pub action: &'static str,
    /// What happened, in one sentence.
    pub text: String,
    /// What else it is about. Events that differ in nothing but their text count as one.
    pub of: Option<ObjectReference>,
}

/// Writes, as long as this replica may.
#[derive(Clone)]
pub struct Writer {
    fence: Fence,
    metrics: Metrics,
    recorder: Recorder,
}

impl Writer {
    /// One that is behind a fence.
    #[must_use]
    pub fn new(client: Client, fence: Fence, metrics: Metrics, identity: &str) -> Self {
        let reporter =
            Reporter { controller: names::OPERATOR.to_owned(), instance: Some(identity.to_owned()) };
        Self { fence, metrics, recorder: Recorder::new(client, reporter) }
    }

    /// Whether anything may be written.
    ///
    /// # Errors
    /// [`Error::NotLeader`] if not.
    pub fn may_write(&self) -> Result<(), Error> {
        self.fence.until().map(drop)
    }

    async fn fenced<T>(
        &self,
        verb: &'static str,
        call: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, Error> {
        let lease = self.fence.until()?;
        let until = lease.min(Instant::now() + CALL);
        self.metrics.wrote(verb);
        match timeout_at(until.into(), call).await {
            Ok(answer) => Ok(answer?),
            // The lease as it is now: it may have been renewed meanwhile.
            Err(_) => Err(self.fence.until().err().unwrap_or(Error::TimedOut)),
        }
    }

    /// Makes or changes an object: server-side apply. It holds what is given and, of what this manager gave before,
    /// nothing else.
    ///
    /// # Errors
    /// What the API server says.
    pub async fn apply<K>(&self, api: &Api<K>, name: &str, manager: &str, object: &K) -> Result<K, Error>
    where
        K: Clone + DeserializeOwned + Debug + Serialize,
    {
        let params = PatchParams::apply(manager).force();
        self.fenced("apply", api.patch(name, &params, &Patch::Apply(object))).await
    }

    /// Likewise, the status of an object.
    ///
    /// # Errors
    /// What the API server says.
    pub async fn apply_status<K>(
        &self,
        api: &Api<K>,
        name: &str,
        manager: &str,
        status: Value,
    ) -> Result<(), Error>
    where
        K: Clone + DeserializeOwned + Debug + Resource<DynamicType = ()>,
    {
        let object = serde_json::json!({
            "apiVersion": K::api_version(&()), "kind": K::kind(&()), "metadata": {"name": name}, "status": status,
        });
        let params = PatchParams::apply(manager).force();
        self.fenced("apply-status", api.patch_status(name, &params, &Patch::Apply(&object))).await.map(drop)
    }

    /// Changes a few fields of an object.
    ///
    /// # Errors
    /// What the API server says.
    pub async fn merge<K>(&self, api: &Api<K>, name: &str, manager: &str, patch: &Value) -> Result<K, Error>
    where
        K: Clone + DeserializeOwned + Debug,
    {
        let params = PatchParams { field_manager: Some(manager.to_owned()), ..PatchParams::default() };
        self.fenced("patch", api.patch(name, &params, &Patch::Merge(patch))).await
    }

    /// Deletes that very object, and by and by what it owns; none that has its name by now.
    ///
    /// # Errors
    /// What the API server says; not that it is gone already.
    pub async fn delete<K>(&self, api: &Api<K>, name: &str, uid: &str) -> Result<(), Error>
    where
        K: Clone + DeserializeOwned + Debug,
    {
        let only = Preconditions { uid: Some(uid.to_owned()), ..Preconditions::default() };
        let params = DeleteParams::background().preconditions(only);
        match self.fenced("delete", api.delete(name, &params)).await {
            Err(Error::Api(error)) if gone(&error) => Ok(()),
            other => other.map(drop),
        }
    }

    /// Tells whoever describes the object. The same, of the same, within six minutes is counted and not repeated. What cannot be told
    /// is logged: no work waits for it.
    pub async fn tell(&self, about: &ObjectReference, note: Note) {
        let event = Event {
            type_: if note.warns { EventType::Warning } else { EventType::Normal },
            reason: note.reason.to_owned(),
            action: note.action.to_owned(),
            note: Some(note.text),
            secondary: note.of,
        };
        if let Err(error) = self.fenced("event", self.recorder.publish(&event, about)).await {
            warn!(%error, reason = event.reason, "an event could not be written");
        }
    }
}

/// Whether it is gone, or another by the same name is there.
fn gone(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.is_not_found() || status.is_conflict())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::error::Class;

    #[tokio::test]
    async fn a_call_that_outlasts_a_lease_that_was_renewed_meanwhile_is_late_and_no_more() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config = kube::Config::new("http://127.0.0.1:1".parse().expect("a URI"));
        let client = Client::try_from(config).expect("a client");
        let fence = Fence::default();
        let writer = Writer::new(client, fence.clone(), Metrics::new().expect("metrics"), "me");
        for (renews, class) in [(true, Class::Transient), (false, Class::NotLeader)] {
            fence.set(Some(Instant::now() + Duration::from_millis(50)));
            let call = async {
                if renews {
                    fence.set(Some(Instant::now() + CALL));
                }
                std::future::pending::<kube::Result<()>>().await
            };
            let said = writer.fenced("test", call).await.expect_err("it never ends");
            assert_eq!(said.class(), class);
        }
    }
}
