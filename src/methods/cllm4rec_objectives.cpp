#include "methods/cllm4rec_objectives.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "core/random.h"

namespace kindred::methods {
namespace {

using data::Index;
using prompt::Filling;

torch::Tensor ints(const std::vector<int64_t>& values) {
  return torch::tensor(values, torch::kInt64);
}

torch::Tensor squared_norm(const torch::Tensor& rows) {
  return rows.square().sum();
}

// Sum over `rows` (with repetition) of ||learned - fixed||^2, the other side held constant.
torch::Tensor squared_distance(model::Table& learned, const model::Table& fixed,
                               const torch::Tensor& rows) {
  return squared_norm(learned.lookup(rows) - fixed.weight().index_select(0, rows));
}

std::vector<int64_t> users_with_items(const data::Csr& histories) {
  std::vector<int64_t> users;
  for (int64_t user = 0; user < histories.rows(); ++user) {
    if (!histories.row(user).empty()) users.push_back(user);
  }
  return users;
}

// How often a document's user or item is regularised: once (eqs. 7, 8, 10), or as often as its
// slot stands in the prompt (the released code compares whole embedded sequences).
size_t visits_of(const prompt::Template& form, int kind, const Cllm4RecOptions& options) {
  if (options.mr == "paper") return 1;
  const auto& parts = form.parts();
  const auto count =
      std::count_if(parts.begin(), parts.end(), [&](const prompt::Template::Part& part) {
        if (part.slot < 0) return false;
        const prompt::Slot& slot = form.slots()[static_cast<size_t>(part.slot)];
        return slot.shape == prompt::SlotShape::one && slot.kind == kind;
      });
  return static_cast<size_t>(count);
}

void repeat(std::vector<int64_t>& rows, size_t times, Index row) {
  rows.insert(rows.end(), times, row);
}

// The loss of a batch whose documents have regularisers alone.
torch::Tensor nothing_predicted(torch::Device device) {
  return torch::zeros({}, device).requires_grad_();
}

int64_t longer_than(const data::Csr& histories, int64_t room) {
  int64_t count = 0;
  for (int64_t user = 0; user < histories.rows(); ++user) {
    count += static_cast<int64_t>(histories.row(user).size()) > room;
  }
  return count;
}

std::vector<double> sampling_weights(const Cllm4RecParts& parts) {
  std::vector<double> weights(static_cast<size_t>(parts.items()), 1.0);
  for (const Index item : parts.train.columns) weights[static_cast<size_t>(item)] += 1.0;
  for (double& weight : weights) weight = std::pow(weight, parts.options.sampler_power);
  return weights;
}

std::vector<int32_t> text_lengths(const ContentCorpus& corpus, bool wanted) {
  std::vector<int32_t> lengths;
  for (int64_t d = 0; wanted && d < corpus.size(); ++d) {
    lengths.push_back(static_cast<int32_t>(corpus.length(d)));
  }
  return lengths;
}

std::vector<int64_t> all_documents(const ContentCorpus& corpus) {
  std::vector<int64_t> documents(static_cast<size_t>(corpus.size()));
  std::iota(documents.begin(), documents.end(), int64_t{0});
  return documents;
}

// A history cut to its most recent `room` items, as a copy that may be reordered.
std::vector<Index> recent(std::span<const Index> history, int64_t room) {
  const auto kept = prompt::most_recent(history, room);
  return {kept.begin(), kept.end()};
}

}  // namespace

void Cllm4RecBatch::to(torch::Device device) {
  if (device.is_cpu()) return;
  prompts.to(device);
  if (items.rows.defined()) items.to(device);
  if (sample) sample->to(device);
  if (words.defined()) words = words.to(device);
  for (torch::Tensor* rows : {&mr_users, &mr_items, &prior_users, &prior_items}) {
    *rows = rows->to(device);
  }
}

Json Cllm4RecBatch::describe() const {
  return {{"documents", numbers}, {"tokens", prompts.tokens()}};
}

std::unique_ptr<model::Batch> Cllm4RecObjective::batch(int64_t epoch, int64_t step) const {
  Random random(parts_->seed, options_.name,
                {static_cast<uint64_t>(epoch), static_cast<uint64_t>(step)});
  Cllm4RecDraft draft;
  for (const int64_t number : visits_.at(epoch, step)) add(draft, number, random);
  auto batch = std::make_unique<Cllm4RecBatch>();
  batch->prompts = prompt::collate(draft.prompts, slot_kinds, draft.read);
  batch->numbers = draft.numbers;
  batch->documents = static_cast<int64_t>(draft.numbers.size());
  const bool by_token = parts_->options.normalise == "token" && !options_.by_document;
  const size_t labels = by_token ? draft.targets.size() : draft.numbers.size();
  batch->labels = std::max<double>(1.0, static_cast<double>(labels));
  batch->mr_users = ints(draft.mr_users);
  batch->mr_items = ints(draft.mr_items);
  batch->prior_users = ints(draft.prior_users);
  batch->prior_items = ints(draft.prior_items);
  finish(draft, *batch, random);
  return batch;
}

model::LossParts Cllm4RecObjective::regularised(const torch::Tensor& nll,
                                                const Cllm4RecBatch& batch, Cllm4RecTables& learned,
                                                const Cllm4RecTables* fixed) const {
  const Cllm4RecOptions& o = parts_->options;
  model::LossParts parts{nll, batch.labels, {}};
  parts.shown.emplace_back("nll", nll.item<double>() / batch.labels);
  if (fixed != nullptr && options_.regularised && o.lambda_c > 0) {
    const torch::Tensor distance = squared_distance(learned.user, fixed->user, batch.mr_users) +
                                   squared_distance(learned.item, fixed->item, batch.mr_items);
    const double weight = o.mr == "paper" ? o.lambda_c / 2 : o.lambda_c * batch.labels;
    parts.sum = parts.sum + weight * distance;
    parts.shown.emplace_back("mr", weight * distance.item<double>() / batch.labels);
  }
  if (batch.prior_users.numel() + batch.prior_items.numel() > 0) {
    parts.sum = parts.sum + o.lambda_l / 2 *
                                (squared_norm(learned.user.lookup(batch.prior_users)) +
                                 squared_norm(learned.item.lookup(batch.prior_items)));
  }
  return parts;
}

std::vector<Filling> Cllm4RecObjective::fillings(const prompt::Template& form, Filling user,
                                                 Filling item, Filling main) {
  std::vector<Filling> result;
  for (const prompt::Slot& slot : form.slots()) {
    const bool single = slot.shape == prompt::SlotShape::one;
    result.push_back(!single ? main : slot.kind == user_slot ? user : item);
  }
  return result;
}

ItemObjective::ItemObjective(std::shared_ptr<Cllm4RecParts> parts, Options options)
    : Cllm4RecObjective(parts, options, users_with_items(parts->train)) {
  if (parts_->options.sampled_items > 0) sampler_.emplace(sampling_weights(*parts_));
}

void ItemObjective::regularise(Cllm4RecDraft& draft, const Document& document) const {
  const Cllm4RecOptions& o = parts_->options;
  repeat(draft.mr_users, visits_of(document.form, user_slot, o), document.user);
  const auto rows = o.mr == "paper" ? document.items : document.read;
  draft.mr_items.insert(draft.mr_items.end(), rows.begin(), rows.end());
  if (o.lambda_l <= 0) return;
  draft.prior_users.push_back(document.user);
  draft.prior_items.insert(draft.prior_items.end(), document.items.begin(), document.items.end());
}

void ItemObjective::finish(const Cllm4RecDraft& draft, Cllm4RecBatch& batch, Random& random) const {
  batch.items = {ints(draft.target_rows), ints(draft.targets), torch::tensor(draft.counts)};
  if (sampler_ && !draft.targets.empty()) {
    batch.sample = sampler_->draw(parts_->options.sampled_items, batch.items, random);
  }
}

model::LossParts ItemObjective::loss(const model::Batch& any) {
  const auto& batch = static_cast<const Cllm4RecBatch&>(any);
  Cllm4RecTables& learned = *parts_->collaborative;
  return regularised(likelihood(batch), batch, learned,
                     parts_->content ? &*parts_->content : nullptr);
}

torch::Tensor ItemObjective::likelihood(const Cllm4RecBatch& batch) const {
  if (batch.items.items.numel() == 0) return nothing_predicted(parts_->device);
  Cllm4RecTables& learned = *parts_->collaborative;
  const auto vectors = learned.vectors();
  const torch::Tensor hidden =
      prompt::read_hidden(batch.prompts, *parts_->backbone, vectors).to(torch::kFloat32);
  return batch.sample ? prompt::sampled_item_cross_entropy_sum(hidden, learned.item, batch.items,
                                                               *batch.sample)
                      : prompt::item_cross_entropy_sum(hidden, learned.item.all(), batch.items);
}

CollaborativeObjective::CollaborativeObjective(std::shared_ptr<Cllm4RecParts> parts,
                                               int64_t batch_size)
    : ItemObjective(parts, {.name = "collaborative", .batch_size = batch_size}),
      // The last item is only predicted, never read, so one more fits.
      room_(parts_->history_room(parts_->forms->interactions) + 1),
      cut_(longer_than(parts_->train, room_)) {}

void CollaborativeObjective::add(Cllm4RecDraft& draft, int64_t number, Random& random) const {
  const Index user = static_cast<Index>(number);
  const prompt::Template& form = parts_->forms->interactions;
  std::vector<Index> items = recent(parts_->train.row(user), room_);
  if (parts_->options.reorder && parts_->options.reorder_pretrain) random.shuffle(items);
  draft.numbers.push_back(number);
  regularise(draft, {form, user, items, items});
  const size_t first = parts_->options.first_token ? 0 : 1;
  if (items.size() <= first) return;  // nothing to predict; its tokens are regularised all the same
  const std::span<const Index> read = std::span(items).first(items.size() - 1);
  const prompt::Placed placed =
      draft.prompts.add(form, fillings(form, {&user, 1}, {}, read), parts_->backbone->context());
  const int64_t main_text = placed.slots[static_cast<size_t>(form.slot("items"))].begin;
  draft.prompts.begin_main_text(main_text);
  for (size_t k = first; k < items.size(); ++k) {
    draft.target_rows.push_back(static_cast<int64_t>(draft.read.size()));
    draft.targets.push_back(items[k]);
    draft.counts.push_back(1.0f);
    draft.read.push_back(main_text - 1 + static_cast<int64_t>(k));
  }
}

RecommendationObjective::RecommendationObjective(std::shared_ptr<Cllm4RecParts> parts,
                                                 int64_t batch_size)
    : ItemObjective(parts,
                    {.name = "recommendation", .batch_size = batch_size, .by_document = true}),
      room_(parts_->history_room(parts_->forms->recommend)),
      cut_(longer_than(parts_->train, room_)) {}

void RecommendationObjective::add(Cllm4RecDraft& draft, int64_t number, Random& random) const {
  const Index user = static_cast<Index>(number);
  const prompt::Template& form = parts_->forms->recommend;
  const std::span<const Index> all = parts_->train.row(user);
  const double share = parts_->options.mask_share * static_cast<double>(all.size());
  const uint64_t held = std::max<uint64_t>(1, static_cast<uint64_t>(share));
  std::vector<uint8_t> masked(all.size(), 0);
  for (const uint64_t k : random.sample(all.size(), std::min<uint64_t>(held, all.size()))) {
    masked[k] = 1;
  }
  std::vector<Index> left, targets;
  for (size_t k = 0; k < all.size(); ++k) {
    if (!masked[k]) left.push_back(all[k]);
    if (masked[k] || parts_->options.target == "all") targets.push_back(all[k]);
  }
  left = recent(left, room_);
  if (parts_->options.reorder) random.shuffle(left);
  const prompt::Placed placed =
      draft.prompts.add(form, fillings(form, {&user, 1}, {}, left), parts_->backbone->context());
  for (const Index item : targets) {
    draft.target_rows.push_back(static_cast<int64_t>(draft.read.size()));
    draft.targets.push_back(item);
  }
  draft.counts.push_back(static_cast<float>(targets.size()));
  draft.read.push_back(placed.last());
  draft.numbers.push_back(number);
  regularise(draft, {form, user, all, left});
}

ContentObjective::ContentObjective(std::shared_ptr<Cllm4RecParts> parts,
                                   std::shared_ptr<const ContentCorpus> corpus, Options options)
    : Cllm4RecObjective(parts, options, all_documents(*corpus),
                        text_lengths(*corpus, parts->options.bucket)),
      corpus_(std::move(corpus)) {}

std::vector<int32_t> ContentObjective::words(const ContentCorpus::Document& document) const {
  return parts_->forms->encode(document.form->words_take_space() ? " " + document.text
                                                                 : document.text);
}

size_t ContentObjective::kept(const prompt::Template& form) const {
  // The last word is only predicted, never read, so one more fits.
  const int64_t room = form.room(parts_->backbone->context()) + 1;
  const int64_t limit = parts_->options.max_text_tokens;
  return static_cast<size_t>(limit > 0 ? std::min(limit, room) : room);
}

ContentObjective::CutTexts ContentObjective::cut_texts(int64_t most) const {
  CutTexts texts;
  texts.seen = std::min(most, corpus_->size());
  for (int64_t k = 0; k < texts.seen; ++k) {
    const ContentCorpus::Document document = corpus_->get(k * corpus_->size() / texts.seen);
    texts.cut += words(document).size() > kept(*document.form);
  }
  return texts;
}

void ContentObjective::add(Cllm4RecDraft& draft, int64_t number, Random& /*random*/) const {
  const ContentCorpus::Document document = corpus_->get(number);
  const prompt::Template& form = *document.form;
  std::vector<int32_t> words = this->words(document);
  words.resize(std::min(words.size(), kept(form)));
  draft.numbers.push_back(number);
  const Cllm4RecOptions& o = parts_->options;
  if (document.user >= 0) repeat(draft.mr_users, visits_of(form, user_slot, o), document.user);
  if (document.item >= 0) repeat(draft.mr_items, visits_of(form, item_slot, o), document.item);
  const size_t first = o.first_token ? 0 : 1;
  if (words.size() <= first) return;  // nothing to predict; its tokens are regularised all the same
  const std::span<const int32_t> read = std::span(words).first(words.size() - 1);
  const prompt::Placed placed =
      draft.prompts.add(form, fillings(form, {&document.user, 1}, {&document.item, 1}, read),
                        parts_->backbone->context());
  const int64_t main_text = placed.slots[static_cast<size_t>(form.slot("text"))].begin;
  draft.prompts.begin_main_text(main_text);
  for (size_t k = first; k < words.size(); ++k) {
    draft.targets.push_back(words[k]);
    draft.read.push_back(main_text - 1 + static_cast<int64_t>(k));
  }
}

void ContentObjective::finish(const Cllm4RecDraft& draft, Cllm4RecBatch& batch,
                              Random& /*random*/) const {
  batch.words = ints(draft.targets);
}

model::LossParts ContentObjective::loss(const model::Batch& any) {
  const auto& batch = static_cast<const Cllm4RecBatch&>(any);
  Cllm4RecTables& learned = *parts_->content;
  const auto likelihood = [&] {
    if (batch.words.numel() == 0) return nothing_predicted(parts_->device);
    const auto vectors = learned.vectors();
    const torch::Tensor hidden = prompt::read_hidden(batch.prompts, *parts_->backbone, vectors);
    return parts_->backbone->cross_entropy_sum(hidden, batch.words);
  };
  return regularised(likelihood(), batch, learned, &*parts_->collaborative);
}

}  // namespace kindred::methods
