// Pop and Bias on matrices small enough to work out by hand.

#include "cf/bias.h"
#include "cf/pop.h"
#include "cf/small_data.h"
#include "core/error.h"

namespace kindred::cf {
namespace {

/// Four people, four items; i3 has no interaction, u3 has none.
std::shared_ptr<data::Dataset> rated() {
  auto dataset = empty_data(4, 4);
  const struct {
    int user, item;
    float rating;
  } rows[] = {{0, 0, 5}, {0, 1, 3}, {1, 0, 4}, {1, 2, 1}, {2, 0, 3}};
  auto& train = dataset->parts[0];
  for (const auto& row : rows) {
    add_pair(*dataset, row.user, row.item);
    train.rating.push_back(row.rating);
  }
  return dataset;
}

TEST(Pop, CountsTrainingInteractions) {
  const auto dataset = rated();
  const auto method = method_of(pop_entry(), dataset);
  const auto pop = method->recommender();
  const torch::Tensor want = torch::tensor({{3.0, 1.0, 1.0, 0.0}}).repeat({2, 1});
  EXPECT_TRUE(torch::equal(all_scores(*pop, {known(0), unseen({2})}), want.to(torch::kFloat32)));
  EXPECT_FALSE(pop->is_cold(2));
  EXPECT_TRUE(pop->is_cold(3));
  expect_round_trip(pop_entry(), *pop, *dataset);
}

TEST(Pop, CountsLikesOnlyWhereThereAreLabels) {
  auto dataset = rated();
  dataset->parts[0].label = {1, 0, 0, 1, 1};
  const auto method = method_of(pop_entry(), dataset);
  EXPECT_TRUE(torch::equal(all_scores(*method->recommender(), {known(1)}),
                           torch::tensor({{2.0f, 0.0f, 1.0f, 0.0f}})));
}

TEST(Pop, RefusesOptionsAndStages) {
  EXPECT_THROW(method_of(pop_entry(), rated(), {{"k", 3}}), Error);
  EXPECT_THROW(method_of(pop_entry(), rated(), Json::object(), {{"train", Json::object()}}), Error);
}

TEST(Bias, IsTheShrunkenItemMeanPlusTheUsersMeanResidual) {
  const auto dataset = rated();
  const auto method =
      method_of(bias_entry(), dataset, {{"item_pseudo_counts", 2}, {"user_pseudo_counts", 1}});
  // mean 16/5 = 3.2; b0 = (12 + 6.4)/5, b1 = (3 + 6.4)/3, b2 = (1 + 6.4)/3, b3 = 3.2
  const double b0 = 18.4 / 5, b1 = 9.4 / 3, b2 = 7.4 / 3, b3 = 3.2;
  const double r0 = ((5 - b0) + (3 - b1)) / 3, r1 = ((4 - b0) + (1 - b2)) / 3, r2 = (3 - b0) / 2;
  const torch::Tensor items = torch::tensor({b0, b1, b2, b3}, torch::kFloat64);
  const torch::Tensor people = torch::tensor({r0, r1, r2, 0.0, 0.0}, torch::kFloat64);
  expect_close(
      all_scores(*method->recommender(), {known(0), known(1), known(2), known(3), unseen({0})}),
      people.unsqueeze(1) + items.unsqueeze(0), 1e-6, "bias");
  expect_round_trip(bias_entry(), *method->recommender(), *dataset);
}

TEST(Bias, WithoutPseudoCountsIsThePlainMeans) {
  const auto method =
      method_of(bias_entry(), rated(), {{"item_pseudo_counts", 0}, {"user_pseudo_counts", 0}});
  const torch::Tensor items = torch::tensor({4.0, 3.0, 1.0, 3.2}, torch::kFloat64);
  const torch::Tensor people = torch::tensor({0.5, 0.0, -1.0, 0.0}, torch::kFloat64);
  expect_close(all_scores(*method->recommender(), {known(0), known(1), known(2), known(3)}),
               people.unsqueeze(1) + items.unsqueeze(0), 1e-6, "bias");
}

TEST(Bias, TakesLabelsBeforeRatings) {
  auto dataset = rated();
  dataset->parts[0].label = {1, 0, 1, 0, 0};
  const auto method =
      method_of(bias_entry(), dataset, {{"item_pseudo_counts", 0}, {"user_pseudo_counts", 0}});
  // b0 = 2/3, b1 = 0, b2 = 0, b3 = 2/5; r2 = -2/3
  expect_close(all_scores(*method->recommender(), {known(2)}),
               torch::tensor({{0.0, -2.0 / 3, -2.0 / 3, 0.4 - 2.0 / 3}}, torch::kFloat64), 1e-6,
               "bias of labels");
}

TEST(Bias, ItsScoresAreChancesWhereLabelsWereAveraged) {
  auto dataset = rated();
  const auto of_ratings = method_of(bias_entry(), dataset);
  EXPECT_FALSE(of_ratings->recommender()->capabilities().probabilities);
  EXPECT_THROW(of_ratings->recommender()->probabilities(torch::zeros({1})), Error);
  dataset->parts[0].label = {1, 0, 1, 0, 0};
  const auto of_labels = method_of(bias_entry(), dataset);
  ASSERT_TRUE(of_labels->recommender()->capabilities().probabilities);
  const torch::Tensor scores = torch::tensor({-0.2f, 0.3f, 1.7f});
  EXPECT_TRUE(torch::equal(of_labels->recommender()->probabilities(scores),
                           torch::tensor({0.0f, 0.3f, 1.0f})));
  const ScratchFolder folder;
  const Json json = of_labels->recommender()->save(folder.path());
  EXPECT_TRUE(
      bias_entry().load(opened(folder.path(), json, *dataset))->capabilities().probabilities);
}

TEST(Bias, ItsVectorsAreTheTwoTerms) {
  const auto dataset = rated();
  const auto bias = method_of(bias_entry(), dataset)->recommender();
  const std::vector<model::Query> people{known(0), unseen({1})};
  const torch::Tensor users = bias->user_vectors(people), items = bias->item_vectors();
  EXPECT_EQ(users.sizes().vec(), (std::vector<int64_t>{2, bias->user_vector_size()}));
  EXPECT_EQ(items.sizes().vec(), (std::vector<int64_t>{4, bias->item_vector_size()}));
  EXPECT_TRUE(torch::equal(users + items.t(), all_scores(*bias, people)));
  EXPECT_TRUE(torch::equal(bias->item_vectors(torch::tensor({2, 0})),
                           items.index_select(0, torch::tensor({2, 0}))));
  EXPECT_FALSE(bias->capabilities().factorises) << "a sum is no inner product";
}

TEST(Bias, RanksAsPopWhereNothingTellsInteractionsApart) {
  auto dataset = rated();
  dataset->parts[0].rating.assign(5, 1.0f);
  const auto bias = method_of(bias_entry(), dataset);
  const torch::Tensor scores = all_scores(*bias->recommender(), {known(0), unseen({1})});
  const torch::Tensor counts = torch::tensor({3.0, 1.0, 1.0, 0.0}, torch::kFloat64);
  // mean of the whole 0/1 matrix is 5/16; four people, five pseudo-counts
  const torch::Tensor want = ((counts + 5 * 5.0 / 16) / 9).unsqueeze(0).repeat({2, 1});
  expect_close(scores, want, 1e-6, "bias of interactions");
}

TEST(Bias, RefusesATargetTheDataLacks) {
  const auto dataset = data_of({{1, 0}, {1, 1}});
  EXPECT_THROW(method_of(bias_entry(), dataset, {{"target", "rating"}}), Error);
  EXPECT_THROW(method_of(bias_entry(), dataset, {{"target", "label"}}), Error);
  EXPECT_THROW(method_of(bias_entry(), dataset, {{"target", "stars"}}), Error);
  EXPECT_NO_THROW(method_of(bias_entry(), dataset));
}

}  // namespace
}  // namespace kindred::cf
