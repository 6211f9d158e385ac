#include "methods/ensemble.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "core/error.h"
#include "core/random.h"
#include "core/strings.h"
#include "data/histories.h"
#include "methods/parts/saved_part.h"
#include "model/ensemble.h"

namespace kindred::methods {
namespace {

using data::Index;
using data::Part;
using model::EnsembleScale;

EnsembleScale scale_of(const std::string& name) {
  if (name == "probabilities") return EnsembleScale::probabilities;
  return name == "logits" ? EnsembleScale::logits : EnsembleScale::standardised;
}

/// An ensemble that keeps its members in its own folder.
class SavedEnsemble final : public model::Ensemble {
 public:
  SavedEnsemble(std::vector<std::shared_ptr<model::Recommender>> members, std::string scale,
                std::vector<double> weights)
      : Ensemble(std::move(members), scale_of(scale), std::move(weights)),
        scale_name_(std::move(scale)) {}

  Json save(const std::filesystem::path& folder) const override {
    Json json{{"scale", scale_name_}, {"weights", weights()}, {"members", Json::array()}};
    for (size_t m = 0; m < members().size(); ++m)
      json["members"].push_back(save_part(*members()[m], folder, cat("member-", m)));
    return json;
  }

 private:
  std::string scale_name_;
};

/// A fixed sample of at most `most` of `count` places (0: all), ascending.
std::vector<size_t> sample(size_t count, int64_t most, uint64_t seed) {
  std::vector<size_t> places(count);
  std::iota(places.begin(), places.end(), size_t{0});
  if (most <= 0 || count <= static_cast<size_t>(most)) return places;
  Random random(seed, "ensemble.fit");
  places.clear();
  for (const uint64_t place : random.sample(count, static_cast<uint64_t>(most)))
    places.push_back(static_cast<size_t>(place));
  std::sort(places.begin(), places.end());
  return places;
}

/// What the weights are fitted to.
struct Observations {
  torch::Tensor scores;  ///< [M, R, C] of every row's candidates, on the ensemble's scale
  torch::Tensor rows,
      positives;         ///< [P] int64: pairs of a row and the candidate that was taken
  torch::Tensor labels;  ///< [R] of labelled rows; undefined: rankings
};

/// Validation users by their scores of every item, training items left out.
Observations rankings(const model::Ensemble& ensemble, const data::Dataset& dataset,
                      std::span<const size_t> users) {
  const auto known = data::histories(dataset, std::array{Part::train});
  const data::Csr masked = dataset.distinct_by_user(std::array{Part::train});
  const data::Csr relevant = data::distinct_positives(dataset, std::array{Part::valid});
  const int64_t count = std::ssize(users), items = ensemble.item_count();
  Observations seen;
  seen.scores = torch::empty({std::ssize(ensemble.members()), count, items});
  std::vector<int64_t> rows, positives;
  const int64_t block = std::max<int64_t>(1, ensemble.preferred_queries());
  for (int64_t begin = 0; begin < count; begin += block) {
    const int64_t size = std::min(block, count - begin);
    std::vector<model::Query> queries(static_cast<size_t>(size));
    torch::Tensor hidden = torch::zeros({size, items}, torch::kBool);
    for (int64_t b = 0; b < size; ++b) {
      const auto user = static_cast<int64_t>(users[static_cast<size_t>(begin + b)]);
      const auto history = known.items.row(user);
      queries[static_cast<size_t>(b)].user = static_cast<Index>(user);
      queries[static_cast<size_t>(b)].history.assign(history.begin(), history.end());
      for (const Index item : masked.row(user)) hidden[b][item] = true;
      for (const Index item : relevant.row(user)) {
        if (hidden[b][item].item<bool>()) continue;
        rows.push_back(begin + b);
        positives.push_back(item);
      }
    }
    torch::Tensor scores = torch::empty({size, items});
    for (size_t m = 0; m < ensemble.members().size(); ++m) {
      ensemble.members()[m]->score_all(queries, scores);
      seen.scores[static_cast<int64_t>(m)]
          .narrow(0, begin, size)
          .copy_(ensemble.scaled(m, scores).masked_fill(hidden, -1e30));
    }
  }
  seen.rows = torch::tensor(rows, torch::kLong);
  seen.positives = torch::tensor(positives, torch::kLong);
  return seen;
}

/// Labelled validation rows by their items' scores.
Observations labelled(const model::Ensemble& ensemble, const data::Dataset& dataset,
                      std::span<const size_t> chosen) {
  const data::InteractionTable& table = dataset.part(Part::valid);
  const data::RowHistories histories(dataset, Part::valid);
  const int64_t count = std::ssize(chosen);
  Observations seen;
  seen.scores = torch::empty({std::ssize(ensemble.members()), count, 1});
  seen.labels = torch::empty({count});
  torch::Tensor items = torch::empty({count, 1}, torch::kLong);
  std::vector<model::Query> queries(chosen.size());
  for (size_t r = 0; r < chosen.size(); ++r) {
    const size_t row = chosen[r];
    queries[r].user = table.user[row];
    queries[r].history = histories.before(static_cast<int64_t>(row)).items;
    queries[r].row = static_cast<int64_t>(row);
    items[static_cast<int64_t>(r)][0] = table.item[row];
    seen.labels[static_cast<int64_t>(r)] = table.label[row];
  }
  const int64_t block = std::max<int64_t>(1, ensemble.preferred_queries());
  for (int64_t begin = 0; begin < count; begin += block) {
    const int64_t size = std::min(block, count - begin);
    const auto some =
        std::span(queries).subspan(static_cast<size_t>(begin), static_cast<size_t>(size));
    for (size_t m = 0; m < ensemble.members().size(); ++m)
      seen.scores[static_cast<int64_t>(m)]
          .narrow(0, begin, size)
          .copy_(
              ensemble.scaled(m, ensemble.members()[m]->score(some, items.narrow(0, begin, size))));
  }
  return seen;
}

/// The mean loss of weights [M] on what was observed.
torch::Tensor loss_of(const Observations& seen, const torch::Tensor& weights, bool logits) {
  const torch::Tensor mixed = (seen.scores * weights.view({-1, 1, 1})).sum(0);  // [R, C]
  if (seen.labels.defined()) {
    const torch::Tensor scores = mixed.squeeze(1);
    return logits ? torch::binary_cross_entropy_with_logits(scores, seen.labels)
                  : torch::binary_cross_entropy(scores.clamp(1e-7, 1 - 1e-7), seen.labels);
  }
  const torch::Tensor normaliser = torch::logsumexp(mixed, 1);  // [R]
  return (normaliser.index_select(0, seen.rows) - mixed.index({seen.rows, seen.positives})).mean();
}

/// The weights of least loss: for rankings any positive ones (a softmax has a
/// temperature too), for labels such as sum to one, as they are averaged by.
std::vector<double> fitted(const Observations& seen, bool logits) {
  const torch::AutoGradMode gradients(true);
  torch::Tensor parameters = torch::zeros({seen.scores.size(0)}, torch::requires_grad());
  const auto weights = [&] {
    return seen.labels.defined() ? torch::softmax(parameters, 0) : torch::exp(parameters);
  };
  torch::optim::LBFGS optimizer(
      {parameters}, torch::optim::LBFGSOptions(1).max_iter(100).line_search_fn("strong_wolfe"));
  optimizer.step([&] {
    optimizer.zero_grad();
    torch::Tensor loss = loss_of(seen, weights(), logits);
    loss.backward();
    return loss;
  });
  const torch::Tensor best = weights().detach().to(torch::kDouble);
  return {best.data_ptr<double>(), best.data_ptr<double>() + best.numel()};
}

class EnsembleMethod final : public model::Method {
 public:
  explicit EnsembleMethod(const model::MethodContext& context)
      : options_(model::method_options<EnsembleOptions>(context, "ensemble")),
        data_(context.data),
        seed_(context.seed) {
    std::vector<std::shared_ptr<model::Recommender>> members;
    for (const model::Part& part : context.parts.at("members")) members.push_back(part.recommender);
    const bool given = options_.weights == "given";
    recommender_ = std::make_shared<SavedEnsemble>(
        std::move(members), options_.scale, given ? options_.given_weights : std::vector<double>());
  }

