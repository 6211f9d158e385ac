#pragma once
// The tiny shop of tests/reference/cllm4rec_step.py as a dataset, and parts made from it.

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/json.h"
#include "data/dataset.h"
#include "device.h"
#include "methods/cllm4rec_objectives.h"
#include "methods/cllm4rec_parts.h"
#include "methods/cllm4rec_recommender.h"
#include "model/recommender.h"
#include "prompt/extended_vocabulary.h"

namespace kindred::methods::testing {

namespace fs = std::filesystem;

inline fs::path fixture() {
  return fs::path(KINDRED_SOURCE_DIR) / "tests/fixtures/cllm4rec";
}

/// Texts in memory that count how often each row was read.
class MemoryColumn : public data::TextColumn {
 public:
  explicit MemoryColumn(std::vector<std::string> texts)
      : reads(texts.size(), 0), texts_(std::move(texts)) {}
  std::string get(int64_t row) const override {
    ++reads[static_cast<size_t>(row)];
    return texts_[static_cast<size_t>(row)];
  }
  bool has(int64_t row) const override { return !texts_[static_cast<size_t>(row)].empty(); }
  int64_t rows() const override { return static_cast<int64_t>(texts_.size()); }

  mutable std::vector<int> reads;

 private:
  std::vector<std::string> texts_;
};

/// A dataset of training histories (oldest first) with reviews by training row and item titles.
inline std::shared_ptr<data::Dataset> make_shop(const std::vector<std::vector<int>>& train,
                                                int items, const Json& reviews,
                                                const Json& titles) {
  auto shop = std::make_shared<data::Dataset>();
  shop->name = "shop";
  for (size_t u = 0; u < train.size(); ++u) shop->users.add("u" + std::to_string(u));
  for (int i = 0; i < items; ++i) shop->items.add("i" + std::to_string(i));
  data::InteractionTable& table = shop->parts[0];
  for (size_t u = 0; u < train.size(); ++u) {
    for (const int item : train[u]) {
      table.user.push_back(static_cast<data::Index>(u));
      table.item.push_back(item);
    }
  }
  std::vector<std::string> texts(table.user.size()), names(static_cast<size_t>(items));
  for (const auto& [row, text] : reviews.items()) texts[std::stoul(row)] = text;
  for (const auto& [row, text] : titles.items()) names[std::stoul(row)] = text;
  if (!reviews.empty()) shop->reviews = std::make_shared<MemoryColumn>(texts);
  if (!titles.empty()) shop->item_texts["title"] = std::make_shared<MemoryColumn>(names);
  return shop;
}

/// The reference's shop.
inline std::shared_ptr<data::Dataset> reference_shop(const Json& facts) {
  return make_shop(facts["train"].get<std::vector<std::vector<int>>>(), 7, facts["reviews"],
                   facts["titles"]);
}

/// Five people, seven items, two reviews, one title.
inline const std::vector<std::vector<int>> shop_train = {
    {0, 1, 2, 3, 4, 5}, {2, 4}, {5, 0, 3, 4, 1}, {1}, {3, 5}};

inline std::shared_ptr<data::Dataset> small_shop() {
  return make_shop(shop_train, 7,
                   {{"0", "A fine thing"}, {"3", "user_3 <item_3> <user> <|endoftext|>"}},
                   {{"6", "Stand"}});
}

inline const Cllm4RecBatch& as_ours(const std::unique_ptr<model::Batch>& batch) {
  return static_cast<const Cllm4RecBatch&>(*batch);
}

/// Options, parts and corpus for a dataset over the tiny backbone or another.
struct Bench {
  std::shared_ptr<data::Dataset> data;
  std::shared_ptr<Cllm4RecParts> parts;
  std::shared_ptr<ContentCorpus> corpus;

  Bench(std::shared_ptr<data::Dataset> dataset, const Cllm4RecOptions& options, uint64_t seed = 7,
        const fs::path& backbone = fixture() / "backbone")
      : data(std::move(dataset)) {
    model::MethodContext context;
    context.data = data;
    context.seed = seed;
    context.backbone.path = backbone.string();
    context.backbone.precision = "fp32";
    context.device = test_device();
    parts = make_parts(options, context);
    if (!options.content) return;
    corpus = std::make_shared<ContentCorpus>(data, options, *parts->forms);
    parts->item_documented = corpus->item_documented();
  }

  std::vector<model::Table*> tables() {
    std::vector<model::Table*> all{&parts->collaborative->user, &parts->collaborative->item};
    if (parts->content) all.insert(all.end(), {&parts->content->user, &parts->content->item});
    return all;
  }
  void clear() {
    for (model::Table* table : tables()) table->clear();
  }

  /// Saves what was made from the parts and says how it is read back.
  model::SavedModel save(const Cllm4RecRecommender& recommender, const fs::path& folder) const {
    fs::remove_all(folder);
    fs::create_directories(folder);
    model::SavedModel saved;
    saved.folder = folder;
    saved.json = recommender.save(folder);
    saved.users = std::make_shared<data::IdMap>(data->users);
    saved.items = std::make_shared<data::IdMap>(data->items);
    saved.device = test_device();
    saved.precision = "fp32";
    return saved;
  }
};

/// A table's gradient as [n, D]; undefined where backward left none.
inline torch::Tensor dense_gradient(const model::Table& table) {
  const auto gradient = table.gradient();
  if (!gradient) return {};
  if (!gradient->rows.defined()) return gradient->values;
  return torch::zeros_like(table.weight()).index_copy(0, gradient->rows, gradient->values);
}

/// Ids of a batch's prompts in the extended vocabulary, one list a prompt.
inline std::vector<std::vector<int64_t>> extended_ids(const Cllm4RecBatch& batch,
                                                      const Cllm4RecParts& parts) {
  const prompt::ExtendedVocabulary vocabulary{parts.backbone->vocab_size(), parts.users(),
                                              parts.items()};
  const torch::Tensor ids =
      torch::cat({batch.prompts.words, batch.prompts.slots[user_slot] + vocabulary.user(0),
                  batch.prompts.slots[item_slot] + vocabulary.item(0)})
          .index_select(0, batch.prompts.order);
  std::vector<std::vector<int64_t>> result;
  const int64_t* at = ids.data_ptr<int64_t>();
  for (int64_t s = 0; s < batch.prompts.sequences(); ++s) {
    result.emplace_back(at + batch.prompts.offsets[static_cast<size_t>(s)],
                        at + batch.prompts.offsets[static_cast<size_t>(s) + 1]);
  }
  return result;
}

}  // namespace kindred::methods::testing
