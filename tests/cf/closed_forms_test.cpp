// EASE, SLIM and ItemKNN against tests/reference/cf_closed_forms.py (numpy and scikit-learn), and
// on matrices worked out by hand.

#include <ATen/Parallel.h>

#include <fstream>

#include "cf/ease.h"
#include "cf/item_knn.h"
#include "cf/slim.h"
#include "cf/small_data.h"
#include "core/error.h"
#include "core/files.h"
#include "core/memory.h"
#include "model/csr.h"

namespace kindred::cf {
namespace {

model::NamedTensors fixture() {
  return model::load_tensors(std::string(KINDRED_SOURCE_DIR) +
                             "/tests/fixtures/cf/closed_forms.safetensors");
}

torch::Tensor named(const model::NamedTensors& tensors, const std::string& name) {
  for (const auto& [known, tensor] : tensors)
    if (known == name) return tensor;
  ADD_FAILURE() << "the fixture has no " << name;
  return {};
}

std::shared_ptr<data::Dataset> fixture_data(const model::NamedTensors& tensors) {
  auto dataset = empty_data(40, 14);
  const auto users = named(tensors, "users"), items = named(tensors, "items");
  for (int64_t k = 0; k < users.numel(); ++k)
    add_pair(*dataset, users[k].item<int32_t>(), items[k].item<int32_t>());
  return dataset;
}

/// W as a dense matrix: what each single item of a history gives to every item.
torch::Tensor weight_matrix(model::Recommender& recommender) {
  std::vector<model::Query> queries;
  for (data::Index i = 0; i < recommender.item_count(); ++i) queries.push_back(unseen({i}));
  return all_scores(recommender, queries);
}

/// Scores of everybody equal x W for known people, and of a history its items' rows summed.
void expect_sums_of_rows(model::Recommender& recommender, const torch::Tensor& weights) {
  const auto tensors = fixture();
  torch::Tensor x = torch::zeros({40, 14});
  x.index_put_(
      {named(tensors, "users").to(torch::kInt64), named(tensors, "items").to(torch::kInt64)},
      torch::ones({}));
  std::vector<model::Query> queries;
  const auto dataset = fixture_data(tensors);
  for (int u = 0; u < 40; ++u) queries.push_back(known(*dataset, u));
  expect_close(all_scores(recommender, queries), x.matmul(weights), 1e-5, "known people");
  model::Query both = known(3);
  both.history = {6, 2, 6};  // a history is what counts, each item once
  expect_close(all_scores(recommender, {both}), (weights[6] + weights[2]).unsqueeze(0), 1e-6,
               "a history");
  EXPECT_TRUE(torch::equal(all_scores(recommender, {unseen({})}), torch::zeros({1, 14})));
  const torch::Tensor candidates = torch::tensor({{3, 0, 3}, {13, 1, 5}}, torch::kInt64);
  EXPECT_TRUE(torch::equal(all_scores(recommender, {known(3)}), torch::zeros({1, 14})))
      << "nothing but the history is read";
  const std::vector<model::Query> two{known(*dataset, 0), unseen({1, 4})};
  EXPECT_TRUE(torch::equal(recommender.score(two, candidates),
                           all_scores(recommender, two).gather(1, candidates)));
}

TEST(Ease, EqualsTheClosedForm) {
  const auto tensors = fixture();
  const auto dataset = fixture_data(tensors);
  for (const char* precision : {"auto", "fp64", "fp32"}) {
    const auto method = method_of(ease_entry(), dataset, {{"l2", 3.0}, {"precision", precision}});
    const auto ease = method->recommender();
    expect_close(weight_matrix(*ease), named(tensors, "ease"), 2e-6, precision);
    expect_sums_of_rows(*ease, named(tensors, "ease"));
    EXPECT_TRUE(ease->is_cold(5));
    EXPECT_FALSE(ease->is_cold(4));
    expect_round_trip(ease_entry(), *ease, *dataset);
  }
}

TEST(Ease, TwoItemsByHand) {
  // X'X + 1 I = [[4, 2], [2, 3]], P = 1/8 [[3, -2], [-2, 4]]: B_01 = 2/4, B_10 = 2/3.
  const auto dataset = data_of({{1, 1}, {1, 1}, {1, 0}});
  const auto method = method_of(ease_entry(), dataset, {{"l2", 1.0}});
  expect_close(weight_matrix(*method->recommender()),
               torch::tensor({{0.0, 0.5}, {2.0 / 3, 0.0}}, torch::kFloat64), 1e-7, "B");
}

TEST(Ease, RefusesWhatDoesNotFit) {
  // A million items: 1e12 elements three times over in the smaller type, 12 TB.
  auto dataset = empty_data(1, 1'000'000);
  add_pair(*dataset, 0, 7);
  for (const char* precision : {"auto", "fp64", "fp32"}) {
    try {
      method_of(ease_entry(), dataset, {{"precision", precision}});
      FAIL() << "12 TB fit";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Exit::config);
      EXPECT_NE(std::string(error.what()).find("1000000 items"), std::string::npos) << error.what();
    }
  }
  EXPECT_THROW(method_of(ease_entry(), data_of({{1}}), {{"l2", 0.0}}), Error);
}

TEST(Slim, EqualsElasticNet) {
  const auto tensors = fixture();
  const auto dataset = fixture_data(tensors);
  for (const bool non_negative : {true, false}) {
    const auto method = method_of(slim_entry(), dataset,
                                  {{"l1", 0.5},
                                   {"l2", 2.0},
                                   {"non_negative", non_negative},
                                   {"max_iterations", 100000},
                                   {"tolerance", 1e-12}});
    const std::string name = non_negative ? "slim" : "slim.signed";
    const torch::Tensor want = named(tensors, name);
    const torch::Tensor got = weight_matrix(*method->recommender());
    expect_close(got, want, 2e-6, name);
    EXPECT_TRUE(torch::equal(got != 0, want.abs() > 1e-9)) << "the same weights are zero";
    EXPECT_EQ(got.diagonal().abs().max().item<float>(), 0.0f);
    expect_sums_of_rows(*method->recommender(), want);
    expect_round_trip(slim_entry(), *method->recommender(), *dataset);
  }
}

TEST(Slim, OneWeightByHand) {
  // Column 1 of [[1,1],[1,1],[1,0]]: G_00 = 3, G_01 = 2, so w = (2 - l1) / (3 + l2) = 1.5 / 4.
  const auto dataset = data_of({{1, 1}, {1, 1}, {1, 0}});
  const auto method = method_of(slim_entry(), dataset, {{"l1", 0.5}, {"l2", 1.0}});
  expect_close(weight_matrix(*method->recommender()),
               torch::tensor({{0.0, 1.5 / 4}, {1.5 / 3, 0.0}}, torch::kFloat64), 1e-7, "W");
}

TEST(ItemKnn, EqualsTheDenseFormulas) {
  const auto tensors = fixture();
  const auto dataset = fixture_data(tensors);
  int checked = 0;
  for (const auto& [name, want] : tensors) {
    if (!name.starts_with("knn.")) continue;
    std::vector<std::string> parts;
    std::stringstream stream(name);
    for (std::string part; std::getline(stream, part, '.');) parts.push_back(part);
    const auto method = method_of(item_knn_entry(), dataset,
                                  {{"neighbors", 4},
                                   {"shrinkage", 2.5},
                                   {"similarity", parts[1]},
                                   {"user_weight", parts[2]},
                                   {"neighbors_of", parts[3]},
                                   {"normalize", parts[4] == "1"}});
    expect_close(weight_matrix(*method->recommender()), want, 2e-6, name);
    ++checked;
  }
  EXPECT_EQ(checked, 48);
}

TEST(ItemKnn, CosinesByHand) {
  // Items 0, 1, 2 were taken by {0,1,2}, {0,1}, {2}; the middle pair never meets.
  const auto dataset = data_of({{1, 1, 0}, {1, 1, 0}, {1, 0, 1}});
  const auto method = method_of(item_knn_entry(), dataset);
  const double a = 2 / std::sqrt(6.0), b = 1 / std::sqrt(3.0);
  expect_close(weight_matrix(*method->recommender()),
               torch::tensor({{0.0, a, b}, {a, 0.0, 0.0}, {b, 0.0, 0.0}}, torch::kFloat64), 1e-6,
               "cosine");
  const auto nearest = method_of(item_knn_entry(), dataset, {{"neighbors", 1}});
  expect_close(weight_matrix(*nearest->recommender()),
               torch::tensor({{0.0, a, 0.0}, {a, 0.0, 0.0}, {b, 0.0, 0.0}}, torch::kFloat64), 1e-6,
               "one neighbour");
  expect_round_trip(item_knn_entry(), *nearest->recommender(), *dataset);
}

TEST(ItemKnn, EqualSimilaritiesKeepTheSmallerItem) {
  const auto dataset = data_of({{1, 1, 1, 1}, {1, 1, 1, 1}});
  const auto method = method_of(item_knn_entry(), dataset, {{"neighbors", 2}});
  const torch::Tensor kept = weight_matrix(*method->recommender()) > 0;
  EXPECT_TRUE(torch::equal(
      kept, torch::tensor({{0, 1, 1, 0}, {1, 0, 1, 0}, {1, 1, 0, 0}, {1, 1, 0, 0}}, torch::kBool)));
}

TEST(ClosedForms, DoNotDependOnThreads) {
  const auto tensors = fixture();
  const auto dataset = fixture_data(tensors);
  const int before = at::get_num_threads();
  for (const auto& entry : {item_knn_entry(), slim_entry()}) {
    at::set_num_threads(1);
    const auto one = weight_matrix(*method_of(entry, dataset)->recommender());
    at::set_num_threads(4);
    const auto four = weight_matrix(*method_of(entry, dataset)->recommender());
    EXPECT_TRUE(torch::equal(one, four)) << entry.name;
  }
  at::set_num_threads(before);
}

TEST(ClosedForms, IgnoreWhatPeopleDisliked) {
  auto dataset = data_of({{1, 1, 0}, {1, 1, 1}, {1, 0, 1}});
  auto liked = data_of({{1, 1, 0}, {1, 0, 1}, {1, 0, 1}});
  auto& label = dataset->parts[0].label;
  label.assign(dataset->parts[0].item.size(), 1.0f);
  label[3] = 0.0f;  // u1 took i1 and disliked it
  for (const auto& entry : {ease_entry(), item_knn_entry(), slim_entry()}) {
    const auto got = weight_matrix(*method_of(entry, dataset)->recommender());
    EXPECT_TRUE(torch::equal(got, weight_matrix(*method_of(entry, liked)->recommender())))
        << entry.name;
  }
}

TEST(ClosedForms, StopWhenAsked) {
  const auto dataset = data_of({{1, 1}, {1, 0}});
  std::stop_source source;
  source.request_stop();
  for (const auto& entry : {ease_entry(), item_knn_entry(), slim_entry()}) {
    model::MethodContext context;
    context.data = dataset;
    context.stop = source.get_token();
    const auto method = entry.create(context);
    try {
      method->stages()[0].closed_form->solve();
      FAIL() << entry.name << " went on";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Exit::interrupted) << entry.name;
    }
  }
}

