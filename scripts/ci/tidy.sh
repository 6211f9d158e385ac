#!/usr/bin/env bash
# clang-tidy on what changed; any finding fails. Needs a configured build/release.
#   scripts/ci/tidy.sh            files changed since the upstream branch, else in the last commit
#   scripts/ci/tidy.sh BASE       files changed since the commit BASE
#   scripts/ci/tidy.sh --rooms    every file of the rooms without LibTorch
#   scripts/ci/tidy.sh --all      every file (an hour on two cores)
# Of what changed, at most KINDRED_TIDY_FILES files without LibTorch (7 s each; default 40) and
# KINDRED_TIDY_TORCH with it (40 s each; default 5) are looked at, those that changed most first.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/common.sh"
need_packages clang-tidy-19
export base_rooms='^src/(core|text|data|lm/config|eval/metrics)/'

# The .cpp files (a header stands for its own) that changed since a commit, most lines first.
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
  git diff --numstat --no-renames --diff-filter=d "$base" -- 'src/*.cpp' 'src/*.h' |
    awk '{ sub(/\.h$/, ".cpp", $3); lines[$3] += $1 + $2 } END { for (file in lines) print lines[file], file }' |
    sort -k1,1nr -k2 | while read -r _ file; do if [ -f "$file" ]; then echo "$file"; fi; done
}

first() {  # limit what files
  local beyond; beyond="$(tail -n +$(($1 + 1)) <<<"$3" | grep -c . || true)"
  [ "$beyond" -eq 0 ] || say "$beyond more files $2 changed than are looked at here"
  head -n "$1" <<<"$3"
}

# clang reads the compiler's own commands, but for what only gcc knows; omp.h is gcc's, without the
# attribute that clang does not have.
database() {
  mkdir -p build/tidy/include
  rm -f build/tidy/include/omp.h
  sed -E 's/, *__malloc__ \(omp_free\)//; s/__malloc__ \(omp_free\), *//' \
    "$("${CXX:-c++}" -print-file-name=include/omp.h)" >build/tidy/include/omp.h
  sed -E 's/ -fpch-preprocess//g' build/release/compile_commands.json >build/tidy/compile_commands.json
}

# With LibTorch's headers one check takes longer than all the others: it is left out there.
tidy_one() {
  local checks=()
  [[ "$1" =~ $base_rooms ]] || checks=(--checks=-performance-unnecessary-value-param)
  clang-tidy-19 -p build/tidy --quiet "--extra-arg=-isystem$PWD/build/tidy/include" \
    --extra-arg=-Wno-ignored-gch "${checks[@]}" "$1" 2>/dev/null ||
    { say "$1: a finding, or clang-tidy could not read it"; return 1; }
}
export -f tidy_one say

[ -f build/release/compile_commands.json ] || die "no build/release/compile_commands.json: run scripts/setup.sh first"
database
case "${1:-}" in
  --all) files="$(git ls-files 'src/*.cpp')" ;;
  --rooms) files="$(git ls-files 'src/*.cpp' | grep -E "$base_rooms")" ;;
  *)
    files="$(changed "${1:-}")"
    plain="$(grep -E "$base_rooms" <<<"$files" || true)"
    torch="$(grep -v -E "$base_rooms" <<<"$files" || true)"
    files="$(first "${KINDRED_TIDY_TORCH:-5}" "with LibTorch" "$torch")
$(first "${KINDRED_TIDY_FILES:-40}" "without LibTorch" "$plain")" ;;
esac
files="$(grep . <<<"$files" || true)"
say "clang-tidy on $(grep -c . <<<"$files" || true) files"
[ -z "$files" ] || xargs -P "$(nproc)" -I {} bash -c 'tidy_one "$@"' _ {} <<<"$files" || die "clang-tidy found the above"
