#!/usr/bin/env bash
# Speed of CLLM4Rec's steps against a plain PyTorch + transformers implementation of the same steps on
# the same batches: GPT-2 small shape with random weights, Musical Instruments reviews, batch 20, two
# threads. Excluded: loading, tokenising the corpus once, the first step of each kind.
#
#   bench/cllm4rec.sh DATA TOKENIZER [OUT] [STEPS] [PRECISION]
#
# DATA is a prepared folder (kindred prepare …), TOKENIZER holds GPT-2's vocab.json and merges.txt.
set -euo pipefail
cd "$(dirname "$0")/.."
data=$1 tokenizer=$2 out=${3:-build/bench-cllm4rec} steps=${4:-3} precision=${5:-fp32}
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-2}
for adam in dense lazy; do
  build/release/bench/cllm4rec_bench "$data" "$tokenizer" "$out" "$steps" "$adam" "$precision"
done
for adam in lazy dense; do
  .venv/bin/python bench/cllm4rec_twin.py "$out" "$out/ours-$precision-$adam.json" "$((steps < 2 ? steps : 2))"
done