// Earlier versions saved the training histories, out of which items' popularity is counted.
TEST(ClosedForms, ReadWhatEarlierVersionsSaved) {
  const auto dataset = data_of({{1, 1, 0}, {1, 1, 0}});
  for (const auto& entry : {ease_entry(), item_knn_entry(), slim_entry()}) {
    const auto method =
        method_of(entry, dataset, entry.name == "ease" ? Json{{"l2", 1.0}} : Json());
    const ScratchFolder folder;
    const Json json = method->recommender()->save(folder.path());
    const auto path = folder.path() / "model.safetensors";
    auto tensors = model::load_tensors(path);
    std::erase_if(tensors, [](const auto& one) { return one.first == "items.interactions"; });
    const data::Csr users = data::distinct_positives(*dataset, std::array{data::Part::train});
    for (auto& tensor : model::csr_tensors("users", users)) tensors.push_back(tensor);
    model::save_tensors(path, tensors);
    const auto loaded = entry.load(opened(folder.path(), json, *dataset));
    EXPECT_FALSE(loaded->is_cold(0)) << entry.name;
    EXPECT_TRUE(loaded->is_cold(2)) << entry.name;
    EXPECT_TRUE(torch::equal(all_scores(*loaded, {unseen({0})}),
                             all_scores(*method->recommender(), {unseen({0})})));
    for (auto& [name, tensor] : tensors)
      if (name == "users.items") tensor = tensor + 2;  // items that do not exist
    model::save_tensors(path, tensors);
    EXPECT_THROW(entry.load(opened(folder.path(), json, *dataset)), Error) << entry.name;
  }
}

