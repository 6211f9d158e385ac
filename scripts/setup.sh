#!/usr/bin/env bash
# Sets up Kindred on Debian 12: missing packages, LibTorch (CPU) in .venv, the release build.
# Safe to repeat: what is there already is left alone. Leaves the program at build/release/kindred.
#   KINDRED_TORCH=/path/to/libtorch   use this LibTorch instead of the pip package
#   KINDRED_BUILD_TARGETS="all"       what to build (default: the program)
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
TORCH_VERSION=2.13.0

need_packages "${BUILD_PACKAGES[@]}"

if [ -z "${KINDRED_TORCH:-}" ]; then
  if [ ! -x .venv/bin/python ]; then
    say "making a Python environment in .venv (it only carries LibTorch's files)"
    rm -rf .venv
    python3 -m venv .venv
  fi
  if ! ls .venv/lib/python3*/site-packages/torch/lib/libtorch_cpu.so >/dev/null 2>&1; then
    say "installing LibTorch $TORCH_VERSION (CPU) into .venv"
    # pip's default index has no +cpu version; a plain `torch` there would bring gigabytes of CUDA.
    if ! .venv/bin/pip install -q --disable-pip-version-check "torch==$TORCH_VERSION+cpu" 2>/dev/null; then
      .venv/bin/pip install -q --disable-pip-version-check uv
      .venv/bin/uv pip install -q --python .venv/bin/python --torch-backend=cpu "torch==$TORCH_VERSION"
    fi
  fi
fi

say "configuring build/release"
cmake --preset release ${KINDRED_TORCH:+-DKINDRED_TORCH="$KINDRED_TORCH"} >build-configure.log 2>&1 ||
  { tail -30 build-configure.log >&2; die "cmake failed (build-configure.log has it all)"; }
rm -f build-configure.log

say "building (the first time takes some minutes)"
# shellcheck disable=SC2086
cmake --build --preset release --parallel "$(nproc)" --target ${KINDRED_BUILD_TARGETS:-kindred_program} >&2
say "ready: build/release/kindred"
