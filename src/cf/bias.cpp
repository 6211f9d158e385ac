#include "cf/bias.h"

#include <algorithm>

#include "cf/closed_form.h"
#include "core/error.h"
#include "core/strings.h"
#include "data/histories.h"

namespace kindred::cf {
namespace {

/// Whether ratings tell rows apart.
bool ratings_differ(const data::InteractionTable& train) {
  return std::adjacent_find(train.rating.begin(), train.rating.end(), std::not_equal_to<>()) !=
         train.rating.end();
}

std::string resolved_target(const std::string& asked, const data::InteractionTable& train) {
  if (asked == "auto") {
    if (!train.label.empty()) return "label";
    return ratings_differ(train) ? "rating" : "interaction";
  }
  if ((asked == "label" && train.label.empty()) || (asked == "rating" && train.rating.empty()))
    throw Error(Exit::config, "bias.target",
                cat("got '", asked, "', but the data has no ", asked,
                    "s; expected 'interaction' or 'auto'"));
  return asked;
}

/// The pairs that are averaged over, with their targets.
struct Observations {
  std::vector<model::Index> user, item;
  std::vector<double> value;
};

/// The rows of a target. For `interaction` the pairs that are 1; the rest of the matrix is 0.
Observations observed(const data::InteractionTable& train, const std::string& target) {
  Observations seen;
  for (size_t row = 0; row < train.user.size(); ++row) {
    if (target == "interaction" && !data::is_positive(train, static_cast<int64_t>(row))) continue;
    seen.user.push_back(train.user[row]);
    seen.item.push_back(train.item[row]);
    seen.value.push_back(target == "label"    ? train.label[row]
                         : target == "rating" ? train.rating[row]
                                              : 1.0);
  }
  return seen;
}

/// r_u of every user. (Over the whole 0/1 matrix it would be a constant that ranks nothing.)
std::vector<double> residuals(const Observations& seen, const std::vector<double>& item_means,
                              size_t users, double pseudo_counts) {
  std::vector<double> sum(users), count(users, pseudo_counts);
  for (size_t row = 0; row < seen.value.size(); ++row) {
    sum[seen.user[row]] += seen.value[row] - item_means[seen.item[row]];
    count[seen.user[row]] += 1;
  }
  for (size_t u = 0; u < users; ++u) sum[u] = count[u] > 0 ? sum[u] / count[u] : 0.0;
  return sum;
}

void write(const std::vector<double>& values, torch::Tensor& out) {
  auto* target = out.data_ptr<float>();
  std::transform(values.begin(), values.end(), target,
                 [](double value) { return static_cast<float>(value); });
}

}  // namespace

Bias::Bias(const BiasOptions& options, const data::Dataset& dataset)
    : options_(options),
      items_(torch::zeros({dataset.item_count()})),
      users_(torch::zeros({dataset.user_count()})),
      counts_(torch::zeros({dataset.item_count()})),
      target_(resolved_target(options.target, dataset.part(data::Part::train))) {}

void Bias::solve(const data::Dataset& dataset, const std::stop_token&) {
  const data::InteractionTable& train = dataset.part(data::Part::train);
  const Observations seen = observed(train, target_);
  const bool whole = target_ == "interaction";
  const auto users = static_cast<size_t>(dataset.user_count());
  const auto items = static_cast<size_t>(dataset.item_count());

  std::vector<double> sum(items), count(items);
  double total = 0;
  for (size_t row = 0; row < seen.value.size(); ++row) {
    sum[seen.item[row]] += seen.value[row];
    count[seen.item[row]] += 1;
    total += seen.value[row];
  }
  const double all = whole ? double(users) * double(items) : double(seen.value.size());
  const double mean = all > 0 ? total / all : 0.0;
  const double k = options_.item_pseudo_counts;
  for (size_t i = 0; i < items; ++i) {
    const double n = whole ? double(users) : count[i];
    sum[i] = n + k > 0 ? (sum[i] + k * mean) / (n + k) : mean;
  }
  write(sum, items_);
  write(count, counts_);
  if (!whole) write(residuals(seen, sum, users, options_.user_pseudo_counts), users_);
}

model::Capabilities Bias::capabilities() const {
  return {
      .scores = true, .scores_all = true, .represents = true, .probabilities = target_ == "label"};
}

torch::Tensor Bias::user_vectors(std::span<const model::Query> queries, const torch::Tensor&) {
  torch::Tensor vectors = torch::zeros({static_cast<int64_t>(queries.size()), 1});
  auto values = vectors.accessor<float, 2>();
  const auto residuals = users_.accessor<float, 1>();
  for (size_t b = 0; b < queries.size(); ++b) {
    const auto& user = queries[b].user;
    check(!user || (*user >= 0 && *user < users_.size(0)), "a query's user is known to the model");
    if (user) values[b][0] = residuals[*user];
  }
  return vectors;
}

torch::Tensor Bias::item_vectors(const torch::Tensor& ids) {
  return (ids.defined() ? items_.index_select(0, ids) : items_).unsqueeze(1);
}

void Bias::score_all(std::span<const model::Query> queries, torch::Tensor& out) {
  out.copy_(user_vectors(queries) + items_);
}

torch::Tensor Bias::probabilities(const torch::Tensor& scores) const {
  if (!capabilities().probabilities) lacks("probabilities");
  return scores.clamp(0, 1);
}

bool Bias::is_cold(model::Index item) const {
  return counts_.const_data_ptr<float>()[item] == 0.0f;
}

model::NamedTensors Bias::state() const {
  return {{"items.bias", items_}, {"items.interactions", counts_}, {"users.residual", users_}};
}

void Bias::put(const model::NamedTensors& state, const std::string& where) {
  const torch::Tensor users = model::find_tensor(state, "users.residual", users_.sizes(), where);
  const torch::Tensor items = model::find_tensor(state, "items.bias", items_.sizes(), where);
  counts_ = model::find_tensor(state, "items.interactions", counts_.sizes(), where);
  users_ = users;
  items_ = items;
}

Json Bias::save(const std::filesystem::path& folder) const {
  model::save_tensors(folder / "model.safetensors", state());
  return {{"name", name()}, {"target", target_}};
}

Bias::Bias(const model::SavedModel& saved)
    : items_(torch::zeros({saved.items->size()})),
      users_(torch::zeros({saved.users->size()})),
      counts_(torch::zeros({saved.items->size()})),
      target_(saved.json.value("target", "")) {
  const std::string where = (saved.folder / "model.safetensors").string();
  put(model::load_tensors(where), where);
}

namespace {

std::unique_ptr<model::Method> create(const model::MethodContext& context) {
  return closed_form<Bias, BiasOptions>(context, "bias");
}

std::shared_ptr<model::Recommender> load(const model::SavedModel& saved) {
  return std::make_shared<Bias>(saved);
}

}  // namespace

model::CatalogEntry bias_entry() {
  return {"bias",
          "shrunken item mean plus the user's mean residual (Koren 2010)",
          [](const model::MethodContext& context) {
            return closed_form_settings<BiasOptions>(context, "bias");
          },
          create,
          load,
          [] { return describe_options<BiasOptions>(); }};
}

}  // namespace kindred::cf
