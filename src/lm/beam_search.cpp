// Beam search with the rules of `transformers` (its vectorised form, early_stopping off): of the
// likeliest continuations of all beams those that end count as finished only among the first
// `beams`.

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "core/strings.h"
#include "lm/decoding.h"

namespace kindred::lm {
namespace {

// Worse than any sequence, and still a number.
constexpr double kWorst = -1e9;

// One more token behind a beam.
struct Candidate {
  size_t beam;
  int64_t token;
  double score;  // log-probability of the whole continuation
};

struct Finished {
  std::vector<int64_t> tokens;
  double score;  // divided by length^penalty
};

class BeamSearch {
 public:
  BeamSearch(GenerativeLM& model, std::span<const Prompt> prompts, size_t prompt,
             const GenerateOptions& options)
      : model_(model), prompt_(prompts[prompt]), options_(options) {
    beams_.push_back(start_running(model, prompts, prompt));
    scores_ = {0};
  }

  std::vector<int64_t> run() {
    while (step()) {
      if (options_.stop.stop_requested()) throw Error(Exit::interrupted, "generate", "stopped");
    }
    if (finished_.empty()) return beams_.empty() ? std::vector<int64_t>() : beams_[0].written;
    return finished_[0].tokens;
  }

 private:
  size_t width() const { return static_cast<size_t>(options_.beams); }
  double compared(double score, size_t length) const {
    return score / std::pow(static_cast<double>(length), options_.length_penalty);
  }

  std::vector<Candidate> candidates();
  void finish(const Candidate& candidate);
  void go_on(const std::vector<Candidate>& chosen);
  bool step();

  GenerativeLM& model_;
  const Prompt& prompt_;
  const GenerateOptions& options_;
  std::vector<Running> beams_;
  std::vector<double> scores_;      // of the beams
  std::vector<Finished> finished_;  // best first
};

// The likeliest continuations of all beams by one token, best first.
std::vector<Candidate> BeamSearch::candidates() {
  std::vector<Running*> all;
  all.reserve(beams_.size());
  for (Running& beam : beams_) all.push_back(&beam);
  const torch::Tensor scores = torch::log_softmax(read_next(model_, all), 1).contiguous();
  const int64_t vocab = scores.size(1);
  std::vector<Candidate> found;
  const size_t wanted = std::max<size_t>(2, 1 + options_.end_tokens.size()) * width();
  for (size_t b = 0; b < beams_.size(); ++b) {
    const std::span<float> row(scores.data_ptr<float>() + static_cast<int64_t>(b) * vocab,
                               static_cast<size_t>(vocab));
    apply_rules(options_, prompt_, beams_[b].written, row);
    std::vector<int64_t> order(row.size());
    std::iota(order.begin(), order.end(), int64_t{0});
    const size_t n = std::min(wanted, order.size());
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(n), order.end(),
                      [&](int64_t x, int64_t y) {
                        const float a = row[static_cast<size_t>(x)],
                                    c = row[static_cast<size_t>(y)];
                        return a > c || (a == c && x < y);
                      });
    for (size_t i = 0; i < n; ++i) {
      const float score = row[static_cast<size_t>(order[i])];
      if (std::isfinite(score)) found.push_back({b, order[i], scores_[b] + score});
    }
  }
  std::ranges::stable_sort(
      found, [](const Candidate& a, const Candidate& b) { return a.score > b.score; });
  found.resize(std::min(found.size(), wanted));
  return found;
}

void BeamSearch::finish(const Candidate& candidate) {
  std::vector<int64_t> tokens = beams_[candidate.beam].written;
  tokens.push_back(candidate.token);
  finished_.push_back({std::move(tokens), 0});
  finished_.back().score = compared(candidate.score, finished_.back().tokens.size());
  std::ranges::stable_sort(finished_,
                           [](const Finished& a, const Finished& b) { return a.score > b.score; });
  finished_.resize(std::min(finished_.size(), width()));
}

void BeamSearch::go_on(const std::vector<Candidate>& chosen) {
  std::vector<size_t> uses(beams_.size(), 0);
  for (const Candidate& one : chosen) ++uses[one.beam];
  std::vector<Running> next;
  std::vector<double> scores;
  for (const Candidate& one : chosen) {
    Running& from = beams_[one.beam];
    Running to;
    to.prompt = from.prompt;
    // The last to continue a beam takes its cache, the others copies.
    to.cache = --uses[one.beam] == 0 ? std::move(from.cache) : from.cache->fork();
    to.written = from.written;
    to.written.push_back(one.token);
    to.next = model_.embed(torch::tensor({one.token}, torch::kInt64).to(model_.device()));
    next.push_back(std::move(to));
    scores.push_back(one.score);
  }
  beams_ = std::move(next);
  scores_ = std::move(scores);
}

// One token more; whether to go on.
bool BeamSearch::step() {
  const std::vector<Candidate> found = candidates();
  const bool full = beams_[0].cache->length() >= model_.longest();
  std::vector<Candidate> open;
  for (size_t i = 0; i < found.size(); ++i) {
    std::vector<int64_t> written = beams_[found[i].beam].written;
    written.push_back(found[i].token);
    if (!full && !is_over(options_, written)) {
      if (open.size() < width()) open.push_back(found[i]);
    } else if (i < width()) {
      finish(found[i]);
    }
  }
  if (open.empty()) return false;
  const size_t length = beams_[0].written.size() + 1;
  go_on(open);
  const double worst = finished_.size() == width() ? finished_.back().score : kWorst;
  return compared(scores_[0], length) > worst;
}

}  // namespace

std::vector<int64_t> search_beams(GenerativeLM& model, std::span<const Prompt> prompts,
                                  size_t prompt, const GenerateOptions& options) {
  return BeamSearch(model, prompts, prompt, options).run();
}

}  // namespace kindred::lm
