#!/usr/bin/env bash
# Builds the fuzz targets and runs each for the given number of seconds (default 10).
source "$(dirname "${BASH_SOURCE[0]}")/../lib/common.sh"
seconds="${1:-10}"
need_packages clang-19 libclang-rt-19-dev
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz --parallel "$(nproc)"
for target in build/fuzz/tests/fuzz/fuzz_*; do
  [ -f "$target" ] && [ -x "$target" ] || continue
  name="$(basename "$target")"
  corpus="$(mktemp -d)"
  seeds="tests/fuzz/corpus/$name"
  [ -d "$seeds" ] || seeds=""
  say "fuzzing $name for $seconds s"
  # shellcheck disable=SC2086
  "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -artifact_prefix="$corpus/" "$corpus" $seeds \
    >"$corpus/log" 2>&1 || { tail -40 "$corpus/log" >&2; die "$name found a fault (input in $corpus)"; }
  grep -h 'DONE\|stat::number_of_executed' "$corpus/log" | tail -1
  rm -rf "$corpus"
done
