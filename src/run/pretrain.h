#pragma once
// `kindred lm pretrain`: a tokenizer and a small decoder or T5 from text files, written as a
// Hugging Face folder with a model card.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/options.h"
#include "lm/generative_lm.h"
#include "model/objective.h"
#include "text/bpe_trainer.h"

namespace kindred::lm {

/// The `text` section: where the words come from.
struct PretrainText {
  std::vector<std::string> files;
  std::string documents = "blank-line";
  double held_out = 0.01;
  std::string source;

  template <class V>
  void visit(V& v) {
    v("files", files,
      "text files or folders of them (plain, .gz or .zst), relative to the data directory");
    v("documents", documents,
      "what separates documents: blank-line, line, or file (each file is one)",
      Choices{{"blank-line", "line", "file"}});
    v("held_out", held_out, "share of documents kept for validation", Bounds{0, 0.5});
    v("source", source, "what the text is and its licence, for the model card");
  }
};

/// The `model` section: sizes under GPT-2's names, whatever the format, so that another is one
/// changed line.
struct PretrainModel {
  std::string model_type = "gpt2";
  int64_t n_layer = 4, n_embd = 128, n_head = 4, n_positions = 512;
  int64_t n_kv_head = 0, n_inner = 0;
  std::string activation_function;
  double dropout = 0.0;

  template <class V>
  void visit(V& v) {
    v("model_type", model_type, "format; t5 learns to fill in spans that were cut out",
      Choices{generative_kinds()});
    v("n_layer", n_layer, "blocks (t5: of the encoder, and of the decoder)", Bounds{1, 4096});
    v("n_embd", n_embd, "hidden size, a multiple of n_head", Bounds{1, 1 << 18});
    v("n_head", n_head, "attention heads", Bounds{1, 1 << 14});
    v("n_positions", n_positions, "longest sequence the model can read", Bounds{2, 1 << 22});
    v("n_kv_head", n_kv_head, "llama, qwen2: heads of keys and values (0: n_head)",
      Bounds{0, 1 << 14});
    v("n_inner", n_inner,
      "width of the feed-forward layers (0: 4 n_embd; 8/3 n_embd where they are gated)",
      Bounds{0, 1 << 20});
    v("activation_function", activation_function,
      "activation of the feed-forward layers (empty: the format's own); t5: with gated- before it "
      "gated");
    v("dropout", dropout,
      "dropout while training: of attention, and where the format has it of embeddings and "
      "residuals",
      Bounds{0, 0.9});
  }
};

/// A pretraining recipe.
struct PretrainOptions {
  std::string output;
  PretrainText text;
  std::string tokenizer_from;
  text::BpeTrainerOptions tokenizer;
  PretrainModel model;
  int64_t block = 256;
  int64_t parts = 1;
  int64_t validation_blocks = 500;
  model::TrainOptions train = default_train();
  std::string precision = "auto";
  std::string dtype = "fp16";
  std::vector<std::string> samples = {"The", "It is"};
  int64_t sample_tokens = 40;
  uint64_t seed = 1;

  static model::TrainOptions default_train();

  template <class V>
  void visit(V& v) {
    v("output", output, "folder to write, relative to the working directory");
    v("text", text, "the text");
    v("tokenizer_from", tokenizer_from,
      "a folder whose tokenizer is taken instead of training one");
    v("tokenizer", tokenizer, "byte-level BPE training");
    v("model", model, "the model");
    v("block", block, "tokens of a training sequence, at most n_positions", Bounds{2, 1 << 22});
    v("parts", parts, "validations and checkpoints in a pass over the text", Bounds{1, 10000});
    v("validation_blocks", validation_blocks, "held-out sequences a validation reads at most",
      Bounds{1, 1e9});
    v("train", train, "training; epochs are passes over the text, batch_size is in sequences");
    v("precision", precision, "of matrix products while training; weights stay fp32",
      Choices{{"auto", "fp32", "bf16"}});
    v("dtype", dtype, "stored type of the written weights", Choices{{"fp32", "fp16", "bf16"}});
    v("samples", samples, "beginnings whose greedy continuations the model card shows");
    v("sample_tokens", sample_tokens, "tokens of a continuation", Bounds{1, 10000});
    v("seed", seed, "seed of every random stream");
  }
};

/// config.json of the model to be made, for a tokenizer of that many tokens.
Json pretrain_config(const PretrainModel& model, int64_t vocab_size);

/// What a run works in.
struct PretrainContext {
  std::filesystem::path data_dir;  ///< text.files are relative to it
  std::filesystem::path work;      ///< token files and checkpoints, kept until the run is finished
  std::string recipe;              ///< the recipe's text, for the model card
  torch::Device device = torch::kCPU;
  bool resume = false;
  bool previous = false;  ///< on resume: a damaged checkpoint is passed over for the one before
  bool quiet = false;
  std::function<void(const Json&)> record;  ///< every log record
  /// Told on resume how many records of a stage stay, as FitContext::cut_back is.
  std::function<void(const std::string& stage, int64_t records)> cut_back;
  std::stop_token stop;
};

/// How a run ended.
struct PretrainResult {
  int64_t train_tokens = 0, validation_tokens = 0, documents = 0, parameters = 0, steps = 0;
  double loss = 0, perplexity = 0;  ///< on held-out text; a token of this model's tokenizer
  double seconds = 0;               ///< of training
};

/// Trains and writes the folder: config.json, model.safetensors, tokenizer files, README.md. Throws
/// `usage` where `work` holds an earlier run's checkpoints and `resume` is not asked for, `config`
/// for options that contradict one another, `missing` for files that do not exist,
/// `bad_data` for text too short to train on, `interrupted` after saving when stopped.
PretrainResult pretrain(const PretrainOptions& options, const PretrainContext& context);

}  // namespace kindred::lm
