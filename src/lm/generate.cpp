#include "lm/generate.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "core/json.h"
#include "core/strings.h"

namespace kindred::lm {
namespace {

// A sequence being continued.
struct Running {
  size_t index;
  std::unique_ptr<Cache> cache;
  std::vector<int64_t> next;  // tokens not read yet
};

// Reads every sequence's next tokens (the prompts where they are the first ones) and returns the
// likeliest token after each.
std::vector<int64_t> step(GenerativeLM& model, std::vector<Running>& running) {
  std::vector<int64_t> ids;
  std::vector<Cache*> caches;
  SplitPacked next;
  next.offsets.push_back(0);
  for (const Running& one : running) {
    ids.insert(ids.end(), one.next.begin(), one.next.end());
    next.offsets.push_back(static_cast<int64_t>(ids.size()));
    next.splits.push_back(next.offsets.back());
    caches.push_back(one.cache.get());
  }
  next.embeddings = model.embed(torch::tensor(ids, torch::kInt64).to(model.device()));
  const bool first = caches[0]->length() == 0;
  const auto states = first ? model.hidden_first(next, caches) : model.hidden_next(next, caches);
  const auto best = model.logits(states).argmax(1).to(torch::kCPU);
  const auto* data = best.const_data_ptr<int64_t>();
  return {data, data + best.numel()};
}

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

}  // namespace

std::vector<std::vector<int64_t>> generate(GenerativeLM& model,
                                           const std::vector<std::vector<int64_t>>& prompts,
                                           const GenerateOptions& options) {
  const torch::NoGradGuard no_grad;
  std::vector<std::vector<int64_t>> results(prompts.size());
  std::vector<Running> running;
  for (size_t i = 0; i < prompts.size(); ++i) {
    if (prompts[i].empty()) {
      throw Error(Exit::bad_data, cat("prompt ", i + 1), "got no tokens, expected at least one");
    }
    if (options.max_new_tokens > 0) running.push_back({i, model.make_cache(), prompts[i]});
  }
  while (!running.empty()) {
    if (options.stop.stop_requested()) throw Error(Exit::interrupted, "generate", "stopped");
    const std::vector<int64_t> tokens = step(model, running);
    std::vector<Running> rest;
    for (size_t i = 0; i < running.size(); ++i) {
      auto& result = results[running[i].index];
      result.push_back(tokens[i]);
      const bool ended =
          std::ranges::find(options.end_tokens, tokens[i]) != options.end_tokens.end();
      const bool long_enough = static_cast<int64_t>(result.size()) >= options.max_new_tokens;
      if (ended || long_enough || running[i].cache->length() >= model.longest()) continue;
      running[i].next = {tokens[i]};
      rest.push_back(std::move(running[i]));
    }
    running = std::move(rest);
  }
  return results;
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
