//! A connection that knows whether a request's head has begun: it may be idle for long, but what begins has to come to its end soon. And who asks for something has
//! to take it: what waits to be sent holds memory.
//!
//! The HTTP library has one timer for both, and none before the first bytes have told it the version of the protocol. Here the bytes that come are not looked into:
//! between two requests the first of them begins a head, and the next call of the service ends it. A timer is set only when more has to be waited for, so that a
//! head which comes in one piece costs no look at the clock.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// How long clients may take.
#[derive(Debug, Clone, Copy)]
pub struct ClientTimeouts {
    /// Without a byte, before the first request and between two.
    pub idle: Duration,
    /// From the first bytes of a head to the last.
    pub head: Duration,
    /// While an answer waits for the client: for each [`LEAST_TAKEN`] bytes of it.
    pub answer: Duration,
}

/// What a client that is waited for has to take of an answer to be waited for again. The system says that there is room when there is some more than that.
const LEAST_TAKEN: usize = 8 << 10;

/// How many requests a connection has begun and answered: what the service tells the stream below it.
#[derive(Debug, Default)]
pub struct Requests {
    begun: AtomicU32,
    answered: AtomicU32,
}

impl Requests {
    /// A head is there.
    pub fn begin(&self) {
        self.begun.fetch_add(1, Ordering::Relaxed);
    }

    /// The answer begins. What comes from now on belongs to the next request.
    pub fn answer(&self) {
        self.answered.fetch_add(1, Ordering::Relaxed);
    }
}

/// What a client that speaks HTTP/2 sends first. From then on a connection is never between two requests, and is looked after by pings.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream that ends itself with [`io::ErrorKind::TimedOut`] when its client takes too long.
pub struct Timed<S> {
    stream: S,
    requests: Arc<Requests>,
    timeouts: ClientTimeouts,
    state: State,
    /// Kept from one head to the next.
    timer: Option<Pin<Box<Sleep>>>,
    timer_is_set: bool,
    waiting: Option<Waiting>,
}

/// An answer waits for its client.
struct Waiting {
    timer: Pin<Box<Sleep>>,
    taken: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing but so many bytes of the preface has come.
    Fresh(usize),
    /// A head has begun, after so many requests.
    Head(u32),
    /// Everything else. The HTTP library waits for the next head itself.
    Other,
    Http2,
}

impl<S> Timed<S> {
    pub fn new(stream: S, requests: Arc<Requests>, timeouts: ClientTimeouts) -> Self {
        Self {
            stream,
            requests,
            timeouts,
            state: State::Fresh(0),
            timer: None,
            timer_is_set: false,
            waiting: None,
        }
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.timer_is_set = false;
    }

    /// Some bytes have come.
    fn note(&mut self, bytes: &[u8]) {
        let begun = self.requests.begun.load(Ordering::Relaxed);
        match self.state {
            State::Http2 => {}
            State::Fresh(known) => {
                let rest = &PREFACE[known..];
                let length = rest.len().min(bytes.len());
                if rest[..length] != bytes[..length] {
                    self.keep_time(State::Head(begun));
                } else if length == rest.len() {
                    self.enter(State::Http2);
                } else if known == 0 {
                    self.enter(State::Fresh(length));
                } else {
                    self.keep_time(State::Fresh(known + length));
                }
            }
            State::Head(before) if before == begun => {}
            State::Head(_) | State::Other => {
                // What comes before an answer is the request's body.
                let is_between = self.requests.answered.load(Ordering::Relaxed) == begun;
                self.enter(if is_between { State::Head(begun) } else { State::Other });
            }
        }
    }

    /// Goes on with the same head: a client has no more time for sending it in pieces.
    fn keep_time(&mut self, state: State) {
        let had_begun = !matches!(self.state, State::Fresh(0) | State::Other);
        self.state = state;
        self.timer_is_set &= had_begun;
    }

    /// How long the client may take now, if that is for this stream to say.
    fn limit(&mut self) -> Option<Duration> {
        match self.state {
            State::Fresh(0) => Some(self.timeouts.idle),
            State::Fresh(_) => Some(self.timeouts.head),
            State::Head(before) if before == self.requests.begun.load(Ordering::Relaxed) => Some(self.timeouts.head),
            State::Head(_) => {
                self.enter(State::Other);
                None
            }
            State::Other | State::Http2 => None,
        }
    }

    /// Nothing has come: ready when that has been so for too long.
    fn poll_limit(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(limit) = self.limit() else {
            return Poll::Pending;
        };
        let timer = self.timer.get_or_insert_with(|| {
            self.timer_is_set = true;
            Box::pin(tokio::time::sleep(limit))
        });
        if !self.timer_is_set {
            timer.as_mut().reset(Instant::now() + limit);
            self.timer_is_set = true;
        }
        timer.as_mut().poll(cx)
    }
}

