#pragma once
// What language models are pretrained on, over blocks of a token file: the next token, or spans
// that were cut out.

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lm/generative_lm.h"
#include "model/objective.h"
#include "run/pretrain_text.h"
#include "run/span_corruption.h"

namespace kindred::lm {

/// A token file cut into blocks of `block` tokens; `batch_size` blocks a batch.
struct BlockData {
  std::filesystem::path tokens;
  int64_t vocab_size = 0, block = 256, batch_size = 16;
  int64_t parts = 1;  ///< an epoch of the loop is one of this many parts of a pass
  uint64_t seed = 1;
  std::optional<SpanCorruption> spans;  ///< an encoder-decoder's; else each next token is predicted
};

/// -log p(token | what comes before it) over a pass in random order: of every token of a block
/// given those before it in the block, or of the spans cut out of it given the rest. Each pass cuts
/// the text at other places.
class BlockObjective : public model::Objective {
 public:
  /// Throws `bad_data` when the text is shorter than two blocks.
  BlockObjective(std::shared_ptr<GenerativeLM> model, const BlockData& data);

  std::string name() const override { return data_.spans ? "span-corruption" : "next-token"; }
  int64_t steps(int64_t epoch) const override;
  std::unique_ptr<model::Batch> batch(int64_t epoch, int64_t step) const override;
  model::LossParts loss(const model::Batch& batch) override;

 private:
  int64_t blocks() const { return (file_.size() - 1) / data_.block - 1; }
  /// First and last + 1 of an epoch's places in the pass's order.
  std::pair<int64_t, int64_t> range(int64_t epoch) const;
  std::vector<int64_t> order(int64_t pass, int64_t begin, int64_t end) const;

  std::shared_ptr<GenerativeLM> model_;
  BlockData data_;
  TokenFile file_;
  mutable std::mutex mutex_;
  mutable int64_t shuffled_pass_ = -1;
  mutable std::vector<int64_t> shuffled_;
};

/// The mean loss over the first blocks of held-out text, in order.
class HeldOutLoss {
 public:
  HeldOutLoss(std::shared_ptr<GenerativeLM> model, const BlockData& data, int64_t most_blocks);
  /// Natural log a predicted token; NaN when nothing is held out.
  double loss() const;
  /// "loss" and "perplexity"; empty when nothing is held out.
  std::vector<std::pair<std::string, double>> numbers() const;

 private:
  std::shared_ptr<GenerativeLM> model_;
  BlockData data_;
  TokenFile file_;
  int64_t blocks_;
};

/// What is trained, in groups: weight decay acts on matrices, not on norms and biases. A T5's words
/// start at a standard deviation of 1 and its matrices near the hidden size's -1/2 power, so that
/// one step size would move the words too little or the matrices too much. As in the optimiser it
/// was published with (Adafactor's relative steps; Shazeer and Stern 2018, section 8), each of its
/// tensors has a step in proportion to the scale it starts at; the stage's `learning_rate` is that
/// of a matrix of the usual scale.
std::vector<model::ParameterGroup> pretrain_groups(const GenerativeLM& model, double weight_decay);

}  // namespace kindred::lm
