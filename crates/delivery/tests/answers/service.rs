//! A service on this machine that speaks as little HTTP as a test needs.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub struct Service {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    answer: Arc<Mutex<Reply>>,
}

/// A request as it came.
#[derive(Clone)]
pub struct Asked {
    pub head: String,
    pub body: Vec<u8>,
}

#[derive(Clone)]
pub struct Reply {
    pub status: u16,
    pub body: Vec<u8>,
    pub after: Duration,
    /// What `Content-Length` says, where that is a lie.
    pub length: Option<u64>,
}

impl Reply {
    pub fn of(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            body: body.into(),
            after: Duration::ZERO,
            length: None,
        }
    }
}

impl Service {
    pub async fn start(answer: Reply) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let service = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            asked: Arc::default(),
            answer: Arc::new(Mutex::new(answer)),
        };
        let (asked, answer) = (service.asked.clone(), service.answer.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, asked.clone(), answer.clone()));
            }
        });
        service
    }

    pub fn answers(&self, answer: Reply) {
        *self.answer.lock().unwrap() = answer;
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, asked: Arc<Mutex<Vec<Asked>>>, answer: Arc<Mutex<Reply>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head
        .lines()
        .find_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix("content-length: ")
                .map(str::to_owned)
        })
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    asked.lock().unwrap().push(Asked { head, body });
    let reply = answer.lock().unwrap().clone();
    tokio::time::sleep(reply.after).await;
    let length = reply.length.unwrap_or(reply.body.len() as u64);
    let head = format!(
        "HTTP/1.1 {} Whatever\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n",
        reply.status
    );
    // The client may have gone.
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(&reply.body).await;
}

impl Asked {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The content of a part of the form.
    pub fn part(&self, name: &str) -> Option<Vec<u8>> {
        let boundary = self.header("content-type")?.split_once("boundary=")?.1;
        let mark = format!("--{boundary}");
        let starts: Vec<usize> = (0..self.body.len())
            .filter(|at| self.body[*at..].starts_with(mark.as_bytes()))
            .collect();
        starts.windows(2).find_map(|pair| {
            let part = &self.body[pair[0] + mark.len() + 2..pair[1] - 2];
            let end = (0..part.len()).find(|at| part[*at..].starts_with(b"\r\n\r\n"))?;
            let head = String::from_utf8_lossy(&part[..end]).into_owned();
            head.contains(&format!("name=\"{name}\""))
                .then(|| part[end + 4..].to_vec())
        })
    }

    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.part(name).unwrap_or_default()).unwrap()
    }
}
