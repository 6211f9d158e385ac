#!/usr/bin/env bash
# The main job on the shipped sample store: prepare it, train CLLM4Rec and the yardsticks, compare them,
# recommend. Sets up and builds first what is missing. Safe to repeat.
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
bash scripts/setup.sh
kindred=build/release/kindred
runs=runs/demo
data="$ROOT/.kindred/demo/sample"
started=$SECONDS

say "preparing the sample store (data/sample: an invented shop for hobbies)"
rm -rf "$runs" "$data"
mkdir -p "$runs"
"$kindred" prepare --format recbole --input data/sample --output "$data" --min-rating 4 --split random --seed 1

for recipe in pop item-knn ease slim multi-vae md-cvae cllm4rec; do
  say "training $recipe"
  "$kindred" --quiet train "recipes/sample/$recipe.yaml" --run "$runs/$recipe" --set "data={path: $data}" \
    >"$runs/$recipe.log" || { cat "$runs/$recipe.log" >&2; die "training $recipe failed"; }
done

say "comparing: every user's held-out items ranked among all items they had not bought"
"$kindred" compare "$runs"/{pop,item-knn,ease,slim,multi-vae,md-cvae,cllm4rec} --relative-to "$runs/cllm4rec" \
  --metrics recall@20,ndcg@100

say "recommendations for three people"
"$kindred" recommend "$runs/cllm4rec" --user u001 --user u002 --user u003 --top 5

say "and for a person never seen, from two items of their history"
"$kindred" recommend "$runs/cllm4rec" --history i217,i246 --top 5

say "done in $((SECONDS - started)) s after the build; the whole story with curves: $runs/cllm4rec/report.html"
