// `kindred lm embed` without a terminal.

#include <algorithm>
#include <span>

#include "core/error.h"
#include "core/strings.h"
#include "lm/adapter.h"
#include "lm/commands.h"
#include "lm/sentence_encoder.h"

namespace kindred::lm {
namespace {

using Tokens = std::vector<int64_t>;

// Texts computed together: many, for their tokens are packed and two threads share them; few enough
// that answers arrive steadily.
constexpr int64_t kTokensAtOnce = 8192;

Error text_error(size_t index, const std::string& sentence) {
  return {Exit::bad_data, cat("line ", index + 1), sentence};
}

SentenceEncoder load(const CommandOptions& options) {
  LoadOptions how;
  how.precision = options.precision;
  how.device = options.device;
  SentenceEncoder encoder(options.model, how);
  if (!options.adapter.empty()) {
    encoder.model().use({Adapter::load(encoder.model(), options.adapter)});
    encoder.model().merge();  // nothing else is asked of it, and the fast path takes no adapters
  }
  return encoder;
}

Tokens encode(SentenceEncoder& encoder, const CommandOptions& options, const std::string& text,
              size_t index) {
  Tokens ids = encoder.encode(text, {options.specials, options.specials});
  const auto size = static_cast<int64_t>(ids.size());
  if (ids.empty()) throw text_error(index, "got a text without tokens, expected at least one");
  if (size > encoder.model().context()) {
    throw text_error(index, cat("got ", size, " tokens, expected at most the context of ",
                                encoder.model().context(), "; shorten the text"));
  }
  const int64_t largest = *std::ranges::max_element(ids);
  if (largest >= encoder.model().vocab_size()) {
    throw text_error(index,
                     cat("got token ", largest, ", expected one below the model's vocabulary of ",
                         encoder.model().vocab_size()));
  }
  return ids;
}

void embed_group(SentenceEncoder& encoder, std::span<const Tokens> texts, const Emit& emit) {
  Tokens ids, offsets = {0};
  for (const Tokens& text : texts) {
    ids.insert(ids.end(), text.begin(), text.end());
    offsets.push_back(static_cast<int64_t>(ids.size()));
  }
  const auto vectors =
      encoder.embed(torch::tensor(ids, torch::kInt64), offsets).to(torch::kCPU).contiguous();
  const float* row = vectors.const_data_ptr<float>();
  for (size_t i = 0; i < texts.size(); ++i, row += vectors.size(1)) {
    emit({{"embedding", std::vector<float>(row, row + vectors.size(1))}});
  }
}

}  // namespace

void embed_texts(const CommandOptions& options, const std::vector<std::string>& texts,
                 const Emit& emit) {
  const torch::NoGradGuard no_grad;
  SentenceEncoder encoder = load(options);
  std::vector<Tokens> tokens;
  tokens.reserve(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    tokens.push_back(encode(encoder, options, texts[i], i));
  }
  for (size_t first = 0; first < tokens.size();) {
    if (options.stop.stop_requested()) throw Error(Exit::interrupted, "lm", "stopped");
    size_t last = first;
    int64_t count = 0;
    do {
      count += static_cast<int64_t>(tokens[last++].size());
    } while (last < tokens.size() &&
             count + static_cast<int64_t>(tokens[last].size()) <= kTokensAtOnce);
    embed_group(encoder, std::span(tokens).subspan(first, last - first), emit);
    first = last;
  }
}

}  // namespace kindred::lm
