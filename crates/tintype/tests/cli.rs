//! The binary as a person calls it: what it prints, what it writes, how it ends.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use insta::assert_snapshot;

fn tintype(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tintype"))
        .args(arguments)
        .env_clear()
        .output()
        .expect("the binary runs")
}

/// Exit code, standard output and standard error as one text, with the folder's name taken out.
fn said(output: &Output, dir: &Path) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&dir.display().to_string(), "DIR");
    let code = output
        .status
        .code()
        .map_or_else(|| "killed".to_owned(), |c| c.to_string());
    format!("exit {code}\n{}{}", text(&output.stdout), text(&output.stderr))
}

/// 40 x 30, red on the left, blue on the right.
fn picture(dir: &Path) -> PathBuf {
    let pixels: Vec<u8> = (0..30)
        .flat_map(|_| (0..40).flat_map(|x| if x < 20 { [255, 0, 0] } else { [0, 0, 255] }))
        .collect();
    let path = dir.join("picture.png");
    let file = std::fs::File::create(&path).expect("the file can be made");
    let mut encoder = png::Encoder::new(file, 40, 30);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().expect("the header can be written");
    writer.write_image_data(&pixels).expect("the pixels can be written");
    path
}

#[test]
fn explain_prints_steps_plan_and_output() {
    let dir = tempfile::tempdir().unwrap();
    let path = picture(dir.path());
    let output = tintype(&[
        "explain",
        "w-20,h-20,so-3:rt-90",
        path.to_str().unwrap(),
        "--accept",
        "webp",
    ]);
    assert_snapshot!(said(&output, dir.path()), @r"
    exit 0
    Step 1: width 20, height 20
    Step 2: rotation 90
    Canonical: w-20,h-20:rt-90
    Ignored: so-3 (so (start offset) is not available in this version: only images are transformed)

    Source: png, 40x30

    Plan:
    crop 30x30 at 5,0
    resize to 20x20
    rotate by 90 to 20x20 on 000000
    encode 20x20 as webp quality 80
    ");
}

#[test]
fn explain_points_at_mistakes() {
    let dir = tempfile::tempdir().unwrap();
    let output = tintype(&["explain", "h-200,width-300", "--strict"]);
    assert_snapshot!(said(&output, dir.path()), @r"
    exit 1
    tintype: unknown parameter `width-300`
      h-200,width-300
            ^^^^^^^^^
    hint: write `w-300`
    ");
}

#[test]
fn a_plan_that_cannot_be_is_answered_with_a_hint() {
    let dir = tempfile::tempdir().unwrap();
    let path = picture(dir.path());
    let output = tintype(&["explain", "w-20000,h-20000,f-webp", path.to_str().unwrap()]);
    let said = said(&output, dir.path());
    assert!(said.starts_with("exit 1\n") && said.contains("\nhint: "), "{said}");
}

#[test]
fn transform_writes_what_was_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = picture(dir.path());
    for (transformation, name, size, magic) in [
        ("w-20", "a.jpg", (20, 15), &b"\xff\xd8\xff"[..]),
        ("w-20,h-20,f-webp", "b.bin", (20, 20), b"RIFF"),
        ("h-10", "c.avif", (13, 10), b"\0\0\0"),
        ("rt-90", "d.png", (30, 40), b"\x89PNG"),
    ] {
        let out = dir.path().join(name);
        let output = tintype(&[
            "transform",
            path.to_str().unwrap(),
            transformation,
            out.to_str().unwrap(),
        ]);
        assert!(output.status.success(), "{}", said(&output, dir.path()));
        let bytes = std::fs::read(&out).unwrap();
        assert!(bytes.starts_with(magic), "{name}");
        let probe = engine::probe_bytes(&bytes).unwrap();
        assert_eq!(probe.info.upright(), size, "{name}");
    }
}

#[test]
fn transform_overwrites_only_when_told_and_leaves_nothing_half_done() {
    let dir = tempfile::tempdir().unwrap();
    let path = picture(dir.path());
    let out = dir.path().join("out.webp");
    std::fs::write(&out, "precious").unwrap();
    let call = |force: bool, source: &Path| {
        let mut arguments = vec!["transform", source.to_str().unwrap(), "w-10", out.to_str().unwrap()];
        arguments.extend(force.then_some("--force"));
        tintype(&arguments)
    };
    assert_snapshot!(said(&call(false, &path), dir.path()), @r"
    exit 1
    tintype: DIR/out.webp exists; overwrite it with --force
    ");
    let broken = dir.path().join("broken.png");
    std::fs::write(&broken, &std::fs::read(&path).unwrap()[..50]).unwrap();
    assert!(!call(true, &broken).status.success());
    assert_eq!(std::fs::read(&out).unwrap(), b"precious");
    assert!(call(true, &path).status.success());
    assert!(std::fs::read(&out).unwrap().starts_with(b"RIFF"));
    let mut names: Vec<_> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["broken.png", "out.webp", "picture.png"]);
}

#[test]
fn url_builds_and_signs() {
    let dir = tempfile::tempdir().unwrap();
    let endpoint = ["--endpoint", "https://media.example.com/acct"];
    let plain = tintype(&[&["url", "photos/cat.jpg", "w-320,h-180"], &endpoint[..]].concat());
    assert_snapshot!(said(&plain, dir.path()), @r"
    exit 0
    https://media.example.com/acct/tr:w-320,h-180/photos/cat.jpg
    ");
    let signed = Command::new(env!("CARGO_BIN_EXE_tintype"))
        .args(["url", "photos/cat.jpg", "w-320,h-180", "--sign"])
        .args(endpoint)
        .env_clear()
        .env("TINTYPE_PRIVATE_KEY", "private_demo")
        .output()
        .unwrap();
    let signed = said(&signed, dir.path());
    let url = signed.trim().strip_prefix("exit 0\n").unwrap();
    let target = url.strip_prefix("https://media.example.com").unwrap();
    assert_eq!(
        transform::verify("private_demo", target, "/acct", 0),
        transform::SignatureState::Valid { expires: None },
        "{url}"
    );
    let unkeyed = tintype(&["url", "cat.jpg", "--sign", "--data-dir", dir.path().to_str().unwrap()]);
    assert_snapshot!(said(&unkeyed, dir.path()), @r"
    exit 1
    tintype: no private key: set TINTYPE_PRIVATE_KEY, or name the server's --data-dir (there is no keys.toml in DIR)
    ");
}

#[test]
fn wrong_settings_and_a_taken_library_stop_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let output = tintype(&["serve", "--listen", "nowhere"]);
    assert_snapshot!(said(&output, dir.path()), @r"
    exit 1
    tintype: listen (from --listen): `nowhere` invalid socket address syntax
    ");
    let output = tintype(&["config", "check", "--quality", "0"]);
    assert_snapshot!(said(&output, dir.path()), @r"
    exit 1
    tintype: quality (from --quality): must be from 1 to 100
    ");
    let data = dir.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let lock = std::fs::File::create(data.join("lock")).unwrap();
    lock.lock().unwrap();
    let output = tintype(&["serve", "--listen", "127.0.0.1:0", "--data-dir", data.to_str().unwrap()]);
    assert_snapshot!(said(&output, dir.path()), @r"
    exit 1
    tintype: the data directory `DIR/data` is in use by another process
    ");
}

#[test]
fn config_show_hides_secrets() {
    let output = Command::new(env!("CARGO_BIN_EXE_tintype"))
        .args(["config", "show"])
        .env_clear()
        .env("TINTYPE_PRIVATE_KEY", "private_s3cret")
        .env("TINTYPE_PUBLIC_KEY", "public_x")
        .env("TINTYPE_LISEN", "127.0.0.1:1")
        .output()
        .unwrap();
    let text = said(&output, Path::new("/nowhere"));
    let shown = |line: &str| line.split_whitespace().take(2).eq(["private_key", "(secret)"]);
    assert!(text.lines().any(shown), "{text}");
    assert!(!text.contains("s3cret"), "{text}");
    assert!(
        text.contains("warning: TINTYPE_LISEN is not a setting; did you mean TINTYPE_LISTEN?"),
        "{text}"
    );
}
