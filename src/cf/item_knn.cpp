#include "cf/item_knn.h"

#include <cmath>

#include "cf/closed_form.h"

namespace kindred::cf {
namespace {

/// The weight of each person's row, or nothing where all are 1.
std::vector<double> row_weights(const std::string& kind, const data::Csr& users, int64_t items) {
  if (kind == "none") return {};
  std::vector<double> weights(static_cast<size_t>(users.rows()));
  for (int64_t u = 0; u < users.rows(); ++u) {
    const auto count = static_cast<double>(users.row(u).size());
    if (count == 0) continue;
    weights[u] = kind == "unit" ? 1.0 / std::sqrt(count)
                                : std::max(0.0, std::log(static_cast<double>(items) / (1 + count)));
  }
  return weights;
}

/// What a similarity is made of: c, a and b of the options' help.
struct Overlap {
  double both, first, second;
};

double similarity(const ItemKnnOptions& options, const Overlap& overlap) {
  const auto& [both, first, second] = overlap;
  double scale = 0;
  if (options.similarity == "cosine") scale = std::sqrt(first * second);
  if (options.similarity == "jaccard") scale = first + second - both;
  if (options.similarity == "dice") scale = (first + second) / 2;
  if (options.similarity == "conditional") scale = first * std::pow(second, options.alpha);
  return both / (scale + options.shrinkage);
}

void scale_to_one(WeightedItems& items) {
  double sum = 0;
  for (const auto& item : items) sum += item.second;
  if (sum <= 0) return;
  for (auto& item : items) item.second = static_cast<float>(item.second / sum);
}

}  // namespace

ItemKnn::ItemKnn(const ItemKnnOptions& options, const data::Dataset& dataset)
    : ItemItemRecommender(dataset), options_(options) {}

void ItemKnn::solve(const data::Dataset&, const std::stop_token& stop) {
  const data::Csr& users = interactions();
  const auto count = static_cast<Index>(item_count());
  const data::Csr items = transposed(users, count);
  const bool conditional = options_.similarity == "conditional";
  const bool of_history = options_.neighbors_of == "history";

  // The paper's conditional probability weighs a pair by the row once and counts people plainly;
  // the others are those of a matrix whose rows are weighted, so every product has the square.
  std::vector<double> weights = row_weights(options_.user_weight, users, count);
  if (!conditional)
    for (double& weight : weights) weight *= weight;
  std::vector<double> size(static_cast<size_t>(count));
  for (Index i = 0; i < count; ++i)
    for (const Index user : items.row(i))
      size[i] += conditional || weights.empty() ? 1.0 : weights[user];

  std::vector<WeightedItems> kept(static_cast<size_t>(count));
  for_item_blocks(count, "item-knn", stop, [&](Index begin, Index end) {
    CooccurrenceRow row(users, items, weights);
    for (Index i = begin; i < end; ++i) {
      for (const Index j : row.compute(i)) {
        if (j == i || size[i] <= 0 || size[j] <= 0) continue;
        const Overlap overlap =
            of_history ? Overlap{row[j], size[i], size[j]} : Overlap{row[j], size[j], size[i]};
        kept[i].emplace_back(j, static_cast<float>(similarity(options_, overlap)));
      }
      keep_largest(kept[i], options_.neighbors);
      if (options_.normalize) scale_to_one(kept[i]);
    }
  });
  weights_ = of_history ? weights_from_rows(std::move(kept)) : weights_from_columns(kept);
}

namespace {

std::unique_ptr<model::Method> create(const model::MethodContext& context) {
  return closed_form<ItemKnn, ItemKnnOptions>(context, "item-knn");
}

std::shared_ptr<model::Recommender> load(const model::SavedModel& saved) {
  return std::make_shared<ItemKnn>(saved);
}

}  // namespace

model::CatalogEntry item_knn_entry() {
  return {"item-knn",
          "similar items by who took them (Deshpande and Karypis 2004)",
          [](const model::MethodContext& context) {
            return closed_form_settings<ItemKnnOptions>(context, "item-knn");
          },
          create,
          load,
          [] { return describe_options<ItemKnnOptions>(); }};
}

}  // namespace kindred::cf
