// The autoencoder of people's items against tests/reference/cf_multi_vae.py (PyTorch): posterior,
// scores, loss, gradients and four Adam steps; and the batches, the annealing and the files of
// Multi-VAE.

#include "cf/multi_vae.h"

#include <map>
#include <set>

#include "cf/small_data.h"
#include "core/error.h"

namespace kindred::cf {
namespace {

using Tensors = std::map<std::string, torch::Tensor>;

Tensors fixture(const std::string& name) {
  Tensors tensors;
  for (const auto& [key, tensor] : model::load_tensors(
           std::string(KINDRED_SOURCE_DIR) + "/tests/fixtures/cf/" + name + ".safetensors"))
    tensors[key] = tensor;
  return tensors;
}

struct Case {
  std::string name;
  UserVaeShape shape;
  bool normalize;
  double kl_weight;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> list = {
      {"multi_vae", {11, {7}, 3, false, false}, true, 0.2},
      {"user_vae_plain", {11, {}, 4, true, true}, false, 0.7},
      {"user_vae_deep", {11, {5, 6}, 3, true, false}, false, 1.0}};
  return list;
}

/// The twin's name of a weight, and whether the twin's matrix is transposed.
std::pair<std::string, bool> twin_name(const std::string& name, bool flat) {
  static const std::map<std::string, std::pair<std::string, bool>> fixed = {
      {"encoder.spread.bias", {"spread.b", false}},
      {"encoder.mean.bias", {"mean.b", false}},
      {"encoder.mean.weight", {"mean.w", true}},
      {"decoder.items.weight", {"out.w", true}},
      {"decoder.items.bias", {"out.b", false}}};
  if (const auto found = fixed.find(name); found != fixed.end()) return found->second;
  if (name == "encoder.items.weight") return {flat ? "mean.w" : "q0.w", false};
  if (name == "encoder.items.bias") return {flat ? "mean.b" : "q0.b", false};
  if (name == "encoder.spread.weight") return {"spread.w", !flat};
  const std::string layer = name.substr(8, name.find('.', 8) - 8);
  const bool bias = name.ends_with(".bias");
  return {(name.starts_with("encoder.") ? "q" : "p") + layer + (bias ? ".b" : ".w"), !bias};
}

torch::Tensor from_twin(const Tensors& tensors, const std::string& set, const std::string& name,
                        bool flat) {
  const auto [twin, transposed] = twin_name(name, flat);
  const torch::Tensor tensor = tensors.at(set + "." + twin);
  return (transposed ? tensor.t() : tensor).contiguous();
}

/// The network with the twin's first weights, as leaves.
std::shared_ptr<UserVae> network(const Case& test, const Tensors& tensors) {
  const UserVae names(test.shape, UserVaeStart{});
  model::NamedTensors start;
  for (const auto& [name, tensor] : names.parameters())
    start.emplace_back(
        name,
        from_twin(tensors, "start", name, test.shape.hidden.empty()).clone().requires_grad_());
  return std::make_shared<UserVae>(test.shape, start, "the fixture");
}

std::vector<std::vector<Index>> rows_of(const torch::Tensor& x) {
  std::vector<std::vector<Index>> lists(static_cast<size_t>(x.size(0)));
  for (int64_t u = 0; u < x.size(0); ++u)
    for (int64_t i = 0; i < x.size(1); ++i)
      if (x[u][i].item<float>() > 0) lists[static_cast<size_t>(u)].push_back(static_cast<Index>(i));
  return lists;
}

UserBatch batch_of(const Case& test, const Tensors& tensors) {
  UserBatch batch;
  batch.bags = item_bags(rows_of(tensors.at("x")));
  batch.values = bag_values(batch.bags, test.normalize) *
                 tensors.at("mask").index({batch.bags.rows, batch.bags.items});
  batch.noise = tensors.at("noise");
  batch.kl_weight = test.kl_weight;
  return batch;
}

TEST(UserVae, EqualsItsTwin) {
  for (const Case& test : cases()) {
    SCOPED_TRACE(test.name);
    const Tensors tensors = fixture(test.name);
    const auto vae = network(test, tensors);
    const bool flat = test.shape.hidden.empty();
    const ItemBags bags = item_bags(rows_of(tensors.at("x")));
    const auto latent = vae->encode(bags, bag_values(bags, test.normalize));
    expect_close(latent.mean, tensors.at("mean"), 1e-5, "posterior mean");
    expect_close(vae->logits(vae->decode(latent.mean)), tensors.at("scores"), 1e-5, "scores");

    auto users = std::make_shared<const data::Csr>();
    UserVaeObjective objective("multinomial", vae, users, UserBatchOptions{});
    const UserBatch batch = batch_of(test, tensors);
    std::vector<torch::Tensor> leaves;
    for (const auto& [name, tensor] : vae->parameters()) leaves.push_back(tensor);
    torch::optim::Adam adam(leaves, torch::optim::AdamOptions(0.01));
    for (int64_t step = 0; step < 4; ++step) {
      adam.zero_grad();
      const model::LossParts parts = objective.loss(batch);
      EXPECT_EQ(parts.count, 6.0);
      const torch::Tensor loss = parts.sum / parts.count;
      loss.backward();
      if (step == 0)
        for (const auto& [name, tensor] : vae->parameters())
          expect_close(tensor.grad(), from_twin(tensors, "grad", name, flat), 1e-5, "grad " + name);
      adam.step();
      expect_close(loss, tensors.at("losses")[step], 1e-4, "loss");
    }
    for (const auto& [name, tensor] : vae->parameters())
      expect_close(tensor, from_twin(tensors, "end", name, flat), 1e-4, "after Adam " + name);
  }
}

TEST(UserVae, RecommendsTheDecodersLogits) {
  const Case& test = cases()[0];
  const Tensors tensors = fixture(test.name);
  const auto lists = rows_of(tensors.at("x"));
  data::Csr users;
  for (const auto& list : lists) {
    users.columns.insert(users.columns.end(), list.begin(), list.end());
    users.offsets.push_back(users.nnz());
  }
  UserVaeRecommender recommender("multi-vae", network(test, tensors), users, test.normalize);
  std::vector<model::Query> people, histories;
  for (int u = 0; u < 6; ++u) {
    histories.push_back(unseen(lists[static_cast<size_t>(u)]));
    people.push_back(histories.back());
    people.back().user = u;
  }
  expect_close(all_scores(recommender, people), tensors.at("scores"), 1e-5, "known people");
  expect_close(all_scores(recommender, histories), tensors.at("scores"), 1e-5, "never seen");
  expect_close(recommender.user_vectors(people).matmul(recommender.item_vectors().t()) +
                   recommender.item_biases(),
               tensors.at("scores"), 1e-5, "inner products and biases");
}

TEST(UserVae, ItsVectorsAreDifferentiableWhileGradientsAreOn) {
  const Case& test = cases()[0];
  const Tensors tensors = fixture(test.name);
  const auto lists = rows_of(tensors.at("x"));
  const auto vae = network(test, tensors);
  for (const auto& [name, tensor] : vae->parameters())
    torch::Tensor(tensor).set_requires_grad(true);
  UserVaeRecommender recommender("multi-vae", vae, data::Csr{}, test.normalize);
  const std::vector<model::Query> people{unseen(lists[0]), unseen(lists[1])};
  const torch::Tensor users = recommender.user_vectors(people);
  const torch::Tensor items = recommender.item_vectors(torch::tensor({3, 1, 1}));
  EXPECT_EQ(users.size(1), recommender.user_vector_size());
  EXPECT_EQ(items.sizes().vec(), (std::vector<int64_t>{3, recommender.item_vector_size()}));
  EXPECT_TRUE(torch::equal(items[1], items[2]));
  (users.sum() + items.sum()).backward();
  EXPECT_GT(vae->last().grad()[1].abs().sum().item<double>(), 0);
  EXPECT_EQ(vae->last().grad()[0].abs().sum().item<double>(), 0);
  EXPECT_GT(vae->first().grad().abs().sum().item<double>(), 0);
  const torch::NoGradGuard no_grad;
  EXPECT_FALSE(recommender.user_vectors(people).requires_grad());
}

TEST(UserVae, ReplacesItemsForServing) {
  for (const Case& test : cases()) {
    SCOPED_TRACE(test.name);
    const Tensors tensors = fixture(test.name);
    const auto vae = network(test, tensors);
    const torch::Tensor which = torch::arange(11) == 4;
    const torch::Tensor vectors = torch::randn({11, vae->last().size(1)});
    const auto served = vae->with_items(which, vectors);
    EXPECT_TRUE(torch::equal(served->last()[4], vectors[4]));
    EXPECT_TRUE(torch::equal(served->last()[5], vae->last()[5]));
    EXPECT_EQ(torch::equal(served->first()[4], vectors[4]), test.shape.tied);
    expect_close(served->last_bias()[4], (vae->last_bias().sum() - vae->last_bias()[4]) / 10, 1e-6,
                 "mean bias");
    EXPECT_FALSE(torch::equal(vae->last()[4], vectors[4])) << "the trained weights changed";
  }
}

UserBatchOptions batch_options() {
  UserBatchOptions options;
  options.batch_size = 3;
  options.dropout = 0.5;
  options.normalize = true;
  options.latent = 4;
  options.seed = 9;
  options.stream = "test";
  return options;
}

TEST(UserBatches, HoldEverybodyOnceAnEpochInANewOrder) {
  data::Csr users;  // eight people, person u has items {u, u + 1}; person 5 has none
  for (Index u = 0; u < 8; ++u) {
    if (u != 5) users.columns.insert(users.columns.end(), {u, u + 1});
    users.offsets.push_back(users.nnz());
  }
  const UserBatches batches(std::make_shared<data::Csr>(users), batch_options());
  ASSERT_EQ(batches.steps(), 3);
  std::vector<std::vector<int64_t>> orders;
  for (int64_t epoch = 0; epoch < 2; ++epoch) {
    std::vector<int64_t> order;
    for (int64_t step = 0; step < 3; ++step) {
      const auto batch = batches.make(epoch, step);
      EXPECT_EQ(batch->rows(), step == 2 ? 1 : 3);
      EXPECT_EQ(batch->noise.sizes().vec(), (std::vector<int64_t>{batch->rows(), 4}));
      for (int64_t k = 0; k < batch->bags.items.numel(); k += 2)
        order.push_back(batch->bags.items[k].item<int64_t>());
      const torch::Tensor kept = batch->values != 0;
      expect_close(batch->values.masked_select(kept),
                   torch::full({kept.sum().item<int64_t>()}, 2 / std::sqrt(2.0)), 1e-6, "values");
    }
    EXPECT_EQ(std::set<int64_t>(order.begin(), order.end()),
              (std::set<int64_t>{0, 1, 2, 3, 4, 6, 7}));
    orders.push_back(order);
  }
  EXPECT_NE(orders[0], orders[1]);
}

TEST(UserBatches, AreAFunctionOfSeedEpochAndStep) {
  const auto users = std::make_shared<data::Csr>(data::distinct_positives(
      *data_of(std::vector<std::vector<int>>(12, std::vector<int>{1, 0, 1, 1, 1})),
      std::array{data::Part::train}));
  const UserBatches one(users, batch_options()), two(users, batch_options());
  auto other_seed = batch_options();
  other_seed.seed = 10;
  const auto first = one.make(3, 1);
  for (int64_t step = 3; step >= 0; --step) two.make(4, step);
  const auto again = two.make(3, 1);
  EXPECT_TRUE(torch::equal(first->bags.items, again->bags.items));
  EXPECT_TRUE(torch::equal(first->values, again->values));
  EXPECT_TRUE(torch::equal(first->noise, again->noise));
  EXPECT_FALSE(torch::equal(first->noise, UserBatches(users, other_seed).make(3, 1)->noise));
  EXPECT_FALSE(torch::equal(first->noise, one.make(3, 2)->noise));
}

TEST(MultiVae, AnnealsAsTheAuthorsDo) {
  MultiVaeOptions options;
  EXPECT_DOUBLE_EQ(annealed(options, 0, 46800), 0.0);
  EXPECT_DOUBLE_EQ(annealed(options, 20000, 46800), 0.1);
  EXPECT_DOUBLE_EQ(annealed(options, 40000, 46800), 0.2);
  EXPECT_DOUBLE_EQ(annealed(options, 46799, 46800), 0.2);
  options.anneal_steps = 10;
  EXPECT_DOUBLE_EQ(annealed(options, 5, 46800), 0.1);
}

/// Two tastes: people of even number take the first four items, the others the last four.
std::shared_ptr<data::Dataset> tastes() {
  auto dataset = empty_data(24, 9);  // item 8 is cold
  for (int u = 0; u < 24; ++u)
    for (int k = 0; k < 4; ++k)
      if (k != u % 5) add_pair(*dataset, u, (u % 2) * 4 + k);
  return dataset;
}

TEST(MultiVae, StartsAsXavierAndLearnsTwoTastes) {
  const auto dataset = tastes();
  const Json options = {{"hidden_sizes", {16}}, {"latent_size", 4}};
  const Json stages = {{"train", {{"epochs", 60}, {"batch_size", 8}}}};
  const auto method = method_of(multi_vae_entry(), dataset, options, stages);
  auto list = method->stages();
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].name, "train");
  EXPECT_EQ(list[0].train.epochs, 60);
  std::vector<torch::Tensor> leaves;
  for (const auto& [name, tensor] : list[0].parameters[0].parameters) {
    leaves.push_back(tensor);
    if (tensor.dim() == 1) EXPECT_LE(tensor.abs().max().item<float>(), 0.002f) << name;
    if (name == "encoder.items.weight")
      EXPECT_LE(tensor.abs().max().item<double>(), std::sqrt(6.0 / 25) + 1e-6);
    if (name == "encoder.mean.weight")
      EXPECT_LE(tensor.abs().max().item<double>(), std::sqrt(6.0 / 24) + 1e-6);
  }
  torch::optim::Adam adam(leaves, torch::optim::AdamOptions(0.02));
  auto& objective = *list[0].objectives[0];
  double first = 0, last = 0;
  for (int64_t epoch = 0; epoch < 60; ++epoch) {
    for (int64_t step = 0; step < objective.steps(epoch); ++step) {
      const auto batch = objective.batch(epoch, step);
      adam.zero_grad();
      const auto parts = objective.loss(*batch);
      (parts.sum / parts.count).backward();
      adam.step();
      if (epoch == 0 && step == 0) first = parts.sum.item<double>() / parts.count;
      last = parts.sum.item<double>() / parts.count;
    }
  }
  EXPECT_LT(last, first * 0.8);
  list[0].refresh();
  const auto recommender = method->recommender();
  const torch::Tensor scores =
      all_scores(*recommender, {known(*dataset, 0), known(*dataset, 1), unseen({0, 3})});
  for (const int row : {0, 1, 2}) {
    const torch::Tensor halves = scores[row].slice(0, 0, 8).view({2, 4});
    const int own = row == 1;
    EXPECT_GT(halves[own].min().item<float>(), halves[1 - own].max().item<float>()) << row;
  }
  EXPECT_TRUE(recommender->is_cold(8));
  expect_round_trip(multi_vae_entry(), *recommender, *dataset);
}

