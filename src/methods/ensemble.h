#pragma once
// Ensemble: the weighted mean of any recommenders, each in a run folder of its
// own or trained here.
//
// Paper: none of its own; CoLLM's Table 3 averages its base model with itself
// (MF + CoLLM-MF). Reference code: none. Departures: weights may be fitted on
// the validation part: for rankings by the likelihood of what validation held
// out under a softmax over all items, for labelled rows by log-loss (stacking
// without an intercept, Wolpert 1992).

#include "core/options.h"
#include "model/method.h"

namespace kindred::methods {

struct EnsembleOptions {
  std::string scale = "standardised";
  std::string weights = "equal";
  std::vector<double> given_weights;
  int64_t fit_users = 1000;

  template <class V>
  void visit(V& v) {
    v("scale", scale,
      "what of the members is averaged: their scores of what is asked, "
      "standardised per person; or "
      "their probabilities, or logits of these, where the members have them",
      Choices{{"standardised", "probabilities", "logits"}});
    v("weights", weights, "equal, fitted on the validation part, or given",
      Choices{{"equal", "fitted", "given"}});
    v("given_weights", given_weights, "weights: given: one for each member, in their order",
      Bounds{0, 1e9});
    v("fit_users", fit_users,
      "weights: fitted: validation users (standardised) or rows "
      "(probabilities, logits) that are "
      "looked at, a fixed sample; 0: all",
      Bounds{0});
  }
};

/// Its line of the catalog; its parts are `members`.
model::CatalogEntry ensemble_entry();

}  // namespace kindred::methods
