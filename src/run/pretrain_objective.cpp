#include "run/pretrain_objective.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>

#include "core/error.h"
#include "core/random.h"
#include "core/strings.h"

namespace kindred::lm {
namespace {

// Blocks as a language model reads them: prompts and main texts, and what is predicted.
class BlockBatch : public model::Batch {
 public:
  int64_t rows() const override { return static_cast<int64_t>(splits_.size()); }
  double label_count() const override { return static_cast<double>(targets_.numel()); }
  void to(torch::Device device) override {
    ids_ = ids_.to(device);
    read_ = read_.to(device);
    targets_ = targets_.to(device);
  }

  // A block [block + 1] whose every token is predicted from those before it.
  void add_next_token(std::span<const int64_t> block) {
    const size_t begin = tokens_.size();
    tokens_.insert(tokens_.end(), block.begin(), block.end() - 1);
    for (size_t t = begin; t < tokens_.size(); ++t) rows_.push_back(static_cast<int64_t>(t));
    predicted_.insert(predicted_.end(), block.begin() + 1, block.end());
    close(tokens_.size());
  }
  // A prompt and the text predicted after it. Its last token is only predicted, never read.
  void add(const SpanCorruption::Example& example) {
    tokens_.insert(tokens_.end(), example.prompt.begin(), example.prompt.end());
    const size_t split = tokens_.size();
    tokens_.insert(tokens_.end(), example.target.begin(), example.target.end() - 1);
    for (size_t t = split - 1; t < tokens_.size(); ++t) rows_.push_back(static_cast<int64_t>(t));
    predicted_.insert(predicted_.end(), example.target.begin(), example.target.end());
    close(split);
  }
  void finish() {
    ids_ = torch::tensor(tokens_, torch::kInt64);
    read_ = torch::tensor(rows_, torch::kInt64);
    targets_ = torch::tensor(predicted_, torch::kInt64);
  }

  torch::Tensor loss(GenerativeLM& model) const {
    const SplitPacked input{{model.embed(ids_), offsets_}, splits_};
    return model.cross_entropy_sum(model.hidden_after(input, read_), targets_);
  }

 private:
  void close(size_t split) {
    splits_.push_back(static_cast<int64_t>(split));
    offsets_.push_back(static_cast<int64_t>(tokens_.size()));
  }

