#pragma once
// A variational autoencoder over people's items: the network, its batches, its loss, and the
// recommender around it. Multi-VAE and MD-CVAE are two settings of it.
// Legend: B users, N items, H hidden, K latent.

#include <array>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cf/history.h"
#include "data/sampler.h"
#include "model/method.h"
#include "model/objective.h"

namespace kindred::cf {

/// Sizes of the network: N -> hidden... -> K -> reversed hidden... -> N, tanh between.
struct UserVaeShape {
  int64_t items = 0;
  std::vector<int64_t> hidden;  ///< of the encoder, in its order; may be empty
  int64_t latent = 0;
  /// What the second head says: log variance (Multi-VAE), or log standard deviation clipped to
  /// [-20, 2] (MD-CVAE).
  bool log_deviation = false;
  /// The decoder's last matrix is the encoder's first (MD-CVAE's symmetric inference).
  bool tied = false;
};

/// How weights start: Xavier uniform matrices, and biases from a normal truncated at two
/// deviations.
struct UserVaeStart {
  uint64_t seed = 1;
  std::string stream;           ///< name of the random stream
  double bias_deviation = 0.0;  ///< 0: biases of 0
  torch::Device device = torch::kCPU;
};

/// Some people's items as weighted bags, and the noise of the step.
struct UserBatch final : model::Batch {
  ItemBags bags;
  torch::Tensor values;  ///< [nnz] float, the encoder's input (0 where dropped)
  torch::Tensor noise;   ///< [B, K] standard normal
  double kl_weight = 0;
  int64_t epoch = 0;
  int64_t rows() const override { return bags.offsets.size(0); }
  double label_count() const override { return static_cast<double>(rows()); }
  void to(torch::Device device) override;
};

/// The network. Weights are plain tensors with gradients; matrices over items have a row an item.
class UserVae {
 public:
  UserVae(const UserVaeShape& shape, const UserVaeStart& start);
  /// From saved tensors; throws `bad_data` for a missing or mis-shaped one.
  UserVae(const UserVaeShape& shape, const model::NamedTensors& saved, const std::string& where);

  struct Latent {
    torch::Tensor mean, log_variance;  ///< [B, K]
  };
  /// The posterior of bags with weights `values` [nnz].
  Latent encode(const ItemBags& bags, const torch::Tensor& values) const;
  /// z [B, K] to the last hidden layer [B, H] (z itself without hidden layers).
  torch::Tensor decode(const torch::Tensor& z) const;
  /// The last hidden layer to a logit an item [B, N].
  torch::Tensor logits(const torch::Tensor& hidden) const;

  /// Names and weights, in a fixed order; tied weights once.
  const model::NamedTensors& parameters() const { return parameters_; }
  /// The matrix the encoder starts with [N, H], and the one the decoder ends with [N, H].
  const torch::Tensor& first() const { return first_; }
  const torch::Tensor& last() const { return last_; }
  const torch::Tensor& last_bias() const { return last_bias_; }
  /// The squared weights of the first matrices of the encoder and of the decoder, halved; 0 where
  /// there are no hidden layers (MD-CVAE's penalty).
  torch::Tensor squared_weights() const;
  const UserVaeShape& shape() const { return shape_; }

  /// A copy without gradients in which the items of `which` [N] bool have the rows of `vectors`
  /// [N, H] in the decoder (and in a tied encoder) and the others' mean bias.
  std::shared_ptr<UserVae> with_items(const torch::Tensor& which,
                                      const torch::Tensor& vectors) const;

 private:
  using Maker = std::function<torch::Tensor(const std::string& name, std::vector<int64_t> shape,
                                            int64_t fan_out)>;
  struct Layer {
    torch::Tensor weight, bias;
  };
  void build(const Maker& make);
  torch::Tensor take(const Maker& make, const std::string& name, std::vector<int64_t> shape,
                     int64_t fan_out = 0);
  Layer layer(const Maker& make, const std::string& name, std::array<int64_t, 2> in_out,
              int64_t fan_out = 0);

