#pragma once
// Whom an evaluation asks about: users of a part, what each is known by, what is masked, what is
// relevant.

#include <cstdint>
#include <span>
#include <vector>

#include "data/dataset.h"
#include "data/histories.h"
#include "eval/options.h"
#include "model/recommender.h"

namespace kindred::eval {

using data::Index;

/// The people of one part, and what each was held out, seen and known by.
class People {
 public:
  People(const data::Dataset& data, const EvaluationOptions& options, data::Part part);

  /// Users with at least one relevant item, ascending.
  const std::vector<Index>& users() const { return users_; }
  /// Keeps a seeded sample of at most `count` users.
  void sample(int64_t count, uint64_t seed);

  model::Query query(Index user) const;
  /// Items left out of the user's ranking, ascending.
  std::vector<Index> masked(Index user) const;
  /// Held-out items, each once, in the file's order.
  std::vector<Index> relevant(Index user) const;
  /// Every item of the user in any part, ascending (no negative is drawn from these).
  std::span<const Index> known(Index user) const { return known_.row(user); }

 private:
  data::Csr relevant_, masked_, known_;
  bool unseen_;  // queries do not say who asks
  data::Histories histories_;
  std::vector<Index> users_;
};

/// One query a row of a labelled part, in the file's order, with what its person had done before
/// (data::RowHistories). `unseen`: none says whose row it is.
std::vector<model::Query> row_queries(const data::Dataset& data, data::Part part,
                                      bool unseen = false);

}  // namespace kindred::eval
