#pragma once
// What every recommender is, whatever is inside it. Legend: B queries, C candidates each, N items,
// D dimensions, K recommendations.

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/json.h"
#include "data/dataset.h"
#include "model/tensors.h"

namespace kindred::model {

using data::Index;

/// Whom to recommend to: a known user, or somebody never seen who has only a history, or both.
struct Query {
  std::optional<Index> user;
  std::vector<Index> history;  ///< items, oldest first, cut before the target
  std::vector<int64_t> times;  ///< of the history's items; empty when unknown
  std::optional<int64_t> row;  ///< the interaction row this query stands for (pointwise protocols)
};

/// What a recommender can do. A protocol that needs more says so by name.
struct Capabilities {
  bool scores = false;         ///< score(): given candidates
  bool scores_all = false;     ///< score_all(): every item
  bool represents = false;     ///< user_vectors(), item_vectors()
  bool factorises = false;     ///< represents, and the score is their inner product + item_biases()
  bool probabilities = false;  ///< probabilities(): scores become chances of a positive label
  bool answers = false;        ///< answer(): text
};

/// The best items of each query. Rows may be shorter than K where fewer items are allowed.
struct TopItems {
  std::vector<std::vector<Index>> items;   ///< [B][<=K], best first
  std::vector<std::vector<float>> scores;  ///< same shape
};

/// Ties are broken by these ranks (by SHA-256 of the item token), smaller first; and what may not
/// be recommended to each query.
struct TopRequest {
  std::span<const Query> queries;
  int64_t k = 10;
  std::span<const std::vector<Index>> masked;  ///< [B] sorted item lists, or empty: nothing masked
  std::span<const uint32_t> tie_ranks;         ///< [N], a permutation; empty: ties by number
  std::span<const Index> among;                ///< sorted; empty: every item
};

/// What answer() is asked.
struct AnswerRequest {
  std::span<const Query> queries;
  torch::Tensor candidates;  ///< [B, C] int64, in the order they are named; undefined: none
  std::string question;      ///< empty: the recommender's own
};

/// Recommends; how it was trained is not its concern.
class Recommender {
 public:
  virtual ~Recommender() = default;

  virtual std::string name() const = 0;  ///< the catalog's name
  virtual Capabilities capabilities() const = 0;
  virtual int64_t item_count() const = 0;

  /// Scores of given candidates: candidates [B, C] int64 -> [B, C] float. The default picks them
  /// out of score_all().
  virtual torch::Tensor score(std::span<const Query> queries, const torch::Tensor& candidates);

  /// Scores of every item, written into `out` [B, N] float (the caller's block).
  virtual void score_all(std::span<const Query> queries, torch::Tensor& out);

  /// Vectors of the queries [B, d_u], no bias folded in. `items` [B] int64: the item each is asked
  /// about, for recommenders whose user depends on it (DIN); undefined: none. Differentiable while
  /// gradients are on.
  virtual torch::Tensor user_vectors(std::span<const Query> queries,
                                     const torch::Tensor& items = {});
  /// Vectors of these items [n, d_i] for ids [n] int64; undefined: of every item [N, d_i]. No bias
  /// folded in. Differentiable while gradients are on.
  virtual torch::Tensor item_vectors(const torch::Tensor& ids = {});
  /// d_u and d_i.
  virtual int64_t user_vector_size() const { lacks("represents"); }
  virtual int64_t item_vector_size() const { lacks("represents"); }
  /// What a factorising recommender adds to the inner product [N]; undefined: nothing.
  virtual torch::Tensor item_biases() { return {}; }

  /// Chances of a positive label for scores of any shape -> the same shape, in [0, 1].
  virtual torch::Tensor probabilities(const torch::Tensor& scores) const;

  /// A text for each query [B].
  virtual std::vector<std::string> answer(const AnswerRequest& request);

  /// The best items of each query. The default works by blocks (of items where the recommender
  /// represents, of queries otherwise) with partial selection: no [all users, N] matrix ever
  /// exists. Takes any number of queries; vectors or scores are asked for preferred_queries() of
  /// them at a time. Items scored -inf are left out; NaN ranks after every number.
  virtual TopItems top(const TopRequest& request);

  /// Queries that score_all() and user_vectors() should be asked at a time (a recommender with a
  /// large state wants few).
  virtual int64_t preferred_queries() const { return 256; }

  /// The ID tables behind the recommender by name, rows as users ("users…") or items ("items…");
  /// empty when it has none. What `kindred export` writes.
  virtual std::vector<std::pair<std::string, torch::Tensor>> embeddings() { return {}; }

  /// Whether this item had no training interactions and is known by its text alone.
  virtual bool is_cold(Index /*item*/) const { return false; }

  /// Writes what load needs into the folder (safetensors under fixed names, copied backbone files)
  /// and returns the JSON kept in kindred.json under "model".
  virtual Json save(const std::filesystem::path& folder) const = 0;

  /// The vectors a factorising recommender's score is the inner product of: those of
  /// user_vectors() and item_vectors(), with biases as one dimension more. [B, D], [N, D]
  torch::Tensor query_factors(std::span<const Query> queries);
  torch::Tensor item_factors();

 protected:
  /// Throws `config` naming the recommender and the missing capability.
  [[noreturn]] void lacks(const char* capability) const;
};

}  // namespace kindred::model
