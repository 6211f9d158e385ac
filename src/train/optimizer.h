#pragma once
// The optimisers, on a stage's dense parameters and ID tables alike. Legend: n rows of a table, D
// its width, u rows touched by a step.
//
// Dense parameters are updated exactly as torch.optim does; a parameter without a gradient is
// passed over. Tables under `adam: dense` are updated as torch.optim.Adam updates the whole table:
// rows without a gradient still move by their decaying moments. Under `adam: lazy` only touched
// rows are read and written, each with its own step count: a row's moments decay and its bias
// correction advances once for every step that touches it, so its first update has size lr however
// late it comes (with the step count of the whole run, a row first met late would start with an
// update about 3 lr, since its moments start from zero but would no longer be corrected for it).
// Where every step touches every row both forms are the same. Weight decay, like everything in the
// lazy form, reaches touched rows only. SGD and Adagrad leave untouched rows alone by definition,
// weight decay aside.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/objective.h"
#include "model/recommender.h"
#include "train/kernels.h"

namespace kindred::train {

/// The norm over all gradients of a step, and whose gradient is not finite (empty: all are).
struct GradientNorm {
  double norm = 0;
  std::string not_finite;
};

/// Optimiser of one stage: state by parameter name, so that it can be saved and restored.
class Optimizer {
 public:
  /// Parameters on a processor are updated in one pass over their memory, those on an accelerator
  /// by tensor operations; `by_tensors`: all of them so. Throws `internal` when two parameters
  /// share a name or one is not fp32.
  explicit Optimizer(const model::Stage& stage, bool by_tensors = false);

  /// Forgets gradients and the tables' leaves: call before the first micro-batch of a step.
  void clear();
  /// Collects the gradients that backward left and takes their norm; call once, before step().
  GradientNorm collect();
  /// One update from the collected gradients, clipped to `clip_norm` where it is set.
  void step(double learning_rate);

  /// Moments and step counts by name, to be saved; shares memory with the optimiser.
  model::NamedTensors state() const;
  /// Copies a saved state in. Throws `bad_data` naming `where` when a tensor is missing or
  /// mis-shaped.
  void restore(const model::NamedTensors& tensors, const std::string& where);

 private:
  using Gradient = model::Table::Gradient;
  enum class Kind { adam, adamw, sgd, adagrad };
  struct Slot {  // a dense parameter or a table, with its state
    std::string name;
    torch::Tensor parameter;        // of a dense parameter
    model::Table* table = nullptr;  // else the table
    double scale = 1.0, decay = 0.0;
    torch::Tensor first, second;  // as the parameter; undefined where the optimiser has none
    torch::Tensor steps;          // int64 [1], or int32 [n] of a lazy table
    bool lazy = false;
    bool by_tensors = false;
    std::optional<Gradient> gradient;  // of this step; `rows` undefined: of the whole

    torch::Tensor& weight() { return table ? table->mutable_weight() : parameter; }
  };
  void add(Slot slot);
  void update_whole(Slot& slot, const Gradient& gradient, double learning_rate,
                    float gradient_scale);
  void update_rows(Slot& slot, const Gradient& gradient, double learning_rate,
                   float gradient_scale);
  void update_whole_by_tensors(Slot& slot, const Gradient& gradient, double learning_rate,
                               float gradient_scale);
  void update_rows_by_tensors(Slot& slot, const Gradient& gradient, double learning_rate,
                              float gradient_scale);
  /// Asks memory for a row and its state.
  static void prefetch_row(Slot& slot, int64_t row);
  AdamStep adam_step(const Slot& slot, double learning_rate, int64_t t) const;
  PlainStep plain_step(const Slot& slot, double learning_rate, float gradient_scale) const;
  template <class Row, class... Steps>
  void apply(const AdamStep& adam_step, const PlainStep& plain, const Row& row,
             const Steps&... own_steps) const;

  Kind kind_;
  bool by_tensors_;
  model::TrainOptions options_;
  double norm_ = 0;
  std::vector<Slot> slots_;
};

}  // namespace kindred::train
