#include "model/table.h"

#include <atomic>

#include "core/error.h"
#include "core/random.h"
#include "core/strings.h"
#include "model/memory.h"

namespace kindred::model {
namespace {

std::atomic<int> open_scopes{0};

torch::Tensor drawn(const std::string& name, std::array<int64_t, 2> shape, double std,
                    uint64_t seed) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(Random(seed, "table:" + name)());
  return empty_large(shape).normal_(0.0, std, generator);
}

/// Sums rows of `values` that carry the same id: distinct ids, ascending, with their sums.
Table::Gradient merged(const torch::Tensor& ids, const torch::Tensor& values) {
  auto [rows, inverse, counts] = at::_unique2(ids, /*sorted=*/true, /*return_inverse=*/true);
  return {rows, at::embedding_dense_backward(values, inverse, rows.size(0), -1, false)};
}

}  // namespace

Table::Table(std::string name, int64_t rows, int64_t dim, double std, uint64_t seed)
    : name_(std::move(name)), weight_(drawn(name_, {rows, dim}, std, seed)) {}

Table::Table(std::string name, torch::Tensor weight)
    : name_(std::move(name)), weight_(weight.detach().to(torch::kFloat32).contiguous()) {
  check(weight_.dim() == 2, "a table has rows and columns");
}

bool Table::differentiable() const {
  return torch::GradMode::is_enabled() && (trained_ || open_scopes.load() == 0);
}

torch::Tensor Table::lookup(const torch::Tensor& ids) {
  if (!differentiable()) return at::embedding(weight_, ids);
  auto [rows, inverse, counts] = at::_unique2(ids, /*sorted=*/true, /*return_inverse=*/true);
  torch::Tensor leaf;
  {
    torch::NoGradGuard no_grad;
    leaf = weight_.index_select(0, rows);
  }
  leaf.requires_grad_();
  leaves_.push_back({rows, leaf});
  return at::embedding(leaf, inverse);
}

torch::Tensor Table::all() {
  if (!differentiable()) return weight_;
  if (!whole_.defined()) whole_ = weight_.detach().requires_grad_();
  return whole_;
}

std::optional<Table::Gradient> Table::gradient() const {
  torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> ids, values;
  for (const Leaf& leaf : leaves_) {
    if (!leaf.values.grad().defined()) continue;
    ids.push_back(leaf.ids);
    values.push_back(leaf.values.grad());
  }
  const bool whole = whole_.defined() && whole_.grad().defined();
  if (!whole && ids.empty()) return std::nullopt;
  if (!whole && ids.size() == 1) return Gradient{ids[0], values[0]};
  if (!whole) return merged(torch::cat(ids), torch::cat(values));
  torch::Tensor total = whole_.grad();
  if (ids.empty()) return Gradient{torch::Tensor(), total};
  // Added where the whole gradient lies, since a copy would cost more than the rows; the leaves
  // then hold nothing, so that asking again gives the same.
  const Gradient rows = merged(torch::cat(ids), torch::cat(values));
  total.index_copy_(0, rows.rows, total.index_select(0, rows.rows).add_(rows.values));
  for (const Leaf& leaf : leaves_) leaf.values.mutable_grad().reset();
  return Gradient{torch::Tensor(), total};
}

void Table::clear() {
  leaves_.clear();
  whole_ = torch::Tensor();
}

void Table::append(const torch::Tensor& rows) {
  check(leaves_.empty() && !whole_.defined(), "rows are appended between steps");
  if (rows.dim() != 2 || rows.size(1) != dim())
    throw Error(
        Exit::internal, name_,
        cat("appended rows: got shape ", c10::str(rows.sizes()), ", expected [*, ", dim(), "]"));
  weight_ = torch::cat({weight_, rows.detach().to(weight_.options())});
}

TrainedTables::TrainedTables(std::span<Table* const> tables)
    : tables_(tables.begin(), tables.end()) {
  ++open_scopes;
  for (Table* table : tables_) table->trained_ = true;
}

TrainedTables::~TrainedTables() {
  for (Table* table : tables_) {
    table->trained_ = false;
    table->clear();
  }
  --open_scopes;
}

}  // namespace kindred::model
