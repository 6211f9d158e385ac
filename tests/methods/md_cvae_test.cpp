// MD-CVAE against tests/reference/md_cvae_twin.py (PyTorch): the bags of words, every pretraining
// loss with its gradients, four alternating Adam steps; which texts it reads; cold items; files.

#include "methods/md_cvae.h"

#include <map>

#include "cf/small_data.h"
#include "core/error.h"
#include "methods/md_cvae_content.h"
#include "train/fit.h"

namespace kindred::methods {
namespace {

using cf::all_scores;
using cf::expect_close;
using cf::known;
using cf::unseen;
using Tensors = std::map<std::string, torch::Tensor>;

class ListColumn final : public data::TextColumn {
 public:
  explicit ListColumn(std::vector<std::string> texts) : texts_(std::move(texts)) {}
  std::string get(int64_t row) const override { return texts_.at(static_cast<size_t>(row)); }
  bool has(int64_t row) const override { return !get(row).empty(); }
  int64_t rows() const override { return static_cast<int64_t>(texts_.size()); }

 private:
  std::vector<std::string> texts_;
};

/// The texts of the script.
const std::vector<std::string>& texts() {
  static const std::vector<std::string> list = {"A red guitar, red strings!",
                                                "Blue guitar strings and a strap",
                                                "drum sticks; drum SKIN",
                                                "",
                                                "The drum and the cymbal",
                                                "red strap",
                                                "cymbal polish, guitar polish (blue)"};
  return list;
}

Tensors fixture(const std::string& variant) {
  Tensors tensors;
  const std::string path =
      std::string(KINDRED_SOURCE_DIR) + "/tests/fixtures/md_cvae/" + variant + ".safetensors";
  for (const auto& [name, tensor] : model::load_tensors(path)) tensors[name] = tensor;
  return tensors;
}

Json options_of(const std::string& variant) {
  return {{"hidden_sizes", {5}},
          {"latent_size", 3},
          {"content_hidden_sizes", {6, 4}},
          {"item_embeddings", variant},
          {"lambda_v", 2.0},
          {"lambda_w", 0.05},
          {"words", {{"vocabulary", 8}, {"min_documents", 1}, {"max_document_share", 1.0}}}};
}

std::shared_ptr<data::Dataset> described_data(const torch::Tensor& x) {
  auto dataset = cf::empty_data(static_cast<int>(x.size(0)), static_cast<int>(x.size(1)));
  for (int64_t u = 0; u < x.size(0); ++u)
    for (int64_t i = 0; i < x.size(1); ++i)
      if (x[u][i].item<float>() > 0)
        cf::add_pair(*dataset, static_cast<int>(u), static_cast<int>(i));
  dataset->item_texts["title"] = std::make_shared<ListColumn>(texts());
  return dataset;
}

/// The twin's weight of that name, transposed where its dense formula has it the other way round.
torch::Tensor from_twin(const Tensors& tensors, const std::string& set, const std::string& name) {
  static const std::map<std::string, std::pair<std::string, bool>> names = {
      {"encoder.items.weight", {"q.w", false}},
      {"encoder.items.bias", {"q.b", false}},
      {"encoder.mean.weight", {"mean.w", true}},
      {"encoder.mean.bias", {"mean.b", false}},
      {"encoder.spread.weight", {"spread.w", true}},
      {"encoder.spread.bias", {"spread.b", false}},
      {"decoder.0.weight", {"p.w", true}},
      {"decoder.0.bias", {"p.b", false}},
      {"decoder.items.weight", {"out.w", true}},
      {"decoder.items.bias", {"out.b", false}},
      {"content.0.weight", {"c0.w", false}},
      {"content.0.bias", {"c0.b", false}},
      {"content.0.back", {"c0.back", false}},
      {"content.1.weight", {"c1.w", true}},
      {"content.1.bias", {"c1.b", false}},
      {"content.1.back", {"c1.back", false}},
      {"content.mean.weight", {"cmean.w", true}},
      {"content.mean.bias", {"cmean.b", false}},
      {"content.spread.weight", {"cspread.w", true}},
      {"content.spread.bias", {"cspread.b", false}},
      {"content.out.weight", {"cout.w", true}},
      {"content.out.bias", {"cout.b", false}}};
  const auto [twin, transposed] = names.at(name);
  const auto found = tensors.find(set + "." + twin);
  if (found == tensors.end()) return {};
  return (transposed ? found->second.t() : found->second).contiguous();
}

/// Every parameter of the method by name: those of the last stage.
model::NamedTensors parameters(model::Method& method) {
  model::NamedTensors all;
  const auto stages = method.stages();
  for (const auto& group : stages.back().parameters)
    all.insert(all.end(), group.parameters.begin(), group.parameters.end());
  return all;
}

void start_from(model::Method& method, const Tensors& tensors) {
  torch::NoGradGuard no_grad;
  for (auto& [name, tensor] : parameters(method)) {
    tensor.copy_(from_twin(tensors, "start", name));
    tensor.mutable_grad().reset();
  }
}

/// The described items in order, as the twin's dense rows.
ContentBatch content_batch(const Tensors& tensors) {
  const torch::Tensor bags = tensors.at("bags");
  ContentBatch batch;
  batch.items = bags.sum(1).nonzero().squeeze(1);
  const torch::Tensor rows = bags.index_select(0, batch.items);
  const torch::Tensor filled = rows.nonzero();
  batch.owners = filled.select(1, 0).contiguous();
  batch.words = filled.select(1, 1).contiguous();
  batch.offsets = torch::searchsorted(batch.owners, torch::arange(rows.size(0)));
  batch.values = rows.index({batch.owners, batch.words});
  batch.given = tensors.at("given").index({batch.owners, batch.words});
  batch.noise = tensors.at("noise");
  return batch;
}

cf::UserBatch user_batch(const Tensors& tensors, int64_t epoch) {
  const torch::Tensor x = tensors.at("x");
  std::vector<std::vector<data::Index>> lists(static_cast<size_t>(x.size(0)));
  for (int64_t u = 0; u < x.size(0); ++u)
    for (int64_t i = 0; i < x.size(1); ++i)
      if (x[u][i].item<float>() > 0) lists[static_cast<size_t>(u)].push_back(static_cast<int>(i));
  cf::UserBatch batch;
  batch.bags = cf::item_bags(lists);
  batch.values = cf::bag_values(batch.bags, false);
  batch.noise = tensors.at("user_noise");
  batch.kl_weight = 0.3;
  batch.epoch = epoch;
  return batch;
}

TEST(MdCvae, ReadsTheSameBagsOfWords) {
  const Tensors tensors = fixture("decoder");
  MdCvaeOptions options;
  options.words = {8, 1, 1.0};
  const auto bags = item_words(options, *described_data(tensors.at("x")));
  ASSERT_EQ(bags.words.size(), 8u);
  torch::Tensor dense = torch::zeros({7, 8});
  for (int64_t row = 0; row < 7; ++row)
    for (int64_t k = bags.offsets[row]; k < bags.offsets[row + 1]; ++k)
      dense[row][bags.columns[k]] = bags.values[k];
  expect_close(dense, tensors.at("bags"), 1e-6, testing::PrintToString(bags.words));
}

TEST(MdCvae, PretrainsAsItsTwin) {
  const Tensors tensors = fixture("decoder");
  const auto method =
      cf::method_of(md_cvae_entry(), described_data(tensors.at("x")), options_of("decoder"));
  const std::vector<std::pair<std::string, std::string>> steps = {{"content-layer-1", "layer0"},
                                                                  {"content-layer-2", "layer1"},
                                                                  {"content-core", "core"},
                                                                  {"content", "whole"}};
  auto stages = method->stages();
  ASSERT_EQ(stages.size(), 5u);
  for (size_t k = 0; k < steps.size(); ++k) {
    const auto& [stage, twin] = steps[k];
    SCOPED_TRACE(stage);
    EXPECT_EQ(stages[k].name, stage);
    EXPECT_EQ(stages[k].train.learning_rate, 0.01);
    EXPECT_EQ(stages[k].train.epochs, k == 3 ? 100 : 50);
    start_from(*method, tensors);
    ContentBatch batch = content_batch(tensors);
    if (k != 0) batch.given = batch.values;  // only the first layer sees masked words
    const auto parts = stages[k].objectives[0]->loss(batch);
    expect_close(parts.sum / parts.count, tensors.at(twin), 1e-5, "loss");
    (parts.sum / parts.count).backward();
    std::map<std::string, bool> trained;
    for (const auto& [name, tensor] : stages[k].parameters[0].parameters) trained[name] = true;
    for (const auto& [name, tensor] : parameters(*method)) {
      const torch::Tensor want = from_twin(tensors, twin, name);
      EXPECT_EQ(want.defined(), trained.contains(name)) << name;
      if (want.defined())
        expect_close(tensor.grad(), want, 1e-5, name);
      else
        EXPECT_FALSE(tensor.grad().defined()) << name;
    }
  }
}

TEST(MdCvae, AlternatesAsItsTwin) {
  for (const std::string variant : {"decoder", "encoder", "tied"}) {
    SCOPED_TRACE(variant);
    const Tensors tensors = fixture(variant);
    const auto method =
        cf::method_of(md_cvae_entry(), described_data(tensors.at("x")), options_of(variant));
    start_from(*method, tensors);
    auto stages = method->stages();
    auto& joint = stages.back();
    EXPECT_EQ(joint.alternation, model::Alternation::epoch);
    ASSERT_EQ(joint.objectives.size(), 2u);
    std::vector<torch::Tensor> leaves;
    for (const auto& [name, tensor] : parameters(*method)) leaves.push_back(tensor);
    torch::optim::Adam adam(leaves, torch::optim::AdamOptions(0.01));
    ContentBatch content = content_batch(tensors);
    content.given = content.values;
    for (int64_t step = 0; step < 4; ++step) {
      adam.zero_grad();
      const auto parts = step % 2 == 0 ? joint.objectives[0]->loss(user_batch(tensors, step / 2))
                                       : joint.objectives[1]->loss(content);
      const torch::Tensor loss = parts.sum / parts.count;
      expect_close(loss, tensors.at("losses")[step], 1e-4, cat("loss ", step));
      loss.backward();
      adam.step();
    }
    for (const auto& [name, tensor] : parameters(*method))
      expect_close(tensor, from_twin(tensors, "end", name), 1e-4, name);
  }
}

/// Six items in two tastes and one that nobody took, described like the first taste.
std::shared_ptr<data::Dataset> tastes() {
  auto dataset = cf::empty_data(30, 7);
  for (int u = 0; u < 30; ++u)
    for (int k = 0; k < 3; ++k)
      if (k != u % 4) cf::add_pair(*dataset, u, (u % 2) * 3 + k);
  dataset->item_texts["title"] = std::make_shared<ListColumn>(std::vector<std::string>{
      "guitar strings steel", "guitar strap steel", "guitar strings strap", "drum sticks cymbal",
      "drum skin cymbal", "drum sticks skin", "guitar strings strap steel"});
  return dataset;
}

Json short_stages() {
  const Json pretraining = {{"epochs", 30}};
  return {{"content-layer-1", pretraining},
          {"content-core", pretraining},
          {"content", {{"epochs", 60}}},
          {"joint", {{"epochs", 60}, {"batch_size", 8}, {"learning_rate", 0.01}, {"select", ""}}}};
}

TEST(MdCvae, LearnsTastesAndServesAColdItemByItsWords) {
  const auto dataset = tastes();
  for (const std::string variant : {"decoder", "tied"}) {
    SCOPED_TRACE(variant);
    const Json options = {
        {"hidden_sizes", {8}},        {"latent_size", 4}, {"content_hidden_sizes", {6}},
        {"item_embeddings", variant}, {"lambda_v", 5.0},  {"words", {{"min_documents", 1}}}};
    const auto method = cf::method_of(md_cvae_entry(), dataset, options, short_stages());
    for (model::Stage& stage : method->stages()) {
      train::FitContext context;
      context.quiet = true;
      train::fit(stage, context);
    }
    const auto recommender = method->recommender();
    const torch::Tensor scores =
        all_scores(*recommender, {known(*dataset, 0), known(*dataset, 1), unseen({0, 1})});
    EXPECT_GT(scores[0].slice(0, 0, 3).min().item<float>(),
              scores[0].slice(0, 3, 6).max().item<float>());
    EXPECT_GT(scores[1].slice(0, 3, 6).min().item<float>(),
              scores[1].slice(0, 0, 3).max().item<float>());
    EXPECT_TRUE(recommender->is_cold(6));
    EXPECT_GT(scores[2][6].item<float>(), scores[2].slice(0, 3, 6).max().item<float>())
        << "a new guitar thing goes to those with guitar things first";
    EXPECT_LT(scores[1][6].item<float>(), scores[1].slice(0, 3, 6).min().item<float>());
    cf::expect_round_trip(md_cvae_entry(), *recommender, *dataset);
  }
}

TEST(MdCvae, InputsAreDroppedAndScaledWhereAskedFor) {
  const auto dataset = tastes();
  const auto values = [&](const Json& more) {
    Json options = {{"words", {{"min_documents", 1}}}};
    options.update(more);
    const auto method = cf::method_of(md_cvae_entry(), dataset, options, short_stages());
    const auto stages = method->stages();
    const auto batch = stages.back().objectives[0]->batch(0, 0);
    return dynamic_cast<const cf::UserBatch&>(*batch).values;
  };
  EXPECT_TRUE((values(Json::object()) == 1).all().item<bool>());
  const torch::Tensor dropped = values({{"dropout", 0.5}});
  EXPECT_TRUE(((dropped == 0) | (dropped == 2)).all().item<bool>());
  EXPECT_GT((dropped == 0).sum().item<int64_t>(), 0);
  const torch::Tensor scaled = values({{"normalize", true}});  // people have two items or three
  EXPECT_LT(scaled.max().item<float>(), 0.72f);
  const auto method =
      cf::method_of(md_cvae_entry(), dataset,
                    {{"normalize", true}, {"words", {{"min_documents", 1}}}}, short_stages());
  cf::expect_round_trip(md_cvae_entry(), *method->recommender(), *dataset);
}

TEST(MdCvae, IsTheSameWithTheSameSeed) {
  const auto dataset = tastes();
  std::vector<torch::Tensor> scores;
  for (int run = 0; run < 2; ++run) {
    const auto method =
        cf::method_of(md_cvae_entry(), dataset,
                      {{"hidden_sizes", {6}}, {"words", {{"min_documents", 1}}}}, short_stages());
    for (model::Stage& stage : method->stages()) {
      stage.train.epochs = 3;
      train::FitContext context;
      context.quiet = true;
      train::fit(stage, context);
    }
    scores.push_back(all_scores(*method->recommender(), {known(*dataset, 0), known(*dataset, 1)}));
  }
  EXPECT_TRUE(torch::equal(scores[0], scores[1]));
}

TEST(MdCvae, ReadsTrainingReviewsByTheirItem) {
  auto dataset = cf::empty_data(2, 3);
  cf::add_pair(*dataset, 0, 2);
  cf::add_pair(*dataset, 1, 0);
  cf::add_pair(*dataset, 1, 2);
  auto& test = dataset->parts[static_cast<size_t>(data::Part::test)];
  test.user.push_back(0);
  test.item.push_back(1);  // a test interaction; its review cannot be asked for
  dataset->reviews =
      std::make_shared<ListColumn>(std::vector<std::string>{"warm tone", "broken", "tone knob"});
  MdCvaeOptions options;
  options.words.min_documents = 1;
  options.words.max_document_share = 1.0;
  const auto bags = item_words(options, *dataset);
  EXPECT_EQ(bags.words, (std::vector<std::string>{"tone", "broken", "knob", "warm"}));
  EXPECT_EQ(bags.offsets, (std::vector<int64_t>{0, 1, 1, 4}));
  EXPECT_EQ(bags.columns, (std::vector<int32_t>{1, 0, 2, 3}));
  EXPECT_EQ(bags.values, (std::vector<float>{1, 1, 0.5f, 0.5f}));
}

TEST(MdCvae, SaysWhichTextsItLacks) {
  auto dataset = cf::empty_data(1, 2);
  cf::add_pair(*dataset, 0, 1);
  EXPECT_THROW(cf::method_of(md_cvae_entry(), dataset), Error);
  dataset->item_texts["title"] = std::make_shared<ListColumn>(std::vector<std::string>{"a b", "b"});
  EXPECT_THROW(cf::method_of(md_cvae_entry(), dataset, {{"content", "reviews"}}), Error);
  EXPECT_THROW(cf::method_of(md_cvae_entry(), dataset, {{"content", "both"}}), Error);
  EXPECT_THROW(cf::method_of(md_cvae_entry(), dataset), Error) << "no word is left";
}

}  // namespace
}  // namespace kindred::methods
