//! A cluster to try things on, for as long as standard input is open. Prints the path of a kubeconfig, with which
//! everything may be done, when it is ready.
//!
//! `up [image NAME DIRECTORY]… [name HOST ADDRESS]…`: with images, Pods run too; the directory holds an image's programs,
//! and a name is replaced by its address wherever it stands in a Pod.

use std::{
    error::Error,
    io::{self, Read as _, Write as _},
};

use cluster::{Cluster, Image, Kubelet, kubelet::Settings};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut settings = Settings::default();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    for three in arguments.chunks(3) {
        match three {
            [kind, name, programs] if kind == "image" => {
                let image = Image { programs: programs.into(), entrypoint: Vec::new() };
                settings.images.insert(name.clone(), image);
            }
            [kind, name, address] if kind == "name" => {
                settings.names.insert(name.clone(), address.clone());
            }
            other => return Err(format!("not understood: {}", other.join(" ")).into()),
        }
    }
    let cluster = Cluster::start().await?;
    let kubelet = (!settings.images.is_empty()).then(|| Kubelet::start(&cluster, settings)).transpose()?;
    writeln!(io::stdout(), "{}", cluster.kubeconfig().display())?;
    tokio::task::spawn_blocking(|| io::stdin().read_to_end(&mut Vec::new())).await??;
    drop(kubelet);
    Ok(())
}
