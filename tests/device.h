#pragma once
// Where the tests against references compute: KINDRED_TEST_DEVICE (cuda, cuda:1), else the
// processor.

#include <torch/torch.h>

#include <cstdlib>

namespace kindred {

inline torch::Device test_device() {
  const char* name = std::getenv("KINDRED_TEST_DEVICE");
  return name == nullptr ? torch::Device(torch::kCPU) : torch::Device(name);
}

}  // namespace kindred
