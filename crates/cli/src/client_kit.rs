//! The client kit for the playground: all of `tollgate-auth-client` except for the network. Its requests go to the
//! server in the same process.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use tollgate_client::{
    Authorizer, Cached, ClientCredentials, ConfigurationError, Dialect, Fault, Origin, Replay, Secret,
    SecretError, SecretSource, Sending, Settings, Transport,
};
use tollgate_portal::{Answering, Credentials, Kit, KitClient, Wire};
use tower::{Layer as _, Service, ServiceExt as _};

/// The address of the server for the kit; no request leaves this process.
const BASE_URL: &str = "http://localhost";

/// Makes clients with `tollgate-auth-client`.
pub(crate) struct ClientKit;

impl Kit for ClientKit {
    fn client(&self, credentials: &Credentials, wire: Arc<dyn Wire>) -> Result<Box<dyn KitClient>, String> {
        let client = client(credentials, wire).map_err(|error| error.to_string())?;
        Ok(Box::new(client))
    }
}

fn client(credentials: &Credentials, wire: Arc<dyn Wire>) -> Result<InProcess, ConfigurationError> {
    let id = Given(Secret::from(credentials.client_id.to_string()));
    let secret = Given(Secret::from(credentials.client_secret.to_string()));
    let source = ClientCredentials::builder(Dialect::payment_api(BASE_URL)?, id, secret)
        .transport(ByWire(wire.clone()))
        .build()?;
    let cached = Cached::new(source, Settings::default());
    Ok(InProcess { authorizer: Authorizer::new(cached, [Origin::bound()]), wire })
}

/// A client that sends every request through a wire.
struct InProcess {
    authorizer: Authorizer,
    wire: Arc<dyn Wire>,
}

impl KitClient for InProcess {
    fn call(&self, request: Request<Bytes>) -> Answering<'_, String> {
        let client = self.authorizer.layer(Calls(self.wire.clone()));
        let answer = client.oneshot(request.map(Full::new));
        Box::pin(async move { answer.await.map_err(|error| error.to_string()) })
    }
}

/// Sends calls of the API through a wire.
#[derive(Clone)]
struct Calls(Arc<dyn Wire>);

impl Service<Request<Replay<Full<Bytes>>>> for Calls {
    type Response = Response<Bytes>;
    type Error = &'static str;
    type Future = Answering<'static, &'static str>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Replay<Full<Bytes>>>) -> Self::Future {
        let wire = self.0.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.map_err(|_| "the body was not whole")?.to_bytes();
            wire.send(Request::from_parts(head, body)).await
        })
    }
}

/// Sends token calls through a wire.
struct ByWire(Arc<dyn Wire>);

impl Transport for ByWire {
    fn send(&self, request: Request<Bytes>) -> Sending<'_> {
        Box::pin(async move {
            let (mut head, body) = request.into_parts();
            // Only the path, as in a request line.
            head.uri = head.uri.path().parse().expect("the path of a URI is one");
            let answer: Result<Response<Bytes>, _> = self.0.send(Request::from_parts(head, body)).await;
            answer.map_err(|problem| Fault::Unreachable(problem.to_owned()))
        })
    }
}

/// A credential that a visitor has given.
struct Given(Secret);

impl SecretSource for Given {
    fn read(&self) -> Pin<Box<dyn Future<Output = Result<Secret, SecretError>> + Send + '_>> {
        let given = Ok(self.0.clone());
        Box::pin(async move { given })
    }
}