  UserVaeShape shape_;
  model::NamedTensors parameters_;
  torch::Tensor first_, first_bias_, last_, last_bias_;
  torch::Tensor spread_;  ///< [N, K]: the second head reads items where there are no hidden layers
  std::vector<Layer> encoder_, decoder_;
  Layer mean_head_, spread_head_;
};

/// How batches are drawn.
struct UserBatchOptions {
  int64_t batch_size = 500;
  double dropout = 0.0;    ///< share of the input that is dropped, the rest scaled up
  bool normalize = false;  ///< inputs of length 1
  int64_t latent = 0;
  uint64_t seed = 1;
  std::string stream;
  /// The weight of the divergence at a step.
  std::function<double(int64_t epoch, int64_t step)> kl_weight;
};

/// Batches of all people with items, in a new order every epoch: a pure function of (epoch, step).
class UserBatches {
 public:
  UserBatches(std::shared_ptr<const data::Csr> users, UserBatchOptions options);
  int64_t steps() const;
  std::unique_ptr<UserBatch> make(int64_t epoch, int64_t step) const;

 private:
  std::shared_ptr<const data::Csr> users_;
  UserBatchOptions options_;
  std::vector<Index> people_;
  std::shared_ptr<data::ShuffledBatches> order_;
};

/// The two sums of a batch, over users: negative multinomial log-likelihood of their items, and
/// divergence from the standard normal prior.
struct UserVaeLoss {
  torch::Tensor likelihood, divergence;
};
UserVaeLoss user_vae_loss(const UserVae& vae, const UserBatch& batch);

/// Mean over users of  -sum_i x_ui log softmax(f(z_u))_i + kl_weight KL(q(z|x) || N(0, I)), plus
/// `penalty` (a scalar, or undefined), which is asked for once a batch.
class UserVaeObjective final : public model::Objective {
 public:
  using Penalty = std::function<torch::Tensor(const UserBatch& batch)>;
  UserVaeObjective(std::string name, std::shared_ptr<UserVae> vae,
                   std::shared_ptr<const data::Csr> users, UserBatchOptions options,
                   Penalty penalty = nullptr);

  std::string name() const override { return name_; }
  int64_t steps(int64_t) const override { return batches_.steps(); }
  std::unique_ptr<model::Batch> batch(int64_t epoch, int64_t step) const override {
    return batches_.make(epoch, step);
  }
  model::LossParts loss(const model::Batch& batch) override;

 private:
  std::string name_;
  std::shared_ptr<UserVae> vae_;
  UserBatches batches_;
  Penalty penalty_;
};

/// Recommends by the decoder's logits of the posterior mean: user vectors are its last hidden
/// layer, item vectors its last matrix, item biases its last bias.
class UserVaeRecommender : public HistoryRecommender {
 public:
  /// `normalize`: encoder inputs get length 1.
  UserVaeRecommender(std::string name, std::shared_ptr<UserVae> vae, data::Csr users,
                     bool normalize);
  /// Reads what save wrote. Throws `missing` or `bad_data`.
  explicit UserVaeRecommender(const model::SavedModel& saved);

  std::string name() const override { return name_; }
  model::Capabilities capabilities() const override {
    return {.scores = true, .scores_all = true, .represents = true, .factorises = true};
  }
  torch::Tensor user_vectors(std::span<const model::Query> queries,
                             const torch::Tensor& items = {}) override;  ///< [B, H]
  torch::Tensor item_vectors(const torch::Tensor& ids = {}) override;    ///< [n, H]
  torch::Tensor item_biases() override { return vae_->last_bias(); }     ///< [N]
  int64_t user_vector_size() const override { return vae_->last().size(1); }
  int64_t item_vector_size() const override { return vae_->last().size(1); }
  Json save(const std::filesystem::path& folder) const override;

  /// Recommends with the weights of `vae` as they are now; call again when they changed.
  void serve(std::shared_ptr<UserVae> vae) { vae_ = std::move(vae); }

 private:
  std::string name_;
  std::shared_ptr<UserVae> vae_;
  bool normalize_ = false;
};

/// The weights of an encoder's input: 1, or 1 / sqrt(n) where rows get length 1.
torch::Tensor bag_values(const ItemBags& bags, bool normalize);

}  // namespace kindred::cf
