#include "methods/cllm4rec_recommender.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_set>

#include "core/error.h"
#include "core/strings.h"
#include "prompt/prompt_batch.h"

namespace kindred::methods {
namespace {

using model::Index;
using model::Query;
using prompt::Filling;

// Tokens of one forward pass: enough to fill two cores' products, little enough memory.
constexpr int64_t tokens_at_a_time = 4096;
// Lists generated together: every step reads all weights, whether for one list or for many.
constexpr size_t lists_at_a_time = 64;

// Dropout off while it lives.
class Evaluating {
 public:
  explicit Evaluating(torch::nn::Module& module) : module_(module), was_(module.is_training()) {
    if (was_) module_.eval();
  }
  ~Evaluating() {
    if (was_) module_.train();
  }
  Evaluating(const Evaluating&) = delete;
  Evaluating& operator=(const Evaluating&) = delete;

 private:
  torch::nn::Module& module_;
  bool was_;
};

// Each item once, at its last place.
std::vector<Index> distinct(std::span<const Index> items) {
  std::unordered_set<Index> met;
  std::vector<Index> result;
  for (auto item = items.rbegin(); item != items.rend(); ++item) {
    if (met.insert(*item).second) result.push_back(*item);
  }
  std::reverse(result.begin(), result.end());
  return result;
}

torch::Tensor ints(std::span<const Index> values) {
  return torch::tensor(std::vector<int64_t>(values.begin(), values.end()), torch::kInt64);
}

}  // namespace

Cllm4RecRecommender::Cllm4RecRecommender(std::shared_ptr<Cllm4RecParts> parts)
    : parts_(std::move(parts)) {
  refresh();
}

model::Capabilities Cllm4RecRecommender::capabilities() const {
  model::Capabilities can{.scores = true, .scores_all = true};
  can.represents = can.factorises = parts_->options.predict != "autoregressive";
  return can;
}

model::NamedTensors Cllm4RecRecommender::embeddings() {
  model::NamedTensors tensors;
  const auto add = [&](const model::Table& table) {
    tensors.emplace_back(table.name(), table.weight());
  };
  add(parts_->collaborative->user);
  add(parts_->collaborative->item);
  if (parts_->content) {
    add(parts_->content->user);
    add(parts_->content->item);
  }
  return tensors;
}

void Cllm4RecRecommender::refresh() {
  const torch::NoGradGuard no_grad;
  items_ = parts_->item_vectors().detach().to(torch::kCPU);
  const torch::Tensor& users = parts_->collaborative->user.weight();
  std::vector<int64_t> trained;
  for (size_t user = 0; user < parts_->user_cold.size(); ++user) {
    if (!parts_->user_cold[user]) trained.push_back(static_cast<int64_t>(user));
  }
  const torch::Tensor rows = torch::tensor(trained, torch::kInt64).to(users.device());
  mean_user_ = trained.empty() ? torch::zeros({users.size(1)}, users.options())
                               : users.index_select(0, rows).mean(0);
  cut_ = 0;
}

std::vector<Index> Cllm4RecRecommender::history(const Query& query) const {
  for (const Index item : query.history) {
    check(item >= 0 && item < parts_->items(), "a history of known items");
  }
  return distinct(query.history);
}

const prompt::Template& Cllm4RecRecommender::form() const {
  const bool finetuned = parts_->options.predict == "one-pass";
  return finetuned ? parts_->forms->recommend : parts_->forms->interactions;
}

Cllm4RecRecommender::Person Cllm4RecRecommender::person(const Query& query,
                                                        std::span<const Index> items) const {
  if (!query.user) return {{}, stranger(items)};
  check(*query.user >= 0 && *query.user < parts_->users(), "a known user");
  return {query.user, {}};
}

torch::Tensor Cllm4RecRecommender::stranger(std::span<const Index> items) const {
  if (parts_->options.unknown_user == "items" && !items.empty()) {
    return items_.index_select(0, ints(items)).mean(0).to(mean_user_.device());
  }
  return mean_user_;
}

void Cllm4RecRecommender::add_prompt(const Query& query, Prompts& prompts) {
  const std::vector<Index> all = history(query);
  const auto items = prompt::most_recent(std::span<const Index>(all), parts_->history_room(form()));
  cut_ += items.size() < all.size();
  const bool nobody = !query.user && !items.empty() && parts_->options.unknown_user == "none";
  const auto number = static_cast<Index>(prompts.people.size());
  if (!nobody) prompts.people.push_back(person(query, items));

  std::vector<Filling> fillings;
  for (const prompt::Slot& slot : form().slots()) {
    const bool many = slot.shape == prompt::SlotShape::many;
    fillings.push_back(many ? Filling(items) : Filling(&number, 1));
  }
  // Before finetuning a history is the main text whose next item is predicted.
  const bool finetuned = parts_->options.predict == "one-pass";
  const int64_t main_text = finetuned ? 0 : static_cast<int64_t>(items.size());
  if (!nobody) {
    prompts.packed.add(form(), fillings, parts_->backbone->context());
    prompts.packed.begin_main_text(prompts.packed.tokens() - main_text);
    return;
  }
  prompt::PackedPrompts whole;
  whole.add(form(), fillings, parts_->backbone->context());
  std::vector<int32_t> ids;
  std::vector<int> kinds;
  for (size_t t = 0; t < whole.ids().size(); ++t) {
    if (whole.kinds()[t] == user_slot) continue;
    ids.push_back(whole.ids()[t]);
    kinds.push_back(whole.kinds()[t]);
  }
  prompts.packed.add(ids, kinds);
  prompts.packed.begin_main_text(prompts.packed.tokens() - main_text);
}

torch::Tensor Cllm4RecRecommender::vectors_of(std::span<const Person> people) const {
  const torch::Tensor& table = parts_->collaborative->user.weight();
  std::vector<Index> rows;
  std::vector<int64_t> strangers;
  std::vector<torch::Tensor> vectors;
  for (size_t p = 0; p < people.size(); ++p) {
    rows.push_back(people[p].user.value_or(0));
    if (people[p].user) continue;
    strangers.push_back(static_cast<int64_t>(p));
    vectors.push_back(people[p].vector);
  }
  const torch::Tensor known = table.index_select(0, ints(rows).to(table.device()));
  if (strangers.empty()) return known;
  const torch::Tensor places = torch::tensor(strangers, torch::kInt64).to(table.device());
  return known.index_copy(0, places, torch::stack(vectors).to(table.options()));
}

std::array<prompt::SlotVectors, slot_kinds> Cllm4RecRecommender::slot_vectors(
    const Prompts& prompts) const {
  return {[&](const torch::Tensor& people) {
            return vectors_of(prompts.people).index_select(0, people);
          },
          [&](const torch::Tensor& rows) {
            return items_.index_select(0, rows.cpu()).to(parts_->device);
          }};
}

torch::Tensor Cllm4RecRecommender::prompt_vectors(const Prompts& prompts) const {
  prompt::PromptBatch batch = prompt::collate(prompts.packed, slot_kinds, {});
  batch.to(parts_->device);
  return prompt::embeddings(batch, *parts_->backbone, slot_vectors(prompts));
}

torch::Tensor Cllm4RecRecommender::last_hidden(const Prompts& prompts) {
  prompt::PromptBatch batch =
      prompt::collate(prompts.packed, slot_kinds, prompt::last_positions(prompts.packed));
  batch.to(parts_->device);
  return prompt::read_hidden(batch, *parts_->backbone, slot_vectors(prompts))
      .to(torch::kCPU, torch::kFloat32);
}

torch::Tensor Cllm4RecRecommender::item_vectors(const torch::Tensor& ids) {
  if (!ids.defined()) return items_;
  if (!torch::GradMode::is_enabled()) return items_.index_select(0, ids.cpu());
  return parts_->item_vectors(ids);
}

torch::Tensor Cllm4RecRecommender::user_vectors(std::span<const Query> queries,
                                                const torch::Tensor&) {
  const Evaluating evaluating(*parts_->backbone);
  torch::Tensor result = torch::empty({static_cast<int64_t>(queries.size()), items_.size(1)});
  // Prompts of like length together; the vectors go back to their queries' places.
  std::vector<size_t> order(queries.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return queries[a].history.size() < queries[b].history.size();
  });
  for (size_t begin = 0; begin < order.size();) {
    Prompts prompts;
    std::vector<int64_t> places;
    while (begin < order.size() && prompts.packed.tokens() < tokens_at_a_time) {
      places.push_back(static_cast<int64_t>(order[begin]));
      add_prompt(queries[order[begin++]], prompts);
    }
    result.index_copy_(0, torch::tensor(places, torch::kInt64), last_hidden(prompts));
  }
  return result;
}

