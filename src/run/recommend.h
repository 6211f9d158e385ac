#pragma once
// Recommendations and scores from a saved run, for people it knows and people it does not.

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "run/run_folder.h"

namespace kindred::run {

/// Whom to recommend to, and out of what.
struct RecommendRequest {
  std::vector<std::string> users;    ///< user tokens, or
  std::vector<std::string> history;  ///< the items of one person never seen in training
  int64_t top = 10;
  std::vector<std::string> among;    ///< only these items; empty: all
  std::vector<std::string> exclude;  ///< never these
  bool keep_seen = false;            ///< recommend what the person knows too
};

/// One recommended or scored item.
struct RecommendedItem {
  std::string item, title;
  double score = 0;
  bool cold = false;                  ///< had no training interactions
  std::optional<double> probability;  ///< where the recommender's scores become probabilities
};

/// What one person gets.
struct Recommendation {
  std::string user;                  ///< empty for a history
  std::vector<std::string> history;  ///< the items it was made from
  std::vector<std::string> unknown;  ///< items of the request that the run does not know
  bool cold = false;                 ///< the person was not in training
  bool truncated = false;            ///< fewer than `top` items were left
  std::vector<RecommendedItem> items;
};

/// Throws `bad_data` for unknown users and for unknown items of `among` and `exclude` (all at once,
/// with the nearest names), or when a history holds no known item.
std::vector<Recommendation> recommend(OpenedRun& run, const RecommendRequest& request,
                                      std::stop_token stop = {});

/// Scores of the given items for the request's one person, with probabilities where the recommender
/// has them; unknown items are listed, not scored.
Recommendation score_items(OpenedRun& run, const RecommendRequest& request,
                           const std::vector<std::string>& items);

/// The run's answer to a question of a user; without one, to the recommender's own. Throws `config`
/// naming the capability where the recommender has none.
std::string answer(OpenedRun& run, const std::string& user, const std::string& question = {});

Json to_json(const Recommendation& recommendation);
/// Aligned text with titles, for people.
std::string to_text(const Recommendation& recommendation, const OpenedRun& run);

}  // namespace kindred::run
