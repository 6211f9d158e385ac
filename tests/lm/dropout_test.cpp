// Dropout goes by a sequence's place in the step's whole batch, and by nothing else of what it is
// packed with.

#include "lm/dropout.h"

#include <gtest/gtest.h>

#include <functional>

#include "lm/adapter.h"
#include "lm/encoder.h"
#include "lm/model_pair.h"
#include "lm/t5.h"
#include "model/chance.h"

namespace kindred::lm {
namespace {

const std::vector<int64_t> kLengths = {9, 1, 13, 7};

/// What a model makes of packed sequences, by sequence.
using Read = std::function<std::vector<torch::Tensor>(const Packed&)>;

/// Which sequences are packed, in which order, and where the batch's rows stand in the step's.
struct Part {
  std::vector<int64_t> sequences;
  int64_t first = 0, stride = 1;
  std::vector<int64_t> places = {};
};

/// Sequences with values of their own, read with dropout in several packings.
class Batch {
 public:
  Batch(Read read, int64_t width) : read_(std::move(read)) {
    torch::manual_seed(41);
    for (const int64_t length : kLengths) values_.push_back(torch::randn({length, width}));
  }

  /// States and gradients of each sequence of a part, side by side: [L, 2 D].
  std::vector<torch::Tensor> read(const Part& part) const {
    const model::BatchChance chance(5, part.first, part.stride);
    std::vector<torch::Tensor> own, results;
    Packed packed{{}, {0}, {}, part.places};
    for (const int64_t s : part.sequences) {
      own.push_back(values_[static_cast<size_t>(s)].clone().requires_grad_(true));
      packed.offsets.push_back(packed.offsets.back() + own.back().size(0));
    }
    packed.embeddings = torch::cat(own);
    const std::vector<torch::Tensor> states = read_(packed);
    torch::Tensor sum = torch::zeros({});
    for (const torch::Tensor& one : states) sum = sum + one.square().sum();
    sum.backward();
    for (size_t s = 0; s < own.size(); ++s)
      results.push_back(torch::cat({states[s].detach().flatten(), own[s].grad().flatten()}));
    return results;
  }