impl<S> Timed<S> {
    /// What became of an attempt to send something.
    fn sent(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match outcome {
            Poll::Ready(Ok(count)) => {
                if let Some(waiting) = &mut self.waiting {
                    waiting.taken += count;
                }
                Poll::Ready(Ok(count))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                let limit = self.timeouts.answer;
                let waiting = self.waiting.get_or_insert_with(|| Waiting {
                    timer: Box::pin(tokio::time::sleep(limit)),
                    taken: 0,
                });
                while waiting.timer.as_mut().poll(cx).is_ready() {
                    if waiting.taken < LEAST_TAKEN {
                        return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                    }
                    waiting.taken = 0;
                    waiting.timer.as_mut().reset(Instant::now() + limit);
                }
                Poll::Pending
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Timed<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buffer) {
            Poll::Ready(Ok(())) => {
                let bytes = buffer.filled().get(before..).unwrap_or_default();
                if !bytes.is_empty() {
                    self.note(bytes);
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => self.poll_limit(cx).map(|()| Err(io::ErrorKind::TimedOut.into())),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Timed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.sent(cx, outcome)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // All that there was is sent.
        self.waiting = None;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.sent(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
    use tokio::time::{advance, timeout};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn pair() -> (DuplexStream, Timed<DuplexStream>, Arc<Requests>) {
        let (client, server) = tokio::io::duplex(1 << 16);
        let requests = Arc::new(Requests::default());
        let timeouts = ClientTimeouts {
            idle: 75 * SECOND,
            head: 15 * SECOND,
            answer: 120 * SECOND,
        };
        (client, Timed::new(server, requests.clone(), timeouts), requests)
    }

    /// Sends text and lets it be read.
    async fn sent(client: &mut DuplexStream, server: &mut Timed<DuplexStream>, text: &str) {
        client.write_all(text.as_bytes()).await.unwrap();
        let mut read = vec![0; text.len()];
        server.read_exact(&mut read).await.unwrap();
    }

    /// Whether a read that nothing comes for ends by itself within a time, on the clock of the test.
    async fn is_cut_within(server: &mut Timed<DuplexStream>, time: Duration) -> bool {
        match timeout(time, server.read_u8()).await {
            Ok(read) => {
                assert_eq!(read.unwrap_err().kind(), io::ErrorKind::TimedOut);
                true
            }
            Err(_elapsed) => false,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_is_idle() {
        let (_client, mut server, _) = pair();
        assert!(!is_cut_within(&mut server, 74 * SECOND).await);
        assert!(is_cut_within(&mut server, 2 * SECOND).await);
    }

    #[tokio::test(start_paused = true)]
    async fn heads_that_begin_have_to_end_and_all_else_may_take_long() {
        let (mut client, mut server, requests) = pair();
        for _ in 0..3 {
            sent(&mut client, &mut server, "POST / HTTP/1.1\r\n").await;
            assert!(!is_cut_within(&mut server, 14 * SECOND).await);
            sent(&mut client, &mut server, "content-length: 3\r\n\r\n").await;
            requests.begin();
            for byte in ["a", "b", "c"] {
                assert!(!is_cut_within(&mut server, 100 * SECOND).await);
                sent(&mut client, &mut server, byte).await;
            }
            requests.answer();
            assert!(!is_cut_within(&mut server, 100 * SECOND).await);
        }
        sent(&mut client, &mut server, "G").await;
        for _ in 0..14 {
            assert!(!is_cut_within(&mut server, SECOND).await);
            sent(&mut client, &mut server, "E").await;
        }
        assert!(
            is_cut_within(&mut server, 2 * SECOND).await,
            "in pieces it has no more time"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_for_something_has_to_take_it() {
        let answer = vec![7; 1 << 20];
        let (_client, mut server, _) = pair();
        let sent = timeout(121 * SECOND, server.write_all(&answer)).await.unwrap();
        assert_eq!(sent.unwrap_err().kind(), io::ErrorKind::TimedOut, "nothing is taken");

        for (taken, is_enough) in [(LEAST_TAKEN, true), (LEAST_TAKEN / 8, false)] {
            let (mut client, mut server, _) = pair();
            let reading = async {
                let mut piece = vec![0; taken];
                while client.read_exact(&mut piece).await.is_ok() {
                    tokio::time::sleep(100 * SECOND).await;
                }
            };
            let writing = async {
                let sent = server.write_all(&answer).await;
                drop(server);
                sent
            };
            let ((), sent) = tokio::join!(reading, writing);
            assert_eq!(sent.is_ok(), is_enough, "{taken} bytes in 100 seconds");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_preface_of_http_2_has_to_end_and_then_pings_count() {
        let (mut client, mut server, _) = pair();
        let preface = std::str::from_utf8(PREFACE).unwrap();
        sent(&mut client, &mut server, &preface[..3]).await;
        assert!(!is_cut_within(&mut server, 14 * SECOND).await);
        sent(&mut client, &mut server, &preface[3..10]).await;
        assert!(is_cut_within(&mut server, 2 * SECOND).await);

        let (mut client, mut server, _) = pair();
        sent(&mut client, &mut server, &preface[..3]).await;
        sent(&mut client, &mut server, &preface[3..]).await;
        advance(20 * SECOND).await;
        assert!(!is_cut_within(&mut server, 100 * SECOND).await);
        sent(&mut client, &mut server, "frame").await;
        assert!(!is_cut_within(&mut server, 100 * SECOND).await);

        let (mut client, mut server, _) = pair();
        sent(&mut client, &mut server, "PRI").await;
        assert!(!is_cut_within(&mut server, 14 * SECOND).await);
        sent(&mut client, &mut server, "NT / HTTP/1.1\r\n").await;
        assert!(is_cut_within(&mut server, 2 * SECOND).await, "a head all along");
    }
}
