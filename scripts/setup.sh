#!/usr/bin/env bash
# Sets up Kindred on Debian 12: missing packages, LibTorch (CPU) in .venv, the release build.
# Safe to repeat: what is there already is left alone. Leaves the program at build/release/kindred.
#   KINDRED_TORCH=/path/to/libtorch   use this LibTorch instead of the pip package
#   KINDRED_BUILD_TARGETS="all"       what to build (default: the program)
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
TORCH_VERSION=2.13.0

# pip's default index has no +cpu version (a plain `torch` there would bring gigabytes of CUDA); uv
# knows the index that has. Without the Python packages it depends on: only its C++ files are used.
install_torch() {
  local log; log="$(mktemp)"
  .venv/bin/pip install -q --disable-pip-version-check --no-deps "torch==$TORCH_VERSION+cpu" >"$log" 2>&1 && rm "$log" && return
  say "pip's indexes have no torch==$TORCH_VERSION+cpu; asking PyTorch's own through uv"
  if ! .venv/bin/pip install -q --disable-pip-version-check uv >>"$log" 2>&1 ||
     ! .venv/bin/uv pip install -q --python .venv/bin/python --torch-backend=cpu --no-deps \
       "torch==$TORCH_VERSION" >>"$log" 2>&1; then
    tail -20 "$log" >&2
    die "LibTorch $TORCH_VERSION (CPU) could not be installed: neither pip's indexes nor PyTorch's
       own gave it, see above. With a LibTorch folder at hand:
       KINDRED_TORCH=/path/to/libtorch bash scripts/setup.sh"
  fi
  rm "$log"
}

need_packages "${BUILD_PACKAGES[@]}"

if [ -z "${KINDRED_TORCH:-}" ]; then
  if [ ! -x .venv/bin/pip ]; then
    say "making a Python environment in .venv (it only carries LibTorch's files)"
    rm -rf .venv
    python3 -m venv .venv
  fi
  if ! ls .venv/lib/python3*/site-packages/torch/lib/libtorch_cpu.so >/dev/null 2>&1; then
    say "installing LibTorch $TORCH_VERSION (CPU) into .venv"
    install_torch
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
