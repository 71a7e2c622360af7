#!/usr/bin/env bash
# `cargo build -p tintype` and `cargo test --workspace` have to ask the same features of every crate, else one builds a hundred crates
# that the other has built. Names those that differ; the place to put it right is the end of [dependencies] in crates/tintype/Cargo.toml.
set -euo pipefail
cd "$(dirname "$0")/.."
# Lines of a crate, its version and its features; several of one crate where it is built for the build itself too.
packages() { cargo tree --locked --prefix none --format '{p} {f}' "$@" | sed 's/ (\*)$//' | sort -u; }
build=$(packages -p tintype -e normal,build)
tests=$(packages --workspace -e normal,build,dev)
differing=$(comm -3 <(echo "$build") <(echo "$tests" | awk 'NR == FNR { known[$1 " " $2]; next } ($1 " " $2) in known' <(echo "$build") -))
if [ -n "$differing" ]; then
    echo "asked for by the build (left) or by the tests (right) alone:"
    echo "$differing"
    exit 1
fi
echo "the same features in the build and in the tests"
