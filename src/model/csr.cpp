#include "model/csr.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/error.h"
#include "core/strings.h"

namespace kindred::model {
namespace {

template <class T>
torch::Tensor as_tensor(const std::vector<T>& values, torch::ScalarType type) {
  torch::Tensor tensor = torch::empty({static_cast<int64_t>(values.size())}, type);
  if (!values.empty()) std::memcpy(tensor.data_ptr(), values.data(), values.size() * sizeof(T));
  return tensor;
}

template <class T>
std::vector<T> read_vector(const NamedTensors& tensors, const std::string& name,
                           torch::ScalarType type, const std::string& where) {
  constexpr std::array<int64_t, 1> any{-1};
  const torch::Tensor tensor = find_tensor(tensors, name, any, where);
  if (tensor.scalar_type() != type)
    throw Error(Exit::bad_data, where,
                cat("tensor '", name, "': got type ", c10::toString(tensor.scalar_type()),
                    ", expected ", c10::toString(type)));
  const auto* values = tensor.data_ptr<T>();
  return {values, values + tensor.numel()};
}

}  // namespace

NamedTensors csr_tensors(const std::string& name, const data::Csr& rows) {
  return {{name + ".offsets", as_tensor(rows.offsets, torch::kInt64)},
          {name + ".items", as_tensor(rows.columns, torch::kInt32)}};
}

data::Csr read_csr(const NamedTensors& tensors, const std::string& name, data::Index items,
                   int64_t count, const std::string& where) {
  data::Csr rows;
  rows.offsets = read_vector<int64_t>(tensors, name + ".offsets", torch::kInt64, where);
  rows.columns = read_vector<data::Index>(tensors, name + ".items", torch::kInt32, where);
  const bool whole = !rows.offsets.empty() && rows.offsets.front() == 0 &&
                     rows.offsets.back() == rows.nnz() && (count < 0 || rows.rows() == count) &&
                     std::is_sorted(rows.offsets.begin(), rows.offsets.end());
  const auto outside = [items](data::Index item) { return item < 0 || item >= items; };
  if (!whole || std::any_of(rows.columns.begin(), rows.columns.end(), outside))
    throw Error(Exit::bad_data, where,
                cat("'", name, "': offsets and items do not fit together, expected ",
                    count < 0 ? "" : cat(count, " "), "rows of items below ", items));
  return rows;
}

}  // namespace kindred::model
