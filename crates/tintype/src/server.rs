//! Connections: accepted up to a limit, given time limits, and let finish when the server stops.

mod timed;

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Request;
use axum::response::Response;
use futures::FutureExt as _;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::router::Front;
use timed::{ClientTimeouts, Requests, Timed};

/// An idle connection stays longer than anybody is told to wait by `Retry-After`, so that who was refused may come back on the connection it has. There are no more
/// connections than `max_connections`, and an idle one holds little. A head is a few packets: who takes long for it has other things in mind. An answer is held in
/// memory while its client takes it.
const TIMEOUTS: ClientTimeouts = ClientTimeouts {
    idle: Duration::from_secs(75),
    head: Duration::from_secs(15),
    answer: Duration::from_secs(120),
};

/// Serves until `stop` resolves, then takes no new connections and waits up to `patience` for those under way.
pub async fn serve(
    listener: TcpListener,
    front: Front,
    max_connections: usize,
    patience: Duration,
    stop: impl Future<Output = ()>,
) {
    let facing = move |peer| front.of(peer);
    serve_with(listener, facing, TIMEOUTS, max_connections, patience, stop).await;
}

async fn serve_with<S>(
    listener: TcpListener,
    facing: impl Fn(SocketAddr) -> S,
    timeouts: ClientTimeouts,
    max_connections: usize,
    patience: Duration,
    stop: impl Future<Output = ()>,
) where
    S: Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send + 'static> + Send + 'static,
{
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // From the answer before on, until the last byte of a head.
        .header_read_timeout(timeouts.idle);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20))
        .max_concurrent_streams(256);
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(max_connections.min(Semaphore::MAX_PERMITS)));
    tokio::pin!(stop);
    loop {
        let place = tokio::select! {
            biased;
            () = &mut stop => break,
            place = Arc::clone(&places).acquire_owned() => place,
        };
        let accepted = tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, mostly: wait for some to be given back instead of spinning.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
        let requests = Arc::new(Requests::default());
        let stream = Timed::new(stream, requests.clone(), timeouts);
        let service = facing(peer);
        let counted = service_fn(move |request| {
            requests.begin();
            let requests = requests.clone();
            service.call(request).inspect(move |_| requests.answer())
        });
        let connection = builder.serve_connection(TokioIo::new(stream), counted).into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    tracing::info!(
        patience_s = patience.as_secs(),
        "stopping: waiting for requests under way"
    );
    if tokio::time::timeout(patience, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests were not finished in time and are cut off");
    }
}

/// Resolves on SIGTERM, SIGINT or Ctrl-C.
pub async fn stop_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
            (Ok(mut terminate), Ok(mut interrupt)) => {
                tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            }
            _ => wait_for_ctrl_c().await,
        }
    }
    #[cfg(not(unix))]
    wait_for_ctrl_c().await;
}

async fn wait_for_ctrl_c() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http_body_util::BodyExt as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;
    use tokio::sync::oneshot;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const SHORT: Duration = Duration::from_millis(300);

    /// A server that answers with the length of what it was sent.
    async fn start(timeouts: ClientTimeouts) -> (SocketAddr, oneshot::Sender<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let facing = |_| {
            service_fn(|request: Request<Incoming>| async move {
                let length = request
                    .into_body()
                    .collect()
                    .await
                    .map_or(0, |body| body.to_bytes().len());
                Ok(Response::new(Body::from(length.to_string())))
            })
        };
        tokio::spawn(async move {
            let stop = stopped.map(drop);
            serve_with(listener, facing, timeouts, 100, Duration::ZERO, stop).await;
        });
        (address, stop)
    }

    /// Sends a request, its body in pieces with pauses between them, and gives what came back.
    async fn asked(stream: &mut TcpStream, pieces: &[&str], pause: Duration) -> String {
        let length: usize = pieces.iter().map(|piece| piece.len()).sum();
        let head = format!("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: {length}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        for piece in pieces {
            tokio::time::sleep(pause).await;
            stream.write_all(piece.as_bytes()).await.unwrap();
        }
        let mut answer = Vec::new();
        let body = length.to_string();
        while !answer.ends_with(format!("\r\n\r\n{body}").as_bytes()) {
            assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0, "the server hung up");
        }
        String::from_utf8(answer).unwrap()
    }

    /// Waits for the server to hang up while `text` is sent again and again, if there is one.
    async fn hung_up(mut stream: TcpStream, text: &str) {
        let (mut reading, mut writing) = stream.split();
        let trickle = async {
            while !text.is_empty() && writing.write_all(text.as_bytes()).await.is_ok() {
                tokio::time::sleep(SHORT / 10).await;
            }
            std::future::pending::<()>().await;
        };
        let mut rest = Vec::new();
        tokio::select! {
            _ = reading.read_to_end(&mut rest) => {}
            () = trickle => {}
        }
    }

    #[tokio::test]
    async fn a_head_that_trickles_is_cut_while_idle_connections_and_slow_bodies_stay() {
        let (address, _stop) = start(ClientTimeouts {
            idle: HOUR,
            head: SHORT,
            answer: HOUR,
        })
        .await;
        let connect = async || TcpStream::connect(address).await.unwrap();
        let (mut idle, mut silent, mut again) = (connect().await, connect().await, connect().await);
        assert!(
            asked(&mut idle, &["abc"], Duration::ZERO)
                .await
                .starts_with("HTTP/1.1 200")
        );
        let mut http2 = connect().await;
        // An empty SETTINGS frame.
        http2
            .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
            .await
            .unwrap();

        let mut slow = connect().await;
        let slow_body = asked(&mut slow, &["a", "b", "c", "d"], SHORT);
        let trickling = async {
            let mut stream = connect().await;
            stream.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
            hung_up(stream, "x: y\r\n").await;
        };
        let preface = async {
            let mut stream = connect().await;
            stream.write_all(b"PRI * HTT").await.unwrap();
            hung_up(stream, "").await;
        };
        let second_head = async {
            asked(&mut again, &["abc"], Duration::ZERO).await;
            hung_up(again, "x").await;
        };
        let (answer, (), (), ()) = tokio::join!(slow_body, trickling, preface, second_head);
        assert!(answer.starts_with("HTTP/1.1 200"));

        for stream in [&mut idle, &mut silent, &mut slow] {
            assert!(
                asked(stream, &["abcd"], Duration::ZERO)
                    .await
                    .starts_with("HTTP/1.1 200")
            );
        }
        // PING, and its answer.
        http2.write_all(b"\0\0\x08\x06\0\0\0\0\x0012345678").await.unwrap();
        let mut frames = Vec::new();
        while !frames.ends_with(b"\0\0\x08\x06\x01\0\0\0\x0012345678") {
            assert_ne!(http2.read_buf(&mut frames).await.unwrap(), 0, "the server hung up");
        }
    }

    #[tokio::test]
    async fn who_is_idle_for_too_long_is_cut_also_before_the_first_byte() {
        let (address, _stop) = start(ClientTimeouts {
            idle: SHORT,
            head: HOUR,
            answer: HOUR,
        })
        .await;
        let silent = TcpStream::connect(address).await.unwrap();
        let mut idle = TcpStream::connect(address).await.unwrap();
        asked(&mut idle, &["abc"], Duration::ZERO).await;
        tokio::join!(hung_up(silent, ""), hung_up(idle, ""));
    }
}
