#pragma once
// Small datasets and checks shared by the tests of the collaborative models.

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/strings.h"
#include "data/histories.h"
#include "model/method.h"

namespace kindred::cf {

/// Whole tensors, with the largest difference and where it is.
inline void expect_close(const torch::Tensor& got, const torch::Tensor& want, double tolerance,
                         const std::string& what) {
  ASSERT_EQ(got.sizes().vec(), want.sizes().vec()) << what;
  if (got.numel() == 0) return;
  const torch::Tensor difference =
      (got.detach().to(torch::kFloat64) - want.detach().to(torch::kFloat64)).abs().flatten();
  const auto at = difference.argmax().item<int64_t>();
  EXPECT_LE(difference[at].item<double>(), tolerance)
      << what << ": at " << at << " got " << got.detach().flatten()[at].item<double>() << ", want "
      << want.detach().flatten()[at].item<double>();
}

/// A dataset of `users` people u0.. and `items` items i0.., with no interactions yet.
inline std::shared_ptr<data::Dataset> empty_data(int users, int items) {
  auto dataset = std::make_shared<data::Dataset>();
  for (int u = 0; u < users; ++u) dataset->users.add(cat("u", u));
  for (int i = 0; i < items; ++i) dataset->items.add(cat("i", i));
  return dataset;
}

inline void add_pair(data::Dataset& dataset, int user, int item) {
  auto& train = dataset.parts[static_cast<size_t>(data::Part::train)];
  train.user.push_back(user);
  train.item.push_back(item);
}

/// Rows of 0 and 1: a row a person, a column an item.
inline std::shared_ptr<data::Dataset> data_of(const std::vector<std::vector<int>>& matrix) {
  auto dataset = empty_data(static_cast<int>(matrix.size()), static_cast<int>(matrix[0].size()));
  for (size_t u = 0; u < matrix.size(); ++u)
    for (size_t i = 0; i < matrix[u].size(); ++i)
      if (matrix[u][i]) add_pair(*dataset, static_cast<int>(u), static_cast<int>(i));
  return dataset;
}

/// A method of the catalog entry on data; closed forms are solved.
inline std::unique_ptr<model::Method> method_of(const model::CatalogEntry& entry,
                                                std::shared_ptr<const data::Dataset> dataset,
                                                const Json& options = Json::object(),
                                                const Json& stages = Json::object()) {
  model::MethodContext context;
  context.data = std::move(dataset);
  context.options = options;
  context.stages = stages;
  auto method = entry.create(context);
  for (model::Stage& stage : method->stages())
    if (stage.closed_form) stage.closed_form->solve();
  return method;
}

inline model::Query known(int user) {
  model::Query query;
  query.user = user;
  return query;
}

/// A known person as evaluation and runs ask: with the history of the training part.
inline model::Query known(const data::Dataset& dataset, int user) {
  model::Query query = known(user);
  const data::Csr histories = data::histories(dataset, std::array{data::Part::train}).items;
  query.history.assign(histories.row(user).begin(), histories.row(user).end());
  return query;
}

inline model::Query unseen(std::vector<data::Index> history) {
  model::Query query;
  query.history = std::move(history);
  return query;
}

inline torch::Tensor all_scores(model::Recommender& recommender,
                                const std::vector<model::Query>& queries) {
  torch::Tensor out =
      torch::full({static_cast<int64_t>(queries.size()), recommender.item_count()}, -77.0);
  recommender.score_all(queries, out);
  return out;
}

/// A folder that is removed with the object.
class ScratchFolder {
 public:
  ScratchFolder()
      : path_(std::filesystem::temp_directory_path() /
              ("kindred-cf-" + std::to_string(::getpid()) + "-" + std::to_string(counter()++))) {
    std::filesystem::create_directories(path_);
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  static int& counter() {
    static int value = 0;
    return value;
  }
  std::filesystem::path path_;
};

/// What a saved model is opened with.
inline model::SavedModel opened(const std::filesystem::path& folder, const Json& json,
                                const data::Dataset& dataset) {
  model::SavedModel saved;
  saved.folder = folder;
  saved.json = json;
  saved.users = std::make_shared<data::IdMap>(dataset.users);
  saved.items = std::make_shared<data::IdMap>(dataset.items);
  return saved;
}

/// Saves and loads, and expects exactly the same scores for a known and an unseen person.
inline void expect_round_trip(const model::CatalogEntry& entry, model::Recommender& recommender,
                              const data::Dataset& dataset) {
  const ScratchFolder folder;
  const auto saved = opened(folder.path(), recommender.save(folder.path()), dataset);
  const auto loaded = entry.load(saved);
  EXPECT_EQ(loaded->name(), recommender.name());
  EXPECT_EQ(loaded->item_count(), recommender.item_count());
  const std::vector<model::Query> queries{
      known(dataset, 0), known(dataset, dataset.user_count() - 1), unseen({1, 0, 1}), unseen({})};
  EXPECT_TRUE(torch::equal(all_scores(*loaded, queries), all_scores(recommender, queries)));
  for (data::Index i = 0; i < dataset.item_count(); ++i)
    EXPECT_EQ(loaded->is_cold(i), recommender.is_cold(i)) << i;
}

}  // namespace kindred::cf
