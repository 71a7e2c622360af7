//! An upload as a form (RFC 7578), around the bytes of its file.

/// The header lines of a request that uploads.
pub const HEADERS: &str = "Content-Type: multipart/form-data; boundary=----------bench\r\n";
/// What stands behind the file.
pub const TAIL: &str = "\r\n------------bench--\r\n";

/// What stands before the file.
pub fn head(fields: &[(&str, &str)], file: &str) -> String {
    let mut head = String::new();
    for (name, value) in fields {
        head.push_str(&format!(
            "------------bench\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        ));
    }
    head.push_str(&format!(
        "------------bench\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{file}\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n"
    ));
    head
}

/// The whole body.
pub fn body(fields: &[(&str, &str)], name: &str, file: &[u8]) -> Vec<u8> {
    [head(fields, name).as_bytes(), file, TAIL.as_bytes()].concat()
}
