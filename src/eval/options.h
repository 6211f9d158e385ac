#pragma once
// The `evaluation` section of a recipe.

#include <cstdint>
#include <string>
#include <vector>

#include "core/options.h"

namespace kindred::eval {

/// How recommenders are judged.
struct EvaluationOptions {
  std::string protocol = "full";
  std::vector<std::string> metrics{
      "recall@20", "recall@40", "truncated-recall@20", "truncated-recall@40", "ndcg@10", "ndcg@100",
      "hit@10",    "mrr@10",    "coverage@20"};
  std::string mask = "seen";
  std::string history = "seen";
  std::string users = "known";
  int64_t negatives = 99;
  uint64_t seed = 1;
  std::string candidates;
  std::vector<std::string> groups;
  int64_t validation_users = 0;
  int64_t validation_rows = 0;

  template <class V>
  void visit(V& v) {
    v("protocol", protocol,
      "full (rank every item), candidates (the relevant items among sampled or given ones) or "
      "pointwise (labelled rows)",
      Choices{{"full", "candidates", "pointwise"}});
    v("metrics", metrics, "metrics to report, names of `kindred list metrics`");
    v("mask", mask,
      "items left out of rankings: seen (at validation those of training, at test those of "
      "training "
      "and validation), train, or none",
      Choices{{"seen", "train", "none"}});
    v("history", history, "items a person is known by: seen (as for `mask`) or train",
      Choices{{"seen", "train"}});
    v("users", users,
      "known, or unseen: everybody judged as a person never seen, served from the history alone",
      Choices{{"known", "unseen"}});
    v("negatives", negatives, "candidates: sampled items beside the relevant ones", Bounds{1, 1e7});
    v("seed", seed, "candidates: of the sampling; also of the sample of validation users");
    v("candidates", candidates,
      "candidates: file of given ones (user:token, candidates:token_seq) for the test part, "
      "instead "
      "of sampling; validation samples");
    v("groups", groups,
      "groups to report apart: user-activity, item-popularity (with :5 quantiles or "
      ":[0,5),[5,inf)), cold-users, cold-items, pairs:3 (warm: user and item both have that many "
      "training rows), pairs-code (CoLLM's code: more than 3; cold: one has none), items-top:35%, "
      "items-bottom:35% (shares of the items by popularity)");
    v("validation_users", validation_users,
      "users that validation during training looks at, a fixed sample (0: all)", Bounds{0});
    v("validation_rows", validation_rows,
      "pointwise: rows that validation during training looks at, a fixed sample (0: all)",
      Bounds{0});
  }
};

}  // namespace kindred::eval
