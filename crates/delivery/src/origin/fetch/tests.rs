use std::sync::atomic::{AtomicUsize, Ordering};

use futures::StreamExt;
use insta::assert_snapshot;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

const LIMIT: u64 = 1000;

/// A real server on 127.0.0.1 that answers by path.
struct Server {
    port: u16,
    accepted: Arc<AtomicUsize>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let accepted = Arc::new(AtomicUsize::new(0));
        let counter = accepted.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(answer(stream));
            }
        });
        Self { port, accepted }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// The port is another one in each run.
    fn steady(&self, text: &str) -> String {
        text.replace(&self.port.to_string(), "PORT")
    }
}

async fn answer(mut stream: TcpStream) -> io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await?);
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let target = request.split(' ').nth(1).unwrap_or_default();
    let path = target.split('?').next().unwrap_or_default();
    let see = |status: &str, location: &str| {
        format!("HTTP/1.1 {status}\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
    };
    let head = |headers: &str| format!("HTTP/1.1 200 OK\r\nConnection: close\r\n{headers}\r\n");
    let text = match path {
        "/file.jpg" => head("Content-Type: image/jpeg\r\nContent-Length: 5\r\n") + "hello",
        "/until-close" => head("") + "no length",
        "/echo" => head("") + &request,
        "/hop/3" => see("307 Temporary Redirect", "/hop/2"),
        "/hop/2" => see("301 Moved Permanently", "1?token=secret#part"),
        "/hop/1" => see("302 Found", "../file.jpg"),
        "/around" => see("302 Found", "/around"),
        "/to-metadata" => see("302 Found", "http://169.254.169.254/latest/meta-data/"),
        "/to-loopback" => see("302 Found", "http://[::1]:1/"),
        "/to-file" => see("302 Found", "file:///etc/passwd"),
        "/to-nothing" => see("302 Found", "http://"),
        "/no-location" => "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
        "/large-by-header" => head("Content-Length: 1001\r\n"),
        "/exactly" => head("") + &"x".repeat(1000),
        "/large-by-stream" => head("") + &"x".repeat(1001),
        "/large-by-chunks" => {
            head("Transfer-Encoding: chunked\r\n") + &format!("3e9\r\n{}\r\n0\r\n\r\n", "x".repeat(1001))
        }
        "/truncated" => head("Content-Length: 50\r\n") + "only this",
        "/truncated-chunks" => head("Transfer-Encoding: chunked\r\n") + "9\r\nonly this\r\n",
        "/gzip" => head("Content-Encoding: gzip\r\nContent-Length: 3\r\n") + "zip",
        "/partial" => "HTTP/1.1 206 Partial Content\r\nContent-Length: 1\r\n\r\nx".to_owned(),
        "/broken" => "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n".to_owned(),
        "/not-http" => "SSH-2.0-OpenSSH_9.9\r\n".to_owned(),
        "/silent" => return std::future::pending().await,
        "/stalls" => {
            stream
                .write_all((head("Content-Length: 50\r\n") + "some").as_bytes())
                .await?;
            return std::future::pending().await;
        }
        "/drips" => {
            stream.write_all(head("").as_bytes()).await?;
            loop {
                stream.write_all(b".").await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        _ => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
    };
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await
}

fn policy() -> FetchPolicy {
    FetchPolicy {
        allow: vec!["127.0.0.0/8".parse().unwrap()],
        ..FetchPolicy::default()
    }
}

fn fetcher() -> Fetcher {
    Fetcher::new(policy()).unwrap()
}

async fn read(fetcher: &Fetcher, url: &str) -> Result<(Fetched, Vec<u8>), FetchError> {
    let mut fetched = fetcher.get(url, LIMIT).await?;
    let mut bytes = Vec::new();
    while let Some(chunk) = fetched.body.next().await {
        bytes.extend_from_slice(&chunk?);
    }
    Ok((fetched, bytes))
}

/// The error of fetching `path`, as text.
async fn error(fetcher: &Fetcher, server: &Server, path: &str) -> String {
    server.steady(&read(fetcher, &server.url(path)).await.expect_err(path).to_string())
}

#[tokio::test]
async fn files_arrive() {
    let server = Server::start().await;
    let fetcher = fetcher();
    let (fetched, bytes) = read(&fetcher, &server.url("/file.jpg?signature=secret")).await.unwrap();
    assert_eq!(bytes, b"hello");
    assert_eq!(fetched.final_url, server.url("/file.jpg"));
    assert_eq!(fetched.content_type.as_deref(), Some("image/jpeg"));
    assert_eq!(fetched.content_length, Some(5));

    let (fetched, bytes) = read(&fetcher, &server.url("/until-close")).await.unwrap();
    assert_eq!(bytes, b"no length");
    assert_eq!((fetched.content_type, fetched.content_length), (None, None));

    let (_, bytes) = read(&fetcher, &server.url("/exactly")).await.unwrap();
    assert_eq!(bytes.len() as u64, LIMIT);
}

#[tokio::test]
async fn requests_carry_little() {
    let server = Server::start().await;
    let (_, bytes) = read(&fetcher(), &server.url("/echo?a=b#part")).await.unwrap();
    let request = server
        .steady(&String::from_utf8(bytes).unwrap())
        .replace(env!("CARGO_PKG_VERSION"), "VERSION");
    let mut lines: Vec<&str> = request.lines().filter(|line| !line.is_empty()).collect();
    lines[1..].sort_unstable();
    assert_snapshot!(lines.join("\n"), @r"
    GET /echo?a=b HTTP/1.1
    accept-encoding: identity
    accept: */*
    host: 127.0.0.1:PORT
    user-agent: Tintype/VERSION
    ");
}

#[tokio::test]
async fn redirects_are_followed() {
    let server = Server::start().await;
    let (fetched, bytes) = read(&fetcher(), &server.url("/hop/3")).await.unwrap();
    assert_eq!(bytes, b"hello");
    assert_eq!(fetched.final_url, server.url("/file.jpg"));
}

#[tokio::test]
async fn redirects_that_are_not_followed() {
    let server = Server::start().await;
    let fetcher = fetcher();
    let mut errors = Vec::new();
    for path in [
        "/around",
        "/to-metadata",
        "/to-loopback",
        "/to-file",
        "/to-nothing",
        "/no-location",
    ] {
        errors.push(error(&fetcher, &server, path).await);
    }
    assert_snapshot!(errors.join("\n"), @r"
    http://127.0.0.1:PORT/around redirects once more after 5 redirects: give the address where they end
    http://169.254.169.254/latest/meta-data/ is not fetched: 169.254.169.254 is a link-local address (169.254.0.0/16); set TINTYPE_FETCH_ALLOW to reach 169.254.0.0/16
    http://[::1]:1/ is not fetched: ::1 is a loopback address (::1/128); set TINTYPE_FETCH_ALLOW to reach ::1/128
    `file` URLs are not fetched, only `http` and `https`
    the URL cannot be used: http://127.0.0.1:PORT/to-nothing redirects to what is not a URL: empty host
    http://127.0.0.1:PORT/no-location answered with status 302
    ");
}

#[tokio::test]
async fn each_redirect_counts() {
    let server = Server::start().await;
    let fetch = |max_redirects| {
        let fetcher = Fetcher::new(FetchPolicy {
            max_redirects,
            ..policy()
        })
        .unwrap();
        let url = server.url("/hop/3");
        async move { read(&fetcher, &url).await }
    };
    assert!(fetch(3).await.is_ok());
    assert!(matches!(
        fetch(2).await,
        Err(FetchError::TooManyRedirects { limit: 2, .. })
    ));
    assert!(matches!(
        fetch(0).await,
        Err(FetchError::TooManyRedirects { limit: 0, .. })
    ));
}

#[test]
fn https_does_not_become_http() {
    let from = Url::parse("https://example.com/a").unwrap();
    let target = |location: &'static str| {
        let headers = HeaderMap::from_iter([(LOCATION, HeaderValue::from_static(location))]);
        redirect_target(&from, "https://example.com/a", StatusCode::FOUND, &headers)
    };
    assert!(matches!(
        target("http://example.com/b"),
        Err(FetchError::Downgrade { .. })
    ));
    assert_eq!(
        target("//example.org/b").unwrap().unwrap().as_str(),
        "https://example.org/b"
    );
}

#[tokio::test]
async fn bad_answers() {
    let server = Server::start().await;
    let fetcher = fetcher();
    let mut errors = Vec::new();
    for path in [
        "/absent?key=secret",
        "/broken",
        "/partial",
        "/gzip",
        "/large-by-header",
        "/large-by-stream",
        "/large-by-chunks",
        "/truncated",
        "/truncated-chunks",
        "/not-http",
    ] {
        errors.push(error(&fetcher, &server, path).await);
    }
    assert_snapshot!(errors.join("\n"), @r"
    http://127.0.0.1:PORT/absent answered with status 404
    http://127.0.0.1:PORT/broken answered with status 500
    http://127.0.0.1:PORT/partial answered with status 206
    http://127.0.0.1:PORT/gzip sent its file compressed (`gzip`) although the plain file was asked for
    the remote file is larger than the limit of 1000 bytes
    the remote file is larger than the limit of 1000 bytes
    the remote file is larger than the limit of 1000 bytes
    the connection to http://127.0.0.1:PORT/truncated broke before the file was complete; try again, or upload the file itself
    the connection to http://127.0.0.1:PORT/truncated-chunks broke before the file was complete; try again, or upload the file itself
    the connection to http://127.0.0.1:PORT/not-http broke before the file was complete; try again, or upload the file itself
    ");
}

#[tokio::test]
async fn the_policy_caps_what_the_caller_asks_for() {
    let server = Server::start().await;
    let fetcher = Fetcher::new(FetchPolicy {
        max_bytes: 4,
        ..policy()
    })
    .unwrap();
    let error = fetcher.get(&server.url("/file.jpg"), u64::MAX).await.unwrap_err();
    assert!(matches!(error, FetchError::TooLarge { limit: 4, .. }));
}

#[tokio::test]
async fn slow_servers() {
    let server = Server::start().await;
    let short = Duration::from_millis(200);
    let slow_headers = Fetcher::new(FetchPolicy {
        header_timeout: short,
        ..policy()
    })
    .unwrap();
    let slow_body = Fetcher::new(FetchPolicy {
        idle_timeout: short,
        ..policy()
    })
    .unwrap();
    let slow_whole = Fetcher::new(FetchPolicy {
        total_timeout: short,
        ..policy()
    })
    .unwrap();
    let errors = [
        error(&slow_headers, &server, "/silent").await,
        error(&slow_body, &server, "/stalls").await,
        error(&slow_whole, &server, "/drips").await,
        error(&slow_whole, &server, "/silent").await,
    ];
    assert_snapshot!(errors.join("\n"), @r"
    http://127.0.0.1:PORT/silent took too long: the response headers did not arrive within 200ms; try again, or upload the file itself
    http://127.0.0.1:PORT/stalls took too long: more of the file did not arrive within 200ms; try again, or upload the file itself
    http://127.0.0.1:PORT/drips took too long: the whole file did not arrive within 200ms; try again, or upload the file itself
    http://127.0.0.1:PORT/silent took too long: the whole file did not arrive within 200ms; try again, or upload the file itself
    ");
}

#[tokio::test]
async fn private_hosts_are_refused_before_any_connection() {
    let server = Server::start().await;
    let guarded = Fetcher::new(FetchPolicy::default()).unwrap();
    let port = server.port;
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "017700000001",
        "0177.0.0.1",
        "127.0.0.1.",
        "%31%32%37.0.0.1",
        "１２７.0.0.1",
        "127。0。0。1",
        "0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:7f00:0001]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
        "user:pass@127.0.0.1",
        "example.com@127.0.0.1",
        "localhost",
        "LOCALHOST",
        "localhost.",
    ] {
        let error = guarded
            .get(&format!("http://{host}:{port}/file.jpg"), LIMIT)
            .await
            .unwrap_err();
        // Not every machine resolves `localhost.`, with the dot; then it is not found, which is as good.
        let unknown = host.ends_with("t.") && matches!(error, FetchError::Resolve { .. });
        assert!(
            unknown || matches!(error, FetchError::Refused { .. }),
            "{host}: {error:?}"
        );
    }
    assert_eq!(server.accepted(), 0);

    // The same server is there, and the same spellings reach it, once they are allowed.
    let open = fetcher();
    for host in ["127.0.0.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "localhost"] {
        let (_, bytes) = read(&open, &format!("http://{host}:{port}/file.jpg"))
            .await
            .expect(host);
        assert_eq!(bytes, b"hello", "{host}");
    }
    assert_eq!(server.accepted(), 5);
}

#[test]
fn names_with_both_sorts_of_addresses() {
    let permitted = |addresses: &[&str]| {
        permitted(
            &AddressRules::default(),
            addresses.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0)),
        )
    };
    let found = permitted(&["10.0.0.1", "8.8.8.8", "::1"]).unwrap();
    assert_eq!(found, [SocketAddr::from(([8, 8, 8, 8], 0))]);
    assert!(matches!(permitted(&["10.0.0.1", "::1"]), Err(LookupError::Refused(_))));
    assert!(matches!(permitted(&[]), Err(LookupError::Empty)));
}

#[tokio::test]
async fn bad_urls() {
    let fetcher = fetcher();
    let long = format!("http://example.com/{}", "a".repeat(MAX_URL_BYTES));
    let mut errors = Vec::new();
    for url in [
        "",
        "cat.jpg",
        "http://",
        "http://[::1",
        "http://a:99999/",
        "ftp://a/b",
        "file:///etc/passwd",
        "data:,a",
        &long,
    ] {
        errors.push(fetcher.get(url, LIMIT).await.expect_err(url).to_string());
    }
    assert_snapshot!(errors.join("\n"), @r"
    the URL cannot be used: relative URL without a base
    the URL cannot be used: relative URL without a base
    the URL cannot be used: empty host
    the URL cannot be used: invalid IPv6 address
    the URL cannot be used: invalid port number
    `ftp` URLs are not fetched, only `http` and `https`
    `file` URLs are not fetched, only `http` and `https`
    `data` URLs are not fetched, only `http` and `https`
    the URL cannot be used: it is longer than 8192 bytes
    ");
}

#[tokio::test]
async fn hosts_that_are_not_there() {
    let fetcher = fetcher();
    let closed = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let error = fetcher
        .get(&format!("http://127.0.0.1:{closed}/"), LIMIT)
        .await
        .unwrap_err();
    assert!(matches!(error, FetchError::Connect { .. }), "{error:?}");
    // `.invalid` never exists (RFC 6761).
    let error = fetcher.get("http://nowhere.invalid/", LIMIT).await.unwrap_err();
    assert!(matches!(error, FetchError::Resolve { .. }), "{error:?}");
}

#[tokio::test]
async fn secrets_stay_out_of_errors() {
    let server = Server::start().await;
    let fetcher = fetcher();
    for path in ["/absent", "/truncated", "/to-metadata", "/large-by-header"] {
        let url = format!("http://name:hidden@127.0.0.1:{}{path}?token=hidden#hidden", server.port);
        let error = read(&fetcher, &url).await.unwrap_err();
        let mut text = format!("{error} {error:?}");
        let mut cause = error.source();
        while let Some(source) = cause {
            text += &format!(" {source} {source:?}");
            cause = source.source();
        }
        assert!(!text.contains("hidden"), "{text}");
    }
    let closed = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let error = fetcher
        .get(&format!("http://name:hidden@127.0.0.1:{closed}/?hidden"), LIMIT)
        .await
        .unwrap_err();
    assert!(!format!("{error:?}").contains("hidden"), "{error:?}");
}
