#include "train/optimizer.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "core/error.h"
#include "core/strings.h"
#include "model/memory.h"
#include "train/tensor_steps.h"

namespace kindred::train {
namespace {

constexpr int64_t grain = 16384;  // numbers a thread should have at least

/// Sum of squares whose order of additions does not depend on the number of threads.
double squares(const torch::Tensor& values) {
  if (!values.device().is_cpu()) return values.to(torch::kDouble).square().sum().item<double>();
  const float* data = values.const_data_ptr<float>();
  const int64_t size = values.numel(), chunks = (size + grain - 1) / grain;
  std::vector<double> parts(static_cast<size_t>(chunks));
  at::parallel_for(0, chunks, 4, [&](int64_t from, int64_t to) {
    for (int64_t c = from; c < to; ++c)
      parts[static_cast<size_t>(c)] =
          sum_of_squares(data + c * grain, std::min(grain, size - c * grain));
  });
  double total = 0;
  for (const double part : parts) total += part;
  return total;
}

/// Zeros for a moment of `weight`: rows of large ones are met as scattered as the table's.
torch::Tensor zeros(const torch::Tensor& weight) {
  return weight.device().is_cpu() ? model::empty_large(weight.sizes()).zero_()
                                  : torch::zeros_like(weight);
}

// How many rows before its turn a row of a large table is asked from memory.
constexpr int64_t ahead = 4;

void prefetch(const torch::Tensor& rows, int64_t row) {
  if (!rows.defined()) return;
  const int64_t bytes = rows.stride(0) * static_cast<int64_t>(rows.element_size());
  const char* data = static_cast<const char*>(rows.const_data_ptr()) + row * bytes;
  for (int64_t at = 0; at < std::min<int64_t>(bytes, 512); at += 64) {
    __builtin_prefetch(data + at, 1);
  }
}

}  // namespace

void Optimizer::prefetch_row(Slot& slot, int64_t row) {
  prefetch(slot.weight(), row);
  prefetch(slot.first, row);
  prefetch(slot.second, row);
  prefetch(slot.steps, row);
}

Optimizer::Optimizer(const model::Stage& stage, bool by_tensors)
    : by_tensors_(by_tensors), options_(stage.train) {
  const std::string& name = options_.optimizer;
  kind_ = name == "adamw"     ? Kind::adamw
          : name == "sgd"     ? Kind::sgd
          : name == "adagrad" ? Kind::adagrad
                              : Kind::adam;
  for (const model::ParameterGroup& group : stage.parameters)
    for (const auto& [parameter_name, tensor] : group.parameters) {
      Slot slot;
      slot.name = parameter_name;
      slot.parameter = tensor;
      slot.scale = group.learning_rate_scale;
      slot.decay = group.weight_decay.value_or(options_.weight_decay);
      add(std::move(slot));
    }
  for (model::Table* table : stage.tables) {
    Slot slot;
    slot.name = table->name();
    slot.table = table;
    slot.decay = options_.weight_decay;
    const auto& dense = stage.dense_tables;
    slot.lazy =
        options_.adam == "lazy" && std::find(dense.begin(), dense.end(), table) == dense.end();
    add(std::move(slot));
  }
}

void Optimizer::add(Slot slot) {
  for (const Slot& other : slots_)
    if (other.name == slot.name)
      throw Error(Exit::internal, slot.name, "two parameters of a stage share this name");
  const torch::Tensor& weight = slot.weight();
  if (weight.scalar_type() != torch::kFloat32 || !weight.is_contiguous())
    throw Error(Exit::internal, slot.name,
                "a trained parameter must be a contiguous fp32 tensor; cast where it is read");
  slot.by_tensors = by_tensors_ || !weight.device().is_cpu();
  torch::NoGradGuard no_grad;
  const bool adam_kind = kind_ == Kind::adam || kind_ == Kind::adamw;
  if (adam_kind) slot.first = zeros(weight);
  if (adam_kind || kind_ == Kind::adagrad) slot.second = zeros(weight);
  if (adam_kind)
    slot.steps = slot.lazy ? torch::zeros({weight.size(0)}, weight.options().dtype(torch::kInt32))
                           : torch::zeros({1}, torch::kInt64);
  slots_.push_back(std::move(slot));
}

void Optimizer::clear() {
  for (Slot& slot : slots_) {
    slot.gradient.reset();
    if (slot.table)
      slot.table->clear();
    else
      slot.parameter.mutable_grad().reset();
  }
}

GradientNorm Optimizer::collect() {
  torch::NoGradGuard no_grad;
  GradientNorm result;
  double total = 0;
  for (Slot& slot : slots_) {
    slot.gradient.reset();
    if (slot.table)
      slot.gradient = slot.table->gradient();
    else if (slot.parameter.grad().defined())
      slot.gradient = model::Table::Gradient{torch::Tensor(), slot.parameter.grad()};
    if (!slot.gradient) continue;
    slot.gradient->values = slot.gradient->values.contiguous();
    const double part = squares(slot.gradient->values);
    if (!std::isfinite(part) && result.not_finite.empty()) result.not_finite = slot.name;
    total += part;
  }
  result.norm = norm_ = std::sqrt(total);
  return result;
}

void Optimizer::step(double learning_rate) {
  torch::NoGradGuard no_grad;
  double scale = 1.0;  // as torch.nn.utils.clip_grad_norm_
  if (options_.clip_norm > 0) scale = std::min(1.0, options_.clip_norm / (norm_ + 1e-6));
  for (Slot& slot : slots_) {
    if (!slot.gradient) continue;
    const bool rows = slot.table && (slot.lazy || kind_ == Kind::sgd || kind_ == Kind::adagrad);
    const auto update = slot.by_tensors ? rows ? &Optimizer::update_rows_by_tensors
                                               : &Optimizer::update_whole_by_tensors
                        : rows          ? &Optimizer::update_rows
                                        : &Optimizer::update_whole;
    (this->*update)(slot, *slot.gradient, learning_rate * slot.scale, static_cast<float>(scale));
    slot.gradient.reset();
  }
}

AdamStep Optimizer::adam_step(const Slot& slot, double learning_rate, int64_t t) const {
  const auto steps = static_cast<double>(t);
  AdamStep step{};
  step.rise1 = static_cast<float>(1.0 - options_.beta1);
  step.beta2 = static_cast<float>(options_.beta2);
  step.rise2 = static_cast<float>(1.0 - options_.beta2);
  step.epsilon = static_cast<float>(options_.epsilon);
  step.step_size = static_cast<float>(learning_rate / (1.0 - std::pow(options_.beta1, steps)));
  step.inverse_root = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(options_.beta2, steps)));
  if (kind_ == Kind::adamw)
    step.shrink = static_cast<float>(1.0 - learning_rate * slot.decay);
  else
    step.decay = static_cast<float>(slot.decay);
  return step;
}

