use futures::TryStreamExt as _;
use library::{BlobError, BlobId, Code};

use crate::bench::{Bench, bytes, stage, upload};

#[tokio::test]
async fn staging_hashes_and_counts() {
    let bench = Bench::new().await;
    let mut writer = bench.library.stage(1_000_000).await.expect("a writer");
    for piece in ["a", "", "b", "c"] {
        writer.write(piece.as_bytes()).await.expect("written");
    }
    let staged = writer.finish().await.expect("finished");
    assert_eq!(staged.size(), 3);
    assert_eq!(
        staged.id().to_string(),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
    assert_eq!(std::fs::read(staged.path()).expect("read"), b"abc");
    assert_eq!(
        std::io::read_to_string(staged.open().expect("opened")).expect("read"),
        "abc"
    );
    assert_eq!(bench.files(), (1, 0));
    drop(staged);
    assert_eq!(bench.files(), (0, 0));
}

#[tokio::test]
async fn the_limit_is_kept_to_the_byte() {
    let bench = Bench::new().await;
    let mut writer = bench.library.stage(10).await.expect("a writer");
    writer.write(b"0123456789").await.expect("ten fit");
    let error = writer.write(b"x").await.expect_err("eleven do not");
    assert_eq!(
        (error.to_string().as_str(), error.code()),
        ("the file is larger than 10 bytes", Code::TooLarge)
    );
    assert!(matches!(writer.finish().await, Err(BlobError::Broken)));
    assert_eq!(bench.files(), (0, 0));
}

#[tokio::test]
async fn large_files_and_ranges() {
    let bench = Bench::new().await;
    let library = &bench.library;
    let content: Vec<u8> = (0..1_000_003u32).map(|i| (i % 251) as u8).collect();
    let asset = upload(library, "/large.bin", &content, 1).await.expect("uploaded");
    assert_eq!(bytes(library, &asset).await, content);
    let blob = library.blob(&asset.version.blob);
    assert_eq!(blob.size().await.expect("a size"), 1_000_003);
    for range in [
        0..1,
        0..1_000_003,
        5..5,
        131_071..131_074,
        999_999..1_000_003,
        1_000_003..1_000_003,
    ] {
        let pieces: Vec<bytes::Bytes> = blob
            .read_range(range.clone())
            .await
            .expect("a stream")
            .try_collect()
            .await
            .expect("read");
        let expected = &content[range.start as usize..range.end as usize];
        assert_eq!(pieces.concat(), expected, "{range:?}");
    }
    #[allow(clippy::reversed_empty_ranges, reason = "it is what is tested")]
    for range in [
        0..1_000_004,
        1_000_003..1_000_004,
        2_000_000..2_000_001,
        7..3,
        2_000_000..2_000_000,
    ] {
        let error = blob.read_range(range.clone()).await.err().expect("refused");
        assert!(
            matches!(error, BlobError::Range { size: 1_000_003, .. }),
            "{range:?}: {error:?}"
        );
    }
    assert!(matches!(
        blob.read_all(1_000_002).await,
        Err(BlobError::TooLarge { limit: 1_000_002 })
    ));
}

#[tokio::test]
async fn empty_files_are_files() {
    let bench = Bench::new().await;
    let asset = upload(&bench.library, "/empty.txt", b"", 1).await.expect("uploaded");
    assert_eq!(asset.version.size, 0);
    assert_eq!(bytes(&bench.library, &asset).await, b"");
}

#[tokio::test]
async fn absent_blobs_are_not_found() {
    let bench = Bench::new().await;
    let id: BlobId = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        .parse()
        .expect("an id");
    let blob = bench.library.blob(&id);
    for error in [
        blob.size().await.err(),
        blob.read_all(10).await.err(),
        blob.read_range(0..1).await.err(),
        blob.read_range(0..0).await.err(),
    ] {
        assert_eq!(error.expect("refused").code(), Code::NotFound);
    }
    assert!("../../etc/passwd".parse::<BlobId>().is_err());
}

#[tokio::test]
async fn damaged_blobs_are_written_again() {
    let bench = Bench::new().await;
    let library = &bench.library;
    let asset = upload(library, "/a.txt", b"content", 1).await.expect("uploaded");
    let name = asset.version.blob.to_string();
    let path = bench
        .directory
        .path()
        .join("blobs")
        .join(&name[..2])
        .join(&name[2..4])
        .join(&name);
    std::fs::write(&path, b"cut").expect("damaged");
    let again = upload(library, "/b.txt", b"content", 2).await.expect("uploaded");
    assert_eq!(bytes(library, &again).await, b"content");
    assert_eq!(stage(library, b"content").await.id(), asset.version.blob);
}
