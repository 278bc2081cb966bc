//! What everything is measured against: hyper alone, which gives every request the same answer.
//!
//! `yardstick ADDRESS STATUS HEAD BODY [CERTIFICATE KEY]`: the lines of the file HEAD are the headers of every answer, the
//! file BODY its body. With a certificate, HTTP/2 over TLS is spoken, else HTTP/1.1.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a tool for measurements, which ends at the first fault")]

use std::convert::Infallible;
use std::sync::Arc;
use std::{env, fs};

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [address, status, head, body, tls @ ..] = &arguments[..] else { panic!("see the first lines of the source") };
    let answer = Answer::read(status, head, body);
    let tls = if let [certificate, key] = tls { Some(acceptor(certificate, key)) } else { None };
    let listener = TcpListener::bind(address).await.unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (answer, tls) = (answer.clone(), tls.clone());
        tokio::spawn(async move {
            let service = service_fn(move |_: http::Request<Incoming>| {
                let answer = answer.give();
                async { Ok::<_, Infallible>(answer) }
            });
            // Whoever goes away ends the measurement, not the server.
            let _ended = match tls {
                None => http1::Builder::new().serve_connection(TokioIo::new(stream), service).await,
                Some(tls) => {
                    let Ok(stream) = tls.accept(stream).await else { return };
                    http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await
                }
            };
        });
    }
}

#[derive(Clone)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn read(status: &str, head: &str, body: &str) -> Self {
        let head = fs::read_to_string(head).unwrap();
        let line = |line: &str| {
            let (name, value) = line.split_once(':').unwrap();
            (name.trim().parse::<http::HeaderName>().unwrap(), value.trim().parse::<http::HeaderValue>().unwrap())
        };
        let headers = head.lines().map(line).collect();
        Self { status: status.parse().unwrap(), headers, body: fs::read(body).unwrap().into() }
    }

    fn give(&self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body.clone()));
        *response.status_mut() = self.status.try_into().unwrap();
        *response.headers_mut() = self.headers.clone();
        response
    }
}

fn acceptor(certificate: &str, key: &str) -> TlsAcceptor {
    let chain = CertificateDer::pem_file_iter(certificate).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    let mut config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}
