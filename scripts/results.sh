#!/usr/bin/env bash
# Fills docs/results.md: every method on Musical Instruments, seeds that are also splits. Resumes row by
# row: a row that is finished is not run again, an interrupted one goes on, a row never run stays blank.
#   scripts/results.sh                 all rows
#   scripts/results.sh ease cllm4rec   these rows only, then the table of everything there is
#   KINDRED_THREADS=1                  threads of each run (two rows can then run side by side)
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
kindred="${KINDRED_PROGRAM:-build/release/kindred}"
dataset=amazon-musical-instruments
runs=runs/results/$dataset
export KINDRED_DATA="${KINDRED_DATA:-../shared/data}"
[ -d "$KINDRED_DATA/$dataset" ] || die "no $KINDRED_DATA/$dataset: set KINDRED_DATA to the folder that holds it"
[ -x "$kindred" ] || bash scripts/setup.sh
models="${KINDRED_MODELS:-models}"
for model in small-english small-english-llama small-english-t5; do
  [ -d "$models/$model" ] || say "no $models/$model yet (the rows' recipes say how it is made): rows of cllm4rec need it"
done

declare -A seeds=([cllm4rec]=5 [pop]=5 [bias]=5 [item-knn]=5 [ease]=5 [slim]=5 [multi-vae]=5 [md-cvae]=5
  [cllm4rec-scratch]=1 [cllm4rec-cf]=3 [cllm4rec-ftall]=1 [cllm4rec-fixord]=2 [cllm4rec-prerec]=3 [cllm4rec-t5]=3 [cllm4rec-llama]=3)
order=(pop bias item-knn ease slim multi-vae md-cvae cllm4rec cllm4rec-cf cllm4rec-fixord cllm4rec-prerec
  cllm4rec-ftall cllm4rec-scratch cllm4rec-llama cllm4rec-t5)

for row in "${@:-${order[@]}}"; do
  recipe="recipes/$dataset/$row.yaml"
  [ -f "$recipe" ] || die "no recipe $recipe"
  say "$row: ${seeds[$row]:-1} seeds"
  "$kindred" --quiet ${KINDRED_THREADS:+--threads "$KINDRED_THREADS"} sweep "$recipe" --seeds "${seeds[$row]:-1}" --split-seeds --run "$runs/$row" >/dev/null
done

finished=()
for row in "${order[@]}"; do
  for run in "$runs/$row"/seed*; do
    [ -f "$run/metrics.json" ] && finished+=("$run")
  done
done
[ ${#finished[@]} -gt 0 ] || die "nothing is finished yet"
"$kindred" compare "${finished[@]}" --markdown "$runs/table.md" --html "$runs/table.html"
say "the table: $runs/table.md"
