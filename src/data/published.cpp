#include "data/published.h"

#include <cstdio>

#include "core/strings.h"
#include "data/aligned.h"

namespace kindred::data {
namespace {

std::string percent(double share, const char* form = "%.2f%%") {
  char text[32];
  std::snprintf(text, sizeof text, form, share * 100);
  return text;
}

double sparsity(int64_t interactions, int64_t users, int64_t items) {
  return 1 - static_cast<double>(interactions) /
                 (static_cast<double>(users) * static_cast<double>(items));
}

std::string difference(int64_t published, int64_t counted) {
  if (published == counted) return "same";
  const int64_t more = counted - published;
  std::string count = cat(more > 0 ? "+" : "", with_commas(more));
  if (published == 0) return count;
  const double share = static_cast<double>(more) / static_cast<double>(published);
  return cat(count, " (", percent(share, "%+.2f%%"), ")");
}

int64_t count_train_reviews(const Dataset& dataset) {
  const TextColumn* reviews = dataset.train_reviews();
  int64_t count = 0;
  for (int64_t row = 0; reviews && row < reviews->rows(); ++row) count += reviews->has(row);
  return count;
}

}  // namespace

std::string published_table(const PublishedCounts& published, const Dataset& dataset) {
  int64_t interactions = 0;
  for (const Part part : all_parts) interactions += dataset.part(part).size();
  std::vector<std::vector<std::string>> rows{{"", "published", "here", "difference"}};
  const auto add = [&](const char* name, const std::optional<int64_t>& printed, int64_t counted) {
    if (printed)
      rows.push_back(
          {name, with_commas(*printed), with_commas(counted), difference(*printed, counted)});
  };
  add("interactions", published.interactions, interactions);
  add("users", published.users, dataset.user_count());
  add("items", published.items, dataset.item_count());
  if (published.interactions && published.users && published.items)
    rows.push_back(
        {"sparsity", percent(sparsity(*published.interactions, *published.users, *published.items)),
         percent(sparsity(interactions, dataset.user_count(), dataset.item_count())), ""});
  if (published.train_reviews)
    add("train reviews", published.train_reviews, count_train_reviews(dataset));
  return cat("beside ", published.source.empty() ? "published statistics" : published.source, ":\n",
             aligned(rows));
}

}  // namespace kindred::data
