//! An HTTP/1.1 client of the fewest steps, so that what is measured is the server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::BenchError;

/// How long a server may take over one answer.
const PATIENCE: Duration = Duration::from_secs(120);

/// Longest answer that is read.
const LONGEST: usize = 256 << 20;

/// A connection that is kept between requests.
pub struct Client {
    stream: BufReader<TcpStream>,
    host: SocketAddr,
}

/// What a server said.
pub struct Reply {
    /// 200 for a picture.
    pub status: u16,
    /// Its body.
    pub body: Vec<u8>,
}

impl Client {
    /// Connects.
    pub fn connect(host: SocketAddr) -> Result<Self, BenchError> {
        let stream = TcpStream::connect(host)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream: BufReader::with_capacity(64 << 10, stream),
            host,
        })
    }

    /// Asks for a path. The connection stays open.
    pub fn get(&mut self, path: &str) -> Result<Reply, BenchError> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.host);
        self.send(request.as_bytes())
    }

    /// Posts a body. `headers` are whole lines, each with its line end.
    pub fn post(&mut self, path: &str, headers: &str, body: &[u8]) -> Result<Reply, BenchError> {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n{headers}\r\n",
            self.host,
            body.len()
        );
        self.send(&[head.as_bytes(), body].concat())
    }

    /// Sends a whole request and waits for its answer.
    pub fn send(&mut self, request: &[u8]) -> Result<Reply, BenchError> {
        self.stream.get_mut().write_all(request)?;
        let (status, length, chunked) = self.head()?;
        let mut body = Vec::new();
        match length {
            Some(length) => self.read(length, &mut body)?,
            None if chunked => loop {
                let size = self.line()?;
                let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16)?;
                self.read(size, &mut body)?;
                self.line()?;
                if size == 0 {
                    break;
                }
            },
            None if status == 204 => {}
            None => return Err(format!("{}: an answer without a length", self.host).into()),
        }
        Ok(Reply { status, body })
    }

    /// Sends a whole request and reads the answer into `room`, again and again: its status, and how many bytes it had.
    pub fn drain(&mut self, request: &[u8], room: &mut [u8]) -> Result<(u16, usize), BenchError> {
        self.stream.get_mut().write_all(request)?;
        let (status, length, _) = self.head()?;
        let length = length.ok_or_else(|| format!("{}: an answer without a length", self.host))?;
        let mut left = length;
        while left > 0 {
            let wanted = left.min(room.len());
            let read = self.stream.read(&mut room[..wanted])?;
            if read == 0 {
                return Err(format!("{}: the server hung up", self.host).into());
            }
            left -= read;
        }
        Ok((status, length))
    }

    /// The status, the length and whether it comes in chunks.
    fn head(&mut self) -> Result<(u16, Option<usize>, bool), BenchError> {
        let first = self.line()?;
        let status = first
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .ok_or_else(|| format!("{}: not an HTTP answer: {first}", self.host))?;
        let (mut length, mut chunked) = (None, false);
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                length = Some(value.parse()?);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                chunked = value.eq_ignore_ascii_case("chunked");
            }
        }
        Ok((status, length, chunked))
    }

    fn read(&mut self, length: usize, body: &mut Vec<u8>) -> Result<(), BenchError> {
        let start = body.len();
        if start.saturating_add(length) > LONGEST {
            return Err(format!("{}: an answer of more than {LONGEST} bytes", self.host).into());
        }
        body.resize(start + length, 0);
        Ok(self.stream.read_exact(&mut body[start..])?)
    }

    fn line(&mut self) -> Result<String, BenchError> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(format!("{}: the server hung up", self.host).into());
        }
        line.truncate(line.trim_end().len());
        Ok(line)
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    #[test]
    fn bodies_of_both_kinds_are_read_from_one_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream
                .write_all(
                    b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc\
                      HTTP/1.1 206 Partial Content\r\ncontent-length: 3\r\n\r\nghi\
                      HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n1\r\nf\r\n0\r\n\r\n",
                )
                .unwrap();
            let mut asked = String::new();
            stream.read_to_string(&mut asked).unwrap();
            asked
        });
        let mut client = Client::connect(host).unwrap();
        let first = client.get("/a").unwrap();
        assert_eq!((first.status, &first.body[..]), (200, &b"abc"[..]));
        let mut room = [0; 2];
        assert_eq!(client.drain(b"GET /r HTTP/1.1\r\n\r\n", &mut room).unwrap(), (206, 3));
        assert_eq!(&room, b"ih");
        let second = client.get("/b").unwrap();
        assert_eq!((second.status, &second.body[..]), (404, &b"def"[..]));
        drop(client);
        assert!(
            server
                .join()
                .unwrap()
                .starts_with("GET /a HTTP/1.1\r\nHost: 127.0.0.1:")
        );
    }
}
