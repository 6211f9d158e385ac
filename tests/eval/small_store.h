#pragma once
// A catalogue small enough to work out by hand, and a recommender that scores it by a fixed list.

#include <filesystem>
#include <vector>

#include "data/dataset.h"
#include "model/recommender.h"

namespace kindred::eval {

using data::Index;
using data::Part;

/// Scores every item for every query the same way: by a fixed list.
class Fixed : public model::Recommender {
 public:
  explicit Fixed(std::vector<float> scores, bool all = true)
      : scores_(std::move(scores)), all_(all) {}
  std::string name() const override { return "fixed"; }
  model::Capabilities capabilities() const override { return {.scores = all_, .scores_all = all_}; }
  int64_t item_count() const override { return static_cast<int64_t>(scores_.size()); }
  void score_all(std::span<const model::Query> queries, torch::Tensor& out) override {
    for (const model::Query& query : queries) {
      histories.push_back(query.history);
      named += query.user.has_value();
    }
    out.copy_(torch::tensor(scores_).expand({static_cast<int64_t>(queries.size()), -1}));
  }
  Json save(const std::filesystem::path&) const override { return Json::object(); }

  std::vector<std::vector<Index>> histories;  ///< of the queries it was asked, in order
  int named = 0;                              ///< queries that said who asks

 private:
  std::vector<float> scores_;
  bool all_;
};

/// Two users, six items: user a: train 0 1, valid 2, test 3; user b: train 4, test 5 0.
inline data::Dataset store() {
  data::Dataset data;
  data.name = "store";
  for (const char* user : {"a", "b"}) data.users.add(user);
  for (const char* item : {"i0", "i1", "i2", "i3", "i4", "i5"}) data.items.add(item);
  const auto add = [&](Part part, Index user, Index item) {
    auto& table = data.parts[static_cast<size_t>(part)];
    table.user.push_back(user);
    table.item.push_back(item);
  };
  add(Part::train, 0, 0);
  add(Part::train, 0, 1);
  add(Part::train, 1, 4);
  add(Part::valid, 0, 2);
  add(Part::test, 0, 3);
  add(Part::test, 1, 5);
  add(Part::test, 1, 0);
  return data;
}

}  // namespace kindred::eval
