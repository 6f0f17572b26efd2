//! What forwarding costs by itself: a proxy without tokens, on the same libraries as the agent.
//!
//! It forwards requests to one upstream over kept connections, bodies streamed, and does nothing else.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use clap::Parser;
use http::header::{CONNECTION, HOST};
use http::uri::{Authority, Scheme};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{Either, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

#[derive(Debug, Parser)]
#[command(about = "Forwards every request to one upstream, and adds nothing")]
struct Args {
    /// Where to listen.
    #[arg(long)]
    listen: SocketAddr,
    /// Where to forward to.
    #[arg(long)]
    upstream: SocketAddr,
}

type Sender = Client<HttpConnector, Incoming>;
type Answer = Response<Either<Incoming, Empty<Bytes>>>;

fn main() -> io::Result<()> {
    let args = Args::parse();
    // As the agent's.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().global_queue_interval(1).enable_all().build()?;
    runtime.block_on(async move { tokio::spawn(serve(args)).await.map_err(io::Error::other)? })
}

async fn serve(args: Args) -> io::Result<()> {
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    let sender: Sender = Client::builder(TokioExecutor::new()).build(tcp);
    let authority: Authority = args.upstream.to_string().parse().map_err(io::Error::other)?;
    let listener = TcpListener::bind(args.listen).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (sender, authority) = (sender.clone(), authority.clone());
        let service = service_fn(move |request| forward(request, sender.clone(), authority.clone()));
        tokio::spawn(async move {
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn forward(
    mut request: Request<Incoming>,
    sender: Sender,
    authority: Authority,
) -> Result<Answer, Infallible> {
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(authority);
    *request.uri_mut() = Uri::from_parts(parts).expect("a path below an origin is a URI");
    request.headers_mut().remove(HOST);
    request.headers_mut().remove(CONNECTION);
    Ok(sender.request(request).await.map_or_else(
        |_| {
            let mut answer = Response::new(Either::Right(Empty::new()));
            *answer.status_mut() = StatusCode::BAD_GATEWAY;
            answer
        },
        |answer| answer.map(Either::Left),
    ))
}
