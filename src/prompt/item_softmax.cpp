// The softmax over all items and its gradients, a block of items at a time: the logits of a block
// are made, used and forgotten while a core's own cache holds them, so that the time grows with the
// catalogue and no faster.

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "model/memory.h"
#include "prompt/item_head.h"

namespace kindred::prompt {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

// Numbers of a block of logits, and of the block of table rows that makes them: 512 KiB each, which
// fit a core's second cache together. An accelerator wants fewer, larger products.
constexpr int64_t block_numbers = int64_t{1} << 17;
constexpr int64_t block_numbers_elsewhere = int64_t{1} << 24;
// Logits that may always be kept for the backward pass: 16 MiB.
constexpr int64_t kept_numbers = int64_t{1} << 22;
// Sums over items are made in this many parts, whatever the number of threads, and the parts added
// in their order.
constexpr int64_t most_parts = 16;

// How items are cut into blocks, and blocks shared out.
struct Blocks {
  int64_t items, width, count, parts;

  Blocks(const torch::Tensor& hidden, const torch::Tensor& table) : items(table.size(0)) {
    const bool cpu = table.device().is_cpu();
    const int64_t larger = std::max<int64_t>({hidden.size(0), hidden.size(1), 1});
    const int64_t fitting =
        std::max<int64_t>(256, (cpu ? block_numbers : block_numbers_elsewhere) / larger);
    count = std::max<int64_t>(1, (items + fitting - 1) / fitting);
    width = std::max<int64_t>(1, (items + count - 1) / count);
    count = (items + width - 1) / width;
    parts = cpu ? std::min(count, most_parts) : 1;
  }
  int64_t begin(int64_t block) const { return block * width; }
  int64_t size(int64_t block) const { return std::min(width, items - begin(block)); }

  // Calls work(part, block) for every block, parts side by side.
  template <class Work>
  void each(const Work& work) const {
    const auto run = [&](int64_t from, int64_t to) {
      const torch::NoGradGuard no_grad;
      for (int64_t part = from; part < to; ++part)
        for (int64_t block = part * count / parts; block < (part + 1) * count / parts; ++block)
          work(part, block);
    };
    if (parts == 1)
      run(0, 1);
    else
      at::parallel_for(0, parts, 1, run);
  }
};

// Exponentials of a block's logits less each row's shift; kept for the backward pass where they
// take little beside what that pass makes anyway, made again elsewhere.
struct BlockedSoftmax {
  torch::Tensor hidden, table;
  Blocks blocks;
  torch::Tensor normaliser;  // [R]: the log of each row's sum of exponentials
  torch::Tensor shifts;      // [blocks, R]: the largest logit of each row
  torch::Tensor kept;        // block after block, [R, its width] each; or undefined

  BlockedSoftmax(const torch::Tensor& h, const torch::Tensor& z)
      : hidden(h), table(z), blocks(h, z) {}

  void run(bool keep) {
    const int64_t rows = hidden.size(0), numbers = rows * table.size(0);
    if (keep && numbers <= std::max(kept_numbers, table.numel() / 4)) {
      kept = large({numbers});
    }
    shifts = torch::empty({blocks.count, rows}, hidden.options());
    torch::Tensor sums = torch::empty_like(shifts);
    blocks.each([&](int64_t, int64_t block) {
      torch::Tensor logits = kept.defined() ? kept_block(block) : scratch(block);
      at::mm_out(logits, hidden, rows_of(table, block).t());
      torch::Tensor shift = shifts.select(0, block), sum = sums.select(0, block);
      at::amax_out(shift, logits, 1);
      logits.sub_(shift.unsqueeze(1)).exp_();
      at::sum_out(sum, logits, 1);
    });
    normaliser = torch::logsumexp(shifts + sums.log_(), 0);
  }

