#!/usr/bin/env bash
# What can be judged by ThreadSanitizer, under it: the tests of the LibTorch-free rooms and of the
# thread that builds batches ahead. LibTorch is not instrumented, so nothing that computes with tensors
# is run here. Needs scripts/setup.sh to have run.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/common.sh"
rooms=(core text data lm_config eval_metrics prefetch)
cmake --preset tsan >/dev/null
cmake --build --preset tsan --parallel "$(nproc)" --target "${rooms[@]/%/_tests}" >&2
# Kernels that spread addresses widely leave the sanitizer no room for its own: not with setarch -R.
export TSAN_OPTIONS="halt_on_error=1 second_deadlock_stack=1 ${TSAN_OPTIONS:-}"
setarch -R ctest --test-dir build/tsan --output-on-failure -R "^($(IFS='|'; echo "${rooms[*]}"))\$"
