#pragma once
// The three losses of CLLM4Rec: collaborative (L-step, eq. 7), content (C-step, eqs. 5 and 8) and
// recommendation (rec-step, eq. 10), with the sign of the regulariser that minimising needs.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "methods/cllm4rec_corpus.h"
#include "methods/cllm4rec_parts.h"
#include "model/objective.h"
#include "prompt/item_head.h"
#include "prompt/prompt_batch.h"

namespace kindred::methods {

/// Documents of one step: packed prompts with main texts, targets, and the table rows regularised.
class Cllm4RecBatch : public model::Batch {
 public:
  int64_t rows() const override { return documents; }
  double label_count() const override { return labels; }
  void to(torch::Device device) override;
  Json describe() const override;

  prompt::PromptBatch prompts;
  prompt::ItemTargets items;                 ///< L-step, rec-step: targets among items
  std::optional<prompt::ItemSample> sample;  ///< for the sampled softmax
  torch::Tensor words;                       ///< C-step: [R] vocabulary ids predicted
  torch::Tensor mr_users, mr_items;          ///< rows of the mutual regularisation, with repetition
  torch::Tensor prior_users, prior_items;    ///< rows of the prior (empty without lambda_l)
  std::vector<int64_t> numbers;              ///< users or documents of the batch
  int64_t documents = 0;
  double labels = 1;
};

/// What a batch is built up from, document by document, without any model.
struct Cllm4RecDraft {
  prompt::PackedPrompts prompts;
  std::vector<int64_t> read;                  // packed positions
  std::vector<int64_t> target_rows, targets;  // pairs
  std::vector<float> counts;                  // targets of each row read
  std::vector<int64_t> mr_users, mr_items, prior_users, prior_items;
  std::vector<int64_t> numbers;
};

/// Common to the three: parts, visits, regularisation, normalisation.
class Cllm4RecObjective : public model::Objective {
 public:
  struct Options {
    std::string name;
    int64_t batch_size = 20;
    bool regularised = true;  ///< off in the warm-up, eq. 5
    /// Averaged over documents whatever `normalise` says: the released code's recommendation step
    /// has a mean over people where its two language models have one over tokens.
    bool by_document = false;
  };
  std::string name() const override { return options_.name; }
  int64_t steps(int64_t /*epoch*/) const override { return visits_.steps(); }
  std::unique_ptr<model::Batch> batch(int64_t epoch, int64_t step) const override;

 protected:
  Cllm4RecObjective(std::shared_ptr<Cllm4RecParts> parts, Options options,
                    std::vector<int64_t> documents, std::vector<int32_t> lengths = {})
      : parts_(std::move(parts)),
        options_(std::move(options)),
        visits_(std::move(documents), {options_.batch_size, parts_->seed, options_.name + ".visits",
                                       std::move(lengths)}) {}

  /// Adds one user or document to the draft.
  virtual void add(Cllm4RecDraft& draft, int64_t number, Random& random) const = 0;
  /// Moves what only this objective needs from the draft into the batch.
  virtual void finish(const Cllm4RecDraft& draft, Cllm4RecBatch& batch, Random& random) const = 0;

  /// nll + mutual regularisation of `learned` towards `fixed` + prior, normalised as the options
  /// say.
  model::LossParts regularised(const torch::Tensor& nll, const Cllm4RecBatch& batch,
                               Cllm4RecTables& learned, const Cllm4RecTables* fixed) const;
  /// Fills one slot each of `form`: users, items and histories by their names.
  static std::vector<prompt::Filling> fillings(const prompt::Template& form, prompt::Filling user,
                                               prompt::Filling item, prompt::Filling main);

  std::shared_ptr<Cllm4RecParts> parts_;
  Options options_;
  Visits visits_;
};

/// L-step and rec-step: items are predicted and the collaborative tables learn.
class ItemObjective : public Cllm4RecObjective {
 public:
  model::LossParts loss(const model::Batch& batch) override;

 protected:
  ItemObjective(std::shared_ptr<Cllm4RecParts> parts, Options options);
  void finish(const Cllm4RecDraft& draft, Cllm4RecBatch& batch, Random& random) const override;
  /// A user's document: its items, and those of them that its sequence holds.
  struct Document {
    const prompt::Template& form;
    data::Index user;
    std::span<const data::Index> items, read;
  };
  /// Rows of the regularisers. Eqs. 7 and 10: the user and all its items once, whether a text
  /// mentions them or not. `mr: sum`: what stands in the sequence, as often as it stands there.
  void regularise(Cllm4RecDraft& draft, const Document& document) const;

 private:
  /// -sum ln p of the items predicted; scalar.
  torch::Tensor likelihood(const Cllm4RecBatch& batch) const;

  std::optional<prompt::ItemSampler> sampler_;
};

/// The collaborative LLM of pretraining, eqs. 4 and 7: `<user> has interacted with` and its items,
/// in another order at every visit.
class CollaborativeObjective : public ItemObjective {
 public:
  CollaborativeObjective(std::shared_ptr<Cllm4RecParts> parts, int64_t batch_size);
  /// Users whose history is longer than what is read.
  int64_t cut_histories() const { return cut_; }

 protected:
  void add(Cllm4RecDraft& draft, int64_t user, Random& random) const override;

 private:
  int64_t room_ = 0, cut_ = 0;
};

/// The RecLLM of finetuning, eqs. 9 and 10: a masked history as prompt, the held-out items as
/// targets of one softmax.
class RecommendationObjective : public ItemObjective {
 public:
  RecommendationObjective(std::shared_ptr<Cllm4RecParts> parts, int64_t batch_size);
  int64_t cut_histories() const { return cut_; }

 protected:
  void add(Cllm4RecDraft& draft, int64_t user, Random& random) const override;

 private:
  int64_t room_ = 0, cut_ = 0;
};

/// The content LLM, eq. 5 (warm-up) and eq. 8 (C-step): words of texts are predicted and the
/// content tables learn.
class ContentObjective : public Cllm4RecObjective {
 public:
  ContentObjective(std::shared_ptr<Cllm4RecParts> parts,
                   std::shared_ptr<const ContentCorpus> corpus, Options options);
  model::LossParts loss(const model::Batch& batch) override;
  /// How many of the texts looked at (all, or `most` spread evenly over the corpus) have more words
  /// than are read.
  struct CutTexts {
    int64_t cut = 0, seen = 0;
  };
  CutTexts cut_texts(int64_t most = 10000) const;

 protected:
  void add(Cllm4RecDraft& draft, int64_t document, Random& random) const override;
  void finish(const Cllm4RecDraft& draft, Cllm4RecBatch& batch, Random& random) const override;

 private:
  /// A text's words, all of them.
  std::vector<int32_t> words(const ContentCorpus::Document& document) const;
  /// How many of them are read.
  size_t kept(const prompt::Template& form) const;

  std::shared_ptr<const ContentCorpus> corpus_;
};

}  // namespace kindred::methods