  std::vector<int64_t> tokens_, rows_, predicted_, offsets_{0}, splits_;
  torch::Tensor ids_, read_, targets_;
};

// The blocks that begin at these tokens of the file. `random` decides what is cut out of each.
template <class RandomOf>
std::unique_ptr<BlockBatch> read_blocks(const TokenFile& file, const BlockData& data,
                                        const std::vector<int64_t>& begins,
                                        const RandomOf& random_of) {
  auto batch = std::make_unique<BlockBatch>();
  std::vector<int64_t> block(static_cast<size_t>(data.block) + 1);
  for (const int64_t begin : begins) {
    file.read(begin, data.block + 1, block.data());
    if (data.spans) {
      Random random = random_of(begin);
      batch->add(data.spans->apply(std::span(block).first(block.size() - 1), random));
    } else {
      batch->add_next_token(block);
    }
  }
  batch->finish();
  return batch;
}

}  // namespace

BlockObjective::BlockObjective(std::shared_ptr<GenerativeLM> model, const BlockData& data)
    : model_(std::move(model)), data_(data), file_(data.tokens, data.vocab_size) {
  if (blocks() < 1) {
    throw Error(Exit::bad_data, "text",
                cat("got ", file_.size(), " tokens to train on, expected more than two blocks of ",
                    data_.block, "; give more text or a smaller block"));
  }
}

std::pair<int64_t, int64_t> BlockObjective::range(int64_t epoch) const {
  const int64_t part = epoch % data_.parts;
  return {blocks() * part / data_.parts, blocks() * (part + 1) / data_.parts};
}

int64_t BlockObjective::steps(int64_t epoch) const {
  const auto [begin, end] = range(epoch);
  return (end - begin + data_.batch_size - 1) / data_.batch_size;
}

std::vector<int64_t> BlockObjective::order(int64_t pass, int64_t begin, int64_t end) const {
  const std::lock_guard lock(mutex_);
  if (shuffled_pass_ != pass) {
    shuffled_.resize(static_cast<size_t>(blocks()));
    std::iota(shuffled_.begin(), shuffled_.end(), int64_t{0});
    Random(data_.seed, "lm/blocks", {static_cast<uint64_t>(pass)}).shuffle(shuffled_);
    shuffled_pass_ = pass;
  }
  return {shuffled_.begin() + begin, shuffled_.begin() + end};
}

std::unique_ptr<model::Batch> BlockObjective::batch(int64_t epoch, int64_t step) const {
  const int64_t pass = epoch / data_.parts;
  const auto [first, last] = range(epoch);
  const int64_t begin = first + step * data_.batch_size;
  const auto chosen = order(pass, begin, std::min(begin + data_.batch_size, last));
  const auto shift =
      static_cast<int64_t>(Random(data_.seed, "lm/shift", {static_cast<uint64_t>(pass)})
                               .below(static_cast<uint64_t>(data_.block)));
  std::vector<int64_t> begins;
  for (const int64_t block : chosen) begins.push_back(shift + block * data_.block);
  return read_blocks(file_, data_, begins, [&](int64_t at) {
    return Random(data_.seed, "lm/spans", {static_cast<uint64_t>(pass), static_cast<uint64_t>(at)});
  });
}

model::LossParts BlockObjective::loss(const model::Batch& batch) {
  return {dynamic_cast<const BlockBatch&>(batch).loss(*model_), batch.label_count(), {}};
}

HeldOutLoss::HeldOutLoss(std::shared_ptr<GenerativeLM> model, const BlockData& data,
                         int64_t most_blocks)
    : model_(std::move(model)),
      data_(data),
      file_(data.tokens, data.vocab_size),
      blocks_(std::min(most_blocks, (file_.size() - 1) / data.block)) {}

double HeldOutLoss::loss() const {
  const torch::NoGradGuard no_grad;
  if (blocks_ <= 0) return std::numeric_limits<double>::quiet_NaN();
  double total = 0, labels = 0;
  for (int64_t first = 0; first < blocks_; first += data_.batch_size) {
    std::vector<int64_t> begins;
    for (int64_t block = first; block < std::min(first + data_.batch_size, blocks_); ++block) {
      begins.push_back(block * data_.block);
    }
    const auto batch = read_blocks(file_, data_, begins, [&](int64_t at) {
      return Random(data_.seed, "lm/held-out-spans", {static_cast<uint64_t>(at)});
    });
    batch->to(model_->device());
    total += batch->loss(*model_).item<double>();
    labels += batch->label_count();
  }
  return total / labels;
}

std::vector<std::pair<std::string, double>> HeldOutLoss::numbers() const {
  if (blocks_ <= 0) return {};
  const double value = loss();
  return {{"loss", value}, {"perplexity", std::exp(value)}};
}

namespace {

// The step of each tensor in proportion to the scale it starts at.
std::vector<model::ParameterGroup> relative_groups(const GenerativeLM& model, double weight_decay) {
  std::vector<model::ParameterGroup> groups;
  for (const auto& parameter : model.named_parameters()) {
    const torch::Tensor values = parameter.value().detach();
    const double scale = std::max(values.pow(2).mean().sqrt().item<double>(), 1e-3);
    model::ParameterGroup group;
    group.parameters.emplace_back(parameter.key(), parameter.value());
    group.learning_rate_scale = scale * std::sqrt(static_cast<double>(model.hidden_size()));
    group.weight_decay = values.dim() >= 2 ? weight_decay / group.learning_rate_scale : 0.0;
    groups.push_back(std::move(group));
  }
  return groups;
}

}  // namespace

std::vector<model::ParameterGroup> pretrain_groups(const GenerativeLM& model, double weight_decay) {
  if (model.kind() == "t5") return relative_groups(model, weight_decay);
  model::ParameterGroup matrices, vectors;
  matrices.weight_decay = weight_decay;
  vectors.weight_decay = 0.0;
  for (const auto& parameter : model.named_parameters()) {
    auto& group = parameter.value().dim() >= 2 ? matrices : vectors;
    group.parameters.emplace_back(parameter.key(), parameter.value());
  }
  return {matrices, vectors};
}

}  // namespace kindred::lm
