#pragma once
// Which number type frozen weights are multiplied in.

#include <c10/core/Device.h>

#include <string>

namespace kindred::lm {

/// Whether this processor multiplies bf16 in hardware (AVX512-BF16, which every processor with AMX
/// has too): measured about twice as fast as fp32 without AMX, several times with it.
bool multiplies_bf16();

/// `auto` -> `bf16` where the device multiplies it (accelerators are taken to), else `fp32`; others
/// as they are. Throws `config` for a name that is none of auto, fp32, bf16, int8.
std::string resolve_precision(const std::string& precision, c10::Device device);

}  // namespace kindred::lm