  std::shared_ptr<model::Recommender> recommender() override { return recommender_; }

  std::vector<model::Stage> stages() override {
    if (options_.weights != "fitted") return {};
    model::Stage stage;
    stage.name = "weights";
    stage.closed_form = {
        .solve = [this] { solve(); },
        .state = [this]() -> model::NamedTensors {
          return {{"weights", torch::tensor(recommender_->weights(), torch::kDouble)}};
        },
        .put = [this](const model::NamedTensors& state,
                      const std::string& where) { put(state, where); }};
    std::vector<model::Stage> stages;
    stages.push_back(std::move(stage));
    return stages;
  }

 private:
  void solve() {
    const torch::NoGradGuard no_gradient;
    const bool rank = options_.scale == "standardised";
    const data::InteractionTable& valid = data_->part(Part::valid);
    if (!rank && valid.label.empty())
      throw Error(Exit::config, "ensemble.weights",
                  "got fitted, and the validation part has no labels to fit "
                  "probabilities to; use "
                  "scale: standardised, or equal weights");
    std::vector<size_t> places;
    if (rank) {
      const data::Csr relevant = data::distinct_positives(*data_, std::array{Part::valid});
      for (int64_t user = 0; user < relevant.rows(); ++user)
        if (!relevant.row(user).empty()) places.push_back(static_cast<size_t>(user));
    } else {
      places.resize(static_cast<size_t>(valid.size()));
      std::iota(places.begin(), places.end(), size_t{0});
    }
    if (places.empty())
      throw Error(Exit::config, "ensemble.weights",
                  "got fitted, and the validation part holds nothing to fit "
                  "to; use equal weights");
    std::vector<size_t> chosen;
    for (const size_t k : sample(places.size(), options_.fit_users, seed_))
      chosen.push_back(places[k]);
    const Observations seen =
        rank ? rankings(*recommender_, *data_, chosen) : labelled(*recommender_, *data_, chosen);
    recommender_->set_weights(fitted(seen, options_.scale == "logits"));
  }

