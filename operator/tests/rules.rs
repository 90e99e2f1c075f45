//! The rules of the custom resources, at a real API server: it accepts what keeps each, and refuses what breaks it with
//! the message that was meant. The table is the one that the lint is held to.

#[path = "../../crds/tests/cases/mod.rs"]
mod cases;
mod support;

use axum::http;
use kube::{
    Client, Resource as _,
    api::{DeleteParams, DynamicObject, PostParams},
    core::{ApiResource, GroupVersionKind, Request},
};
use serde_json::{Value, json};
use support::Setting;

/// The place of a kind's resources.
fn place(kind: &str) -> Request {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(crds::GROUP, crds::VERSION, kind));
    Request::new(DynamicObject::url_path(&resource, Some("default").filter(|_| kind != "ScanExclusion")))
}

/// What the server says to a request, as strictly as it does to kubectl's: unknown fields are refused.
async fn send(client: &Client, mut request: http::Request<Vec<u8>>) -> Result<DynamicObject, String> {
    *request.uri_mut() = format!("{}&fieldValidation=Strict", request.uri()).parse().expect("a URI");
    match client.request(request).await {
        Ok(object) => Ok(object),
        Err(kube::Error::Api(status)) => Err(status.message.clone()),
        Err(other) => panic!("{other}"),
    }
}

/// Whether the server takes it; what it says if not.
async fn put(client: &Client, old: Option<&Value>, new: &Value) -> Result<(), String> {
    let place = place(new["kind"].as_str().expect("a kind"));
    let name = new["metadata"]["name"].as_str().expect("a name");
    let create =
        |object: &Value| place.create(&PostParams::default(), object.to_string().into()).expect("a request");
    let put = match old {
        None => send(client, create(new)).await,
        Some(old) => {
            let made = send(client, create(old)).await.expect("the old is good");
            let mut wanted = new.clone();
            wanted["metadata"]["resourceVersion"] = json!(made.metadata.resource_version);
            let replace = place.replace(name, &PostParams::default(), wanted.to_string().into());
            send(client, replace.expect("a request")).await
        }
    };
    if put.is_ok() || old.is_some() {
        let delete = place.delete(name, &DeleteParams::default()).expect("a request");
        client.request_text(delete).await.expect("deleted");
    }
    put.map(drop)
}

#[tokio::test]
async fn the_api_server_accepts_the_good_and_refuses_the_bad() {
    let setting = Setting::new().await;
    let client = setting.cluster.client();
    let (mut wrong, mut asked) = (Vec::new(), 0);
    for case in cases::all() {
        if let Err(said) = put(&client, case.old.as_ref(), &case.good).await {
            wrong.push(format!("{}: the good is refused: {said}", case.name));
        }
        if case.lint_only {
            continue;
        }
        asked += 1;
        match put(&client, case.old.as_ref(), &case.bad).await {
            Ok(()) => wrong.push(format!("{}: the bad is accepted", case.name)),
            Err(said) if !said.contains(&case.message) || !said.contains(&case.field) => {
                wrong.push(format!("{}: of the bad is said: {said}", case.name));
            }
            Err(_) => {}
        }
    }
    assert!(asked > 20, "{asked}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