 private:
  Read read_;
  std::vector<torch::Tensor> values_;
};

void expect_by_place(const Read& read, int64_t width, const std::string& what) {
  const Batch batch(read, width);
  const std::vector<torch::Tensor> whole = batch.read({{0, 1, 2, 3}});
  const std::vector<std::pair<std::string, std::vector<Part>>> ways = {
      {"again", {{{0, 1, 2, 3}}}},
      {"in two parts", {{{0, 1}, 0}, {{2, 3}, 2}}},
      {"in stripes of two processes", {{{0, 2}, 0, 2}, {{1, 3}, 1, 2}}},
      {"in another order", {{{2, 0, 3, 1}, 0, 1, {2, 0, 3, 1}}}}};
  for (const auto& [name, parts] : ways) {
    for (const Part& part : parts) {
      const std::vector<torch::Tensor> got = batch.read(part);
      for (size_t s = 0; s < got.size(); ++s) {
        const auto& want = whole[static_cast<size_t>(part.sequences[s])];
        EXPECT_LT(relative(got[s], want), 5e-5) << what << ": " << name << ", " << s;
      }
    }
  }
  const std::vector<torch::Tensor> elsewhere = batch.read({{0, 1, 2, 3}, 4});
  EXPECT_GT(relative(elsewhere[2], whole[2]), 0.02) << what << ": nothing was dropped";
}

/// By sequence, where each has rows for all of its tokens.
std::vector<torch::Tensor> by_sequence(const torch::Tensor& states, const Packed& input) {
  std::vector<torch::Tensor> parts;
  for (size_t s = 0; s + 1 < input.offsets.size(); ++s)
    parts.push_back(states.slice(0, input.offsets[s], input.offsets[s + 1]));
  return parts;
}

std::shared_ptr<Adapter> dropping_adapter(const Backbone& model) {
  const Json config = {{"peft_type", "LORA"},
                       {"r", 4},
                       {"lora_alpha", 8},
                       {"lora_dropout", 0.3},
                       {"target_modules", "all-linear"}};
  auto adapter =
      std::make_shared<Adapter>(model, parse_adapter_config(config, "adapter_config.json"), 3);
  const torch::NoGradGuard no_grad;
  torch::manual_seed(3);
  for (auto [name, tensor] : adapter->named_parameters())
    tensor.add_(torch::randn_like(tensor), 0.1);
  return adapter;
}

TEST(Dropout, OfDecodersGoesByPlace) {
  std::vector<Json> configs = kKinds;
  configs.push_back(kSmall);
  configs.back().update(Json{{"embd_pdrop", 0.2}, {"attn_pdrop", 0.3}, {"resid_pdrop", 0.1}});
  for (const Json& config : configs) {
    auto [trainable, frozen] = models(config, "fp32");
    for (const auto& model : {trainable, frozen}) {
      for (const bool adapted : {false, true}) {
        if (adapted) model->use({dropping_adapter(*model)});
        model->train();
        const Read read = [&](const Packed& input) {
          return by_sequence(model->hidden(input), input);
        };
        // A model without dropout of its own has nothing to show until adapters drop.
        if (adapted || config.contains("attention_dropout") || config.contains("attn_pdrop"))
          expect_by_place(
              read, model->hidden_size(),
              config.dump() + (model == frozen ? ", frozen" : "") + (adapted ? ", adapted" : ""));
      }
    }
  }
}

// With leading tokens that take no gradient, and some rows asked for.
TEST(Dropout, OfSomeRowsAndTokensGoesByPlace) {
  Json config = kSmall;
  config.update(Json{{"embd_pdrop", 0.2}, {"attn_pdrop", 0.3}, {"resid_pdrop", 0.1}});
  auto [trainable, frozen] = models(config, "fp32");
  const auto adapter = dropping_adapter(*frozen);
  adapter->set_trainable(false);
  frozen->use({adapter});
  frozen->train();
  const Read read = [model = frozen](const Packed& input) {
    Packed some = input;
    std::vector<int64_t> asked;
    for (size_t s = 0; s + 1 < input.offsets.size(); ++s) {
      const int64_t begin = input.offsets[s], end = input.offsets[s + 1];
      some.fixed.push_back((end - begin) / 2);
      asked.insert(asked.end(), {begin, end - 1});
    }
    return model->hidden(some, torch::tensor(asked)).split(2);
  };
  for (const bool checkpoint : {false, true}) {
    frozen->set_checkpointing(checkpoint);
    expect_by_place(read, frozen->hidden_size(), checkpoint ? "checkpointed" : "kept");
  }
}

TEST(Dropout, OfEncodersGoesByPlaceWhateverRowsAreAskedFor) {
  const Json bert = {
      {"model_type", "bert"},         {"vocab_size", 301},        {"hidden_size", 48},
      {"num_hidden_layers", 2},       {"num_attention_heads", 4}, {"intermediate_size", 100},
      {"max_position_embeddings", 64}};
  Json mpnet = bert;
  mpnet["model_type"] = "mpnet";
  const auto frozen = [](const Json& config) -> std::shared_ptr<EncoderLM> {
    Weights weights(shaken_weights(*make_encoder(config, 11)));
    return std::make_shared<Encoder>(plan_encoder(config, "config"), std::move(weights),
                                     LoadOptions{});
  };
  // An MPNet in training learns its bias, for which LibTorch drops.
  for (const auto& model : {make_encoder(bert, 11), frozen(bert), frozen(mpnet)}) {
    model->use({dropping_adapter(*model)});
    model->train();
    const Read read = [&](const Packed& input) { return by_sequence(model->hidden(input), input); };
    expect_by_place(read, model->hidden_size(), model->kind());
    const torch::NoGradGuard no_grad;
    const Packed input{torch::randn({30, 48}), {0, 13, 30}};
    const auto rows = torch::tensor({4, 29, 4, 17});
    const auto hidden = [&](const torch::Tensor& asked) {
      const model::BatchChance chance(7);
      return model->hidden(input, asked);
    };
    EXPECT_LT(relative(hidden(rows), hidden({}).index_select(0, rows)), 5e-5) << model->kind();
  }
}

TEST(Dropout, OfAFrozenT5GoesByPlace) {
  const Json config = {{"model_type", "t5"}, {"vocab_size", 50},   {"d_model", 24},
                       {"d_kv", 6},          {"d_ff", 40},         {"num_heads", 4},
                       {"num_layers", 2},    {"dropout_rate", 0.2}};
  const auto model = make_generative_lm(config, 3, {"fp32", false, torch::kCPU});
  for (const bool adapted : {false, true}) {
    if (adapted) model->use({dropping_adapter(*model)});
    model->train();
    // The first half of a sequence is its prompt; what follows each token from its end on is read.
    const Read read = [&](const Packed& input) {
      SplitPacked split{input, {}};
      std::vector<int64_t> asked, counts;
      for (size_t s = 0; s + 1 < input.offsets.size(); ++s) {
        const int64_t begin = input.offsets[s], end = input.offsets[s + 1];
        split.splits.push_back(begin + (end - begin + 1) / 2);
        counts.push_back(end - split.splits.back() + 1);
        for (int64_t t = split.splits.back() - 1; t < end; ++t) asked.push_back(t);
      }
      return model->hidden_after(split, torch::tensor(asked)).split_with_sizes(counts);
    };
    expect_by_place(read, model->hidden_size(), adapted ? "adapted" : "as it is");
  }
}

TEST(Dropout, EveryPassOfABatchDrawsAnew) {
  const model::BatchChance chance(5);
  const uint64_t first = draw_dropout_seed(), second = draw_dropout_seed();
  EXPECT_NE(first, second);
  {
    const model::BatchChance inner(5, 10);
    EXPECT_EQ(draw_dropout_seed(), first) << "the first pass of another batch of the step";
    EXPECT_EQ(mask_rows({0, 2}, {})->tokens, mask_rows({0, 2}, {0})->tokens);
    EXPECT_NE(mask_rows({0, 2}, {})->tokens, mask_rows({0, 2}, {1})->tokens);
  }
  EXPECT_NE(draw_dropout_seed(), second);
}

}  // namespace
}  // namespace kindred::lm
