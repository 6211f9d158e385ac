#!/usr/bin/env bash
# Speed of CLLM4Rec's steps against a plain PyTorch + transformers implementation of the same steps on
# the same batches: GPT-2 small shape with random weights, Musical Instruments reviews, batch 20, two
# threads. The batches timed are those nearest an epoch's mean in tokens; medians over them. Excluded:
# loading, the first step of each kind. PYTHON has torch, transformers and safetensors.
#
#   bench/cllm4rec.sh DATA TOKENIZER [OUT] [KINDS] [STEPS] [PRECISION] [DROPOUT] [TWIN_DROPOUT]
#
# DATA is a prepared folder (kindred prepare …), TOKENIZER holds GPT-2's vocab.json and merges.txt.
set -euo pipefail
cd "$(dirname "$0")/.."
data=$1 tokenizer=$2 out=${3:-build/bench-cllm4rec}
kinds=${4:-collaborative,recommendation,content,content-sorted,prediction}
steps=${5:-3} precision=${6:-fp32} dropout=${7:-on} twin_dropout=${8:-off}
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-2}
bench=build/release/bench/cllm4rec_bench
[ -f "$out/backbone/model.safetensors" ] || "$bench" "$data" "$tokenizer" "$out" backbone
"$bench" "$data" "$tokenizer" "$out" "$kinds" "$steps" "$precision" "$dropout" 2>"$out/ours.log"
"${PYTHON:-.venv/bin/python}" bench/cllm4rec_twin.py "$out" "$((steps < 2 ? steps : 2))" "$twin_dropout"
