// Recommender::top against a sort of the whole score matrix.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "core/error.h"
#include "core/random.h"
#include "model/recommender.h"
#include "model/selection.h"

namespace kindred::model {
namespace {

/// A recommender of given vectors, or of a given score matrix.
struct Fixed : Recommender {
  torch::Tensor users, items;  // [U, D], [N, D]; or scores [U, N] in `users`, `items` undefined
  torch::Tensor biases;        // [N] or undefined
  int64_t asked = 0;           // the largest number of queries asked at a time

  std::string name() const override { return "fixed"; }
  Capabilities capabilities() const override {
    Capabilities can;
    can.represents = can.factorises = items.defined();
    can.scores_all = !items.defined();
    return can;
  }
  int64_t item_count() const override { return items.defined() ? items.size(0) : users.size(1); }
  torch::Tensor user_vectors(std::span<const Query> queries, const torch::Tensor& = {}) override {
    asked = std::max<int64_t>(asked, static_cast<int64_t>(queries.size()));
    std::vector<int64_t> rows;
    for (const Query& query : queries) rows.push_back(*query.user);
    return users.index_select(0, torch::tensor(rows));
  }
  torch::Tensor item_vectors(const torch::Tensor& = {}) override { return items; }
  torch::Tensor item_biases() override { return biases; }
  void score_all(std::span<const Query> queries, torch::Tensor& out) override {
    if (items.defined()) return Recommender::score_all(queries, out);
    out.copy_(user_vectors(queries));
  }
  int64_t preferred_queries() const override { return 50; }
  Json save(const std::filesystem::path&) const override { return {}; }
};

struct Setting {
  int64_t users = 150, items = 2500, k = 20;
  bool mask = true, among = false, ties = true;
};

std::vector<uint32_t> permutation(int64_t size) {
  std::vector<uint32_t> ranks(static_cast<size_t>(size));
  std::iota(ranks.begin(), ranks.end(), 0u);
  Random random(1, "ties");
  random.shuffle(ranks);
  return ranks;
}

/// Sorted random items for each user; with no user's list empty by rule.
std::vector<std::vector<Index>> lists(int64_t users, int64_t items, uint64_t size) {
  Random random(2, "lists");
  std::vector<std::vector<Index>> result(static_cast<size_t>(users));
  for (auto& list : result) {
    for (const uint64_t item :
         random.sample(static_cast<uint64_t>(items), size == 0 ? 0 : random.below(size)))
      list.push_back(static_cast<Index>(item));
    std::sort(list.begin(), list.end());
  }
  return result;
}

void check_against_sort(Fixed& model, const torch::Tensor& scores, const Setting& setting) {
  const auto masked =
      setting.mask ? lists(setting.users, setting.items, static_cast<uint64_t>(setting.items) / 2)
                   : std::vector<std::vector<Index>>();
  const auto ranks = setting.ties ? permutation(setting.items) : std::vector<uint32_t>();
  std::vector<Index> among;
  for (Index item = 3; setting.among && item < setting.items; item += 1 + item % 5)
    among.push_back(item);
  std::vector<Query> queries(static_cast<size_t>(setting.users));
  for (size_t u = 0; u < queries.size(); ++u) queries[u].user = static_cast<Index>(u);
  const TopItems top = model.top({queries, setting.k, masked, ranks, among});
  ASSERT_EQ(top.items.size(), queries.size());
  for (int64_t u = 0; u < setting.users; ++u) {
    const float* row = scores[u].const_data_ptr<float>();
    std::vector<Index> order;
    for (Index item = 0; item < setting.items; ++item) {
      if (setting.among && !std::binary_search(among.begin(), among.end(), item)) continue;
      if (setting.mask && std::binary_search(masked[u].begin(), masked[u].end(), item)) continue;
      if (row[item] != -std::numeric_limits<float>::infinity()) order.push_back(item);
    }
    std::sort(order.begin(), order.end(), [&](Index a, Index b) {
      const bool nan_a = std::isnan(row[a]), nan_b = std::isnan(row[b]);
      if (nan_a != nan_b) return nan_b;
      if (!nan_a && row[a] != row[b]) return row[a] > row[b];
      return setting.ties ? ranks[a] < ranks[b] : a < b;
    });
    order.resize(std::min(order.size(), static_cast<size_t>(setting.k)));
    ASSERT_EQ(top.items[u], order) << "user " << u;
    for (size_t p = 0; p < order.size(); ++p) {
      if (std::isnan(row[order[p]]))
        EXPECT_TRUE(std::isnan(top.scores[u][p]));
      else
        EXPECT_EQ(top.scores[u][p], row[order[p]]);
    }
  }
}

/// Small whole numbers: products are exact in any order of additions, and ties abound.
torch::Tensor whole_numbers(int64_t rows, int64_t columns, int64_t seed) {
  torch::manual_seed(static_cast<uint64_t>(seed));
  return torch::randint(-3, 4, {rows, columns}).to(torch::kFloat32);
}

TEST(Top, VectorsAgainstASort) {
  for (const Setting& setting :
       {Setting{}, Setting{.k = 1}, Setting{.mask = false}, Setting{.among = true},
        Setting{.ties = false}, Setting{.users = 3, .items = 40, .k = 100},
        Setting{.users = 1, .items = 1, .k = 5}, Setting{.users = 70, .items = 1024, .k = 1024}}) {
    Fixed model;
    model.users = whole_numbers(setting.users, 12, 1);
    model.items = whole_numbers(setting.items, 12, 2);
    check_against_sort(model, torch::matmul(model.users, model.items.t()), setting);
    EXPECT_LE(model.asked, 50);
  }
}

TEST(Top, VectorsAndBiasesAgainstASort) {
  for (const Setting& setting : {Setting{}, Setting{.among = true}}) {
    Fixed model;
    model.users = whole_numbers(setting.users, 12, 1);
    model.items = whole_numbers(setting.items, 12, 2);
    model.biases = whole_numbers(1, setting.items, 3)[0];
    check_against_sort(model, torch::matmul(model.users, model.items.t()) + model.biases, setting);
  }
}

TEST(Recommender, ScoresOfAFactorisationAddItsBiases) {
  Fixed model;
  model.users = whole_numbers(3, 4, 1);
  model.items = whole_numbers(6, 4, 2);
  model.biases = whole_numbers(1, 6, 3)[0];
  std::vector<Query> queries(3);
  for (size_t u = 0; u < queries.size(); ++u) queries[u].user = static_cast<Index>(u);
  const torch::Tensor all = torch::matmul(model.users, model.items.t()) + model.biases;
  torch::Tensor scores = torch::empty({3, 6});
  model.score_all(queries, scores);
  EXPECT_TRUE(torch::equal(scores, all));
  const torch::Tensor candidates = torch::tensor({{5, 0}, {1, 1}, {2, 4}});
  EXPECT_TRUE(torch::equal(model.score(queries, candidates), all.gather(1, candidates)));
}

TEST(Recommender, WhatItLacksIsNamed) {
  Fixed model;
  model.users = whole_numbers(3, 4, 1);
  for (const auto& [capability, ask] : std::vector<std::pair<std::string, std::function<void()>>>{
           {"probabilities", [&] { model.probabilities(model.users); }},
           {"answers", [&] { model.answer({}); }},
           {"represents", [&] { (void)model.user_vector_size(); }}}) {
    try {
      ask();
      ADD_FAILURE() << capability;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Exit::config);
      EXPECT_EQ(error.lines().front(), "fixed: does not have the capability '" + capability + "'");
    }
  }
}

TEST(Top, ScoresAgainstASort) {
  for (const Setting& setting : {Setting{}, Setting{.among = true}, Setting{.mask = false}}) {
    Fixed model;
    model.users = whole_numbers(setting.users, setting.items, 3);
    check_against_sort(model, model.users, setting);
  }
}

TEST(Top, NotANumberRanksLastAndMinusInfinityNever) {
  Setting setting{.users = 20, .items = 300, .k = 250};
  Fixed model;
  model.users = whole_numbers(setting.users, setting.items, 4);
  Random random(3, "holes");
  float* values = model.users.data_ptr<float>();
  for (int64_t i = 0; i < model.users.numel(); ++i) {
    const uint64_t draw = random.below(4);
    if (draw == 0) values[i] = std::nanf("");
    if (draw == 1) values[i] = -std::numeric_limits<float>::infinity();
    if (draw == 2 && i % 7 == 0) values[i] = -0.0f;
  }
  check_against_sort(model, model.users, setting);
}

TEST(Top, EmptyRequestsAndImpossibleOnes) {
  Fixed model;
  model.users = whole_numbers(2, 5, 1);
  EXPECT_TRUE(model.top({}).items.empty());
  struct Mute : Fixed {
    Capabilities capabilities() const override { return {}; }
  } mute;
  mute.users = model.users;
  const std::vector<Query> queries(1);
  EXPECT_THROW(mute.top({queries, 3, {}, {}, {}}), Error);
}

TEST(Score, PicksCandidatesOutOfVectorsOrScores) {
  Fixed model;
  model.users = whole_numbers(4, 6, 1);
  model.items = whole_numbers(9, 6, 2);
  std::vector<Query> queries(4);
  for (size_t u = 0; u < queries.size(); ++u) queries[u].user = static_cast<Index>(u);
  const torch::Tensor candidates = torch::tensor({{1, 1}, {8, 0}, {3, 2}, {5, 7}});
  const torch::Tensor expected = torch::matmul(model.users, model.items.t()).gather(1, candidates);
  EXPECT_TRUE(torch::equal(model.score(queries, candidates), expected));
  Fixed plain;
  plain.users = torch::matmul(model.users, model.items.t());
  EXPECT_TRUE(torch::equal(plain.score(queries, candidates), expected));
}

TEST(Selection, VectorAndPlainFormsAgree) {
  Random random(5, "selection");
  for (int round = 0; round < 200; ++round) {
    const auto size = static_cast<size_t>(1 + random.below(400));
    std::vector<float> scores(size);
    for (float& score : scores) score = static_cast<float>(random.below(30)) - 15.0f;
    const auto k = static_cast<int64_t>(random.below(40));
    BestItems fast(k, {}), plain(k, {});
    for (size_t from = 0; from < size; from += 77) {
      const auto part =
          std::span<const float>(scores).subspan(from, std::min<size_t>(77, size - from));
      fast.add({part, static_cast<Index>(from), {}, {}});
      plain.add_plain({part, static_cast<Index>(from), {}, {}});
    }
    const auto a = fast.finish(), b = plain.finish();
    EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin(), b.end()));
  }
}

