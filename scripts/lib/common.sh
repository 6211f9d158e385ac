# Shared by the scripts: where we are, what we say, what must be installed. Sourced, not run.
set -euo pipefail
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
cd "$ROOT"

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# Installs the Debian packages that are missing; does nothing when all are there.
need_packages() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  say "installing Debian packages: ${missing[*]}"
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null ||
      die "packages are missing, and this user is not root and has no sudo; as root: apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  local log; log="$(mktemp)"
  if ! { "${as_root[@]}" apt-get update -qq &&
         "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } \
         >"$log" 2>&1; then
    tail -20 "$log" >&2
    rm -f "$log"
    die "apt-get could not install the packages above (its last lines are above); by hand, as root: apt-get install ${missing[*]}"
  fi
  rm -f "$log"
}

BUILD_PACKAGES=(
  g++ cmake ninja-build ccache mold pkg-config git ca-certificates python3 python3-venv
  libcli11-dev libyaml-cpp-dev nlohmann-json3-dev libsimdjson-dev libspdlog-dev libfmt-dev
  zlib1g-dev libzstd-dev libutf8proc-dev libsentencepiece-dev libssl-dev libsqlite3-dev
  libboost-dev libgtest-dev libgmock-dev)
