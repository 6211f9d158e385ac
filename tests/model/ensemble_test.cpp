#include "model/ensemble.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/error.h"

namespace kindred::model {
namespace {

/// Scores every query by the same row.
class Fixed : public Recommender {
 public:
  explicit Fixed(std::vector<float> row, bool all = true) : row_(std::move(row)), all_(all) {}
  std::string name() const override { return "fixed"; }
  Capabilities capabilities() const override { return {.scores = true, .scores_all = all_}; }
  int64_t item_count() const override { return static_cast<int64_t>(row_.size()); }
  void score_all(std::span<const Query>, torch::Tensor& out) override {
    out.copy_(torch::tensor(row_).expand_as(out));
  }
  Json save(const std::filesystem::path&) const override { return nullptr; }

 private:
  std::vector<float> row_;
  bool all_;
};

std::vector<float> mean_of(std::vector<std::vector<float>> rows) {
  std::vector<std::shared_ptr<Recommender>> members;
  for (auto& row : rows) members.push_back(std::make_shared<Fixed>(row));
  Ensemble ensemble(members);
  const std::vector<Query> queries(2);
  torch::Tensor out = torch::empty({2, ensemble.item_count()});
  ensemble.score_all(queries, out);
  EXPECT_TRUE(torch::equal(out[0], out[1]));
  return {out.data_ptr<float>(), out.data_ptr<float>() + out.size(1)};
}

TEST(Ensemble, AveragesStandardisedScoresWhateverTheirScale) {
  // (0, 2, 4) has mean 2 and deviation sqrt(8/3); (3, 3, 0) mean 2 and deviation sqrt(2).
  const double a = std::sqrt(8.0 / 3.0), b = std::sqrt(2.0);
  const std::vector<float> got = mean_of({{0, 2, 4}, {3, 3, 0}});
  const std::vector<double> by_hand{(-2 / a + 1 / b) / 2, (0 / a + 1 / b) / 2, (2 / a - 2 / b) / 2};
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], by_hand[i], 1e-6);
  const std::vector<float> scaled = mean_of({{1e6f, 1.002e6f, 1.004e6f}, {0.03f, 0.03f, 0}});
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(scaled[i], by_hand[i], 1e-4);
}

TEST(Ensemble, AMemberWithoutAnOpinionAddsNothingAndAnItemLeftOutStaysOut) {
  const float never = -std::numeric_limits<float>::infinity();
  const std::vector<float> alone = mean_of({{1, 2, 3}});
  const std::vector<float> with_equal = mean_of({{1, 2, 3}, {0.1f, 0.1f, 0.1f}});
  for (size_t i = 0; i < alone.size(); ++i) EXPECT_NEAR(with_equal[i], alone[i] / 2, 1e-6);
  EXPECT_EQ(mean_of({{1, 2, 3}, {5, never, 4}})[1], never);
}

TEST(Ensemble, ScoresWhatIsAskedOfMembersThatScoreNothingElse) {
  /// Scores given candidates by their number and cannot score every item.
  struct ByNumber : Fixed {
    ByNumber() : Fixed({0, 0, 0, 0}, false) {}
    torch::Tensor score(std::span<const Query>, const torch::Tensor& candidates) override {
      return candidates.to(torch::kFloat);
    }
  };
  Ensemble ensemble(
      {std::make_shared<Fixed>(std::vector<float>{9, 5, 1, 100}), std::make_shared<ByNumber>()},
      EnsembleScale::standardised, {3, 1});
  EXPECT_FALSE(ensemble.capabilities().scores_all);
  const std::vector<Query> queries(1);
  const torch::Tensor got = ensemble.score(queries, torch::tensor({{0, 1, 2}}));
  // (9, 5, 1) and (0, 1, 2) standardised among the three asked about: +-sqrt(3/2).
  const double side = std::sqrt(1.5);
  EXPECT_NEAR(got[0][0].item<float>(), 0.75 * side - 0.25 * side, 1e-6);
  EXPECT_NEAR(got[0][1].item<float>(), 0, 1e-6);
  EXPECT_THROW(ensemble.score(queries, torch::tensor({{2}})), Error) << "one has no scale";
}

TEST(Ensemble, AveragesProbabilitiesAndLogits) {
  struct Chances : Fixed {
    using Fixed::Fixed;
    Capabilities capabilities() const override {
      return {.scores = true, .scores_all = true, .probabilities = true};
    }
    torch::Tensor probabilities(const torch::Tensor& scores) const override { return scores; }
  };
  const std::vector<std::shared_ptr<Recommender>> members{
      std::make_shared<Chances>(std::vector<float>{0.5f, 0.9f}),
      std::make_shared<Chances>(std::vector<float>{0.9f, 0.5f})};
  const std::vector<Query> queries(1);
  const torch::Tensor one = torch::tensor({{1}});
  Ensemble chances(members, EnsembleScale::probabilities, {1, 3});
  EXPECT_NEAR(chances.score(queries, one).item<float>(), 0.25 * 0.9 + 0.75 * 0.5, 1e-6);
  Ensemble odds(members, EnsembleScale::logits);
  const torch::Tensor score = odds.score(queries, one);
  EXPECT_NEAR(score.item<float>(), std::log(9.0) / 2, 1e-5);
  EXPECT_NEAR(odds.probabilities(score).item<float>(), 0.75, 1e-5);
  EXPECT_THROW(Ensemble({members[0], std::make_shared<Fixed>(std::vector<float>{1, 2})},
                        EnsembleScale::logits),
               Error);
}

TEST(Ensemble, RefusesOtherItemsAndWeightsThatAreNone) {
  const auto whole = std::make_shared<Fixed>(std::vector<float>{1, 2});
  const auto refused = [](auto make) {
    try {
      make();
      return false;
    } catch (const Error& error) {
      return error.code() == Exit::config;
    }
  };
  EXPECT_TRUE(
      refused([&] { Ensemble({whole, std::make_shared<Fixed>(std::vector<float>{1, 2, 3})}); }));
  for (const std::vector<double>& weights :
       {std::vector<double>{1}, {0, 0}, {1, -1}, {1, std::nan("")}})
    EXPECT_TRUE(refused([&] { Ensemble({whole, whole}, EnsembleScale::standardised, weights); }));
}

}  // namespace
}  // namespace kindred::model
