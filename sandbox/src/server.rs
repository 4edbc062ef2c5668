//! The sockets. HTTP/1.1 over hyper, one task for each connection, so that a fault can close the one that
//! it met and a test can tell connections apart.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::control;
use crate::faults::{Fault, FaultKind};
use crate::http::{Answer, Request};
use crate::state::State;

/// The most a request body may hold.
const MOST_BODY_BYTES: usize = 64 << 20;

/// The state, shared by the connections and the handle.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<State>>);

impl Shared {
    pub(crate) fn new(state: State) -> Self {
        Self(Arc::new(Mutex::new(state)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves until `stop` fires or is dropped; open connections end with the runtime.
pub(crate) async fn serve(
    listener: TcpListener,
    shared: Shared,
    stop: oneshot::Receiver<Infallible>,
) {
    let accepting = async {
        let mut connections = 0;
        loop {
            // A failed accept concerns one connection, or a lack of descriptors that may pass.
            if let Ok((stream, _)) = listener.accept().await {
                connections += 1;
                tokio::spawn(serve_connection(stream, shared.clone(), connections));
            } else {
                sleep(Duration::from_millis(10)).await;
            }
        }
    };
    tokio::select! {
        () = accepting => {}
        _ = stop => {}
    }
}

async fn serve_connection(stream: TcpStream, shared: Shared, connection: u64) {
    // Without it small answers on a reused connection may wait; with it nothing can go wrong.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|incoming| {
        let shared = shared.clone();
        async move {
            let request = match read(incoming, connection).await {
                Ok(request) => request,
                Err(refusal) => return Ok(respond(refusal, None)),
            };
            answer(&shared, &request).await
        }
    });
    // It ends in an error when the client leaves or a fault drops it; both are as they should be.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn read(incoming: hyper::Request<Incoming>, connection: u64) -> Result<Request, Answer> {
    let (parts, body) = incoming.into_parts();
    let body = Limited::new(body, MOST_BODY_BYTES)
        .collect()
        .await
        .map_err(|_| Answer::with_body(413, "text/plain", "the body is too long or broken"))?;
    Ok(Request {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().map(str::to_owned),
        headers: parts.headers,
        body: body.to_bytes(),
        connection,
    })
}

/// The connection shall close without an answer.
#[derive(Debug)]
struct Dropped;

impl fmt::Display for Dropped {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a fault dropped the connection")
    }
}

impl std::error::Error for Dropped {}

async fn answer(shared: &Shared, request: &Request) -> Result<Response<AnswerBody>, Dropped> {
    if control::is_control(request) {
        return Ok(respond(control::answer(&mut shared.lock(), request), None));
    }
    let (mut entry, fault) = shared.lock().arrive(request);
    let answer = match &fault {
        None => shared.lock().process(&mut entry, request),
        Some(fault) => {
            sleep(fault.delay_before()).await;
            let real = fault.lets_process().then(|| shared.lock().process(&mut entry, request));
            if fault.drops() {
                return Err(Dropped);
            }
            sleep(fault.delay_after()).await;
            fault.alter(real)
        }
    };
    sleep(answer.delay).await;
    entry.status = Some(answer.status);
    let now = {
        let mut state = shared.lock();
        state.journal.update(&entry);
        state.clock.now()
    };
    Ok(respond(answer.dated(now), fault.as_ref()))
}

fn respond(answer: Answer, fault: Option<&Fault>) -> Response<AnswerBody> {
    let truncated = fault.is_some_and(|fault| fault.kind == FaultKind::Truncate);
    let mut response = Response::builder().status(answer.status);
    if !matches!(answer.status, 204 | 304) {
        response = response.header("content-length", answer.body.len());
    }
    for (name, value) in answer.headers {
        response = response.header(name.as_ref(), value);
    }
    response.body(AnswerBody::new(answer.body, truncated)).unwrap_or_else(|_| {
        let mut response = Response::new(AnswerBody::new("not a header".into(), false));
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}

/// A whole body, or the first half of one and then a failure, at which hyper closes the connection.
struct AnswerBody {
    data: Option<Bytes>,
    end: End,
}

enum End {
    Whole,
    /// The half has to be on its way before the failure, so one turn is left to hyper for writing.
    WriteThenFail,
    Fail,
}

impl AnswerBody {
    fn new(body: Bytes, truncated: bool) -> Self {
        if truncated {
            let half = body.slice(..body.len() / 2);
            Self { data: Some(half), end: End::WriteThenFail }
        } else {
            Self { data: Some(body).filter(|body| !body.is_empty()), end: End::Whole }
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Dropped;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Dropped>>> {
        if let Some(data) = self.data.take() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        match self.end {
            End::Whole => Poll::Ready(None),
            End::WriteThenFail => {
                self.end = End::Fail;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            End::Fail => Poll::Ready(Some(Err(Dropped))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none() && matches!(self.end, End::Whole)
    }
}
