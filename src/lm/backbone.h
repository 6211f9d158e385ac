#pragma once
// What language models of all shapes share: packed sequences, how they are loaded, vocabulary
// embeddings, and their linear layers by Hugging Face name. Legend: T packed tokens of S sequences,
// D hidden size, V vocabulary.

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/json.h"
#include "lm/linear.h"
#include "model/holds_tensors.h"

namespace kindred::lm {

class Adapter;

/// Sequences one after another. Positions start at 0 in each sequence.
struct Packed {
  torch::Tensor embeddings;      ///< [T, D], any float type
  std::vector<int64_t> offsets;  ///< [S + 1], offsets[0] = 0, offsets[S] = T
  /// [S] how many leading tokens of each sequence nothing trainable feeds: their embeddings get no
  /// gradient, and none is computed. Empty: 0.
  std::vector<int64_t> fixed = {};
  /// [S] the rows of the batch that the sequences belong to, by which dropout is drawn: sequences
  /// of one row drop the same elements. Empty: their own numbers.
  std::vector<int64_t> places = {};

  int64_t sequences() const { return static_cast<int64_t>(offsets.size()) - 1; }
  int64_t tokens() const { return offsets.back(); }
};

/// How a backbone is loaded.
struct LoadOptions {
  /// Of matrix products: fp32, bf16, or auto (bf16 where the device multiplies it). Frozen
  /// weights are stored in it; trainable ones stay fp32 and are rounded where they are multiplied.
  /// int8: linear layers in 8 bits, the rest as auto; for inference on a processor.
  std::string precision = "fp32";
  bool trainable = false;  ///< weights take gradients
  torch::Device device = torch::kCPU;
};

/// A language model. Parameter names are Hugging Face's.
class Backbone : public torch::nn::Module, public model::HoldsTensors {
 public:
  virtual std::string kind() const = 0;  ///< model_type of config.json
  virtual int64_t hidden_size() const = 0;
  virtual int64_t vocab_size() const = 0;
  virtual int64_t context() const = 0;  ///< longest sequence it can read
  /// Standard deviation of the vocabulary embeddings: the scale new tables start at.
  virtual double embedding_std() const = 0;

  /// Vocabulary embeddings of ids [T] int64 -> [T, D].
  virtual torch::Tensor embed(const torch::Tensor& ids) = 0;

  /// Where the weights are.
  virtual torch::Device device() const = 0;

  /// config.json, as it would be written back.
  virtual Json config() const = 0;

  /// Last hidden states [T, D] float, of an encoder-decoder those of its encoder; of `rows` [R]
  /// int64 only where defined, [R, D]. Throws as the kind's own `hidden`.
  virtual torch::Tensor states(const Packed& input, const torch::Tensor& rows = {}) = 0;

  /// Takes a linear layer among its own, as it is made.
  void add_linear(std::shared_ptr<Linear> layer) { linears_.push_back(std::move(layer)); }
  /// Every linear layer, in the order they were made.
  const std::vector<std::shared_ptr<Linear>>& linears() const { return linears_; }

  /// Puts adapters made for this model into use instead of those before; what they add adds up.
  /// None: the model as loaded. Throws `config` where two have values of their own for one tensor.
  void use(std::vector<std::shared_ptr<Adapter>> adapters);
  const std::vector<std::shared_ptr<Adapter>>& adapters() const { return adapters_; }
  /// Adds what the adapters in use add to the weights themselves, which then serve alone (as
  /// exactly as their type allows).
  void merge();
  /// Takes them out again: the weights are bit for bit what they were.
  void unmerge();

  /// Of the adapters in use.
  std::vector<torch::Tensor> held_tensors() const override;

  /// Word tables and heads, which stand outside the blocks.
  virtual std::set<std::string> tables() const { return {}; }
  /// The table that is the head too; empty: none.
  virtual std::string tied_table() const { return {}; }

  /// Whether passes with gradients keep the inputs of blocks only and compute the rest again on the
  /// way back: much less memory for a third more time. A model that is trained whole does not.
  void set_checkpointing(bool on) { checkpoints_ = on; }
  /// Whether this model, as it was loaded, does that.
  virtual bool can_checkpoint() const { return false; }

 protected:
  bool checkpoints() const { return checkpoints_; }
  /// Whether adapters in use change what is computed beside the weights.
  bool adapted() const;
  /// Whether a tensor of an adapter in use takes gradients now: it then feeds every token.
  bool adapters_learn() const;
  /// Whether an adapter in use drops elements in training.
  bool adapters_drop() const;
  /// The dropout of one pass over packed sequences: while training these shares and the adapters',
  /// with a seed and the rows drawn, else none.
  PassDropout draw_dropout(PassDropout shares, const Packed& input) const;
  /// Whether an adapter in use has values of its own for tensors inside the blocks.
  bool replaced_inside() const { return replaced_inside_; }

 private:
  void add_all();

  std::vector<std::shared_ptr<Linear>> linears_;
  std::vector<std::shared_ptr<Adapter>> adapters_;
  std::vector<std::pair<torch::Tensor, torch::Tensor>> originals_;  // of merged weights
  bool replaced_inside_ = false, checkpoints_ = false;
};

/// Writes config.json and model.safetensors (`dtype` fp32, fp16 or bf16) as `transformers` reads
/// them.
void save_backbone(const Backbone& model, const std::filesystem::path& folder,
                   const std::string& dtype = "fp32");

/// Throws `internal` where offsets and embeddings do not fit, `bad_data` for a sequence longer than
/// `context`. `width` is that of the embeddings.
void check_packed(const Packed& input, int64_t width, int64_t context);
/// Throws `bad_data` where `tokens` of sequence number `sequence` are more than `context`.
void check_length(size_t sequence, int64_t tokens, int64_t context);

/// Positions of packed tokens whose sequences begin at `starts` (empty: 0), [T] int64.
torch::Tensor positions_of(const std::vector<int64_t>& offsets,
                           const std::vector<int64_t>& starts = {});

}  // namespace kindred::lm
