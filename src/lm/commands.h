#pragma once
// What `kindred lm tokenize|score|generate|embed` do, without a terminal: texts in, one JSON object
// a text out, in the order of the texts.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/json.h"
#include "lm/generate.h"

namespace kindred::lm {

/// Options shared by the commands.
struct CommandOptions {
  std::filesystem::path model;       ///< a Hugging Face folder
  std::string adapter;               ///< a PEFT folder on it; empty: none
  std::string precision = "fp32";    ///< auto, fp32, bf16; whatever the stored type
  bool specials = true;              ///< add default specials and parse special strings in texts
  GenerateOptions generate;          ///< of `generate`; end tokens are the folder's
  std::vector<std::string> answers;  ///< of `generate`: nothing else is written; empty: anything
  /// Of `generate`: receives each text as far as it is written; sequences then come one at a time.
  std::function<void(const std::string&)> on_text;
  torch::Device device = torch::kCPU;
  std::stop_token stop;
};

/// Receives the answers one by one, in the order of the texts.
using Emit = std::function<void(const Json&)>;

/// The texts of a file with one JSON string a line. Throws `missing`, or `bad_data` naming the line
/// that is no JSON string.
std::vector<std::string> read_text_lines(const std::filesystem::path& file);

/// {"tokens": [ids], "pieces": [as the vocabulary stores them]}. Needs the tokenizer's files only.
void tokenize_texts(const CommandOptions& options, const std::vector<std::string>& texts,
                    const Emit& emit);

/// {"tokens": [...], "logprobs": [null, ...], "loss": x}: natural logarithms of each token given
/// those before it (-inf is null), loss their negative mean (null where nothing is predicted).
/// Throws `bad_data` with the line of a text longer than the context, `config` for a model that
/// does not predict the next token.
void score_texts(const CommandOptions& options, const std::vector<std::string>& texts,
                 const Emit& emit);

/// {"tokens": [new ids], "text": "..."}: greedy unless asked otherwise; the end token is in
/// `tokens` and not in `text`, which also ends before a stop string. A text without tokens starts
/// from the model's beginning token, where it has one. T5 reads the text in its encoder. Throws as
/// score_texts, but for T5.
void generate_texts(const CommandOptions& options, const std::vector<std::string>& texts,
                    const Emit& emit);

/// {"embedding": [...]} of any kind of model: a sentence-transformers folder by its own pooling
/// (long texts cut as it says), otherwise the mean of the last hidden states over all tokens.
/// Throws `bad_data` with the line of a text without tokens or longer than the context.
void embed_texts(const CommandOptions& options, const std::vector<std::string>& texts,
                 const Emit& emit);

}  // namespace kindred::lm