TEST(MultiVae, SaysWhatIsWrongWithASavedModel) {
  const auto dataset = tastes();
  const auto method =
      method_of(multi_vae_entry(), dataset, {{"hidden_sizes", {6}}, {"latent_size", 2}});
  const ScratchFolder folder;
  const Json json = method->recommender()->save(folder.path());
  for (const char* key : {"hidden_sizes", "latent_size", "tied", "name", "normalize"}) {
    Json broken = json;
    broken.erase(key);
    EXPECT_THROW(multi_vae_entry().load(opened(folder.path(), broken, *dataset)), Error) << key;
  }
  Json wrong = json;
  wrong["latent_size"] = -1;
  EXPECT_THROW(multi_vae_entry().load(opened(folder.path(), wrong, *dataset)), Error);
  wrong["latent_size"] = 3;
  EXPECT_THROW(multi_vae_entry().load(opened(folder.path(), wrong, *dataset)), Error);
}

TEST(MultiVae, ReportsEveryProblemOfItsOptions) {
  std::vector<std::string> problems;
  model::MethodContext context;
  context.data = tastes();
  context.options = {{"dropuot", 0.1}, {"latent_size", 0}};
  context.stages = {{"train", {{"epochs", "many"}}}, {"finetune", Json::object()}};
  context.problems = &problems;
  multi_vae_entry().settings(context);
  EXPECT_EQ(problems.size(), 4u) << testing::PrintToString(problems);
}

}  // namespace
}  // namespace kindred::cf
