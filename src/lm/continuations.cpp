#include "lm/continuations.h"

#include <algorithm>

#include "core/error.h"
#include "core/strings.h"
#include "lm/decoding.h"

namespace kindred::lm {
namespace {

// Tokens read at once: enough for the products to run well, few enough to stay small.
constexpr int64_t kTokensAtOnce = 4096;

using Scores = std::vector<std::vector<std::vector<float>>>;

// A continuation by its prompt's number and its own.
struct Place {
  size_t prompt, continuation;
};

// Some prompts with their continuations.
class Scorer {
 public:
  Scorer(CausalLM& model, const std::vector<Continuations>& continuations, Scores& scores)
      : model_(model), continuations_(continuations), scores_(scores) {}

  // Reads prompts first .. first + running.size() - 1 and scores what comes after them.
  void run(std::vector<Running>& running) {
    read_prompts(running);
    std::vector<Place> places;
    int64_t tokens = 0;
    for (const Running& one : running) {
      for (size_t c = 0; c < continuations_[one.prompt].size(); ++c) {
        const auto length = static_cast<int64_t>(continuations_[one.prompt][c].size());
        if (length < 2) continue;  // its only token was scored with the prompt
        if (!places.empty() && tokens + length > kTokensAtOnce) {
          read_continuations(running, places);
          places.clear();
          tokens = 0;
        }
        places.push_back({one.prompt, c});
        tokens += length;
      }
    }
    if (!places.empty()) read_continuations(running, places);
  }

 private:
  const std::vector<int64_t>& tokens(const Place& place) const {
    return continuations_[place.prompt][place.continuation];
  }
  torch::Tensor to_device(const std::vector<int64_t>& values) const {
    return torch::tensor(values, torch::kInt64).to(model_.device());
  }

  void read_prompts(std::vector<Running>& running);
  void read_continuations(const std::vector<Running>& running, const std::vector<Place>& places);

  CausalLM& model_;
  const std::vector<Continuations>& continuations_;
  Scores& scores_;
};

// A prompt's last state says how likely each first token is.
void Scorer::read_prompts(std::vector<Running>& running) {
  std::vector<Running*> all;
  all.reserve(running.size());
  for (Running& one : running) all.push_back(&one);
  const torch::Tensor states = next_states(model_, all);
  std::vector<int64_t> rows, targets;
  for (size_t i = 0; i < running.size(); ++i) {
    for (const auto& continuation : continuations_[running[i].prompt]) {
      if (continuation.empty()) continue;
      rows.push_back(static_cast<int64_t>(i));
      targets.push_back(continuation[0]);
    }
  }
  if (rows.empty()) return;
  const auto found =
      model_.log_probabilities(states.index_select(0, to_device(rows)), to_device(targets));
  const float* value = found.const_data_ptr<float>();
  for (const Running& one : running) {
    for (size_t c = 0; c < continuations_[one.prompt].size(); ++c) {
      if (!continuations_[one.prompt][c].empty()) scores_[one.prompt][c].push_back(*value++);
    }
  }
}

void Scorer::read_continuations(const std::vector<Running>& running,
                                const std::vector<Place>& places) {
  std::vector<int64_t> inputs, targets;
  std::vector<const Cache*> caches;
  Packed next;
  next.offsets = {0};
  for (const Place& place : places) {
    const auto& all = tokens(place);
    inputs.insert(inputs.end(), all.begin(), all.end() - 1);
    targets.insert(targets.end(), all.begin() + 1, all.end());
    next.offsets.push_back(static_cast<int64_t>(inputs.size()));
    caches.push_back(running[place.prompt - running[0].prompt].cache.get());
  }
  next.embeddings = model_.embed(to_device(inputs));
  const auto states = model_.hidden_behind(next, caches);
  const auto found = model_.log_probabilities(states, to_device(targets));
  const float* value = found.const_data_ptr<float>();
  for (const Place& place : places) {
    auto& scores = scores_[place.prompt][place.continuation];
    const size_t n = tokens(place).size() - 1;
    scores.insert(scores.end(), value, value + n);
    value += n;
  }
}

void check_tokens(const CausalLM& model, const std::vector<Continuations>& continuations) {
  for (size_t p = 0; p < continuations.size(); ++p) {
    for (size_t c = 0; c < continuations[p].size(); ++c) {
      for (const int64_t token : continuations[p][c]) {
        if (token >= 0 && token < model.vocab_size()) continue;
        throw Error(Exit::bad_data, cat("prompt ", p + 1, ", continuation ", c + 1),
                    cat("got token ", token, ", expected one from 0 to ", model.vocab_size() - 1));
      }
    }
  }
}

}  // namespace

std::vector<std::vector<std::vector<float>>> score_continuations(
    CausalLM& model, const std::vector<Prompt>& prompts,
    const std::vector<Continuations>& continuations) {
  const torch::NoGradGuard no_grad;
  check(prompts.size() == continuations.size(), "continuations for each prompt");
  check_tokens(model, continuations);
  Scores scores(prompts.size());
  for (size_t p = 0; p < prompts.size(); ++p) scores[p].resize(continuations[p].size());
  Scorer scorer(model, continuations, scores);
  std::vector<Running> running;
  int64_t tokens = 0;
  for (size_t p = 0; p < prompts.size(); ++p) {
    Running one = start_running(model, prompts, p);
    if (!running.empty() && tokens + one.next.size(0) > kTokensAtOnce) {
      scorer.run(running);
      running.clear();
      tokens = 0;
    }
    tokens += one.next.size(0);
    running.push_back(std::move(one));
  }
  if (!running.empty()) scorer.run(running);
  return scores;
}

}  // namespace kindred::lm
