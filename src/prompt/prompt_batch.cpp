#include "prompt/prompt_batch.h"

#include <algorithm>

#include "core/error.h"

namespace kindred::prompt {
namespace {

torch::Tensor as_tensor(const std::vector<int64_t>& values) {
  return torch::tensor(values, torch::kInt64);
}

}  // namespace

void PromptBatch::to(torch::Device device) {
  words = words.to(device);
  for (torch::Tensor& rows : slots) rows = rows.to(device);
  order = order.to(device);
  read = read.to(device);
}

// Nothing trainable feeds what stands before a prompt's first slot.
std::vector<int64_t> words_before_slots(const PackedPrompts& prompts) {
  std::vector<int64_t> counts;
  for (size_t s = 0; s + 1 < prompts.offsets().size(); ++s) {
    const auto first = prompts.kinds().begin() + prompts.offsets()[s];
    const auto last = prompts.kinds().begin() + prompts.offsets()[s + 1];
    const auto slot =
        std::find_if(first, last, [](int kind) { return kind != PackedPrompts::word; });
    counts.push_back(slot - first);
  }
  return counts;
}

PromptBatch collate(const PackedPrompts& prompts, int kinds, std::span<const int64_t> read) {
  // Block 0 holds the words, block k + 1 the slots of kind k.
  std::vector<std::vector<int64_t>> blocks(static_cast<size_t>(kinds) + 1);
  for (size_t t = 0; t < prompts.ids().size(); ++t) {
    const int kind = prompts.kinds()[t];
    check(kind >= PackedPrompts::word && kind < kinds, "a known slot kind");
    blocks[static_cast<size_t>(kind + 1)].push_back(prompts.ids()[t]);
  }
  std::vector<int64_t> next(blocks.size(), 0);
  for (size_t b = 1; b < blocks.size(); ++b) {
    next[b] = next[b - 1] + static_cast<int64_t>(blocks[b - 1].size());
  }
  std::vector<int64_t> order(prompts.ids().size());
  for (size_t t = 0; t < order.size(); ++t) {
    order[t] = next[static_cast<size_t>(prompts.kinds()[t] + 1)]++;
  }
  PromptBatch batch;
  batch.offsets = prompts.offsets();
  batch.splits = prompts.splits();
  batch.fixed = words_before_slots(prompts);
  batch.words = as_tensor(blocks[0]);
  for (int kind = 0; kind < kinds; ++kind) {
    batch.slots.push_back(as_tensor(blocks[static_cast<size_t>(kind) + 1]));
  }
  batch.order = as_tensor(order);
  batch.read = as_tensor({read.begin(), read.end()});
  return batch;
}

torch::Tensor embeddings(const PromptBatch& batch, lm::GenerativeLM& backbone,
                         std::span<const SlotVectors> vectors) {
  check(vectors.size() == batch.slots.size(), "vectors for every slot kind");
  std::vector<torch::Tensor> blocks{backbone.embed(batch.words)};
  for (size_t kind = 0; kind < vectors.size(); ++kind) {
    if (batch.slots[kind].numel() == 0) continue;
    torch::Tensor rows = vectors[kind](batch.slots[kind]);
    check(rows.dim() == 2 && rows.size(0) == batch.slots[kind].numel() &&
              rows.size(1) == backbone.hidden_size(),
          "one vector of the backbone's width for every slot");
    blocks.push_back(rows);
  }
  return torch::cat(blocks).index_select(0, batch.order);
}

torch::Tensor read_hidden(const PromptBatch& batch, lm::GenerativeLM& backbone,
                          std::span<const SlotVectors> vectors) {
  const lm::SplitPacked input{{embeddings(batch, backbone, vectors), batch.offsets, batch.fixed},
                              batch.splits};
  return backbone.hidden_after(input, batch.read);
}

}  // namespace kindred::prompt
