#include "model/device.h"

#include <algorithm>
#include <cctype>

#include "core/error.h"
#include "core/strings.h"

namespace kindred::model {

torch::Device find_device(const std::string& name) {
  if (name.empty() || name == "cpu") return torch::kCPU;
  const std::string number = name.starts_with("cuda:") ? name.substr(5) : "";
  const bool counts = !number.empty() && number.size() <= 3 &&
                      std::ranges::all_of(number, [](unsigned char c) { return std::isdigit(c); });
  if (name != "cuda" && !counts)
    throw Error(Exit::config, "device", cat("got '", name, "', expected cpu, cuda or cuda:0, …"));
  if (!torch::cuda::is_available())
    throw Error(Exit::config, "device",
                cat("got '", name, "', but this machine has no GPU that LibTorch can use"));
  const auto there = static_cast<int>(static_cast<uint8_t>(torch::cuda::device_count()));
  const int wanted = counts ? std::stoi(number) : 0;
  if (wanted >= there)
    throw Error(Exit::config, "device",
                cat("got '", name, "', but this machine has ", there, " GPU", there == 1 ? "" : "s",
                    ": cuda:0 to cuda:", there - 1));
  return {torch::kCUDA, static_cast<c10::DeviceIndex>(wanted)};
}

}  // namespace kindred::model