PlainStep Optimizer::plain_step(const Slot& slot, double learning_rate,
                                float gradient_scale) const {
  return {static_cast<float>(learning_rate), static_cast<float>(options_.epsilon),
          static_cast<float>(slot.decay), gradient_scale};
}

template <class Row, class... Steps>
void Optimizer::apply(const AdamStep& step, const PlainStep& plain, const Row& row,
                      const Steps&... own_steps) const {
  if (kind_ == Kind::sgd)
    sgd(plain, row);
  else if (kind_ == Kind::adagrad)
    adagrad(plain, row);
  else
    adam(step, row, own_steps...);
}

void Optimizer::update_whole(Slot& slot, const Gradient& gradient, double learning_rate,
                             float gradient_scale) {
  torch::Tensor& weight = slot.weight();
  AdamStep step{};
  if (slot.steps.defined()) {
    int64_t& t = *slot.steps.data_ptr<int64_t>();
    step = adam_step(slot, learning_rate, ++t);
  }
  step.gradient_scale = gradient_scale;
  const PlainStep plain = plain_step(slot, learning_rate, gradient_scale);
  float* p = weight.mutable_data_ptr<float>();
  float* m = slot.first.defined() ? slot.first.data_ptr<float>() : nullptr;
  float* v = slot.second.defined() ? slot.second.data_ptr<float>() : nullptr;
  const float* g = gradient.values.const_data_ptr<float>();
  const auto stretch = [&](int64_t at, const float* values, int64_t size) {
    apply(step, plain, AdamRow{p + at, m ? m + at : nullptr, v ? v + at : nullptr, values, size});
  };
  if (!gradient.rows.defined()) {
    at::parallel_for(0, weight.numel(), grain,
                     [&](int64_t from, int64_t to) { stretch(from, g + from, to - from); });
    return;
  }
  // The table's other rows have a zero gradient, which still moves them.
  const int64_t width = weight.size(1);
  const int64_t* rows = gradient.rows.const_data_ptr<int64_t>();
  const int64_t* rows_end = rows + gradient.rows.numel();
  at::parallel_for(0, weight.size(0), std::max<int64_t>(1, grain / width),
                   [&](int64_t from, int64_t to) {
                     const int64_t* next = std::lower_bound(rows, rows_end, from);
                     for (int64_t r = from; r < to; ++r) {
                       const bool touched = next != rows_end && *next == r;
                       stretch(r * width, touched ? g + (next - rows) * width : nullptr, width);
                       next += touched;
                     }
                   });
}

