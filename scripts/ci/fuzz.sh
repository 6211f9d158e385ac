#!/usr/bin/env bash
# Builds the fuzz targets and runs each, as many at once as there are cores. An input that makes one
# fail is left in build/fuzz/faults.
#   scripts/ci/fuzz.sh [SECONDS [TARGET...]]     (default: 10 s, every target)
source "$(dirname "${BASH_SOURCE[0]}")/../lib/common.sh"
seconds="${1:-10}"
need_packages "${BUILD_PACKAGES[@]}" clang-19 libclang-rt-19-dev
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz --parallel "$(nproc)" >&2
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
mkdir -p build/fuzz/faults
python3 tests/fuzz/seeds.py "$work/seeds"

fuzz_one() {  # target seconds work
  local log="$3/$1.log"
  mkdir -p "$3/corpus/$1" "$3/seeds/$1"
  if ! "build/fuzz/tests/fuzz/$1" -max_total_time="$2" -timeout=60 -rss_limit_mb=2048 -print_final_stats=1 \
      -artifact_prefix="build/fuzz/faults/$1-" "$3/corpus/$1" "$3/seeds/$1" >"$log" 2>&1; then
    tail -40 "$log" >&2
    say "$1: a fault; its input is in build/fuzz/faults"
    return 1
  fi
  say "$1: $(grep -h 'number_of_executed' "$log" | grep -o '[0-9]*$') inputs in $2 s, none at fault"
}
export -f fuzz_one say

targets=("${@:2}")
[ ${#targets[@]} -gt 0 ] || targets=($(basename -s .cpp tests/fuzz/fuzz_*.cpp))
say "fuzzing ${#targets[@]} targets, $seconds s each"
printf '%s\n' "${targets[@]}" | xargs -P "$(nproc)" -I {} bash -c 'fuzz_one "$@"' _ {} "$seconds" "$work" ||
  die "fuzzing found the above"
