#include "lm/frozen_stack.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "lm/frozen_pass.h"
#include "lm/kept.h"

namespace kindred::lm {

using namespace frozen;

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

Additions take_additions(const Linear& layer, Pass& pass) {
  const Additions additions(layer, pass.stack->compute, pass.dropout, pass.adapters.size());
  for (const Linear::Addition& one : layer.additions()) {
    pass.adapters.push_back(one.low_rank->a);
    pass.adapters.push_back(one.low_rank->b);
  }
  return additions;
}

Tail find_tail(const FrozenPass& pass) {
  Tail tail;
  if (std::ranges::all_of(pass.fixed, [](int64_t n) { return n == 0; })) return tail;
  std::vector<int64_t> tokens, places(static_cast<size_t>(pass.offsets.back()), -1);
  tail.offsets = {0};
  for (size_t s = 0; s + 1 < pass.offsets.size(); ++s) {
    for (int64_t t = pass.offsets[s] + pass.fixed[s]; t < pass.offsets[s + 1]; ++t) {
      places[static_cast<size_t>(t)] = static_cast<int64_t>(tokens.size());
      tokens.push_back(t);
    }
    tail.offsets.push_back(static_cast<int64_t>(tokens.size()));
  }
  tail.tokens = torch::tensor(tokens, torch::kInt64);
  if (pass.rows.defined()) {
    const auto place = torch::tensor(places, torch::kInt64).index_select(0, pass.rows);
    tail.live = (place >= 0).nonzero().flatten();
    tail.place = place.index_select(0, tail.live);
  }
  return tail;
}

Pass prepare(const std::shared_ptr<const FrozenStack>& stack, FrozenPass given) {
  Pass pass{std::move(given), stack, {}, {}, {}, {}};
  if (pass.rows.defined()) pass.rows = pass.rows.contiguous();
  for (const FrozenBlock& block : stack->blocks) {
    BlockAdditions additions;
    additions.qkv = take_additions(*block.qkv, pass);
    additions.out = take_additions(*block.out, pass);
    additions.up = take_additions(*block.up, pass);
    additions.down = take_additions(*block.down, pass);
    pass.additions.push_back(std::move(additions));
  }
  // An adapter in training feeds every token.
  const bool trains = std::ranges::any_of(
      pass.adapters, [](const torch::Tensor& value) { return value.requires_grad(); });
  if (!trains) pass.tail = find_tail(pass);
  if (const auto drawn = pass.dropout.tokens(); !drawn.empty()) {
    pass.drawn.all = torch::tensor(at::ArrayRef<int64_t>(drawn.data(), drawn.size()));
    if (pass.rows.defined()) pass.drawn.asked = pass.drawn.all.index_select(0, pass.rows);
    pass.drawn.live = pass.tail.of(pass.drawn.all);
  }
  return pass;
}

class FrozenHidden : public torch::autograd::Function<FrozenHidden> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x,
                               const std::shared_ptr<Saved>& saved, at::TensorList) {
    keep(context, saved);
    return run_forward(saved->pass, x.clone(), saved.get());
  }
  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    const Saved& saved = *kept<std::shared_ptr<Saved>>(context);
    const torch::NoGradGuard no_grad;
    tensor_list results = run_backward(saved, gradients[0].to(torch::kFloat).contiguous(),
                                       context->needs_input_grad(0));
    results.insert(results.begin() + 1, torch::Tensor());  // of what was saved
    return results;
  }
};

}  // namespace

torch::Tensor frozen_hidden(const std::shared_ptr<const FrozenStack>& stack, const torch::Tensor& x,
                            FrozenPass given) {
  auto saved = std::make_shared<Saved>();
  saved->pass = prepare(stack, std::move(given));
  const Pass& pass = saved->pass;
  const bool trains =
      x.requires_grad() ||
      std::ranges::any_of(pass.adapters, [](const auto& value) { return value.requires_grad(); });
  if (!torch::GradMode::is_enabled() || !trains) {
    const torch::NoGradGuard no_grad;
    return run_forward(pass, x.detach().clone(), nullptr);
  }
  check(!pass.attend && pass.starts.empty(), "cached tokens take no gradient");
  saved->blocks.resize(stack->blocks.size());
  return FrozenHidden::apply(x, saved, at::TensorList(pass.adapters));
}

}  // namespace kindred::lm
