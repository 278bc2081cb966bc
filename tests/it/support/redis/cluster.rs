//! A Redis Cluster of three primaries.

use std::process::Command;

use super::{Options, Redis, free_port};

/// Three nodes, each with a third of the keys.
pub(crate) struct Cluster(Vec<Redis>);

impl Cluster {
    pub(crate) async fn running() -> Self {
        let mut nodes = Vec::new();
        for _ in 0..3 {
            // The usual bus port is the port plus 10000, which somebody else may have.
            let bus = free_port();
            let settings = format!("cluster-enabled yes\ncluster-port {bus}\ncluster-node-timeout 2000");
            let mut node = Redis::new(Options { settings, ..Options::default() });
            node.start().await;
            nodes.push(node);
        }
        let mut command = Command::new("redis-cli");
        command.args(["--cluster", "create"]).args(nodes.iter().map(address));
        let output = command.args(["--cluster-replicas", "0", "--cluster-yes"]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        for node in &nodes {
            let agreed = || node.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok");
            node.comes_to("a cluster", agreed).await;
        }
        Self(nodes)
    }

    pub(crate) fn url(&self) -> String {
        let addresses: Vec<String> = self.0.iter().map(address).collect();
        format!("redis-cluster://{}", addresses.join(","))
    }

    /// How many keys the nodes hold together.
    pub(crate) fn keys(&self) -> usize {
        self.0.iter().map(|node| node.cli(&["DBSIZE"]).parse::<usize>().unwrap()).sum()
    }
}

fn address(node: &Redis) -> String {
    format!("127.0.0.1:{}", node.port())
}
