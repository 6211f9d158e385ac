#include "run/pretrain_card.h"

#include <cmath>
#include <sstream>

#include "core/strings.h"

namespace kindred::lm {
namespace {

// One line of text that cannot end a Markdown quotation.
std::string one_line(const std::string& text) {
  std::string line;
  for (const char c : text) line += c == '\n' || c == '\r' ? ' ' : c;
  return line;
}

}  // namespace

std::string model_card(const PretrainOptions& options, const PretrainResult& result,
                       const std::string& recipe,
                       const std::vector<std::pair<std::string, std::string>>& samples) {
  const PretrainModel& m = options.model;
  const bool t5 = m.model_type == "t5";
  std::ostringstream card;
  card << "# " << std::filesystem::path(options.output).filename().string() << "\n\n"
       << "A language model of " << with_commas(result.parameters) << " parameters in "
       << m.model_type << " format (" << m.n_layer
       << (t5 ? " layers in the encoder and as many in the decoder" : " layers") << ", hidden size "
       << m.n_embd << ", " << m.n_head << " heads, context " << m.n_positions << "), stored as "
       << options.dtype
       << ". It was trained from nothing by `kindred lm pretrain`; `transformers` loads it.\n\n"
       << "It exists to carry recommenders in tests, demonstrations and small experiments. It has "
          "seen little text, knows few facts, and continues a sentence without judgement.\n\n"
       << "## Text\n\n"
       << (options.text.source.empty() ? "Not described." : options.text.source) << "\n\n"
       << with_commas(result.documents) << " documents: " << with_commas(result.train_tokens)
       << " tokens to train on, " << with_commas(result.validation_tokens)
       << " held out (documents drawn by seed " << options.seed << ").\n\n"
       << "## Result\n\n";
  if (std::isfinite(result.loss)) {
    card << "Held-out loss " << number(result.loss, 4) << " a token, perplexity "
         << number(result.perplexity, 4) << " (of this tokenizer's tokens, in blocks of "
         << options.block << ", at most " << with_commas(options.validation_blocks)
         << " of them).\n";
  } else {
    card << "Nothing was held out.\n";
  }
  card << with_commas(result.steps) << " steps, " << number(result.seconds / 60, 3)
       << " minutes of training.\n";
  if (!samples.empty()) card << "\n## Greedy continuations\n\n";
  for (const auto& [beginning, continuation] : samples) {
    card << "- **" << one_line(beginning) << "**" << one_line(continuation) << "\n";
  }
  if (!recipe.empty()) card << "\n## Recipe\n\n```yaml\n" << recipe << "```\n";
  return card.str();
}

}  // namespace kindred::lm