  void put(const model::NamedTensors& state, const std::string& where) {
    const std::array<int64_t, 1> shape{std::ssize(recommender_->members())};
    const torch::Tensor found =
        model::find_tensor(state, "weights", shape, where).to(torch::kDouble);
    recommender_->set_weights({found.data_ptr<double>(), found.data_ptr<double>() + found.numel()});
  }

  EnsembleOptions options_;
  std::shared_ptr<const data::Dataset> data_;
  uint64_t seed_;
  std::shared_ptr<SavedEnsemble> recommender_;
};

model::Settings settings(const model::MethodContext& context) {
  model::check_stage_names(context, {});
  const auto options = model::method_options<EnsembleOptions>(context, "ensemble");
  if (options.weights != "given" && !options.given_weights.empty() && context.problems)
    context.problems->push_back(cat("ensemble.given_weights: got numbers, but ensemble.weights is ",
                                    options.weights, "; set it to given, or leave them out"));
  return {write_options(options), Json::object()};
}

std::shared_ptr<model::Recommender> load(const model::SavedModel& saved) {
  std::vector<std::shared_ptr<model::Recommender>> members;
  for (const Json& member : saved.json.at("members")) members.push_back(load_part(saved, member));
  return std::make_shared<SavedEnsemble>(std::move(members), saved.json.value("scale", ""),
                                         saved.json.at("weights").get<std::vector<double>>());
}

}  // namespace

model::CatalogEntry ensemble_entry() {
  return {.name = "ensemble",
          .summary = "the weighted mean of any recommenders",
          .settings = settings,
          .create = [](const model::MethodContext& context) -> std::unique_ptr<model::Method> {
            return std::make_unique<EnsembleMethod>(context);
          },
          .load = load,
          .options = [] { return describe_options<EnsembleOptions>(); },
          .parts = {{.name = "members", .help = "recommenders", .many = true, .least = 2}}};
}

}  // namespace kindred::methods
