#pragma once
// What a reference script left: tensors by name, and how near ours must be.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <filesystem>
#include <memory>
#include <string>

#include "core/safetensors.h"

namespace kindred::lm {

constexpr double kTolerance = 1e-4;

class ReferenceFile {
 public:
  explicit ReferenceFile(const std::filesystem::path& path) : file_(open_safetensors(path)) {}

  torch::Tensor value(const std::string& name) const {
    const TensorView& view = file_->tensors().at(name);
    const auto type = view.dtype == DType::i64   ? torch::kInt64
                      : view.dtype == DType::i16 ? torch::kInt16
                                                 : torch::kFloat;
    return torch::from_blob(const_cast<char*>(view.bytes.data()), view.shape, torch::dtype(type))
        .clone();
  }

 private:
  std::unique_ptr<TensorFile> file_;
};

inline void expect_near(const torch::Tensor& got, const torch::Tensor& want,
                        const std::string& what) {
  ASSERT_EQ(got.sizes(), want.sizes()) << what;
  EXPECT_LE((got - want).abs().max().item<double>(), kTolerance) << what;
}

}  // namespace kindred::lm
