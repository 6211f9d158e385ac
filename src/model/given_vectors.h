#pragma once
// A recommender of vectors that an outside model made: a part may be given by files.

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "model/method.h"
#include "model/recommender.h"

namespace kindred::model {

/// Vectors of users [U, d_u] and items [N, d_i] as they were given. Where both have one size the
/// score is their inner product. Somebody without a vector, or never seen, has zeros, and so has an
/// item, which is cold. Nothing is trained.
class GivenVectors final : public Recommender {
 public:
  static constexpr const char* catalog_name = "vectors";

  /// `known` [N] bool: items that were given a vector.
  GivenVectors(torch::Tensor users, torch::Tensor items, torch::Tensor known);
  /// Reads what save wrote. Throws `missing` or `bad_data`.
  explicit GivenVectors(const SavedModel& saved);

  std::string name() const override { return catalog_name; }
  Capabilities capabilities() const override;
  int64_t item_count() const override { return items_.size(0); }
  torch::Tensor user_vectors(std::span<const Query> queries,
                             const torch::Tensor& items = {}) override;
  torch::Tensor item_vectors(const torch::Tensor& ids = {}) override;
  int64_t user_vector_size() const override { return users_.size(1); }
  int64_t item_vector_size() const override { return items_.size(1); }
  bool is_cold(Index item) const override { return !known_.const_data_ptr<bool>()[item]; }
  Json save(const std::filesystem::path& folder) const override;

 private:
  torch::Tensor users_, items_, known_;
};

/// The vectors of two files (data/vectors.h) in the numbering of a dataset. Tokens that it has not
/// are left out, those without a vector counted, both said in the log. Throws as read_vectors does,
/// and `bad_data` naming a file none of whose tokens is in the dataset.
std::shared_ptr<Recommender> given_vectors(const std::filesystem::path& users,
                                           const std::filesystem::path& items,
                                           const data::Dataset& dataset);

}  // namespace kindred::model
