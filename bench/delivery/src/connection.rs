//! Thousands of connections at once, each of which costs next to nothing.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a server may take over one answer.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A connection that is kept between requests.
pub struct Connection {
    stream: BufReader<TcpStream>,
}

/// What a server said; the bytes of its body are counted and forgotten.
#[derive(Debug, Default)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Bytes of the body.
    pub bytes: u64,
    /// Seconds.
    pub retry_after: Option<u64>,
    /// With its quotes.
    pub etag: Option<String>,
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = timeout(PATIENCE, TcpStream::connect(address)).await??;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::with_capacity(16 << 10, stream),
        })
    }

    /// Asks for a path. `headers` are whole lines.
    pub async fn get(&mut self, path: &str, headers: &str) -> io::Result<Reply> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        self.send(request.as_bytes()).await
    }

    /// Sends a whole request and waits for the end of its answer.
    pub async fn send(&mut self, request: &[u8]) -> io::Result<Reply> {
        timeout(PATIENCE, self.exchange(request)).await?
    }

    async fn exchange(&mut self, request: &[u8]) -> io::Result<Reply> {
        self.stream.get_mut().write_all(request).await?;
        let mut reply = Reply::default();
        let first = self.line().await?;
        let status = first.split(' ').nth(1).and_then(|code| code.parse().ok());
        reply.status = status.ok_or_else(|| io::Error::other(format!("not an HTTP answer: {first}")))?;
        let mut length = None;
        loop {
            let line = self.line().await?;
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().ok(),
                "retry-after" => reply.retry_after = value.parse().ok(),
                "etag" => reply.etag = Some(value.to_owned()),
                _ => {}
            }
        }
        reply.bytes = match (reply.status, length) {
            (204 | 304, _) => 0,
            (_, Some(length)) => length,
            (_, None) => return Err(io::Error::other("an answer without a length")),
        };
        let mut left = reply.bytes;
        while left > 0 {
            let read = self.stream.fill_buf().await?.len() as u64;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let taken = read.min(left);
            self.stream.consume(taken as usize);
            left -= taken;
        }
        Ok(reply)
    }

    async fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        line.truncate(line.trim_end().len());
        Ok(line)
    }
}
