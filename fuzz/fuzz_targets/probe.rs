//! Any bytes: looking at their header and at what stands beside their pixels ends, and what it finds is possible.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = engine::sniff(bytes);
    if let Ok(probe) = engine::probe_bytes(bytes) {
        let info = probe.info;
        assert!(info.width > 0 && info.height > 0 && info.frames > 0, "{info:?}");
        assert!((1..=16).contains(&probe.bit_depth()), "{}", probe.bit_depth());
        let found = engine::metadata_bytes(bytes).expect("what has a header has metadata, if none");
        assert_eq!(found.size, bytes.len() as u64);
        assert!(found.keywords.len() <= 500, "{}", found.keywords.len());
    }
});
