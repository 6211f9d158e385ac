#pragma once
// Packed prompts as the embeddings a backbone reads: vocabulary rows for words, vectors of any
// origin for slots. Legend: T packed tokens of S sequences, D hidden size, R rows
// whose hidden states are read, n filled slots.

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "lm/generative_lm.h"
#include "prompt/packed_prompts.h"

namespace kindred::prompt {

/// Gives the vectors of a slot kind: rows [n] int64 -> [n, D].
using SlotVectors = std::function<torch::Tensor(const torch::Tensor& rows)>;

/// Packed prompts as tensors, and the positions whose hidden states are wanted.
struct PromptBatch {
  std::vector<int64_t> offsets{0};   ///< [S + 1]
  std::vector<int64_t> splits;       ///< [S] packed positions where the main texts begin
  std::vector<int64_t> fixed;        ///< [S] words before each prompt's first slot
  torch::Tensor words;               ///< vocabulary ids of the words, in packed order
  std::vector<torch::Tensor> slots;  ///< by kind: rows of the slots, in packed order
  torch::Tensor order;               ///< [T] where token t lies in (words, slots[0], slots[1], …)
  torch::Tensor read;                ///< [R] packed positions whose hidden states are read

  int64_t sequences() const { return static_cast<int64_t>(offsets.size()) - 1; }
  int64_t tokens() const { return offsets.back(); }
  void to(torch::Device device);
};

/// Collates packed prompts; `kinds` is the number of slot kinds, `read` the packed positions read.
PromptBatch collate(const PackedPrompts& prompts, int kinds, std::span<const int64_t> read);

/// What the backbone reads -> [T, D], differentiable in the slot vectors (and in the vocabulary
/// where the backbone trains). `vectors` are by kind.
torch::Tensor embeddings(const PromptBatch& batch, lm::GenerativeLM& backbone,
                         std::span<const SlotVectors> vectors);

/// The states that predict what follows the positions read -> [R, D], of the backbone's type: the
/// same rows whether a decoder reads prompt and main text as one sequence, or an encoder the prompt
/// and a decoder the main text.
torch::Tensor read_hidden(const PromptBatch& batch, lm::GenerativeLM& backbone,
                          std::span<const SlotVectors> vectors);

}  // namespace kindred::prompt
