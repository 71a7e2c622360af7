#!/usr/bin/env bash
# `cargo build -p tintype` and `cargo test --workspace` have to ask the same features of every crate, else one builds a hundred crates
# that the other has built. Names those that differ; the place to put it right is the end of [dependencies] in crates/tintype/Cargo.toml.
set -euo pipefail
cd "$(dirname "$0")/.."
packages() { cargo tree --locked --prefix none --format '{p} {f}' "$@" | sed 's/ (\*)$//' | sort -u; }
differing=$(comm -23 <(packages -p tintype -e normal,build) <(packages --workspace -e normal,build,dev))
if [ -n "$differing" ]; then
    echo "the tests ask for more features of:"
    echo "$differing"
    exit 1
fi
echo "the same features in the build and in the tests"