TEST(ClosedForms, RefuseBrokenFiles) {
  const auto dataset = data_of({{1, 1, 0}, {1, 1, 1}});
  for (const auto& entry : {ease_entry(), item_knn_entry(), slim_entry()}) {
    const auto method =
        method_of(entry, dataset, entry.name == "ease" ? Json{{"l2", 1.0}} : Json());
    const ScratchFolder folder;
    const Json json = method->recommender()->save(folder.path());
    auto tensors = model::load_tensors(folder.path() / "model.safetensors");
    for (auto& [name, tensor] : tensors)
      if (name == "items.interactions") tensor = tensor.slice(0, 1);  // an item too few
    model::save_tensors(folder.path() / "model.safetensors", tensors);
    EXPECT_THROW(entry.load(opened(folder.path(), json, *dataset)), Error) << entry.name;
    const auto other = data_of({{1, 1}, {1, 1}});  // fewer items than the file
    method->recommender()->save(folder.path());
    EXPECT_THROW(entry.load(opened(folder.path(), json, *other)), Error) << entry.name;
    std::filesystem::remove(folder.path() / "model.safetensors");
    EXPECT_THROW(entry.load(opened(folder.path(), json, *dataset)), Error) << entry.name;
  }
}

}  // namespace
}  // namespace kindred::cf
