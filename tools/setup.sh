#!/usr/bin/env bash
# Creates .venv with the project and its tools. Safe to run again: a stamp remembers what it was made from.
set -euo pipefail
cd "$(dirname "$0")/.."

VENV=${VENV:-.venv}
STAMP=$VENV/.neuface-setup
SYSTEM_PACKAGES="xvfb xauth libegl1 libegl-mesa0 libgl1 libglx-mesa0 libgl1-mesa-dri libxkbcommon-x11-0
libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 libxcb-shape0
libxcb-xinerama0 libxcb-xkb1 libdbus-1-3 libfontconfig1 libglib2.0-0 fonts-dejavu-core"
# Needed by tests only, which start a server of their own and skip where there is none.
TEST_PACKAGES="postgresql"

say() { printf 'setup: %s\n' "$*" >&2; }

fits() { "$@" -c 'import sys; sys.exit(not ((3, 11) <= sys.version_info[:2] < (3, 14)))' 2>/dev/null; }

find_python() {
    local candidate
    for candidate in ${PYTHON:-} python3.11 python3.12 python3.13 python3 python; do
        if fits "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
}

python=$(find_python)
stamp() { { cat pyproject.toml constraints.txt tools/setup.sh; pwd; "$python" -V; } | cksum; }
if [ -n "$python" ] && [ -x "$VENV/bin/python" ] && [ "$(cat "$STAMP" 2>/dev/null)" = "$(stamp)" ]; then
    exit 0
fi

# The system's libraries: Debian and its children only. Elsewhere Qt's wheels bring nearly everything.
if command -v dpkg-query >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1; then
    needed="$SYSTEM_PACKAGES $TEST_PACKAGES"
    if [ -z "$python" ]; then
        needed="python3 python3-venv $needed"
    elif ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        needed="$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])') $needed"
    fi
    missing=""
    for package in $needed; do
        # libglib2.0-0 and others were renamed with a t64 suffix by the 64-bit time transition
        state=$(dpkg-query -W -f '${Status}\n' "$package" "${package}t64" 2>/dev/null || true)
        grep -q '^install ok installed' <<<"$state" || missing="$missing $package"
    done
    if [ -n "$missing" ]; then
        if [ "$(id -u)" = 0 ]; then
            say "installing system libraries:$missing"
            export DEBIAN_FRONTEND=noninteractive
            # PostgreSQL's package would make and start a database that nobody uses.
            if [ ! -e /etc/postgresql-common ] && mkdir -p /etc/postgresql-common; then
                echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
            fi
            apt-get update -qq >&2 || say "apt-get update failed; going on with the lists that are there"
            apt-get install -y -qq --no-install-recommends $missing >&2 || {
                say "apt-get could not install everything at once; trying one by one"
                for package in $missing; do
                    apt-get install -y -qq --no-install-recommends "$package" >&2 || say "left out: $package"
                done
            }
        else
            say "system packages are missing; for the window and for every test, type:"
            say "  sudo apt-get install -y --no-install-recommends$missing"
        fi
    fi
fi

python=${python:-$(find_python)}
if [ -z "$python" ]; then
    say "no Python 3.11, 3.12 or 3.13 found; install one, or name it: make setup PYTHON=/path/to/python3.11"
    exit 2
fi
if ! fits "$VENV/bin/python" || ! "$VENV/bin/python" -m pip --version >/dev/null 2>&1; then
    say "making $VENV with $("$python" -V)"
    "$python" -m venv --clear "$VENV" >&2 || {
        say "$python cannot make virtual environments; install its venv module (Debian: python3-venv)"
        exit 2
    }
fi
say "installing Python packages into $VENV (a few minutes the first time)"
"$VENV/bin/python" -m pip install --quiet --upgrade "pip>=24" >&2 || say "pip stays as it is"
"$VENV/bin/python" -m pip install --quiet ${PIP_ARGS:-} -c constraints.txt -e '.[dev]' >&2
stamp >"$STAMP"
say "done"
