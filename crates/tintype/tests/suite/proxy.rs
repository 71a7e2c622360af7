//! An HTTP proxy that stumbles by rule. Each connection of the agent side has a path of its own, `/NAME`, so that one proxy
//! serves many, and a rule that is for the first request that it fits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The keys that the agent side knows; the proxy puts the server's in their place.
pub const FIRST_KEY: &str = "private_f1rst";
pub const NEXT_KEY: &str = "private_n3xt";

/// What goes wrong with a request.
#[derive(Clone)]
pub enum Fault {
    /// Answered so, with these headers, and not carried out.
    Says(u16, &'static [(&'static str, &'static str)]),
    /// The first key is refused for good.
    ExpiredKey,
    /// The connection breaks before the request is carried out.
    LostBefore,
    /// It is carried out, and the connection breaks before the answer.
    LostAfter,
    /// It is carried out, and half of the answer comes.
    Half,
    /// It is carried out, and the answer comes in pieces.
    Slow,
    /// It is carried out, and nothing comes.
    Silent,
    /// It is carried out, and the answer is changed; false if there was nothing to change.
    Drift(fn(&mut Value) -> bool),
    /// It is carried out, and the answer is a web page.
    Page,
}

/// Which requests a fault is for.
#[derive(Clone, Copy, PartialEq)]
pub enum On {
    Everything,
    /// Those that change something.
    Changes,
}

pub struct Rule {
    fault: Option<Fault>,
    on: On,
    hit: bool,
}

impl Rule {
    pub fn new(fault: Option<Fault>, on: On) -> Self {
        Self { fault, on, hit: false }
    }
}

/// The proxy; it ends with the runtime.
pub struct Proxy {
    address: String,
    rules: Rules,
}

type Rules = Arc<Mutex<HashMap<String, Rule>>>;

impl Proxy {
    /// In front of the server at `base`, whose private key is `key`.
    pub async fn start(base: &str, key: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let rules = Rules::default();
        let far = Arc::new(Far {
            address: base.trim_start_matches("http://").to_owned(),
            key: key.to_owned(),
            rules: Arc::clone(&rules),
        });
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let far = Arc::clone(&far);
                tokio::spawn(async move { far.serve(stream).await });
            }
        });
        Self { address, rules }
    }

    /// Base URL of one connection.
    pub fn base(&self, name: &str) -> String {
        format!("http://{}/{name}", self.address)
    }

    pub fn rule(&self, name: &str, rule: Rule) {
        self.rules.lock().unwrap().insert(name.to_owned(), rule);
    }

    /// Whether the connection's rule was met.
    pub fn was_hit(&self, name: &str) -> bool {
        self.rules.lock().unwrap().get(name).is_some_and(|rule| rule.hit)
    }
}

/// The server behind.
struct Far {
    address: String,
    key: String,
    rules: Rules,
}

