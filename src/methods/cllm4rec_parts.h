#pragma once
// What the objectives and the recommender of CLLM4Rec share: backbone, prompts, embedding tables.

#include <torch/torch.h>

#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lm/generative_lm.h"
#include "methods/cllm4rec_corpus.h"
#include "methods/cllm4rec_options.h"
#include "model/method.h"
#include "model/table.h"
#include "prompt/prompt_batch.h"
#include "text/tokenizer.h"

namespace kindred::methods {

/// The two tables of one kind of semantics: Z^{l,u} and Z^{l,v}, or Z^{c,u} and Z^{c,v}; [I, D] and
/// [J, D].
struct Cllm4RecTables {
  model::Table user, item;

  /// Vectors by slot kind, differentiable while gradients are on.
  std::array<prompt::SlotVectors, slot_kinds> vectors();
};

/// Shared by objectives and recommender, and all that a run folder has to hold.
struct Cllm4RecParts {
  Cllm4RecOptions options;
  uint64_t seed = 1;
  torch::Device device = torch::kCPU;
  std::filesystem::path backbone_folder;
  std::filesystem::path adapter_folder;  ///< whose additions are in the weights; empty: none
  std::shared_ptr<lm::GenerativeLM> backbone;
  std::unique_ptr<Cllm4RecForms> forms;
  std::optional<Cllm4RecTables> collaborative, content;
  data::Csr train;  ///< training items of each user, oldest first; no rows in a loaded model
  std::vector<uint8_t> item_documented;       ///< mentioned by a text of the corpus
  std::vector<uint8_t> user_cold, item_cold;  ///< no training interaction

  data::Index users() const { return static_cast<data::Index>(collaborative->user.rows()); }
  data::Index items() const { return static_cast<data::Index>(collaborative->item.rows()); }
  bool trains_backbone() const { return options.backbone_training != "frozen"; }
  /// The most items a history may have in the sequence of that prompt.
  int64_t history_room(const prompt::Template& form) const;
  /// Collaborative item vectors as they are recommended by: an item without training interactions
  /// takes its content embedding, eq. 2's estimate where nothing else was observed. [J, D]
  torch::Tensor item_vectors() const;
  /// The same of some items [n], differentiable while gradients are on. [n, D]
  torch::Tensor item_vectors(const torch::Tensor& ids);
};

/// Loads the backbone as the options say and makes new tables for the dataset.
std::shared_ptr<Cllm4RecParts> make_parts(const Cllm4RecOptions& options,
                                          const model::MethodContext& context);

/// Writes tables and the backbone's folder (hard links where the file system allows, a
/// trained backbone anew) into `folder`, and returns what kindred.json keeps.
Json save_parts(const Cllm4RecParts& parts, const std::filesystem::path& folder);

/// What save_parts wrote. Throws `missing`, `bad_data`.
std::shared_ptr<Cllm4RecParts> load_parts(const model::SavedModel& saved);

}  // namespace kindred::methods
