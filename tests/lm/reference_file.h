#pragma once
// What a reference script wrote beside a tiny model, for tests against it: whole tensors by name,
// packed sequences of `lengths`.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/safetensors.h"
#include "device.h"

namespace kindred::lm {

constexpr double kTolerance = 1e-4;

class ReferenceFile {
 public:
  explicit ReferenceFile(const std::filesystem::path& path) : file_(open_safetensors(path)) {}

  bool has(const std::string& name) const { return file_->tensors().contains(name); }

  /// On the device of the tests.
  torch::Tensor value(const std::string& name) const {
    const TensorView& view = file_->tensors().at(name);
    const auto type = view.dtype == DType::i64   ? torch::kInt64
                      : view.dtype == DType::i16 ? torch::kInt16
                                                 : torch::kFloat;
    return torch::from_blob(const_cast<char*>(view.bytes.data()), view.shape, torch::dtype(type))
        .to(test_device(), /*non_blocking=*/false, /*copy=*/true);
  }

  std::vector<int64_t> offsets() const {
    std::vector<int64_t> ends = {0};
    const auto lengths = value("lengths").cpu();
    for (int64_t i = 0; i < lengths.numel(); ++i) {
      ends.push_back(ends.back() + lengths[i].item<int64_t>());
    }
    return ends;
  }

  /// Rows that predict a token, and those tokens.
  std::pair<torch::Tensor, torch::Tensor> predictions() const {
    const auto ids = value("ids");
    std::vector<int64_t> rows;
    const auto at = offsets();
    for (size_t s = 0; s + 1 < at.size(); ++s) {
      for (int64_t i = at[s]; i + 1 < at[s + 1]; ++i) rows.push_back(i);
    }
    const auto index = torch::tensor(rows).to(ids.device());
    return {index, ids.index_select(0, index + 1)};
  }

 private:
  std::unique_ptr<TensorFile> file_;
};

inline void expect_near(const torch::Tensor& got, const torch::Tensor& want,
                        const std::string& what) {
  ASSERT_EQ(got.sizes(), want.sizes()) << what;
  EXPECT_LE((got - want.to(got.device())).abs().max().item<double>(), kTolerance) << what;
}

}  // namespace kindred::lm
