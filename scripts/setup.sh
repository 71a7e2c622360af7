#!/bin/sh
# Installs what is missing and nothing else. `setup.sh run`: to build and serve. `setup.sh test`: to test as well.
# Safe to run again; takes well under a second when everything is there.
set -eu
cd "$(dirname "$0")/.."
purpose=${1:-run}

RUST_MINIMUM=1.94
NODE_MINIMUM=20.9
PYTHON_MINIMUM=3.11
DENY_VERSION=0.20.2

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

# at_least 1.95.0 1.94: the first version is the second or newer.
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# --- Debian packages ------------------------------------------------------------------------------------------------

packages=
need() { # need <package> <why>
    packages="$packages $1"
    say "$1 is missing: $2"
}

find_chromium() {
    for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome; do
        # On Ubuntu, chromium-browser may be a script that only says how to install a snap: ask it for its version.
        if [ -n "$name" ] && has "$name" && "$name" --version >/dev/null 2>&1; then return 0; fi
    done
    return 1
}

# Only the server's programs are needed; the tests start one of their own.
find_postgres() { [ -n "$(ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null)" ] || { has initdb && has postgres; }; }

find_font() { [ -n "$(find /usr/share/fonts /usr/local/share/fonts -name "$1" -print -quit 2>/dev/null)" ]; }

has gcc || need gcc "compiles the C codecs (libjpeg-turbo, libwebp, libaom) and SQLite"
has g++ || need g++ "compiles the C++ parts of libaom"
has cmake || need cmake "configures libjpeg-turbo and libaom"
has nasm || need nasm "assembles the fast paths of the codecs"
has pkg-config || need pkg-config "finds system libraries for build scripts"
has make || need make "builds what cmake configured"
has ffmpeg || need ffmpeg "reads videos; run as a separate program"
[ -e /etc/ssl/certs/ca-certificates.crt ] || need ca-certificates "checks the certificates of remote files"
if [ "$purpose" = test ]; then
    has python3 || need python3 "runs the tests with the Python SDK"
    # Debian ships the venv module without the part that puts pip into one.
    if ! { has python3 && python3 -c 'import ensurepip, venv' 2>/dev/null; }; then
        need python3-venv "keeps the tests' Python packages apart from the system's"
    fi
    # Packages of fonts put nothing on the path: their files are what tells.
    find_font NotoColorEmoji.ttf || need fonts-noto-color-emoji "has the emoji that texts are tested with"
    find_font wqy-microhei.ttc || need fonts-wqy-microhei "has the Chinese, Japanese and Korean letters of those tests"
    find_postgres || need postgresql "is the other database that the library is tested on"
    has varnishd || [ -x /usr/sbin/varnishd ] || need varnish "is a cache that purges are tested with"
    find_chromium || need chromium "shows delivered pictures in a real browser"
fi

if [ -n "$packages" ]; then
    has apt-get || fail "this system has no apt-get. Install with its own package manager, then run this again:$packages"
    if [ "$(id -u)" = 0 ]; then
        as_root=
    elif has sudo; then
        as_root=sudo
    else
        fail "installing needs root, and there is no sudo. As root: apt-get install$packages"
    fi
    say "installing with apt-get:$packages"
    install() { # shellcheck disable=SC2086
        $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $packages
    }
    # The package lists of a fresh container are empty or stale; they are fetched only when the first try fails.
    if ! install; then
        say "that failed; fetching the package lists first"
        $as_root apt-get update -q || fail "apt-get update failed: is the network up?"
        install || fail "apt-get could not install:$packages"
    fi
fi

# --- Rust and Node: not from the system's packages, which are too old -------------------------------------------------

has cargo || fail "cargo is missing. Install Rust $RUST_MINIMUM or newer, for instance from https://rustup.rs"
rust=$(cargo --version | cut -d ' ' -f 2)
at_least "$rust" "$RUST_MINIMUM" || fail "cargo $rust is too old: Rust $RUST_MINIMUM or newer is needed (rustup update)"
[ "$purpose" = test ] || exit 0

has node && has npm || fail "node or npm is missing. The tests need Node $NODE_MINIMUM or newer: https://nodejs.org"
node=$(node --version | tr -d v)
at_least "$node" "$NODE_MINIMUM" || fail "node $node is too old: the tests need Node $NODE_MINIMUM or newer"
has rustfmt && cargo clippy --version >/dev/null 2>&1 ||
    fail "rustfmt or clippy is missing: rustup component add rustfmt clippy"
python=$(python3 -c 'import platform; print(platform.python_version())')
at_least "$python" "$PYTHON_MINIMUM" ||
    fail "python $python is too old: the tests need Python $PYTHON_MINIMUM or newer (Debian 12, Ubuntu 24.04)"
find_chromium || say "no browser could be installed: the browser test will be skipped"

# --- packages of the tests, as their lock files say --------------------------------------------------------------------

# Any newer cargo-deny that somebody has is as good. Debug mode, because optimising it takes longer than it ever saves; beside the
# downloads below, which wait for the network.
denying=
if ! cargo deny --version >/dev/null 2>&1 && ! [ -x target/tools/bin/cargo-deny ]; then
    say "building cargo-deny, which checks licences and sources of dependencies (once, a few minutes)"
    CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_DIR=target/tools/build \
        cargo install -q --locked --debug --root target/tools cargo-deny@$DENY_VERSION &
    denying=$!
fi

if ! cmp -s tests/node/package-lock.json tests/node/node_modules/.installed 2>/dev/null; then
    say "installing the Node packages of the tests (npm ci in tests/node)"
    (cd tests/node && npm ci --no-audit --no-fund --loglevel=error)
    cp tests/node/package-lock.json tests/node/node_modules/.installed
fi

venv=tests/python/.venv
if ! cmp -s tests/python/requirements.txt "$venv/installed.txt" 2>/dev/null; then
    say "installing the Python packages of the tests into $venv"
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install -q --disable-pip-version-check --no-deps -r tests/python/requirements.txt
    cp tests/python/requirements.txt "$venv/installed.txt"
fi

# The old SDK has the new one's name.
venv=tests/python/.venv-legacy
if ! cmp -s tests/python/requirements-legacy.txt "$venv/installed.txt" 2>/dev/null; then
    say "installing the old Python SDK into $venv"
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install -q --disable-pip-version-check --no-deps -r tests/python/requirements-legacy.txt
    cp tests/python/requirements-legacy.txt "$venv/installed.txt"
fi

if [ -n "$denying" ]; then
    wait "$denying" || fail "cargo-deny could not be built"
    rm -rf target/tools/build
fi
