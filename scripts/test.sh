#!/usr/bin/env bash
# Sets up what scripts/setup.sh does, builds the tests and runs them. Extra arguments go to ctest.
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
KINDRED_BUILD_TARGETS=all bash scripts/setup.sh
[ -d ../shared/data ] || say "no ../shared/data: tests on real data will skip, each saying so"
ctest --test-dir build/release --output-on-failure "$@"
