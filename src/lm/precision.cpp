#include "lm/precision.h"

#include "core/error.h"
#include "core/strings.h"

namespace kindred::lm {

bool multiplies_bf16() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16") != 0;
#else
  return false;
#endif
}

std::string resolve_precision(const std::string& precision, c10::Device device) {
  if (precision == "auto") return !device.is_cpu() || multiplies_bf16() ? "bf16" : "fp32";
  if (precision == "fp32" || precision == "bf16" || precision == "int8") return precision;
  throw Error(Exit::config, "precision",
              cat("got ", precision, ", expected one of auto, fp32, bf16, int8"));
}

}  // namespace kindred::lm
