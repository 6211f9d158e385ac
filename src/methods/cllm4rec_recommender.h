#pragma once
// Recommending with CLLM4Rec, three ways: one pass over the recommendation prompt (section 3.5),
// the pretrained model's next-item softmax (LLM-PreRec), and autoregressive generation of the list.

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "methods/cllm4rec_parts.h"
#include "model/recommender.h"

namespace kindred::methods {

/// The recommender of all CLLM4Rec variants. Query vectors are the hidden states at the prompt's
/// last token, item vectors Z^{l,v}: the score is the logit of the item softmax. [B, D], [J, D]
class Cllm4RecRecommender : public model::Recommender {
 public:
  explicit Cllm4RecRecommender(std::shared_ptr<Cllm4RecParts> parts);

  std::string name() const override { return "cllm4rec"; }
  model::Capabilities capabilities() const override;
  int64_t item_count() const override { return parts_->items(); }

  torch::Tensor score(std::span<const model::Query> queries,
                      const torch::Tensor& candidates) override;
  void score_all(std::span<const model::Query> queries, torch::Tensor& out) override;
  torch::Tensor user_vectors(std::span<const model::Query> queries,
                             const torch::Tensor& items = {}) override;
  torch::Tensor item_vectors(const torch::Tensor& ids = {}) override;
  int64_t user_vector_size() const override { return items_.size(1); }
  int64_t item_vector_size() const override { return items_.size(1); }
  /// Generates the list item by item where `predict` is autoregressive; a score there is the
  /// logarithm of the probability of the list up to the item.
  model::TopItems top(const model::TopRequest& request) override;
  bool is_cold(model::Index item) const override {
    return parts_->item_cold[static_cast<size_t>(item)] != 0;
  }
  /// Z^{l,u}, Z^{l,v} and, with a content LLM, Z^{c,u}, Z^{c,v}: what CLLM4Rec-Emb feeds to other
  /// models.
  model::NamedTensors embeddings() override;
  Json save(const std::filesystem::path& folder) const override {
    return save_parts(*parts_, folder);
  }

  /// Rebuilds what is derived from the tables; call after they changed.
  void refresh();
  /// Histories longer than the context that were cut since the last refresh.
  int64_t cut_histories() const { return cut_; }
  const Cllm4RecParts& parts() const { return *parts_; }

 private:
  /// Who stands in a prompt's user slot: a row of the user table, or a vector in its place.
  struct Person {
    std::optional<model::Index> user;
    torch::Tensor vector;  // [D] where there is no row
  };
  /// Prompts of some queries, whose user slots hold numbers of these people.
  struct Prompts {
    prompt::PackedPrompts packed;
    std::vector<Person> people;
  };
  std::vector<model::Index> history(const model::Query& query) const;
  const prompt::Template& form() const;
  void add_prompt(const model::Query& query, Prompts& prompts);
  /// Who asks, given the items of their history.
  Person person(const model::Query& query, std::span<const model::Index> items) const;
  torch::Tensor stranger(std::span<const model::Index> items) const;
  /// The vectors of people, [people, D].
  torch::Tensor vectors_of(std::span<const Person> people) const;
  /// What the backbone reads in the slots of these prompts.
  std::array<prompt::SlotVectors, slot_kinds> slot_vectors(const Prompts& prompts) const;
  torch::Tensor prompt_vectors(const Prompts& prompts) const;
  torch::Tensor last_hidden(const Prompts& prompts);
  /// Lists of the queries [begin, end), a step of all of them at a time.
  struct List;
  void generate(size_t begin, size_t end, const model::TopRequest& request, model::TopItems& out);
  torch::Tensor next_states(const lm::SplitPacked& next, std::span<const List> lists) const;

  std::shared_ptr<Cllm4RecParts> parts_;
  torch::Tensor items_;      // [J, D] as recommended by
  torch::Tensor mean_user_;  // [D]
  int64_t cut_ = 0;
};

}  // namespace kindred::methods
