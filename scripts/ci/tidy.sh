#!/usr/bin/env bash
# clang-tidy on what changed; any finding fails. Needs a configured build/release.
#   scripts/ci/tidy.sh            files changed since the upstream branch, else in the last commit
#   scripts/ci/tidy.sh BASE       files changed since the commit BASE
#   scripts/ci/tidy.sh --rooms    every file of the rooms without LibTorch
#   KINDRED_TIDY_TORCH=N          at most N files that include LibTorch (20 s each; default 8)
source "$(dirname "${BASH_SOURCE[0]}")/../lib/common.sh"
need_packages clang-tidy-19
base_rooms='^src/(core|text|data|lm/config|eval/metrics)/'

changed() {
  local base="${1:-}"
  if [ -z "$base" ]; then
    base="$(git merge-base HEAD '@{upstream}' 2>/dev/null || true)"
    # On the upstream itself, or without one, or in a clone without history: the last commit.
    if [ -z "$base" ] || [ "$base" = "$(git rev-parse HEAD)" ]; then
      base="$(git rev-parse -q --verify HEAD~1 || true)"
    fi
  fi
  if [ -z "$base" ]; then say "no commit to compare with: nothing to look at"; return; fi
  git diff --name-only --diff-filter=d "$base" -- 'src/*.cpp' 'src/*.h' | sed 's/\.h$/.cpp/' | sort -u |
    while read -r file; do if [ -f "$file" ]; then echo "$file"; fi; done
}

# clang reads the compiler's own commands, but for what only gcc knows; omp.h is gcc's.
database() {
  mkdir -p build/tidy/include
  ln -sf "$("${CXX:-c++}" -print-file-name=include/omp.h)" build/tidy/include/omp.h
  sed -E 's/ -fpch-preprocess//g' build/release/compile_commands.json >build/tidy/compile_commands.json
}

[ -f build/release/compile_commands.json ] || die "no build/release/compile_commands.json: run scripts/setup.sh first"
database
if [ "${1:-}" = --rooms ]; then files="$(git ls-files 'src/*.cpp' | grep -E "$base_rooms")"; else files="$(changed "${1:-}")"; fi
plain="$(grep -E "$base_rooms" <<<"$files" || true)"
torch="$(grep -v -E "$base_rooms" <<<"$files" || true)"
limit="${KINDRED_TIDY_TORCH:-8}"
beyond="$(grep -c . <<<"$(tail -n +$((limit + 1)) <<<"$torch")" || true)"
[ "$beyond" -eq 0 ] || say "$beyond more files with LibTorch changed than are looked at here (KINDRED_TIDY_TORCH)"
files="$(printf '%s\n%s\n' "$plain" "$(head -n "$limit" <<<"$torch")" | grep . || true)"
say "clang-tidy on $(grep -c . <<<"$files" || true) files"
[ -z "$files" ] || xargs -P "$(nproc)" -n 1 clang-tidy-19 -p build/tidy --quiet \
  --extra-arg="-isystem$PWD/build/tidy/include" --extra-arg=-Wno-ignored-gch <<<"$files" 2>/dev/null ||
  die "clang-tidy found the above"
