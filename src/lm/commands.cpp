#include "lm/commands.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include "core/error.h"
#include "core/files.h"
#include "core/strings.h"
#include "lm/adapter.h"
#include "lm/causal_lm.h"
#include "lm/generate.h"
#include "text/tokenizer.h"

namespace kindred::lm {
namespace {

using Tokens = std::vector<int64_t>;

// Texts computed together: enough rows for the products to run well, answers still arrive steadily.
constexpr int64_t kTokensAtOnce = 4096;
constexpr size_t kTextsAtOnce = 64;

text::EncodeOptions encode_options(const CommandOptions& options) {
  return {options.specials, options.specials};
}

Error text_error(size_t index, const std::string& sentence) {
  return {Exit::bad_data, cat("line ", index + 1), sentence};
}

// A model with its tokenizer, and texts as checked token ids.
struct Loaded {
  std::shared_ptr<GenerativeLM> model;
  std::shared_ptr<text::Tokenizer> tokenizer;

  Loaded(const CommandOptions& options, bool decoder_only) {
    LoadOptions load;
    load.precision = options.precision;
    load.device = options.device;
    if (decoder_only) {
      model = load_causal_lm(options.model, load);
    } else {
      model = load_generative_lm(options.model, load);
    }
    if (!options.adapter.empty()) model->use({Adapter::load(*model, options.adapter)});
    tokenizer = text::Tokenizer::load(options.model);
  }