void Optimizer::update_rows(Slot& slot, const Gradient& gradient, double learning_rate,
                            float gradient_scale) {
  torch::Tensor& weight = slot.weight();
  const int64_t width = weight.size(1);
  const bool all = !gradient.rows.defined();
  const int64_t* rows = all ? nullptr : gradient.rows.const_data_ptr<int64_t>();
  const int64_t count = all ? weight.size(0) : gradient.rows.numel();
  float* p = weight.mutable_data_ptr<float>();
  float* m = slot.first.defined() ? slot.first.data_ptr<float>() : nullptr;
  float* v = slot.second.defined() ? slot.second.data_ptr<float>() : nullptr;
  int32_t* steps = slot.steps.defined() ? slot.steps.data_ptr<int32_t>() : nullptr;
  const float* g = gradient.values.const_data_ptr<float>();
  const PlainStep plain = plain_step(slot, learning_rate, gradient_scale);
  at::parallel_for(0, count, std::max<int64_t>(1, grain / width), [&](int64_t from, int64_t to) {
    AdamStep step{};
    int32_t known = 0;  // the step count `step` was made for: neighbours often share it
    for (int64_t i = from; i < to; ++i) {
      if (!all && i + ahead < to) prefetch_row(slot, rows[i + ahead]);
      const int64_t r = all ? i : rows[i], at = r * width;
      if (steps && ++steps[r] != known) {
        known = steps[r];
        step = adam_step(slot, learning_rate, known);
        step.gradient_scale = gradient_scale;
      }
      apply(step, plain,
            AdamRow{p + at, m ? m + at : nullptr, v ? v + at : nullptr, g + i * width, width});
    }
  });
}

void Optimizer::update_whole_by_tensors(Slot& slot, const Gradient& gradient, double learning_rate,
                                        float gradient_scale) {
  AdamStep step{};
  if (slot.steps.defined()) {
    int64_t& t = *slot.steps.data_ptr<int64_t>();
    step = adam_step(slot, learning_rate, ++t);
  }
  step.gradient_scale = gradient_scale;
  torch::Tensor values = gradient.values;
  if (gradient.rows.defined())
    values = torch::zeros_like(slot.weight()).index_copy_(0, gradient.rows, values);
  apply(step, plain_step(slot, learning_rate, gradient_scale),
        TensorRow{slot.weight(), slot.first, slot.second, values});
}

void Optimizer::update_rows_by_tensors(Slot& slot, const Gradient& gradient, double learning_rate,
                                       float gradient_scale) {
  const torch::Tensor& rows = gradient.rows;
  const auto touched = [&](const torch::Tensor& whole) {
    return whole.defined() && rows.defined() ? whole.index_select(0, rows) : whole;
  };
  const TensorRow row{touched(slot.weight()), touched(slot.first), touched(slot.second),
                      gradient.values};
  const PlainStep plain = plain_step(slot, learning_rate, gradient_scale);
  torch::Tensor steps = touched(slot.steps);
  if (steps.defined()) {
    steps.add_(1);
    AdamStep step = adam_step(slot, learning_rate, 1);
    step.gradient_scale = gradient_scale;
    const auto t = steps.to(torch::kDouble).unsqueeze(1);
    const auto corrected = [&](double beta) { return 1.0 - torch::pow(beta, t); };
    apply(step, plain, row, (learning_rate / corrected(options_.beta1)).to(torch::kFloat),
          corrected(options_.beta2).rsqrt().to(torch::kFloat));
  } else {
    apply(AdamStep{}, plain, row);
  }
  if (!rows.defined()) return;
  const auto put = [&](torch::Tensor whole, const torch::Tensor& part) {
    if (whole.defined()) whole.index_copy_(0, rows, part);
  };
  put(slot.weight(), row.parameter);
  put(slot.first, row.first);
  put(slot.second, row.second);
  put(slot.steps, steps);
}

model::NamedTensors Optimizer::state() const {
  model::NamedTensors tensors;
  for (const Slot& slot : slots_) {
    if (slot.first.defined()) tensors.emplace_back("optimizer/" + slot.name + "/first", slot.first);
    if (slot.second.defined())
      tensors.emplace_back("optimizer/" + slot.name + "/second", slot.second);
    if (slot.steps.defined()) tensors.emplace_back("optimizer/" + slot.name + "/steps", slot.steps);
  }
  return tensors;
}

void Optimizer::restore(const model::NamedTensors& tensors, const std::string& where) {
  torch::NoGradGuard no_grad;
  for (const auto& [name, tensor] : state()) {
    const torch::Tensor saved = model::find_tensor(tensors, name, tensor.sizes(), where);
    torch::Tensor target = tensor;  // shares memory with the slot
    target.copy_(saved);
  }
}

}  // namespace kindred::train
