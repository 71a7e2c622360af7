#!/bin/sh
# Fuzzes each target for the given seconds (20) from the seeds in fuzz/seeds; what is found goes to fuzz/artifacts.
# `fuzz.sh 600 probe` runs one target only.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-20}
targets=${2:-parser probe}

# The workspace wrapper adds coverage counters to our crates alone. Their dependencies, C codecs among them, come from
# the same target directory as everything else, so fuzzing costs seconds of building, and needs no nightly compiler.
RUSTC_WORKSPACE_WRAPPER="$PWD/fuzz/instrument.sh" cargo build --release --locked --workspace --bin fuzz_parser --bin fuzz_probe --message-format short

# Where cargo put the binaries: a target directory may have been set from outside.
built=$(cargo metadata --format-version 1 --no-deps --offline | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
for target in $targets; do
    corpus=$built/fuzz-corpus/$target
    mkdir -p "$corpus" "fuzz/artifacts/$target"
    echo "fuzzing $target for $seconds s"
    # ASLR off would need privileges; -timeout and -rss_limit_mb make slowness and greed findings too.
    if "$built/release/fuzz_$target" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 -max_len=8192 \
        -dict="fuzz/dictionaries/$target.dict" -artifact_prefix="fuzz/artifacts/$target/" -print_final_stats=1 \
        "$corpus" "fuzz/seeds/$target" >"$built/fuzz-$target.log" 2>&1; then
        grep -E '^stat::(number_of_executed_units|average_exec_per_sec)' "$built/fuzz-$target.log"
        grep -E 'cov: ' "$built/fuzz-$target.log" | tail -n 1
        echo "fuzz $target: ok"
    else
        tail -n 40 "$built/fuzz-$target.log"
        echo "fuzz $target: FAILED"
        failed=1
    fi
done
exit "${failed:-0}"
