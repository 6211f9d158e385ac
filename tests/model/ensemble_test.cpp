#include "model/ensemble.h"

#include <gtest/gtest.h>

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
  MeanEnsemble ensemble(members);
  const std::vector<Query> queries(2);
  torch::Tensor out = torch::empty({2, ensemble.item_count()});
  ensemble.score_all(queries, out);
  EXPECT_TRUE(torch::equal(out[0], out[1]));
  return {out.data_ptr<float>(), out.data_ptr<float>() + out.size(1)};
}

TEST(MeanEnsemble, AveragesStandardisedScoresWhateverTheirScale) {
  // (0, 2, 4) has mean 2 and deviation sqrt(8/3); (3, 3, 0) mean 2 and deviation sqrt(2).
  const double a = std::sqrt(8.0 / 3.0), b = std::sqrt(2.0);
  const std::vector<float> got = mean_of({{0, 2, 4}, {3, 3, 0}});
  const std::vector<double> by_hand{(-2 / a + 1 / b) / 2, (0 / a + 1 / b) / 2, (2 / a - 2 / b) / 2};
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], by_hand[i], 1e-6);
  const std::vector<float> scaled = mean_of({{1e6f, 1.002e6f, 1.004e6f}, {0.03f, 0.03f, 0}});
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(scaled[i], by_hand[i], 1e-4);
}

TEST(MeanEnsemble, AMemberWithoutAnOpinionAddsNothingAndAnItemLeftOutStaysOut) {
  const float never = -std::numeric_limits<float>::infinity();
  const std::vector<float> alone = mean_of({{1, 2, 3}});
  const std::vector<float> with_equal = mean_of({{1, 2, 3}, {0.1f, 0.1f, 0.1f}});
  for (size_t i = 0; i < alone.size(); ++i) EXPECT_NEAR(with_equal[i], alone[i] / 2, 1e-6);
  EXPECT_EQ(mean_of({{1, 2, 3}, {5, never, 4}})[1], never);
}

TEST(MeanEnsemble, RefusesMembersThatCannotScoreEveryItemOrOtherItems) {
  const auto whole = std::make_shared<Fixed>(std::vector<float>{1, 2});
  for (const auto& other : {std::make_shared<Fixed>(std::vector<float>{1, 2}, false),
                            std::make_shared<Fixed>(std::vector<float>{1, 2, 3})}) {
    try {
      MeanEnsemble ensemble({whole, other});
      FAIL();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Exit::config);
    }
  }
}

}  // namespace
}  // namespace kindred::model
