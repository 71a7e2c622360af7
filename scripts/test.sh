#!/usr/bin/env bash
# Every check and test, one after the other; a failed stage does not stop the next. `test.sh e2e` runs only the tests
# with real clients. Ends with the minutes of each stage and one line of counts.
set -uo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/target/tools/bin:$PATH"
unset TINTYPE_CONFIG
mkdir -p target/logs
passed=0 failed=0
summary=()

# stage <name> <how to count> <command...>
stage() {
    local name=$1 count=$2 log started status
    shift 2
    log=target/logs/${name// /-}.log
    printf '\n=== %s\n' "$name"
    started=$SECONDS
    "$@" 2>&1 | tee "$log"
    status=$?
    ended "$name" "$count" "$log" "$status" $((SECONDS - started))
}

# beside <name> <how to count> <command...>: begins a stage that goes on beside the next ones, one at a time; `meet` waits for it, shows
# what it printed and counts it.
beside() {
    beside_name=$1 beside_count=$2
    shift 2
    beside_log=target/logs/${beside_name// /-}.log
    rm -f "$beside_log.ended"
    { local started=$SECONDS; "$@" >"$beside_log" 2>&1; echo "$? $((SECONDS - started))" >"$beside_log.ended"; } &
}
meet() {
    local status=1 seconds=0
    wait
    read -r status seconds <"$beside_log.ended"
    printf '\n=== %s\n' "$beside_name"
    cat "$beside_log"
    ended "$beside_name" "$beside_count" "$beside_log" "$status" "$seconds"
}

# ended <name> <how to count> <log> <exit status> <seconds>
ended() {
    local name=$1 count=$2 log=$3 status=$4 ok bad
    read -r ok bad < <("count_$count" "$log" "$status")
    # A stage that ends badly without naming a failed test (it did not build, it was killed) is itself a failure.
    if ((status != 0 && bad == 0)); then bad=1; fi
    passed=$((passed + ok)) failed=$((failed + bad))
    summary+=("$(printf '%-28s %5d passed %3d failed  %5.1f min' "$name" "$ok" "$bad" "$(minutes "$5")")")
}
minutes() { awk -v s="$1" 'BEGIN { printf "%.1f", s / 60 }'; }

# Each prints "<passed> <failed>" for a log and an exit status.
count_one() { if (($2 == 0)); then echo 1 0; else echo 0 1; fi; }
count_cargo() { awk '/^test result:/ { p += $4; f += $6 } END { print p + 0, f + 0 }' "$1"; }
count_node() { awk '/^# pass / { p += $3 } /^# fail / { f += $3 } END { print p + 0, f + 0 }' "$1"; }
count_fuzz() { awk '/^fuzz .*: ok$/ { p++ } /^fuzz .*: FAILED$/ { f++ } END { print p + 0, f + 0 }' "$1"; }
count_pytest() {
    tail -n 3 "$1" | awk '{ for (i = 2; i <= NF; i++) { if ($i ~ /^passed/) p += $(i - 1); if ($i ~ /^(failed|errors?)/) f += $(i - 1) } }
        END { print p + 0, f + 0 }'
}

end_to_end() {
    # Servers that only tests need. `cargo test` has built them already.
    stage "example servers" one cargo build --release --locked --workspace --examples --config scripts/quick-tests.toml
    local suite=(tests/python/.venv/bin/python -m pytest -q -rs -p no:cacheprovider tests/python)
    # These tests wait more than they compute, and all servers are their own: two suites at once, or a compiler beside one, take little longer.
    beside "the same on PostgreSQL" pytest scripts/with-postgres.sh "${suite[@]}"
    if [ "$1" = all ]; then stage "fuzz" fuzz scripts/fuzz.sh "${TINTYPE_FUZZ_SECONDS:-20}"; fi
    stage "node sdk and browser" node node --test --test-reporter=tap tests/node/
    stage "python sdk and contract" pytest "${suite[@]}"
    meet
}

if [ "${1:-all}" = all ]; then
    rust=(cargo test --release --workspace --locked --config scripts/quick-tests.toml)
    stage "format" one cargo fmt --all --check
    stage "clippy" one cargo clippy --release --workspace --all-targets --locked -- -D warnings
    stage "one set of features" one scripts/same-features.sh
    stage "licences and sources" one cargo deny --all-features check --hide-inclusion-graph bans licenses sources
    stage "cargo tests" cargo "${rust[@]}"
    stage "library on PostgreSQL" cargo scripts/with-postgres.sh "${rust[@]}" --test library_postgres
fi
end_to_end "${1:-all}"

echo
printf '%s\n' "${summary[@]}"
echo "all stages: $(minutes $SECONDS) min"
echo "$passed passed, $failed failed"
((failed == 0))
