#include "cf/bias.h"

#include <algorithm>

#include "cf/closed_form.h"
#include "core/error.h"
#include "core/strings.h"

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
    const bool disliked = !train.label.empty() && train.label[row] <= 0.0f;
    if (target == "interaction" && disliked) continue;
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
      counts_(torch::zeros({dataset.item_count()})) {}

void Bias::solve(const data::Dataset& dataset, const std::stop_token&) {
  const data::InteractionTable& train = dataset.part(data::Part::train);
  const std::string target = resolved_target(options_.target, train);
  const Observations seen = observed(train, target);
  const bool whole = target == "interaction";
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
  return {.scores = true, .scores_all = true, .represents = true};
}

torch::Tensor Bias::user_vectors(std::span<const model::Query> queries) {
  torch::Tensor vectors = torch::ones({static_cast<int64_t>(queries.size()), 2});
  auto values = vectors.accessor<float, 2>();
  const auto residuals = users_.accessor<float, 1>();
  for (size_t b = 0; b < queries.size(); ++b) {
    const auto& user = queries[b].user;
    check(!user || (*user >= 0 && *user < users_.size(0)), "a query's user is known to the model");
    values[b][0] = user ? residuals[*user] : 0.0f;
  }
  return vectors;
}

torch::Tensor Bias::item_vectors() {
  return torch::stack({torch::ones_like(items_), items_}, 1);
}

bool Bias::is_cold(model::Index item) const {
  return counts_.const_data_ptr<float>()[item] == 0.0f;
}

Json Bias::save(const std::filesystem::path& folder) const {
  model::save_tensors(
      folder / "model.safetensors",
      {{"items.bias", items_}, {"items.interactions", counts_}, {"users.residual", users_}});
  return {{"name", name()}};
}

namespace {

std::unique_ptr<model::Method> create(const model::MethodContext& context) {
  return closed_form<Bias, BiasOptions>(context, "bias");
}

std::shared_ptr<model::Recommender> load(const model::SavedModel& saved) {
  const std::string where = (saved.folder / "model.safetensors").string();
  const auto tensors = model::load_tensors(where);
  const auto vector = [&](const char* tensor, int64_t length) {
    const std::array<int64_t, 1> shape{length};
    return model::find_tensor(tensors, tensor, shape, where);
  };
  const int64_t items = saved.items->size();
  return std::make_shared<Bias>(vector("items.bias", items),
                                vector("users.residual", saved.users->size()),
                                vector("items.interactions", items));
}

}  // namespace

model::CatalogEntry bias_entry() {
  return {"bias", "shrunken item mean plus the user's mean residual (Koren 2010)", create, load,
          [] { return describe_options<BiasOptions>(); }};
}

}  // namespace kindred::cf
