#include "model/csr.h"

#include <gtest/gtest.h>

#include "core/test_support.h"

namespace kindred::model {
namespace {

using kindred::test::expect_error;

data::Csr three_rows() {
  data::Csr rows;
  rows.offsets = {0, 2, 2, 3};
  rows.columns = {0, 4, 1};
  return rows;
}

TEST(Csr, IsReadBackEqual) {
  const NamedTensors tensors = csr_tensors("users", three_rows());
  for (const int64_t count : {int64_t{3}, int64_t{-1}}) {
    const data::Csr back = read_csr(tensors, "users", 5, count, "model");
    EXPECT_EQ(back.offsets, three_rows().offsets);
    EXPECT_EQ(back.columns, three_rows().columns);
  }
}

TEST(Csr, WhatDoesNotFitTogetherIsRefused) {
  const auto refuse = [](data::Csr rows, int64_t items, int64_t count, const std::string& part) {
    const NamedTensors tensors = csr_tensors("users", rows);
    expect_error(Exit::bad_data, part,
                 [&] { read_csr(tensors, "users", static_cast<data::Index>(items), count, "m"); });
  };
  refuse(three_rows(), 4, 3, "expected 3 rows of items below 4");
  refuse(three_rows(), 5, 4, "expected 4 rows");
  data::Csr rows = three_rows();
  rows.offsets = {0, 2, 1, 3};
  refuse(rows, 5, 3, "offsets and items do not fit together");
  rows.offsets = {0, 2, 2, 4};
  refuse(rows, 5, 3, "offsets and items do not fit together");
  rows = three_rows();
  rows.columns[0] = -1;
  refuse(rows, 5, 3, "offsets and items do not fit together");
  expect_error(Exit::bad_data, "'users.offsets' is missing",
               [] { read_csr({}, "users", 5, 3, "m"); });
  expect_error(Exit::bad_data, "expected Long", [] {
    NamedTensors tensors = csr_tensors("users", three_rows());
    tensors[0].second = tensors[0].second.to(torch::kInt32);
    read_csr(tensors, "users", 5, 3, "m");
  });
}

}  // namespace
}  // namespace kindred::model
