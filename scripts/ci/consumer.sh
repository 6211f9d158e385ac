#!/usr/bin/env bash
# Installs the library into a temporary folder and builds the ten-line program of examples/consumer on it.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/common.sh"
prefix="$(mktemp -d)"
trap 'rm -rf "$prefix"' EXIT
cmake --install build/release --prefix "$prefix" >/dev/null
cmake -S examples/consumer -B "$prefix/build" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
cmake --build "$prefix/build" >/dev/null
"$prefix/build/consumer"
