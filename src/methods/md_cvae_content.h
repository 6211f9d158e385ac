#pragma once
// MD-CVAE's dual: a variational autoencoder of what is written about items, its batches and losses.
// Legend: B items of a batch, N items, V words, H hidden, K latent.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data/sampler.h"
#include "model/objective.h"
#include "model/recommender.h"
#include "text/bag_of_words.h"

namespace kindred::methods {

/// Some items' words as weighted bags, and the noise of the step.
struct ContentBatch final : model::Batch {
  torch::Tensor items;    ///< [B] int64
  torch::Tensor words;    ///< [nnz] int64
  torch::Tensor offsets;  ///< [B] int64, where each item's words begin
  torch::Tensor owners;   ///< [nnz] int64, the row of each word's item
  torch::Tensor values;   ///< [nnz] float in (0, 1], what is to be rebuilt
  torch::Tensor given;    ///< [nnz] float, what the encoder sees (0 where masked)
  torch::Tensor noise;    ///< [B, K] standard normal
  int64_t rows() const override { return items.size(0); }
  double label_count() const override { return static_cast<double>(rows()); }
  void to(torch::Device device) override;
};

/// How the content autoencoder is built and its batches drawn.
struct ContentOptions {
  std::vector<int64_t> hidden;  ///< H of each encoder layer, at least one
  int64_t latent = 0;           ///< K
  int64_t batch_size = 500;
  double mask = 0.0;  ///< share of words hidden from the encoder
  uint64_t seed = 1;
  std::string stream;
  torch::Device device = torch::kCPU;
};

/// Batches of the items that have words, in a new order every epoch: a function of (epoch, step).
class ContentBatches {
 public:
  ContentBatches(std::shared_ptr<const text::BagOfWords> bags, ContentOptions options);
  int64_t steps() const;
  std::unique_ptr<ContentBatch> make(int64_t epoch, int64_t step) const;
  /// Any items, unmasked and without noise.
  std::unique_ptr<ContentBatch> of(const std::vector<int64_t>& items) const;
  /// Items that have words, ascending.
  const std::vector<int64_t>& described() const { return described_; }

 private:
  std::shared_ptr<const text::BagOfWords> bags_;
  ContentOptions options_;
  std::vector<int64_t> described_;
  std::shared_ptr<data::ShuffledBatches> order_;
};

/// Sigmoid layers V -> H... -> (mean, log deviation) [K] -> H... -> V. The decoder's matrices are
/// the encoder's transposed; its biases are its own.
class ContentVae {
 public:
  ContentVae(int64_t words, const ContentOptions& options);
  /// From given tensors; throws `bad_data` for a missing or mis-shaped one.
  ContentVae(int64_t words, const ContentOptions& options, const model::NamedTensors& saved);

  /// Cross-entropy sums over a batch's items and words, each [] (the divergence undefined where a
  /// loss has none).
  struct Loss {
    torch::Tensor reconstruction, divergence, mean;
  };
  /// Layer `layer` and its transpose as an autoencoder of the layers below (masked words for 0).
  Loss layer_loss(size_t layer, const ContentBatch& batch) const;
  /// The latent part as an autoencoder of the last layer.
  Loss core_loss(const ContentBatch& batch) const;
  /// The whole; `mean` is the posterior's [B, K].
  Loss loss(const ContentBatch& batch) const;

  /// Posterior means [n, K] of a batch without noise or gradient.
  torch::Tensor means(const ContentBatch& batch) const;
  /// Half the squared weights of the encoder's layers, each counted for its two uses.
  torch::Tensor squared_weights() const;

  const model::NamedTensors& parameters() const { return parameters_; }
  /// The parameters a pretraining of layer `layer` trains; of the latent part for `layers()`.
  model::NamedTensors trained_by(size_t layer) const;
  size_t layers() const { return layers_.size(); }

 private:
  struct Layer {
    torch::Tensor weight;      ///< first [V, H], others [out, in]
    torch::Tensor bias, back;  ///< of the encoder [out] and of its transpose [in]
  };
  using Maker = std::function<torch::Tensor(const std::string&, const std::vector<int64_t>&)>;
  void build(int64_t words, const ContentOptions& options, const Maker& make);
  torch::Tensor take(const Maker& make, const std::string& name, const std::vector<int64_t>& shape);
  torch::Tensor encode(const ContentBatch& batch, const torch::Tensor& given, size_t depth) const;
  Loss latent(const torch::Tensor& hidden, const torch::Tensor& noise,
              torch::Tensor& decoded) const;

  model::NamedTensors parameters_;
  std::vector<Layer> layers_;
  torch::Tensor mean_, mean_bias_, spread_, spread_bias_, out_, out_bias_;
};

/// What a content objective adds for a batch, as a mean over its items: given the batch and the
/// posterior means [B, K].
using ContentPenalty = std::function<torch::Tensor(const ContentBatch&, const torch::Tensor&)>;

/// Which part of the content autoencoder an objective trains.
enum class ContentPart { layer, core, whole };

class ContentVaeObjective final : public model::Objective {
 public:
  ContentVaeObjective(std::shared_ptr<ContentVae> vae, std::shared_ptr<ContentBatches> batches,
                      ContentPart part, size_t layer = 0, ContentPenalty penalty = nullptr);
  std::string name() const override { return "content"; }
  int64_t steps(int64_t) const override { return batches_->steps(); }
  std::unique_ptr<model::Batch> batch(int64_t epoch, int64_t step) const override {
    return batches_->make(epoch, step);
  }
  model::LossParts loss(const model::Batch& batch) override;

 private:
  std::shared_ptr<ContentVae> vae_;
  std::shared_ptr<ContentBatches> batches_;
  ContentPart part_;
  size_t layer_;
  ContentPenalty penalty_;
};

}  // namespace kindred::methods
