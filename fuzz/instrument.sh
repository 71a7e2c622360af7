#!/bin/sh
# Stands before rustc as RUSTC_WORKSPACE_WRAPPER: our crates get the coverage counters that libFuzzer steers by, and
# checked arithmetic. Build scripts are left alone, for they are not linked with libFuzzer. The options are stable ones.
rustc=$1
shift
crate=
previous=
for argument in "$@"; do
    [ "$previous" = --crate-name ] && crate=$argument
    previous=$argument
done
case $crate in
    transform | engine | fuzz_*)
        exec "$rustc" "$@" --cfg fuzzing -C codegen-units=1 -C overflow-checks=on -C debug-assertions=on \
            -C passes=sancov-module -C llvm-args=-sanitizer-coverage-level=4 \
            -C llvm-args=-sanitizer-coverage-inline-8bit-counters -C llvm-args=-sanitizer-coverage-pc-table \
            -C llvm-args=-sanitizer-coverage-trace-compares -C llvm-args=-simplifycfg-branch-fold-threshold=0
        ;;
    *) exec "$rustc" "$@" ;;
esac