  Tokens encode(const CommandOptions& options, const std::string& text, size_t index) const {
    Tokens ids;
    for (const int32_t id : tokenizer->encode(text, encode_options(options))) ids.push_back(id);
    if (static_cast<int64_t>(ids.size()) > model->longest()) {
      throw text_error(index, cat("got ", ids.size(), " tokens, expected at most the context of ",
                                  model->longest(), "; shorten the text"));
    }
    for (const int64_t id : ids) {
      if (id >= model->vocab_size()) {
        throw text_error(index,
                         cat("got token ", id, ", expected one below the model's vocabulary of ",
                             model->vocab_size()));
      }
    }
    return ids;
  }
};

void check_stop(const CommandOptions& options) {
  if (options.stop.stop_requested()) throw Error(Exit::interrupted, "lm", "stopped");
}

// Calls run(first, last) over groups of consecutive texts that fit together.
template <class Run>
void in_groups(const CommandOptions& options, const std::vector<Tokens>& texts, const Run& run) {
  for (size_t first = 0; first < texts.size();) {
    check_stop(options);
    size_t last = first;
    int64_t tokens = 0;
    while (last < texts.size() && last - first < kTextsAtOnce) {
      tokens += static_cast<int64_t>(texts[last].size());
      if (last > first && tokens > kTokensAtOnce) break;
      ++last;
    }
    run(first, last);
    first = last;
  }
}

std::vector<Tokens> encode_all(const CommandOptions& options, const Loaded& loaded,
                               const std::vector<std::string>& texts) {
  std::vector<Tokens> all;
  for (size_t i = 0; i < texts.size(); ++i) all.push_back(loaded.encode(options, texts[i], i));
  return all;
}

Json score_json(const Tokens& tokens, std::span<const float> logprobs) {
  Json answer = {{"tokens", tokens}, {"logprobs", Json::array()}, {"loss", nullptr}};
  if (tokens.empty()) return answer;
  answer["logprobs"].push_back(nullptr);
  double sum = 0;
  for (const float value : logprobs) {
    sum += value;
    answer["logprobs"].push_back(std::isfinite(value) ? Json(value) : Json(nullptr));
  }
  const double loss = -sum / static_cast<double>(logprobs.size());
  if (!logprobs.empty() && std::isfinite(loss)) answer["loss"] = loss;
  return answer;
}

void score_group(const Loaded& loaded, std::span<const Tokens> texts, const Emit& emit) {
  Tokens ids, rows, targets;
  std::vector<int64_t> offsets = {0};
  for (const Tokens& text : texts) {
    for (size_t i = 0; i + 1 < text.size(); ++i) {
      rows.push_back(offsets.back() + static_cast<int64_t>(i));
      targets.push_back(text[i + 1]);
    }
    ids.insert(ids.end(), text.begin(), text.end());
    offsets.push_back(static_cast<int64_t>(ids.size()));
  }
  std::vector<float> logprobs;
  if (!rows.empty()) {
    const auto device = loaded.model->device();
    const auto x = loaded.model->embed(torch::tensor(ids, torch::kInt64).to(device));
    const SplitPacked input{{x, offsets}, {offsets.begin() + 1, offsets.end()}};
    const auto hidden =
        loaded.model->hidden_after(input, torch::tensor(rows, torch::kInt64).to(device));
    const auto found = loaded.model->log_probabilities(
        hidden, torch::tensor(targets, torch::kInt64).to(hidden.device()));
    logprobs.assign(found.const_data_ptr<float>(), found.const_data_ptr<float>() + found.numel());
  }
  size_t at = 0;
  for (const Tokens& text : texts) {
    const size_t predicted = text.empty() ? 0 : text.size() - 1;
    emit(score_json(text, std::span(logprobs).subspan(at, predicted)));
    at += predicted;
  }
}

// The prompt's tokens, or the beginning token where a text has none.
Tokens prompt_of(const Loaded& loaded, Tokens tokens, size_t index) {
  if (!tokens.empty()) return tokens;
  const Json config = loaded.model->config();
  if (!config.contains("bos_token_id") || !config["bos_token_id"].is_number_integer()) {
    throw text_error(
        index, "got a text without tokens, and the model names no bos_token_id to begin with");
  }
  return {config["bos_token_id"].get<int64_t>()};
}

std::string decoded(const Loaded& loaded, const Tokens& tokens) {
  return loaded.tokenizer->decode(std::vector<int32_t>(tokens.begin(), tokens.end()));
}

// The text of new tokens: without an end token, and up to a stop string.
std::string shown_text(const Loaded& loaded, const GenerateOptions& how, Tokens tokens) {
  const auto& ends = how.end_tokens;
  if (!tokens.empty() && std::ranges::find(ends, tokens.back()) != ends.end()) tokens.pop_back();
  std::string text = decoded(loaded, tokens);
  for (const std::string& stop : how.stop_strings) text = text.substr(0, text.find(stop));
  return text;
}

GenerateOptions generate_options(const CommandOptions& options, const Loaded& loaded) {
  GenerateOptions how = options.generate;
  how.end_tokens = read_end_tokens(options.model);
  how.stop = options.stop;
  how.decode = [&loaded](const Tokens& tokens) { return decoded(loaded, tokens); };
  if (!options.answers.empty()) {
    std::vector<Tokens> answers;
    for (const std::string& answer : options.answers) {
      // An answer stands in the middle of a text: no specials around it.
      const auto ids = loaded.tokenizer->encode(answer, {false, false});
      answers.emplace_back(ids.begin(), ids.end());
    }
    how.answers = std::make_shared<PrefixTree>(answers);
  }
  return how;
}

}  // namespace

std::vector<std::string> read_text_lines(const std::filesystem::path& file) {
  const std::string content = read_file(file);
  std::vector<std::string> texts;
  size_t number = 0;
  for (size_t begin = 0; begin < content.size();) {
    const size_t end = std::min(content.find('\n', begin), content.size());
    const std::string_view line(content.data() + begin, end - begin);
    const std::string where = cat(file.string(), ": line ", ++number);
    const Json value = parse_json(line, where);
    if (!value.is_string()) {
      throw Error(Exit::bad_data, where,
                  cat("got ", value.type_name(), ", expected a JSON string"));
    }
    texts.push_back(value.get<std::string>());
    begin = end + 1;
  }
  return texts;
}

void tokenize_texts(const CommandOptions& options, const std::vector<std::string>& texts,
                    const Emit& emit) {
  const auto tokenizer = text::Tokenizer::load(options.model);
  for (const std::string& text : texts) {
    check_stop(options);
    Json answer = {{"tokens", Json::array()}, {"pieces", Json::array()}};
    for (const int32_t id : tokenizer->encode(text, encode_options(options))) {
      answer["tokens"].push_back(id);
      answer["pieces"].push_back(tokenizer->piece(id));
    }
    emit(answer);
  }
}

void score_texts(const CommandOptions& options, const std::vector<std::string>& texts,
                 const Emit& emit) {
  const torch::NoGradGuard no_grad;
  const Loaded loaded(options, true);
  const std::vector<Tokens> tokens = encode_all(options, loaded, texts);
  in_groups(options, tokens, [&](size_t first, size_t last) {
    score_group(loaded, std::span(tokens).subspan(first, last - first), emit);
  });
}

void generate_texts(const CommandOptions& options, const std::vector<std::string>& texts,
                    const Emit& emit) {
  const Loaded loaded(options, false);
  std::vector<Tokens> prompts = encode_all(options, loaded, texts);
  for (size_t i = 0; i < prompts.size(); ++i) {
    prompts[i] = prompt_of(loaded, std::move(prompts[i]), i);
  }
  GenerateOptions how = generate_options(options, loaded);
  const auto answer = [&](const Tokens& tokens) {
    emit({{"tokens", tokens}, {"text", shown_text(loaded, how, tokens)}});
  };
  if (options.on_text) {
    for (const Tokens& prompt : prompts) {
      Tokens written;
      how.on_token = [&](size_t, int64_t token) {
        written.push_back(token);
        options.on_text(shown_text(loaded, how, written));
      };
      answer(generate(*loaded.model, {prompt}, how)[0]);
    }
    return;
  }
  in_groups(options, prompts, [&](size_t first, size_t last) {
    const std::vector<Tokens> group(prompts.begin() + static_cast<std::ptrdiff_t>(first),
                                    prompts.begin() + static_cast<std::ptrdiff_t>(last));
    for (const Tokens& tokens : generate(*loaded.model, group, how)) answer(tokens);
  });
}

}  // namespace kindred::lm
