//! Somebody who may call the API server: a kubeconfig, and a client made of it.

use std::fs;
use std::path::{Path, PathBuf};

use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::serde_json::{Value, json};
use kube::api::PostParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};

use crate::Error;
use crate::certificates::Pair;

/// A user of the cluster.
#[derive(Clone)]
pub struct User {
    client: Client,
    kubeconfig: PathBuf,
}

impl User {
    pub(crate) async fn with_certificate(to: &Access, name: &str, pair: &Pair) -> Result<Self, Error> {
        pair.write(&to.directory, name)?;
        let file = |extension| to.directory.join(name).with_extension(extension);
        Self::new(to, name, &json!({ "client-certificate": file("crt"), "client-key": file("key") })).await
    }

    /// The user that a Pod of that service account is, whose file is called after whoever uses it.
    pub(crate) async fn of_service_account(
        client: &Client,
        to: &Access,
        namespace: &str,
        name: &str,
        user: &str,
    ) -> Result<Self, Error> {
        let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
        let made =
            accounts.create_token_request(name, &PostParams::default(), &TokenRequest::default()).await?;
        let token = made.status.map(|status| status.token).unwrap_or_default();
        Self::new(to, &format!("{namespace}.{name}.{user}"), &json!({ "token": token })).await
    }

    async fn new(to: &Access, name: &str, credentials: &Value) -> Result<Self, Error> {
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{ "name": "test", "cluster": {
                "server": format!("https://127.0.0.1:{}", to.port),
                "certificate-authority": to.directory.join("ca.crt") } }],
            "users": [{ "name": name, "user": credentials }],
            "contexts": [{ "name": "test", "context": { "cluster": "test", "user": name, "namespace": "default" } }],
        });
        let kubeconfig = to.directory.join(format!("{name}.kubeconfig"));
        fs::write(&kubeconfig, config.to_string())?;
        let read = Kubeconfig::read_from(&kubeconfig)?;
        let mut config = Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await?;
        // Where a build has several there is no default. Somebody else may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        config.proxy_url = None; // the environment's is for what is not on loopback
        Ok(Self { client: Client::try_from(config)?, kubeconfig })
    }

    /// A client that is this user.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The file for programs that are to be this user, by `KUBECONFIG`. YAML that is JSON.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }
}

/// What every user needs to know of the cluster.
#[derive(Clone)]
pub(crate) struct Access {
    pub(crate) directory: PathBuf,
    pub(crate) port: u16,
}
