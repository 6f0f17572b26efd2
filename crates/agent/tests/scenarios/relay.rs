//! What stands between the agent and the API, so that the clock stands while the API is asked.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::clock::standing;

/// Passes requests on to the API, and answers back.
pub(crate) struct Relay {
    listener: TcpListener,
    address: SocketAddr,
    to: Passing,
}

#[derive(Clone)]
struct Passing {
    base_url: String,
    client: Client<HttpConnector, Incoming>,
}

impl Relay {
    pub(crate) async fn to(base_url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = Client::builder(TokioExecutor::new()).build_http();
        let to = Passing { base_url: base_url.to_owned(), client };
        Self { address: listener.local_addr().unwrap(), listener, to }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) async fn run(self) {
        let mut connections = JoinSet::new();
        loop {
            let (stream, _) = self.listener.accept().await.unwrap();
            let to = self.to.clone();
            let service = service_fn(move |request| standing(to.clone().pass(request)));
            connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    }
}

impl Passing {
    async fn pass(self, mut request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Error> {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = format!("{}{path}", self.base_url).parse::<Uri>().unwrap();
        let (head, body) = self.client.request(request).await?.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Ok(Response::from_parts(head, Full::new(body)))
    }
}
