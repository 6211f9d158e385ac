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

torch::Tensor on_device(const GenerativeLM& model, const std::vector<int64_t>& values) {
  return torch::tensor(values, torch::kInt64).to(model.device());
}

void check_tokens(const GenerativeLM& model, const std::vector<int64_t>& tokens, size_t prompt,
                  size_t continuation) {
  for (const int64_t token : tokens) {
    if (token >= 0 && token < model.vocab_size()) continue;
    throw Error(Exit::bad_data, cat("prompt ", prompt + 1, ", continuation ", continuation + 1),
                cat("got token ", token, ", expected one from 0 to ", model.vocab_size() - 1));
  }
}

// Reads prompts some at a time and behind them what continues each.
class Reader {
 public:
  explicit Reader(GenerativeLM& model) : model_(model) {}
  virtual ~Reader() = default;

  void run(const std::vector<Prompt>& prompts) {
    const torch::NoGradGuard no_grad;
    std::vector<Running> running;
    int64_t tokens = 0;
    for (size_t p = 0; p < prompts.size(); ++p) {
      Running one = start_running(model_, prompts, p);
      if (!running.empty() && tokens + one.next.size(0) > kTokensAtOnce) {
        read(running);
        running.clear();
        tokens = 0;
      }
      tokens += one.next.size(0);
      running.push_back(std::move(one));
    }
    if (!running.empty()) read(running);
  }

 protected:
  virtual size_t continuations(size_t prompt) const = 0;
  // Tokens of a continuation that are read at all.
  virtual int64_t length(const Place& place) const = 0;
  // Their vectors, one continuation after another.
  virtual torch::Tensor vectors(std::span<const Place> places) = 0;
  // States [n, D] after the prompts, of which the first has that number.
  virtual void take_prompts(size_t first, const torch::Tensor& states) = 0;
  // States [T, D] of the tokens read of continuations.
  virtual void take(std::span<const Place> places, const torch::Tensor& states) = 0;

  GenerativeLM& model_;

 private:
  void read(std::vector<Running>& running);
  void read_behind(const std::vector<Running>& running, std::span<const Place> places);
};

void Reader::read(std::vector<Running>& running) {
  std::vector<Running*> all;
  all.reserve(running.size());
  for (Running& one : running) all.push_back(&one);
  take_prompts(running[0].prompt, next_states(model_, all));
  std::vector<Place> places;
  int64_t tokens = 0;
  for (const Running& one : running) {
    for (size_t c = 0; c < continuations(one.prompt); ++c) {
      const int64_t own = length({one.prompt, c});
      if (own == 0) continue;
      if (!places.empty() && tokens + own > kTokensAtOnce) {
        read_behind(running, places);
        places.clear();
        tokens = 0;
      }
      places.push_back({one.prompt, c});
      tokens += own;
    }
  }
  if (!places.empty()) read_behind(running, places);
}

void Reader::read_behind(const std::vector<Running>& running, std::span<const Place> places) {
  std::vector<const Cache*> caches;
  Packed next;
  next.offsets = {0};
  for (const Place& place : places) {
    next.offsets.push_back(next.offsets.back() + length(place));
    caches.push_back(running[place.prompt - running[0].prompt].cache.get());
  }
  next.embeddings = vectors(places);
  take(places, model_.hidden_behind(next, caches));
}

// Log-probabilities: a prompt's last state says how likely each first token is, and what is read of
// a continuation are the tokens before its last.
class Scorer final : public Reader {
 public:
  Scorer(GenerativeLM& model, const std::vector<Continuations>& continuations)
      : Reader(model), continuations_(continuations), scores_(continuations.size()) {
    for (size_t p = 0; p < scores_.size(); ++p) scores_[p].resize(continuations[p].size());
  }

  Scores scores() && { return std::move(scores_); }

 private:
  const std::vector<int64_t>& tokens(const Place& place) const {
    return continuations_[place.prompt][place.continuation];
  }
  size_t continuations(size_t prompt) const override { return continuations_[prompt].size(); }
  int64_t length(const Place& place) const override {
    return std::max<int64_t>(static_cast<int64_t>(tokens(place).size()) - 1, 0);
  }
  torch::Tensor vectors(std::span<const Place> places) override {
    std::vector<int64_t> inputs;
    for (const Place& place : places) {
      inputs.insert(inputs.end(), tokens(place).begin(), tokens(place).end() - 1);
    }
    return model_.embed(on_device(model_, inputs));
  }
  void take_prompts(size_t first, const torch::Tensor& states) override;
  void take(std::span<const Place> places, const torch::Tensor& states) override;