torch::Tensor Cllm4RecRecommender::score(std::span<const Query> queries,
                                         const torch::Tensor& candidates) {
  const torch::NoGradGuard no_grad;
  check(candidates.dim() == 2 && candidates.size(0) == static_cast<int64_t>(queries.size()),
        "candidates [B, C]");
  const torch::Tensor vectors = at::embedding(items_, candidates.cpu());  // [B, C, D]
  return torch::bmm(vectors, user_vectors(queries).unsqueeze(2)).squeeze(2);
}

void Cllm4RecRecommender::score_all(std::span<const Query> queries, torch::Tensor& out) {
  const torch::NoGradGuard no_grad;
  at::mm_out(out, user_vectors(queries), items_.t());
}

model::TopItems Cllm4RecRecommender::top(const model::TopRequest& request) {
  if (parts_->options.predict != "autoregressive") return model::Recommender::top(request);
  const torch::NoGradGuard no_grad;
  const Evaluating evaluating(*parts_->backbone);
  model::TopItems out;
  out.items.resize(request.queries.size());
  out.scores.resize(request.queries.size());
  for (size_t begin = 0; begin < request.queries.size(); begin += lists_at_a_time) {
    generate(begin, std::min(begin + lists_at_a_time, request.queries.size()), request, out);
  }
  return out;
}

