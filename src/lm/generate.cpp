#include "lm/generate.h"

#include <algorithm>

#include "core/error.h"
#include "core/json.h"
#include "core/strings.h"
#include "lm/decoding.h"

namespace kindred::lm {
namespace {

std::vector<int64_t> token_ids(const Json& value, const std::string& where) {
  const Json list = value.is_array() ? value : Json::array({value});
  std::vector<int64_t> ids;
  for (const Json& id : list) {
    if (!id.is_number_integer() || id < 0) {
      throw Error(
          Exit::config, where,
          cat("eos_token_id: got ", value.dump(), ", expected a token id or a list of them"));
    }
    ids.push_back(id.get<int64_t>());
  }
  return ids;
}

std::vector<int64_t> with(std::vector<int64_t> ids, const std::vector<int64_t>& more) {
  ids.insert(ids.end(), more.begin(), more.end());
  return ids;
}

void check_options(const GenerateOptions& options) {
  check(options.stop_strings.empty() || options.decode, "stop strings need a decoder");
  if (options.beams > 1 && options.choice.samples()) {
    throw Error(Exit::config, "beams", "cannot be sampled from; leave the temperature at 0");
  }
}

// Continues all prompts together, one token each at a time.
std::vector<std::vector<int64_t>> continue_all(GenerativeLM& model, std::span<const Prompt> prompts,
                                               const GenerateOptions& options) {
  std::vector<std::vector<int64_t>> results(prompts.size());
  std::vector<Random> streams;
  std::vector<Running> running;
  for (size_t i = 0; i < prompts.size(); ++i) {
    streams.emplace_back(options.seed, "lm/generate", std::initializer_list<uint64_t>{i});
    running.push_back(start_running(model, prompts, i));
  }
  while (!running.empty()) {
    if (options.stop.stop_requested()) throw Error(Exit::interrupted, "generate", "stopped");
    std::vector<Running*> all;
    for (Running& one : running) all.push_back(&one);
    const torch::Tensor scores = read_next(model, all);
    std::vector<Running> rest;
    for (size_t i = 0; i < running.size(); ++i) {
      Running& one = running[i];
      const std::span<float> row(
          scores.data_ptr<float>() + static_cast<int64_t>(i) * scores.size(1),
          static_cast<size_t>(scores.size(1)));
      apply_rules(options, prompts[one.prompt], one.written, row);
      if (options.choice.samples()) narrow(options.choice, row);
      const int64_t token =
          options.choice.samples() ? draw(row, streams[one.prompt]) : likeliest(row);
      if (token >= 0) {
        one.written.push_back(token);
        if (options.on_token) options.on_token(one.prompt, token);
      }
      const bool full = one.cache->length() >= model.longest();
      if (token < 0 || full || is_over(options, one.written)) {
        results[one.prompt] = std::move(one.written);
        continue;
      }
      one.next = model.embed(torch::tensor({token}, torch::kInt64).to(model.device()));
      rest.push_back(std::move(one));
    }
    running = std::move(rest);
  }
  return results;
}

}  // namespace

Running start_running(GenerativeLM& model, std::span<const Prompt> prompts, size_t prompt) {
  Running one;
  one.prompt = prompt;
  const Prompt& given = prompts[prompt];
  one.next = given.embeddings.defined() || given.ids.empty()
                 ? given.embeddings
                 : model.embed(torch::tensor(given.ids, torch::kInt64).to(model.device()));
  if (!one.next.defined() || one.next.size(0) == 0) {
    throw Error(Exit::bad_data, cat("prompt ", prompt + 1), "got no tokens, expected at least one");
  }
  one.cache = model.make_cache();
  return one;
}

torch::Tensor next_states(GenerativeLM& model, std::span<Running* const> running) {
  std::vector<torch::Tensor> parts;
  std::vector<Cache*> caches;
  SplitPacked next;
  next.offsets = {0};
  for (Running* one : running) {
    parts.push_back(one->next.to(torch::kFloat));
    next.offsets.push_back(next.offsets.back() + one->next.size(0));
    next.splits.push_back(next.offsets.back());
    caches.push_back(one->cache.get());
  }
  next.embeddings = torch::cat(parts);
  // All begin together, so the first step of one is that of all, and later ones read one token
  // each.
  return caches[0]->length() == 0 ? model.hidden_first(next, caches)
                                  : model.hidden_next(next, caches);
}

torch::Tensor read_next(GenerativeLM& model, std::span<Running* const> running) {
  return model.logits(next_states(model, running)).to(torch::kCPU, torch::kFloat).contiguous();
}

void apply_rules(const GenerateOptions& options, const Prompt& prompt,
                 const std::vector<int64_t>& written, std::span<float> scores) {
  if (options.choice.repetition_penalty != 1) {
    penalise(options.choice.repetition_penalty, with(prompt.ids, written), scores);
  }
  if (options.answers != nullptr) {
    std::vector<int64_t> allowed = options.answers->next(written);
    if (!options.answers->answers(written).empty()) allowed = with(allowed, options.end_tokens);
    allow_only(allowed, scores);
  } else if (static_cast<int64_t>(written.size()) < options.min_new_tokens) {
    forbid(options.end_tokens, scores);
  }
}

bool is_end(const GenerateOptions& options, int64_t token) {
  return std::ranges::find(options.end_tokens, token) != options.end_tokens.end();
}

bool is_over(const GenerateOptions& options, const std::vector<int64_t>& written) {
  if (is_end(options, written.back())) return true;
  if (static_cast<int64_t>(written.size()) >= options.max_new_tokens) return true;
  if (options.answers != nullptr && options.end_tokens.empty() &&
      options.answers->next(written).empty()) {
    return true;
  }
  if (options.stop_strings.empty()) return false;
  const std::string text = options.decode(written);
  return std::ranges::any_of(options.stop_strings, [&](const std::string& stop) {
    return text.find(stop) != std::string::npos;
  });
}

std::vector<std::vector<int64_t>> generate(GenerativeLM& model, const std::vector<Prompt>& prompts,
                                           const GenerateOptions& options) {
  const torch::NoGradGuard no_grad;
  check_options(options);
  if (options.max_new_tokens <= 0) return std::vector<std::vector<int64_t>>(prompts.size());
  if (options.beams <= 1) return continue_all(model, prompts, options);
  std::vector<std::vector<int64_t>> results;
  for (size_t i = 0; i < prompts.size(); ++i) {
    results.push_back(search_beams(model, prompts, i, options));
  }
  return results;
}

std::vector<std::vector<int64_t>> generate(GenerativeLM& model,
                                           const std::vector<std::vector<int64_t>>& prompts,
                                           const GenerateOptions& options) {
  std::vector<Prompt> all;
  for (const auto& ids : prompts) all.push_back({ids, {}});
  return generate(model, all, options);
}

std::vector<int64_t> read_end_tokens(const std::filesystem::path& folder) {
  for (const char* name : {"generation_config.json", "config.json"}) {
    const auto path = folder / name;
    if (!std::filesystem::exists(path)) continue;
    const Json json = read_json(path.string());
    if (json.is_object() && json.contains("eos_token_id") && !json["eos_token_id"].is_null()) {
      return token_ids(json["eos_token_id"], path.string());
    }
  }
  return {};
}

}  // namespace kindred::lm
