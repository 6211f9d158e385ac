#pragma once
// Tables of ID embeddings with row-sparse gradients: a step costs what it touches, not what exists.

#include <torch/torch.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace kindred::model {

/// A trainable table [n, D] in fp32. Lookups gather the distinct rows a step touches into a leaf,
/// so backward leaves gradients of those rows only; `all()` is the whole table as one leaf (tied
/// heads).
class Table {
 public:
  /// Rows drawn from N(0, std^2) by the named stream of `seed`.
  Table(std::string name, int64_t rows, int64_t dim, double std, uint64_t seed);
  Table(std::string name, torch::Tensor weight);

  const std::string& name() const { return name_; }
  /// [n, D], no gradient.
  const torch::Tensor& weight() const { return weight_; }
  torch::Tensor& mutable_weight() { return weight_; }
  int64_t rows() const { return weight_.size(0); }
  int64_t dim() const { return weight_.size(1); }

  /// Rows of `ids` (int64, any shape) -> [..., D]; differentiable while gradients are on and,
  /// inside a stage of training, the stage trains this table (other tables are read as constants).
  torch::Tensor lookup(const torch::Tensor& ids);
  /// The whole table [n, D] as one differentiable leaf of this step, under the same condition.
  torch::Tensor all();

  /// What backward left since the last clear: distinct rows with their gradients, or (when all()
  /// was used) the gradient of the whole table with the rows' gradients added in. Leaves of several
  /// micro-batches add up until clear().
  struct Gradient {
    torch::Tensor rows;    ///< [u] int64 ascending; undefined when `values` covers the whole table
    torch::Tensor values;  ///< [u, D] or [n, D]
  };
  std::optional<Gradient> gradient() const;
  /// Forgets the leaves and their gradients.
  void clear();

  /// Appends rows (new people or items); existing numbers stay.
  void append(const torch::Tensor& rows);

 private:
  friend class TrainedTables;
  struct Leaf {
    torch::Tensor ids, values;
  };
  bool differentiable() const;

  std::string name_;
  torch::Tensor weight_;
  std::vector<Leaf> leaves_;
  torch::Tensor whole_;
  bool trained_ = false;
};

/// While it lives, only these tables (and those of other such scopes) are differentiable: a stage
/// opens one, so that tables it does not train cost no gradient. Without any scope every table is.
class TrainedTables {
 public:
  explicit TrainedTables(std::span<Table* const> tables);
  ~TrainedTables();
  TrainedTables(const TrainedTables&) = delete;
  TrainedTables& operator=(const TrainedTables&) = delete;

 private:
  std::vector<Table*> tables_;
};

}  // namespace kindred::model
