#pragma once
// People and items that came after a recommender was trained.

#include <memory>
#include <string>
#include <vector>

#include "model/recommender.h"

namespace kindred::model {

/// A trained recommender with more people and items, numbered after those it knows. Somebody new is
/// somebody never seen: the query's user is dropped, its history counts. An item new to it is cold:
/// it stands after every item that was trained, where a list has room for it, and is passed over in
/// histories. What is said of the items that were trained stays as it was.
class Extended final : public Recommender {
 public:
  /// `known_users`: the people that were trained; `items`: all items, the recommender's first.
  Extended(std::shared_ptr<Recommender> trained, Index known_users, Index items);

  std::string name() const override { return trained_->name(); }
  /// Scores only: an item that nothing is known of has no vector and no words.
  Capabilities capabilities() const override;
  int64_t item_count() const override { return items_; }
  /// A new item scores 1 below the least of what was asked of its query's other items; where only
  /// new ones were asked about, the mean of all that was asked at once (0 where that is nothing).
  torch::Tensor score(std::span<const Query> queries, const torch::Tensor& candidates) override;
  /// New items score 1 below the least of the others.
  void score_all(std::span<const Query> queries, torch::Tensor& out) override;
  torch::Tensor probabilities(const torch::Tensor& scores) const override {
    return trained_->probabilities(scores);
  }
  TopItems top(const TopRequest& request) override;
  int64_t preferred_queries() const override { return trained_->preferred_queries(); }
  bool is_cold(Index item) const override {
    return item >= known_items() || trained_->is_cold(item);
  }
  /// It belongs to no run: throws `config`.
  Json save(const std::filesystem::path& folder) const override;

 private:
  Index known_items() const { return static_cast<Index>(trained_->item_count()); }
  /// The queries as the trained recommender can read them.
  std::vector<Query> readable(std::span<const Query> queries) const;
  /// Fills up one query's list with new items, in the order of their ties.
  void add_new(size_t query, const TopRequest& request, std::span<const Index> fresh,
               TopItems& found) const;

  std::shared_ptr<Recommender> trained_;
  Index known_users_, items_;
};

}  // namespace kindred::model
