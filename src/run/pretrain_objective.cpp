#include "run/pretrain_objective.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/error.h"
#include "core/random.h"
#include "core/strings.h"

namespace kindred::lm {
namespace {

// ids [B, block + 1]: each row's tokens and the one after them.
class BlockBatch : public model::Batch {
 public:
  explicit BlockBatch(torch::Tensor ids) : ids_(std::move(ids)) {}
  int64_t rows() const override { return ids_.size(0); }
  double label_count() const override {
    return static_cast<double>(ids_.size(0) * (ids_.size(1) - 1));
  }
  void to(torch::Device device) override { ids_ = ids_.to(device); }
  const torch::Tensor& ids() const { return ids_; }

 private:
  torch::Tensor ids_;
};

torch::Tensor block_loss(CausalLM& model, const torch::Tensor& ids) {
  const int64_t rows = ids.size(0), block = ids.size(1) - 1;
  Packed input;
  input.embeddings = model.embed(ids.narrow(1, 0, block).reshape({-1}));
  for (int64_t row = 0; row <= rows; ++row) input.offsets.push_back(row * block);
  return model.cross_entropy_sum(model.hidden(input), ids.narrow(1, 1, block).reshape({-1}));
}

}  // namespace

NextToken::NextToken(std::shared_ptr<CausalLM> model, const NextTokenData& data)
    : model_(std::move(model)), data_(data), file_(data.tokens, data.vocab_size) {
  if (blocks() < 1) {
    throw Error(Exit::bad_data, "text",
                cat("got ", file_.size(), " tokens to train on, expected more than two blocks of ",
                    data_.block, "; give more text or a smaller block"));
  }
}

std::pair<int64_t, int64_t> NextToken::range(int64_t epoch) const {
  const int64_t part = epoch % data_.parts;
  return {blocks() * part / data_.parts, blocks() * (part + 1) / data_.parts};
}

int64_t NextToken::steps(int64_t epoch) const {
  const auto [begin, end] = range(epoch);
  return (end - begin + data_.batch_size - 1) / data_.batch_size;
}

std::vector<int64_t> NextToken::order(int64_t pass, int64_t begin, int64_t end) const {
  const std::lock_guard lock(mutex_);
  if (shuffled_pass_ != pass) {
    shuffled_.resize(static_cast<size_t>(blocks()));
    std::iota(shuffled_.begin(), shuffled_.end(), int64_t{0});
    Random(data_.seed, "lm/blocks", {static_cast<uint64_t>(pass)}).shuffle(shuffled_);
    shuffled_pass_ = pass;
  }
  return {shuffled_.begin() + begin, shuffled_.begin() + end};
}

std::unique_ptr<model::Batch> NextToken::batch(int64_t epoch, int64_t step) const {
  const int64_t pass = epoch / data_.parts;
  const auto [first, last] = range(epoch);
  const int64_t begin = first + step * data_.batch_size;
  const auto chosen = order(pass, begin, std::min(begin + data_.batch_size, last));
  const auto shift =
      static_cast<int64_t>(Random(data_.seed, "lm/shift", {static_cast<uint64_t>(pass)})
                               .below(static_cast<uint64_t>(data_.block)));
  auto ids = torch::empty({static_cast<int64_t>(chosen.size()), data_.block + 1}, torch::kInt64);
  for (size_t i = 0; i < chosen.size(); ++i) {
    file_.read(shift + chosen[i] * data_.block, data_.block + 1,
               ids.data_ptr<int64_t>() + static_cast<int64_t>(i) * (data_.block + 1));
  }
  return std::make_unique<BlockBatch>(ids);
}

model::LossParts NextToken::loss(const model::Batch& batch) {
  const auto& blocks = dynamic_cast<const BlockBatch&>(batch);
  return {block_loss(*model_, blocks.ids()), batch.label_count(), {}};
}

HeldOutLoss::HeldOutLoss(std::shared_ptr<CausalLM> model, const NextTokenData& data,
                         int64_t most_blocks)
    : model_(std::move(model)),
      data_(data),
      file_(data.tokens, data.vocab_size),
      blocks_(std::min(most_blocks, (file_.size() - 1) / data.block)) {}

double HeldOutLoss::loss() const {
  const torch::NoGradGuard no_grad;
  double total = 0;
  for (int64_t begin = 0; begin < blocks_; begin += data_.batch_size) {
    const int64_t rows = std::min(data_.batch_size, blocks_ - begin);
    auto ids = torch::empty({rows, data_.block + 1}, torch::kInt64);
    for (int64_t row = 0; row < rows; ++row) {
      file_.read((begin + row) * data_.block, data_.block + 1,
                 ids.data_ptr<int64_t>() + row * (data_.block + 1));
    }
    total += block_loss(*model_, ids.to(model_->device())).item<double>();
  }
  if (blocks_ <= 0) return std::numeric_limits<double>::quiet_NaN();
  return total / static_cast<double>(blocks_ * data_.block);
}

std::vector<std::pair<std::string, double>> HeldOutLoss::numbers() const {
  if (blocks_ <= 0) return {};
  const double value = loss();
  return {{"loss", value}, {"perplexity", std::exp(value)}};
}

}  // namespace kindred::lm
