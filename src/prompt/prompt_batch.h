#pragma once
// Prompts packed one after another, and the embeddings a backbone reads: vocabulary rows for words,
// vectors of any origin for slots. Legend: T packed tokens of S sequences, D hidden size, R rows
// whose hidden states are read, n filled slots.

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "lm/generative_lm.h"
#include "prompt/template.h"

namespace kindred::prompt {

/// What fills one slot of a template in one prompt: table rows (one, many) or vocabulary ids
/// (words).
using Filling = std::span<const int32_t>;

/// Prompts as plain numbers, made without any model (also from a prefetching thread). A token is a
/// vocabulary id or a row of a slot kind, and never both: no text can produce a slot.
class PackedPrompts {
 public:
  /// Kind of a vocabulary word.
  static constexpr int word = -1;

  /// Appends one prompt; `fillings` are by slot number of the template. Where it would be longer
  /// than `limit` the growing slot is cut: a history keeps its most recent entries, a text its
  /// first words; hard segments and single slots always stay. Returns the entries cut.
  int64_t add(const Template& form, std::span<const Filling> fillings, int64_t limit);
  /// Appends a prompt given token by token.
  void add(std::span<const int32_t> ids, std::span<const int> kinds);
  /// The last `tokens` of the prompt added last are the main text that follows it: what an
  /// encoder-decoder reads in its decoder. Without this a prompt has none.
  void main_text(int64_t tokens);

  int64_t sequences() const { return static_cast<int64_t>(offsets_.size()) - 1; }
  int64_t tokens() const { return offsets_.back(); }
  const std::vector<int32_t>& ids() const { return ids_; }          ///< [T]
  const std::vector<int>& kinds() const { return kinds_; }          ///< [T], word or a slot kind
  const std::vector<int64_t>& offsets() const { return offsets_; }  ///< [S + 1]
  const std::vector<int64_t>& splits() const { return splits_; }    ///< [S] where main texts begin

 private:
  void finish_prompt();

  std::vector<int32_t> ids_;
  std::vector<int> kinds_;
  std::vector<int64_t> offsets_{0}, splits_;
};

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

/// The packed positions of each sequence's last token: where a one-step answer is read.
std::vector<int64_t> last_positions(const PackedPrompts& prompts);

/// What the backbone reads -> [T, D], differentiable in the slot vectors (and in the vocabulary
/// where the backbone trains). `vectors` are by kind.
torch::Tensor embeddings(const PromptBatch& batch, lm::GenerativeLM& backbone,
                         std::span<const SlotVectors> vectors);

/// The states that predict what follows the positions read -> [R, D], of the backbone's type: the
/// same rows whether a decoder reads prompt and main text as one sequence, or an encoder the prompt
/// and a decoder the main text.
torch::Tensor read_hidden(const PromptBatch& batch, lm::GenerativeLM& backbone,
                          std::span<const SlotVectors> vectors);

/// The vocabulary extended by users and items (section 3.2.1 of CLLM4Rec): `<user_i>` is token V +
/// i,
/// `<item_j>` is V + I + j. Kinds are 0 for users, 1 for items.
struct ExtendedVocabulary {
  int64_t words = 0;  ///< V
  int64_t users = 0;  ///< I
  int64_t items = 0;  ///< J

  int64_t size() const { return words + users + items; }
  int64_t user(int64_t i) const { return words + i; }
  int64_t item(int64_t j) const { return words + users + j; }
  /// Ids [T] of packed prompts in the extended vocabulary.
  std::vector<int64_t> ids(const PackedPrompts& prompts) const;
};

}  // namespace kindred::prompt
