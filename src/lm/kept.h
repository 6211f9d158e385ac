#pragma once
// What a forward pass keeps for its backward pass beside the tensors of the graph.

#include <torch/torch.h>

#include <utility>

namespace kindred::lm {

template <class Value>
struct Keeper : torch::CustomClassHolder {
  explicit Keeper(Value given) : value(std::move(given)) {}
  Value value;
};

/// Keeps one value of any type as long as the graph; kept() of the same type gives it back. Inputs
/// and outputs of the pass belong into save_for_backward.
template <class Value>
void keep(torch::autograd::AutogradContext* context, Value value) {
  context->saved_data["kept"] =
      torch::IValue::make_capsule(c10::make_intrusive<Keeper<Value>>(std::move(value)));
}

/// What the forward pass kept, as long as `context` lives.
template <class Value>
const Value& kept(const torch::autograd::AutogradContext* context) {
  return static_cast<const Keeper<Value>&>(*context->saved_data.at("kept").toCapsule()).value;
}

}  // namespace kindred::lm
