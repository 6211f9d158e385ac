#pragma once
// What a paper prints about a dataset, set beside what was prepared.

#include <optional>
#include <string>

#include "core/options.h"
#include "data/dataset.h"

namespace kindred::data {

/// A paper's statistics of a dataset; numbers it does not print stay away. They are for people to
/// compare: nothing is prepared or trained differently because of them.
struct PublishedCounts {
  std::string source;
  std::optional<int64_t> interactions, users, items, train_reviews;

  template <class V>
  void visit(V& v) {
    v("source", source, "where they are printed, such as \"CLLM4Rec, Table 3\"");
    v("interactions", interactions, "interactions of all parts together", Bounds{1});
    v("users", users, "users", Bounds{1});
    v("items", items, "items", Bounds{1});
    v("train_reviews", train_reviews, "training interactions with a review", Bounds{0});
  }
};

/// The published numbers, the dataset's and how far they are apart, as aligned plain text; sparsity
/// where the published numbers give it.
std::string published_table(const PublishedCounts& published, const Dataset& dataset);

}  // namespace kindred::data
