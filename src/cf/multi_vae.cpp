#include "cf/multi_vae.h"

#include <algorithm>
#include <array>

#include "data/histories.h"

namespace kindred::cf {
namespace {

model::TrainOptions default_training() {
  model::TrainOptions train;
  train.epochs = 200;
  train.batch_size = 500;
  train.learning_rate = 1e-3;
  train.select = "ndcg@100";
  return train;
}

/// What a recipe says of it.
struct MultiVaeSettings {
  explicit MultiVaeSettings(const model::MethodContext& context)
      : options(model::method_options<MultiVaeOptions>(context, "multi-vae")),
        train(model::stage_options(context, "train", default_training())) {
    model::check_stage_names(context, {"train"});
  }
  MultiVaeOptions options;
  model::TrainOptions train;
};

/// The recommender and its one stage, `train`.
class MultiVae final : public model::Method {
 public:
  MultiVae(const MultiVaeSettings& settings, const model::MethodContext& context)
      : options_(settings.options), train_(settings.train) {
    auto users = std::make_shared<const data::Csr>(
        data::distinct_positives(*context.data, std::array{data::Part::train}));
    vae_ = std::make_shared<UserVae>(
        UserVaeShape{context.data->item_count(), options_.hidden_sizes, options_.latent_size},
        UserVaeStart{context.seed, "multi-vae", /*bias_deviation=*/0.001, context.device});
    recommender_ =
        std::make_shared<UserVaeRecommender>("multi-vae", vae_, *users, /*normalize=*/true);
    objective_ = make_objective(std::move(users), context.seed);
  }

  std::shared_ptr<model::Recommender> recommender() override { return recommender_; }

  std::vector<model::Stage> stages() override {
    model::Stage stage;
    stage.name = "train";
    stage.objectives = {objective_};
    stage.parameters = {{vae_->parameters(), 1.0, {}}};
    stage.train = train_;
    stage.refresh = [recommender = recommender_, vae = vae_] { recommender->serve(vae); };
    std::vector<model::Stage> stages;
    stages.push_back(std::move(stage));
    return stages;
  }

 private:
  std::shared_ptr<UserVaeObjective> make_objective(std::shared_ptr<const data::Csr> users,
                                                   uint64_t seed) const {
    UserBatchOptions batches;
    batches.batch_size = train_.batch_size;
    batches.dropout = options_.dropout;
    batches.normalize = true;
    batches.latent = options_.latent_size;
    batches.seed = seed;
    batches.stream = "multi-vae";
    const int64_t steps = UserBatches(users, batches).steps();
    const int64_t of_an_epoch =
        train_.steps_per_epoch > 0 ? train_.steps_per_epoch * train_.accumulate : steps;
    const int64_t total = of_an_epoch * train_.epochs;
    batches.kl_weight = [options = options_, steps, total](int64_t epoch, int64_t step) {
      return annealed(options, epoch * steps + step, total);
    };
    return std::make_shared<UserVaeObjective>("multinomial", vae_, std::move(users), batches);
  }

  MultiVaeOptions options_;
  model::TrainOptions train_;
  std::shared_ptr<UserVae> vae_;
  std::shared_ptr<UserVaeRecommender> recommender_;
  std::shared_ptr<UserVaeObjective> objective_;
};

model::Settings settings(const model::MethodContext& context) {
  const MultiVaeSettings read(context);
  return {write_options(read.options), {{"train", write_options(read.train)}}};
}

std::unique_ptr<model::Method> create(const model::MethodContext& context) {
  return std::make_unique<MultiVae>(MultiVaeSettings(context), context);
}

std::shared_ptr<model::Recommender> load(const model::SavedModel& saved) {
  return std::make_shared<UserVaeRecommender>(saved);
}

}  // namespace

double annealed(const MultiVaeOptions& options, int64_t step, int64_t total) {
  const double all = options.anneal_steps > 0 ? static_cast<double>(options.anneal_steps)
                                              : static_cast<double>(total) * 40000 / 46800;
  return all <= 0 ? options.kl_weight
                  : options.kl_weight * std::min(1.0, static_cast<double>(step) / all);
}

model::CatalogEntry multi_vae_entry() {
  return {"multi-vae", "variational autoencoder with multinomial likelihood (Liang et al. 2018)",
          settings,    create,
          load,        [] { return describe_options<MultiVaeOptions>(); }};
}

}  // namespace kindred::cf
