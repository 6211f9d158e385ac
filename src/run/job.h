#pragma once
// Everything a run is made of, once its configuration was found good.

#include <memory>
#include <string>

#include "core/json.h"
#include "model/method.h"
#include "run/recipe.h"
#include "run/train_run.h"

namespace kindred::run {

struct Job {
  Recipe recipe;                            ///< its `stages` without `from`
  std::map<std::string, std::string> from;  ///< stage -> run folder or recipe it is taken from
  std::shared_ptr<const data::Dataset> data;
  model::MethodContext context;
  std::unique_ptr<model::Method> method;
  std::string backbone_fingerprint;
  Json config;  ///< resolved, as config.yaml
};

/// Reads the recipe, resolves its data and makes its method. Throws `config` with every problem of
/// the configuration at once.
Job make_job(const TrainRequest& request);

}  // namespace kindred::run