// A list being generated.
struct Cllm4RecRecommender::List {
  size_t row;                        // its query
  std::unique_ptr<lm::Cache> cache;  // of its prompt and the items so far
  std::vector<uint8_t> allowed;      // [J]
  int64_t left;                      // items that may still be added
  double log_probability = 0;        // of the list so far

  List(size_t query, std::unique_ptr<lm::Cache> empty, const model::TopRequest& request,
       std::array<int64_t, 2> items_and_left)
      : row(query),
        cache(std::move(empty)),
        allowed(static_cast<size_t>(items_and_left[0]), request.among.empty()),
        left(items_and_left[1]) {
    for (const Index item : request.among) allowed[static_cast<size_t>(item)] = 1;
    if (request.masked.empty()) return;
    for (const Index item : request.masked[row]) allowed[static_cast<size_t>(item)] = 0;
  }

  // The best allowed item by its logit; the number of items where there is none.
  size_t best(const float* score, std::span<const uint32_t> ranks) const {
    const auto rank = [&](size_t item) {
      return ranks.empty() ? static_cast<uint32_t>(item) : ranks[item];
    };
    size_t best = allowed.size();
    for (size_t item = 0; item < allowed.size(); ++item) {
      if (!allowed[item]) continue;
      if (best == allowed.size() || score[item] > score[best] ||
          (score[item] == score[best] && rank(item) < rank(best))) {
        best = item;
      }
    }
    return best;
  }
};

// Reads each list's prompt, then each list's new item; the state after it, [lists, D].
torch::Tensor Cllm4RecRecommender::next_states(const lm::SplitPacked& next,
                                               std::span<const List> lists) const {
  std::vector<lm::Cache*> caches;
  for (const List& list : lists) caches.push_back(list.cache.get());
  const bool first = caches.front()->length() == 0;
  lm::GenerativeLM& backbone = *parts_->backbone;
  return (first ? backbone.hidden_first(next, caches) : backbone.hidden_next(next, caches))
      .to(torch::kCPU, torch::kFloat32);
}

void Cllm4RecRecommender::generate(size_t begin, size_t end, const model::TopRequest& request,
                                   model::TopItems& out) {
  Prompts prompts;
  for (size_t row = begin; row < end; ++row) add_prompt(request.queries[row], prompts);
  lm::SplitPacked next{{prompt_vectors(prompts), prompts.packed.offsets()},
                       prompts.packed.splits()};
  std::vector<List> lists;
  for (size_t row = begin; row < end; ++row) {
    // The prompt's history leaves room for the items that are generated after it.
    const int64_t tokens = next.offsets[row - begin + 1] - next.offsets[row - begin];
    const int64_t left = std::min(request.k, parts_->backbone->context() - tokens + 1);
    lists.emplace_back(row, parts_->backbone->make_cache(), request,
                       std::array{item_count(), left});
  }
  while (!lists.empty()) {
    const torch::Tensor logits = torch::mm(next_states(next, lists), items_.t()).contiguous();
    const torch::Tensor normalisers = torch::logsumexp(logits, 1);
    std::vector<List> going;
    std::vector<int64_t> chosen;
    for (size_t i = 0; i < lists.size(); ++i) {
      List& list = lists[i];
      const float* score = logits.const_data_ptr<float>() + static_cast<int64_t>(i) * item_count();
      const size_t best = list.best(score, request.tie_ranks);
      if (best == list.allowed.size() || list.left <= 0) continue;
      list.log_probability += score[best] - normalisers.const_data_ptr<float>()[i];
      list.allowed[best] = 0;
      out.items[list.row].push_back(static_cast<Index>(best));
      out.scores[list.row].push_back(static_cast<float>(list.log_probability));
      if (--list.left == 0) continue;
      chosen.push_back(static_cast<int64_t>(best));
      going.push_back(std::move(list));
    }
    lists = std::move(going);
    next.embeddings =
        items_.index_select(0, torch::tensor(chosen, torch::kInt64)).to(parts_->device);
    next.offsets.resize(lists.size() + 1);
    std::iota(next.offsets.begin(), next.offsets.end(), int64_t{0});
  }
}

}  // namespace kindred::methods