  // Gradients of sum over rows of weights [R] times the normaliser: with P the softmax,
  // diag(weights) P Z of hidden and P' diag(weights) H of the table.
  // The second only where wanted.
  std::array<torch::Tensor, 2> gradients(const torch::Tensor& weights, bool of_table) const {
    torch::Tensor grad_table = of_table ? large(table.sizes()) : torch::Tensor();
    torch::Tensor sums =
        torch::zeros({blocks.parts, hidden.size(0), hidden.size(1)}, hidden.options());
    const torch::Tensor weighed = hidden * weights.unsqueeze(1);
    blocks.each([&](int64_t part, int64_t block) {
      torch::Tensor out = of_table ? rows_of(grad_table, block) : torch::Tensor();
      torch::Tensor sum = sums.select(0, part);
      const torch::Tensor items = rows_of(table, block);
      if (kept.defined()) {
        // A row's factor from the block's shift to the whole normaliser goes to the narrow side.
        const torch::Tensor factor = (shifts.select(0, block) - normaliser).exp_().unsqueeze(1);
        if (of_table) at::mm_out(out, kept_block(block).t(), weighed * factor);
        sum.add_(torch::mm(kept_block(block), items).mul_(factor));
        return;
      }
      torch::Tensor p = scratch(block);
      at::mm_out(p, hidden, items.t());
      p.sub_(normaliser.unsqueeze(1)).exp_();
      if (of_table) at::mm_out(out, p.t(), weighed);
      // Made apart and added once: thousands of tiny terms added to a large sum lose their digits.
      sum.add_(torch::mm(p, items));
    });
    return {sums.sum(0).mul_(weights.unsqueeze(1)), grad_table};
  }

  torch::Tensor large(at::IntArrayRef shape) const {
    return hidden.device().is_cpu() ? model::empty_large(shape)
                                    : torch::empty(shape, hidden.options());
  }
  torch::Tensor rows_of(const torch::Tensor& whole, int64_t block) const {
    return whole.narrow(0, blocks.begin(block), blocks.size(block));
  }
  torch::Tensor kept_block(int64_t block) const {
    const int64_t rows = hidden.size(0), size = blocks.size(block);
    return kept.narrow(0, rows * blocks.begin(block), rows * size).view({rows, size});
  }
  torch::Tensor scratch(int64_t block) const {
    return torch::empty({hidden.size(0), blocks.size(block)}, hidden.options());
  }
};

// Makes the gradients in the backward pass, where the scale of the loss is known.
class ItemCrossEntropy : public torch::autograd::Function<ItemCrossEntropy> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& hidden,
                               const torch::Tensor& table, const ItemTargets& targets,
                               bool gradients) {
    const torch::Tensor h = hidden.detach().contiguous(), z = table.detach().contiguous();
    BlockedSoftmax softmax(h, z);
    softmax.run(gradients);
    const torch::Tensor own_h = h.index_select(0, targets.rows);   // [P, D]
    const torch::Tensor own_z = z.index_select(0, targets.items);  // [P, D]
    const torch::Tensor loss = (targets.counts * softmax.normaliser).sum(torch::kFloat64) -
                               (own_h * own_z).sum(torch::kFloat64);
    if (gradients) {
      context->save_for_backward({h, z, softmax.normaliser, softmax.shifts, softmax.kept, own_h,
                                  own_z, targets.rows, targets.items, targets.counts});
    }
    return loss.to(torch::kFloat32);
  }

  static tensor_list backward(AutogradContext* context, tensor_list outputs) {
    const torch::NoGradGuard no_grad;
    const tensor_list saved = context->get_saved_variables();
    const torch::Tensor &own_h = saved[5], &own_z = saved[6], &rows = saved[7], &items = saved[8];
    BlockedSoftmax softmax(saved[0], saved[1]);
    softmax.normaliser = saved[2];
    softmax.shifts = saved[3];
    softmax.kept = saved[4];
    auto [grad_hidden, grad_table] =
        softmax.gradients(saved[9] * outputs[0], context->needs_input_grad(1));
    // What the softmax expects of an item's row, less what the targets are.
    grad_hidden.index_put_({rows}, own_z * -outputs[0], true);
    if (grad_table.defined()) grad_table.index_put_({items}, own_h * -outputs[0], true);
    return {grad_hidden, grad_table, {}, {}};
  }
};

}  // namespace

torch::Tensor item_cross_entropy_sum(const torch::Tensor& hidden, const torch::Tensor& table,
                                     const ItemTargets& targets) {
  check(hidden.dim() == 2 && table.dim() == 2 && hidden.size(1) == table.size(1),
        "hidden [R, D] and table [N, D]");
  const bool gradients =
      torch::GradMode::is_enabled() && (hidden.requires_grad() || table.requires_grad());
  return ItemCrossEntropy::apply(hidden, table, targets, gradients);
}

}  // namespace kindred::prompt
