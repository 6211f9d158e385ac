#pragma once
// What tests of hand-written loops share: both their forms, packed lengths, differences.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <vector>

#include "lm/kernels.h"

namespace kindred::lm {

// Runs with the AVX-512 forms allowed or not.
class KernelForms : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    kernels::allow_avx512(GetParam());
    if (GetParam() && !kernels::use_avx512()) GTEST_SKIP() << "this processor has no AVX-512";
    torch::manual_seed(3);
  }
  void TearDown() override { kernels::allow_avx512(true); }
};

inline std::string form_name(const testing::TestParamInfo<bool>& info) {
  return info.param ? "avx512" : "baseline";
}

inline double largest_difference(const torch::Tensor& a, const torch::Tensor& b) {
  return (a.to(torch::kDouble) - b.to(torch::kDouble)).abs().max().item<double>();
}

}  // namespace kindred::lm
