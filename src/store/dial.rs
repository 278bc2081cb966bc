//! Opens the two connections: one for scripts, one for news; and looks whom they lead to.

use redis::aio::{ConnectionLike, MultiplexedConnection, PubSub};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo, RedisError,
    RedisFuture, TlsCertificates, TlsMode, Value,
};
use secrecy::ExposeSecret;

use super::Config;
use super::address::Layout;
use super::news::Topic;

/// Both connections.
pub(super) struct Lines {
    pub(super) commands: Line,
    pub(super) news: PubSub,
}

/// The connection that scripts go over. Cloning shares it.
#[derive(Clone)]
pub(super) enum Line {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialFault {
    /// The library's word for it, without secrets: it quotes addresses and the server's errors.
    #[error("{0}")]
    Redis(#[from] RedisError),
    /// It may throw away what nothing is granted without.
    #[error(
        "its maxmemory-policy is {0}: it may drop what the budget is kept by; set `maxmemory-policy noeviction` there"
    )]
    Evicts(String),
}

impl Config {
    /// Connects, wherever the store is at present, and subscribes to all news.
    pub(super) async fn dial(&self) -> Result<Lines, DialFault> {
        let (mut commands, subscriber) = match &self.address.layout {
            Layout::Single => {
                let client = self.client(self.addresses().into_iter().next())?;
                (Line::Single(connect(&client).await?), client)
            }
            Layout::Sentinel(master) => {
                let client = self.sentinel(master)?.async_get_client().await?;
                (Line::Single(connect(&client).await?), client)
            }
            Layout::Cluster => {
                let line = Line::Cluster(self.cluster()?.get_async_connection().await?);
                // What is published at one node is heard at all of them.
                (line, self.any_node().await?)
            }
        };
        commands.refuse_eviction(&super::full_key(&self.prefix, "slots")).await?;
        let mut news = subscriber.get_async_pubsub().await?;
        for topic in Topic::ALL {
            news.subscribe(topic.channel(&self.prefix)).await?;
        }
        Ok(Lines { commands, news })
    }

    fn addresses(&self) -> Vec<ConnectionAddr> {
        let address = |(host, port): &(String, u16)| {
            if self.address.tls {
                ConnectionAddr::TcpTls { host: host.clone(), port: *port, insecure: false, tls_params: None }
            } else {
                ConnectionAddr::Tcp(host.clone(), *port)
            }
        };
        self.address.hosts.iter().map(address).collect()
    }

    fn certificates(&self) -> TlsCertificates {
        TlsCertificates { client_tls: None, root_cert: self.authorities.clone() }
    }

    fn credentials(&self) -> RedisConnectionInfo {
        let info = RedisConnectionInfo::default().set_db(self.address.database);
        let info = self.address.username.iter().fold(info, RedisConnectionInfo::set_username);
        self.password().iter().fold(info, |info, password| info.set_password(password.expose_secret()))
    }

    fn info(&self, address: ConnectionAddr) -> Result<ConnectionInfo, RedisError> {
        Ok(address.into_connection_info()?.set_redis_settings(self.credentials()))
    }

    fn client(&self, address: Option<ConnectionAddr>) -> Result<Client, RedisError> {
        let address = address.expect("an address names at least one host: see `Address::parse`");
        let info = self.info(address)?;
        if self.address.tls { Client::build_with_tls(info, self.certificates()) } else { Client::open(info) }
    }

    /// The first node that answers.
    async fn any_node(&self) -> Result<Client, RedisError> {
        let mut last = None;
        for address in self.addresses() {
            let client = self.client(Some(address))?;
            match connect(&client).await {
                Ok(_) => return Ok(client),
                Err(fault) => last = Some(fault),
            }
        }
        Err(last.expect("an address names at least one host: see `Address::parse`"))
    }

    /// The Sentinels are asked with the same user and password as the servers that they name.
    fn sentinel(&self, master: &str) -> Result<SentinelClient, RedisError> {
        let builder = SentinelClientBuilder::new(self.addresses(), master, SentinelServerType::Master)?;
        let builder = builder.set_client_to_redis_db(self.address.database);
        let builder = if self.address.tls {
            builder
                .set_client_to_redis_tls_mode(TlsMode::Secure)
                .set_client_to_redis_certificates(self.certificates())
                .set_client_to_sentinel_tls_mode(TlsMode::Secure)
                .set_client_to_sentinel_certificates(self.certificates())
        } else {
            builder
        };
        let builder = self.address.username.iter().fold(builder, |builder, username| {
            builder.set_client_to_redis_username(username).set_client_to_sentinel_username(username)
        });
        let builder = self.password().iter().fold(builder, |builder, password| {
            let password = password.expose_secret();
            builder.set_client_to_redis_password(password).set_client_to_sentinel_password(password)
        });
        builder.build()
    }

    fn cluster(&self) -> Result<ClusterClient, RedisError> {
        let nodes: Vec<_> = self.addresses().into_iter().map(|address| self.info(address)).collect::<Result<_, _>>()?;
        // What is worth another try is decided by who waits for it.
        let builder = ClusterClient::builder(nodes).retries(1).connection_timeout(super::DIAL_DEADLINE);
        let builder = builder.response_timeout(super::DEADLINE);
        let builder = if self.address.tls { builder.tls(TlsMode::Secure).certs(self.certificates()) } else { builder };
        builder.build()
    }
}

async fn connect(client: &Client) -> Result<MultiplexedConnection, RedisError> {
    // Each command has a deadline of its own, see `Store::run`.
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    client.get_multiplexed_async_connection_with_config(&config).await
}

impl Line {
    /// The budget's memory may not be evicted. `INFO` and not `CONFIG`, which hosted services withhold; in a script, so
    /// that of a Cluster the node is asked that has the key.
    async fn refuse_eviction(&mut self, key: &str) -> Result<(), DialFault> {
        let script = redis::Script::new("return redis.call('INFO', 'memory')");
        let info: String = script.key(key).invoke_async(self).await?;
        let policy = info.lines().find_map(|line| line.strip_prefix("maxmemory_policy:")).unwrap_or("noeviction");
        if policy.trim() == "noeviction" { Ok(()) } else { Err(DialFault::Evicts(policy.trim().to_owned())) }
    }
}

impl ConnectionLike for Line {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a redis::Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Single(line) => line.req_packed_command(cmd),
            Self::Cluster(line) => line.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        cmd: &'a redis::Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Single(line) => line.req_packed_commands(cmd, offset, count),
            Self::Cluster(line) => line.req_packed_commands(cmd, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Single(line) => line.get_db(),
            Self::Cluster(line) => line.get_db(),
        }
    }
}
