#pragma once
// Everything a run is made of, once its configuration was found good.

#include <memory>
#include <string>
#include <vector>

#include "core/json.h"
#include "model/method.h"
#include "run/check_recipe.h"
#include "run/train_run.h"

namespace kindred::run {

/// A method of a job: the recipe's own, or a part of it.
struct JobMethod {
  MethodPlan plan;  ///< its `parts` have moved below
  model::MethodContext context;
  std::unique_ptr<model::Method> method;  ///< null: taken whole from a run or from files
  std::shared_ptr<model::Recommender> taken;
  std::string backbone_fingerprint;  ///< empty: it reads no language model
  /// Of what it was taken from; for a method that is made here it is known once its stages ran.
  std::string fingerprint;
  std::vector<std::unique_ptr<JobMethod>> parts;

  std::shared_ptr<model::Recommender> recommender() const {
    return method ? method->recommender() : taken;
  }
};

struct Job {
  Recipe recipe;
  std::shared_ptr<const data::Dataset> data;
  std::unique_ptr<JobMethod> root;
  Json config;  ///< resolved, as config.yaml

  std::shared_ptr<model::Recommender> recommender() const { return root->recommender(); }
};

/// Reads the recipe, resolves its data (all of it as training data for a final run) and makes its
/// method with the parts of it. Where the data holds nothing to validate, no stage selects by that.
/// Throws `config` with every problem of the configuration at once.
Job make_job(const TrainRequest& request);

}  // namespace kindred::run
