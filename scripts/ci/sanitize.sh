#!/usr/bin/env bash
# The LibTorch-free rooms' tests under AddressSanitizer and UndefinedBehaviorSanitizer.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/common.sh"
cmake --preset asan-base >/dev/null
cmake --build --preset asan-base --parallel "$(nproc)"
ctest --test-dir build/asan-base --output-on-failure