impl Far {
    async fn serve(&self, mut stream: TcpStream) -> Option<()> {
        let (head, body) = read_request(&mut stream).await?;
        let mut lines = head.split("\r\n");
        let mut first = lines.next()?.splitn(3, ' ');
        let (method, target) = (first.next()?, first.next()?);
        let (name, path) = target.trim_start_matches('/').split_once('/')?;
        let headers: Vec<&str> = lines.collect();
        let presented = headers.iter().find_map(|line| presented_key(line)).unwrap_or_default();
        let fault = self.fault_for(name, method, &presented);
        let refused = json!({ "message": "Your account cannot be authenticated.", "help": "" });
        let answer = match &fault {
            Some(Fault::Says(status, more)) => {
                let body = json!({ "message": format!("the proxy says {status}"), "help": "" });
                answer(*status, more, &body.to_string())
            }
            Some(Fault::ExpiredKey) => {
                let body = json!({ "message": "Your request contains expired private API key.", "help": "" });
                answer(403, &[], &body.to_string())
            }
            Some(Fault::LostBefore) => return None,
            _ if presented != FIRST_KEY && presented != NEXT_KEY => answer(403, &[], &refused.to_string()),
            _ => self.forward(method, path, &headers, &body).await?,
        };
        let answer = match fault {
            Some(Fault::LostAfter) => return None,
            Some(Fault::Silent) => {
                tokio::time::sleep(Duration::from_secs(60)).await;
                return None;
            }
            Some(Fault::Drift(change)) => self.changed(name, answer, change),
            Some(Fault::Page) => page(answer),
            _ => answer,
        };
        let head = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")? + 4;
        match fault {
            Some(Fault::Half) => {
                let body = answer.len() - head;
                let half = if body == 0 { head / 2 } else { head + body / 2 };
                stream.write_all(&answer[..half]).await.ok()?;
            }
            Some(Fault::Slow) => {
                for piece in answer.chunks(answer.len() / 5 + 1) {
                    stream.write_all(piece).await.ok()?;
                    stream.flush().await.ok()?;
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
            _ => stream.write_all(&answer).await.ok()?,
        }
        stream.shutdown().await.ok()
    }

    /// The fault of this request. A key that is refused is so for good, any other fault for once.
    fn fault_for(&self, name: &str, method: &str, presented: &str) -> Option<Fault> {
        let mut rules = self.rules.lock().unwrap();
        let rule = rules.get_mut(name)?;
        if rule.on == On::Changes && method == "GET" {
            return None;
        }
        if let Some(Fault::ExpiredKey) = rule.fault {
            let expired = presented == FIRST_KEY;
            rule.hit |= expired;
            return expired.then_some(Fault::ExpiredKey);
        }
        let fault = rule.fault.take()?;
        rule.hit = true;
        Some(fault)
    }

    async fn forward(&self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Option<Vec<u8>> {
        let mut request = format!(
            "{method} /{path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n",
            self.address
        );
        for line in headers {
            let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
            if !matches!(name.as_str(), "host" | "connection" | "authorization" | "") {
                request.push_str(line);
                request.push_str("\r\n");
            }
        }
        let basic = STANDARD.encode(format!("{}:", self.key));
        request.push_str(&format!("authorization: Basic {basic}\r\n\r\n"));
        let mut stream = TcpStream::connect(&self.address).await.ok()?;
        stream.write_all(request.as_bytes()).await.ok()?;
        stream.write_all(body).await.ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok()?;
        Some(answer)
    }

    fn changed(&self, name: &str, whole: Vec<u8>, change: fn(&mut Value) -> bool) -> Vec<u8> {
        let (status, body) = parts(&whole);
        let changed = serde_json::from_slice::<Value>(body).ok().and_then(|mut value| {
            // Nothing of a refusal is changed.
            (status < 300 && change(&mut value)).then(|| answer(status, &told(&whole), &value.to_string()))
        });
        changed.unwrap_or_else(|| {
            if let Some(rule) = self.rules.lock().unwrap().get_mut(name) {
                rule.hit = false;
            }
            whole
        })
    }
}

fn page(whole: Vec<u8>) -> Vec<u8> {
    match parts(&whole).0 {
        200..300 => answer(200, &[], "<!doctype html><title>Welcome</title>"),
        _ => whole,
    }
}

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let headers: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    format!(
        "HTTP/1.1 {status} Played\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// The headers by which an answer says more than its body.
fn told(whole: &[u8]) -> Vec<(&str, &str)> {
    let head = whole.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap_or(0);
    let lines = std::str::from_utf8(&whole[..head]).unwrap_or_default().lines();
    let headers = lines.filter_map(|line| line.split_once(": "));
    headers
        .filter(|(name, _)| name.to_ascii_lowercase().starts_with("x-"))
        .collect()
}

/// Status and body.
fn parts(whole: &[u8]) -> (u16, &[u8]) {
    let head = whole.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap_or(0);
    let text = String::from_utf8_lossy(&whole[..head]).to_ascii_lowercase();
    assert!(
        !text.contains("transfer-encoding"),
        "answers of the API have a length: {text}"
    );
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or(0), whole.get(head + 4..).unwrap_or_default())
}

fn presented_key(line: &str) -> Option<String> {
    let (name, value) = line.split_once(':')?;
    if !name.eq_ignore_ascii_case("authorization") {
        return None;
    }
    let text = STANDARD.decode(value.trim().strip_prefix("Basic ")?).ok()?;
    Some(String::from_utf8(text).ok()?.trim_end_matches(':').to_owned())
}

/// Reads the head and as much body as it announces.
async fn read_request(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut buffer = [0_u8; 16 << 10];
    loop {
        if let Some(head) = bytes.windows(4).position(|b| b == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
            let announced = text.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.trim().parse().ok())?
            });
            let length: usize = announced.unwrap_or(0);
            if bytes.len() >= head + 4 + length {
                return Some((text, bytes[head + 4..].to_vec()));
            }
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}
