#include "cf/ease.h"

#include <ATen/Parallel.h>

#include <array>

#include "cf/closed_form.h"
#include "core/error.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/strings.h"
#include "data/histories.h"

namespace kindred::cf {
namespace {

/// X'X + l2 I as a dense matrix, a row a task: row i counts who took i and j both.
template <class T>
torch::Tensor regularised_gram(const data::Csr& users, Index count, double l2) {
  const data::Csr items = transposed(users, count);
  torch::Tensor gram = torch::zeros({count, count}, c10::CppTypeToScalarType<T>::value);
  T* first = gram.data_ptr<T>();
  at::parallel_for(0, count, 16, [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; ++i) {
      T* row = first + i * count;
      for (const Index user : items.row(i))
        for (const Index other : users.row(user)) row[other] += T(1);
      row[i] += static_cast<T>(l2);
    }
  });
  return gram;
}

torch::Tensor gram_of(torch::ScalarType type, const data::Csr& users, Index count, double l2) {
  return type == torch::kFloat64 ? regularised_gram<double>(users, count, l2)
                                 : regularised_gram<float>(users, count, l2);
}

/// The type to solve in: what was asked for, if its peak fits.
torch::ScalarType chosen_type(const std::string& asked, int64_t items) {
  if (asked == "fp64" || (asked == "auto" && ease_memory(items, 8) <= available_memory())) {
    if (asked == "fp64")
      require_memory(ease_memory(items, 8), "ease",
                     cat("the inverse over ", items, " items in fp64"),
                     "use ease.precision: fp32, or filter rare items (data.k_core)");
    return torch::kFloat64;
  }
  require_memory(ease_memory(items, 4), "ease", cat("the inverse over ", items, " items in fp32"),
                 "filter rare items (data.k_core), or use slim or item-knn");
  if (asked == "auto")
    log::info(cat("ease: fp64 would take ", memory_text(ease_memory(items, 8)), ", so fp32 it is"));
  return torch::kFloat32;
}

}  // namespace

uint64_t ease_memory(int64_t items, int64_t element) {
  // The factor and the inverse side by side, or the inverse and the float weights.
  const auto square = static_cast<uint64_t>(items) * static_cast<uint64_t>(items);
  return square * static_cast<uint64_t>(element) * 3;
}

Ease::Ease(const EaseOptions& options, const data::Dataset& dataset)
    : HistoryRecommender(data::distinct_positives(dataset, std::array{data::Part::train}),
                         dataset.item_count()),
      options_(options) {}

void Ease::solve(const data::Dataset&, const std::stop_token& stop) {
  torch::NoGradGuard no_grad;
  const auto count = static_cast<Index>(item_count());
  const auto type = chosen_type(options_.precision, count);
  torch::Tensor work = gram_of(type, interactions(), count, options_.l2);
  stop_if_asked(stop, "ease");
  auto [factor, failed] = at::linalg_cholesky_ex(work);
  work.reset();
  if (failed.item<int32_t>() != 0)
    throw Error(Exit::internal, "ease",
                cat("the matrix is not positive definite at row ", failed.item<int32_t>(),
                    "; raise ease.l2 (got ", options_.l2, ") or use ease.precision: fp64"));
  stop_if_asked(stop, "ease");
  torch::Tensor inverse = at::cholesky_inverse(factor);
  factor.reset();
  const torch::Tensor diagonal = inverse.diagonal().clone();
  inverse.div_(diagonal.neg());  // column j by -P_jj
  inverse.fill_diagonal_(0);
  weights_ = inverse.to(torch::kFloat32).contiguous();
}

void Ease::score_all(std::span<const model::Query> queries, torch::Tensor& out) {
  const int64_t items = item_count();
  const float* weights = weights_.const_data_ptr<float>();
  sum_rows(queries, out, [&](Index item, float* row) {
    const float* given = weights + static_cast<int64_t>(item) * items;
    for (int64_t j = 0; j < items; ++j) row[j] += given[j];
  });
}

Json Ease::save(const std::filesystem::path& folder) const {
  model::NamedTensors tensors = popularity_tensors();
  for (auto& tensor : state()) tensors.push_back(std::move(tensor));
  model::save_tensors(folder / "model.safetensors", tensors);
  return {{"name", name()}};
}

Ease::Ease(const model::SavedModel& saved) {
  const std::string where = (saved.folder / "model.safetensors").string();
  const auto tensors = model::load_tensors(where);
  read_popularity(tensors, saved, where);
  put(tensors, where);
}

void Ease::put(const model::NamedTensors& state, const std::string& where) {
  const std::array<int64_t, 2> shape{item_count(), item_count()};
  weights_ = model::find_tensor(state, "weights", shape, where);
}

namespace {

std::unique_ptr<model::Method> create(const model::MethodContext& context) {
  return closed_form<Ease, EaseOptions>(context, "ease");
}

std::shared_ptr<model::Recommender> load(const model::SavedModel& saved) {
  return std::make_shared<Ease>(saved);
}

}  // namespace

model::CatalogEntry ease_entry() {
  return {"ease",
          "linear autoencoder in closed form (Steck 2019)",
          [](const model::MethodContext& context) {
            return closed_form_settings<EaseOptions>(context, "ease");
          },
          create,
          load,
          [] { return describe_options<EaseOptions>(); }};
}

}  // namespace kindred::cf
