#pragma once
// One recommender's best items put in order by another.

#include <memory>
#include <string>

#include "model/recommender.h"

namespace kindred::model {

/// Two stages of a list: the retriever's first N items, in the ranker's order, then the retriever's
/// others in its own. Among given candidates the retriever's first N of these are re-ranked. A
/// re-ranked item has the ranker's score; those after it lie below the lowest of these by 1, 2, …,
/// so that scores fall along the list.
class Cascade : public Recommender {
 public:
  /// Throws `config` naming a retriever that cannot rank every item, or parts over other items.
  Cascade(std::shared_ptr<Recommender> retriever, std::shared_ptr<Recommender> ranker,
          int64_t depth);

  std::string name() const override { return "cascade"; }
  Capabilities capabilities() const override { return {.scores = true, .scores_all = true}; }
  int64_t item_count() const override { return retriever_->item_count(); }
  torch::Tensor score(std::span<const Query> queries, const torch::Tensor& candidates) override;
  void score_all(std::span<const Query> queries, torch::Tensor& out) override;
  TopItems top(const TopRequest& request) override;
  int64_t preferred_queries() const override { return ranker_->preferred_queries(); }
  bool is_cold(Index item) const override { return retriever_->is_cold(item); }
  /// Its parts are saved by whoever made it: throws `config`.
  Json save(const std::filesystem::path& folder) const override;

 protected:
  const Recommender& retriever() const { return *retriever_; }
  const Recommender& ranker() const { return *ranker_; }
  int64_t depth() const { return depth_; }

 private:
  std::shared_ptr<Recommender> retriever_, ranker_;
  int64_t depth_;
};

}  // namespace kindred::model