TEST(Selection, TheFirstScoresTakenAtOnceGiveTheSame) {
  Random random(6, "selection");
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  constexpr float least = -std::numeric_limits<float>::infinity();
  for (int round = 0; round < 60; ++round) {
    // Blocks longer and shorter than what is taken at once, first ones of nothing that may enter.
    std::vector<float> scores(3000);
    for (size_t i = 0; i < scores.size(); ++i) {
      const uint64_t draw = random.below(12);
      const bool nothing = round % 3 == 0 && i < 1100;
      scores[i] = nothing || draw == 0 ? least : draw == 1 ? nan : static_cast<float>(draw * 7 % 5);
    }
    const std::vector<Index> masked = lists(1, 3000, 2000)[0];
    const auto k = static_cast<int64_t>(1 + random.below(round % 2 == 0 ? 30 : 600));
    BestItems fast(k, masked), plain(k, masked);
    const size_t width = round % 4 == 0 ? 1000 : 1500;
    for (size_t from = 0; from < scores.size(); from += width) {
      const auto part = std::span<const float>(scores).subspan(from, width);
      fast.add({part, static_cast<Index>(from), {}, {}});
      plain.add_plain({part, static_cast<Index>(from), {}, {}});
    }
    const auto a = fast.finish(), b = plain.finish();
    ASSERT_TRUE(std::equal(a.begin(), a.end(), b.begin(), b.end())) << round;
  }
}

}  // namespace
}  // namespace kindred::model