  const std::vector<Continuations>& continuations_;
  Scores scores_;
};

void Scorer::take_prompts(size_t first, const torch::Tensor& states) {
  std::vector<int64_t> rows, targets;
  std::vector<std::vector<float>*> to;
  for (int64_t i = 0; i < states.size(0); ++i) {
    const size_t p = first + static_cast<size_t>(i);
    for (size_t c = 0; c < continuations_[p].size(); ++c) {
      if (continuations_[p][c].empty()) continue;
      rows.push_back(i);
      targets.push_back(continuations_[p][c][0]);
      to.push_back(&scores_[p][c]);
    }
  }
  if (rows.empty()) return;
  const auto found = model_.log_probabilities(states.index_select(0, on_device(model_, rows)),
                                              on_device(model_, targets));
  const float* value = found.const_data_ptr<float>();
  for (std::vector<float>* scores : to) scores->push_back(*value++);
}

void Scorer::take(std::span<const Place> places, const torch::Tensor& states) {
  std::vector<int64_t> targets;
  for (const Place& place : places) {
    targets.insert(targets.end(), tokens(place).begin() + 1, tokens(place).end());
  }
  const auto found = model_.log_probabilities(states, on_device(model_, targets));
  const float* value = found.const_data_ptr<float>();
  for (const Place& place : places) {
    auto& scores = scores_[place.prompt][place.continuation];
    scores.insert(scores.end(), value, value + length(place));
    value += length(place);
  }
}

// The state after each continuation's last token.
class StateReader final : public Reader {
 public:
  StateReader(GenerativeLM& model, const std::vector<std::vector<Prompt>>& continuations)
      : Reader(model), continuations_(continuations), states_(continuations.size()) {}

  std::vector<torch::Tensor> states() && { return std::move(states_); }

 private:
  const Prompt& at(const Place& place) const {
    return continuations_[place.prompt][place.continuation];
  }
  size_t continuations(size_t prompt) const override { return continuations_[prompt].size(); }
  int64_t length(const Place& place) const override {
    const Prompt& one = at(place);
    return one.embeddings.defined() ? one.embeddings.size(0) : static_cast<int64_t>(one.ids.size());
  }
  torch::Tensor vectors(std::span<const Place> places) override {
    std::vector<torch::Tensor> parts;
    for (const Place& place : places) {
      const Prompt& one = at(place);
      const auto own =
          one.embeddings.defined() ? one.embeddings : model_.embed(on_device(model_, one.ids));
      parts.push_back(own.to(torch::kFloat));
    }
    return torch::cat(parts);
  }
  void take_prompts(size_t first, const torch::Tensor& states) override {
    for (int64_t i = 0; i < states.size(0); ++i) {
      const size_t p = first + static_cast<size_t>(i);
      states_[p] = states.narrow(0, i, 1)
                       .expand({static_cast<int64_t>(continuations_[p].size()), states.size(1)})
                       .clone();
    }
  }
  void take(std::span<const Place> places, const torch::Tensor& states) override {
    int64_t end = 0;
    for (const Place& place : places) {
      end += length(place);
      states_[place.prompt][static_cast<int64_t>(place.continuation)].copy_(states[end - 1]);
    }
  }

  const std::vector<std::vector<Prompt>>& continuations_;
  std::vector<torch::Tensor> states_;
};

}  // namespace

Scores score_continuations(GenerativeLM& model, const std::vector<Prompt>& prompts,
                           const std::vector<Continuations>& continuations) {
  check(prompts.size() == continuations.size(), "continuations for each prompt");
  for (size_t p = 0; p < continuations.size(); ++p) {
    for (size_t c = 0; c < continuations[p].size(); ++c) {
      check_tokens(model, continuations[p][c], p, c);
    }
  }
  Scorer scorer(model, continuations);
  scorer.run(prompts);
  return std::move(scorer).scores();
}

std::vector<torch::Tensor> continuation_states(
    GenerativeLM& model, const std::vector<Prompt>& prompts,
    const std::vector<std::vector<Prompt>>& continuations) {
  check(prompts.size() == continuations.size(), "continuations for each prompt");
  for (size_t p = 0; p < continuations.size(); ++p) {
    for (size_t c = 0; c < continuations[p].size(); ++c) {
      const Prompt& one = continuations[p][c];
      if (!one.embeddings.defined()) check_tokens(model, one.ids, p, c);
    }
  }
  StateReader reader(model, continuations);
  reader.run(prompts);
  return std::move(reader).states();
}

}  // namespace kindred::lm
