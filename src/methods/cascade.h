#pragma once
// Cascade: any recommender's best items put in order by another.
//
// Paper: none; the retrieve-then-rank layout of every large system (Covington et al. 2016). It is
// how a recommender that scores slowly (a language model asked about one item at a time) stands
// under full ranking. Departures: none.

#include "core/options.h"
#include "model/method.h"

namespace kindred::methods {

struct CascadeOptions {
  int64_t depth = 100;

  template <class V>
  void visit(V& v) {
    v("depth", depth, "items of the retriever that the ranker puts in order", Bounds{1, 1e6});
  }
};

/// Its line of the catalog; its parts are `retriever` and `ranker`.
model::CatalogEntry cascade_entry();

}  // namespace kindred::methods
