#include "model/given_vectors.h"

#include <algorithm>
#include <array>

#include "core/error.h"
#include "core/log.h"
#include "core/strings.h"
#include "data/vectors.h"

namespace kindred::model {
namespace {

/// Vectors in the numbering of `ids` [n, size], and which of them were given [n] bool.
struct Placed {
  torch::Tensor values, given;
};

Placed placed(const std::filesystem::path& path, const data::IdMap& ids, const char* side) {
  const data::TokenVectors vectors = data::read_vectors(path);
  Placed result{torch::zeros({ids.size(), vectors.size}), torch::zeros({ids.size()}, torch::kBool)};
  float* rows = result.values.data_ptr<float>();
  int64_t found = 0;
  for (size_t r = 0; r < vectors.tokens.size(); ++r) {
    const auto index = ids.find(vectors.tokens[r]);
    if (!index) continue;
    const float* from = vectors.values.data() + static_cast<int64_t>(r) * vectors.size;
    std::copy(from, from + vectors.size, rows + *index * vectors.size);
    result.given.data_ptr<bool>()[*index] = true;
    ++found;
  }
  if (found == 0)
    throw Error(Exit::bad_data, path.string(),
                cat("none of its ", vectors.tokens.size(), " tokens is a ", side,
                    " of this data; is it the right file?"));
  const auto strangers = static_cast<int64_t>(vectors.tokens.size()) - found;
  if (found < ids.size() || strangers > 0)
    log::warning(cat(path.string(), ": ", ids.size() - found, " of ", ids.size(), " ", side,
                     "s have no vector and get zeros; ", strangers, " tokens are not in the data"));
  return result;
}

}  // namespace

GivenVectors::GivenVectors(torch::Tensor users, torch::Tensor items, torch::Tensor known)
    : users_(std::move(users)), items_(std::move(items)), known_(std::move(known)) {}

GivenVectors::GivenVectors(const SavedModel& saved) {
  const std::string where = (saved.folder / "vectors.safetensors").string();
  const NamedTensors tensors = load_tensors(where);
  const std::array<int64_t, 2> users{saved.users->size(), -1}, items{saved.items->size(), -1};
  const std::array<int64_t, 1> known{saved.items->size()};
  users_ = find_tensor(tensors, "users", users, where);
  items_ = find_tensor(tensors, "items", items, where);
  known_ = find_tensor(tensors, "items.known", known, where).to(torch::kBool);
}

Capabilities GivenVectors::capabilities() const {
  const bool products = users_.size(1) == items_.size(1);
  return {.scores = products, .scores_all = products, .represents = true, .factorises = products};
}

torch::Tensor GivenVectors::user_vectors(std::span<const Query> queries, const torch::Tensor&) {
  torch::Tensor rows = torch::zeros({static_cast<int64_t>(queries.size()), users_.size(1)});
  for (size_t b = 0; b < queries.size(); ++b) {
    if (!queries[b].user) continue;
    check(*queries[b].user >= 0 && *queries[b].user < users_.size(0), "a query's user is known");
    rows[static_cast<int64_t>(b)] = users_[*queries[b].user];
  }
  return rows;
}

torch::Tensor GivenVectors::item_vectors(const torch::Tensor& ids) {
  return ids.defined() ? items_.index_select(0, ids.cpu()) : items_;
}

Json GivenVectors::save(const std::filesystem::path& folder) const {
  save_tensors(folder / "vectors.safetensors",
               {{"users", users_}, {"items", items_}, {"items.known", known_.to(torch::kUInt8)}});
  return {{"name", name()}};
}

std::shared_ptr<Recommender> given_vectors(const std::filesystem::path& users,
                                           const std::filesystem::path& items,
                                           const data::Dataset& dataset) {
  const Placed of_users = placed(users, dataset.users, "user");
  const Placed of_items = placed(items, dataset.items, "item");
  return std::make_shared<GivenVectors>(of_users.values, of_items.values, of_items.given);
}

}  // namespace kindred::model
