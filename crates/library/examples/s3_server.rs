//! An S3 server over a folder, for tests: `s3_server <folder>` prints its address and serves until its input ends.
//!
//! The access key is `test` and the secret key `testsecret`. Buckets are the folders inside the folder.
#![allow(clippy::print_stdout, reason = "it tells its address")]

use std::io::Read as _;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;

#[tokio::main]
async fn main() {
    let folder = std::env::args().nth(1).expect("s3_server <folder>");
    let mut service = S3ServiceBuilder::new(FileSystem::new(folder).expect("a folder"));
    service.set_auth(SimpleAuth::from_single("test", "testsecret"));
    let service = service.build();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("http://{}", listener.local_addr().expect("an address"));
    // Ends with the test that started it, however that ends.
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let service = service.clone();
        tokio::spawn(async move {
            let builder = Builder::new(TokioExecutor::new());
            // A client that goes away is no failure of the server.
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
