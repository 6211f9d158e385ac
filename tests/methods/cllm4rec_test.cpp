// What CLLM4Rec promises beside its equations: what it reads, what it never reads, whom it serves.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "core/error.h"
#include "lm/adapter.h"
#include "lm/causal_lm.h"
#include "methods/cllm4rec_fixture.h"

namespace kindred::methods::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The items a user's document predicts, in order.
std::vector<int64_t> order_of(const Cllm4RecBatch& batch, int64_t user) {
  std::vector<int64_t> result;
  const auto targets = batch.items.items.accessor<int64_t, 1>();
  int64_t at = 0;
  for (const int64_t number : batch.numbers) {
    const auto count = static_cast<int64_t>(shop_train[static_cast<size_t>(number)].size());
    for (int64_t k = 0; k < count; ++k, ++at) {
      if (number == user) result.push_back(targets[at]);
    }
  }
  return result;
}

std::vector<std::vector<int64_t>> orders(bool reorder, bool pretrain) {
  Cllm4RecOptions options;
  options.reorder = reorder;
  options.reorder_pretrain = pretrain;
  const Bench bench(small_shop(), options);
  const CollaborativeObjective objective(bench.parts, 5);
  std::vector<std::vector<int64_t>> result;
  for (int64_t epoch = 0; epoch < 8; ++epoch) {
    result.push_back(order_of(as_ours(objective.batch(epoch, 0)), 0));
  }
  return result;
}

TEST(Cllm4RecCorpus, EveryVisitHasItsOwnOrderUnlessFixed) {
  const auto changing = orders(true, true);
  EXPECT_GE(std::set(changing.begin(), changing.end()).size(), 7u);
  for (auto order : changing) {
    std::sort(order.begin(), order.end());
    EXPECT_THAT(order, ElementsAre(0, 1, 2, 3, 4, 5));
  }
  for (const auto& order : orders(false, true)) EXPECT_THAT(order, ElementsAre(0, 1, 2, 3, 4, 5));
  for (const auto& order : orders(true, false)) EXPECT_THAT(order, ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST(Cllm4RecCorpus, FixedOrderHoldsInFinetuningToo) {
  Cllm4RecOptions options;
  options.reorder = false;
  const Bench bench(small_shop(), options);
  const RecommendationObjective objective(bench.parts, 5);
  for (int64_t epoch = 0; epoch < 5; ++epoch) {
    const auto batch = objective.batch(epoch, 0);
    const torch::Tensor items = as_ours(batch).prompts.slots[item_slot];
    // Histories here are ascending in the first user's row, so its items left must ascend.
    const auto& numbers = as_ours(batch).numbers;
    const auto ids = extended_ids(as_ours(batch), *bench.parts);
    const size_t place =
        static_cast<size_t>(std::find(numbers.begin(), numbers.end(), 0) - numbers.begin());
    std::vector<int64_t> left;
    for (const int64_t id : ids[place]) {
      if (id >= bench.parts->backbone->vocab_size() + 5) left.push_back(id);
    }
    EXPECT_EQ(left.size(), 5u);  // six items, one held out
    EXPECT_TRUE(std::is_sorted(left.begin(), left.end()));
  }
}

TEST(Cllm4RecCorpus, ABatchIsAFunctionOfSeedEpochAndStep) {
  const Bench one(small_shop(), {}), two(small_shop(), {}), other(small_shop(), {}, 8);
  const RecommendationObjective a(one.parts, 2), b(two.parts, 2), c(other.parts, 2);
  bool differs = false;
  for (const auto& [epoch, step] : std::vector<std::pair<int, int>>{{3, 2}, {0, 0}, {3, 1}}) {
    const auto x = a.batch(epoch, step), y = b.batch(epoch, step), z = c.batch(epoch, step);
    EXPECT_EQ(extended_ids(as_ours(x), *one.parts), extended_ids(as_ours(y), *two.parts));
    EXPECT_TRUE(torch::equal(as_ours(x).items.items, as_ours(y).items.items));
    differs =
        differs || extended_ids(as_ours(x), *one.parts) != extended_ids(as_ours(z), *other.parts);
  }
  EXPECT_TRUE(differs);
}

TEST(Cllm4RecCorpus, TextThatLooksLikeTokensIsText) {
  const Bench bench(small_shop(), {});
  const ContentObjective objective(bench.parts, bench.corpus, {"content", 3, true});
  const auto batch = objective.batch(0, 0);
  EXPECT_EQ(as_ours(batch).prompts.slots[user_slot].numel(), 2);  // two reviews, one title
  EXPECT_EQ(as_ours(batch).prompts.slots[item_slot].numel(), 3);
  EXPECT_LT(as_ours(batch).words.max().item<int64_t>(), bench.parts->backbone->vocab_size());
}

TEST(Cllm4RecCorpus, LongHistoriesKeepTheMostRecentItemsAndTheClosingWords) {
  std::vector<int> many(200);
  for (int i = 0; i < 200; ++i) many[static_cast<size_t>(i)] = i;
  const auto shop = make_shop({many, {0, 1}}, 200, {{"0", "ok"}}, Json::object());
  const Bench bench(shop, {});
  const int64_t context = bench.parts->backbone->context();
  const CollaborativeObjective pretraining(bench.parts, 2);
  const RecommendationObjective finetuning(bench.parts, 2);
  EXPECT_EQ(pretraining.cut_histories(), 1);
  EXPECT_EQ(finetuning.cut_histories(), 1);
  const auto words = [&](const prompt::Template::Part& part) {
    return std::vector<int64_t>(part.ids.begin(), part.ids.end());
  };
  const std::vector<int64_t> closing = words(bench.parts->forms->recommend.parts().back());
  const auto batch = finetuning.batch(0, 0);
  for (const auto& ids : extended_ids(as_ours(batch), *bench.parts)) {
    EXPECT_LE(static_cast<int64_t>(ids.size()), context);
    EXPECT_THAT(std::vector<int64_t>(ids.end() - static_cast<int64_t>(closing.size()), ids.end()),
                closing);
  }
  // Of 200 items the older ones are never read, in either stage.
  EXPECT_GT(as_ours(batch).prompts.slots[item_slot].min().item<int64_t>(), -1);
  const auto longest = pretraining.batch(0, 0);
  const int64_t room = bench.parts->forms->interactions.room(context) + 1;
  std::set<int64_t> read;
  const auto numbers = as_ours(longest).numbers;
  const auto targets = as_ours(longest).items.items.accessor<int64_t, 1>();
  for (int64_t k = 0; k < targets.size(0); ++k) read.insert(targets[k]);
  for (int64_t item = 2; item < 200 - room; ++item) EXPECT_EQ(read.count(item), 0u) << item;
  for (int64_t item = 200 - room; item < 200; ++item) EXPECT_EQ(read.count(item), 1u) << item;
}

TEST(Cllm4RecOptionsTest, PromptsWithWrongSlotsAreConfigurationErrors) {
  const auto failure = [](auto change) {
    Cllm4RecOptions options;
    change(options.prompts);
    try {
      Bench bench(small_shop(), options);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Exit::config);
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_THAT(failure([](auto& p) { p.recommend = "<user> will"; }), HasSubstr("<items>"));
  EXPECT_THAT(failure([](auto& p) { p.review = "<text> <user> <item>"; }),
              HasSubstr("the main text at the end"));
  EXPECT_THAT(failure([](auto& p) { p.interactions = "<user> <item> <items>"; }),
              HasSubstr("no <item>"));
}

TEST(Cllm4RecOptionsTest, UnknownTextColumnsAreNamed) {
  Cllm4RecOptions options;
  options.item_texts = {"titles"};
  try {
    Bench bench(small_shop(), options);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("did you mean 'title'"));
  }
}

class Cllm4RecServing : public ::testing::Test {
 protected:
  Cllm4RecServing() : bench(small_shop(), options()) {}
  static Cllm4RecOptions options() {
    Cllm4RecOptions options;
    options.init_std = 0.3;
    return options;
  }
  static torch::Tensor all_scores(model::Recommender& recommender,
                                  const std::vector<model::Query>& queries) {
    torch::Tensor out =
        torch::empty({static_cast<int64_t>(queries.size()), recommender.item_count()});
    recommender.score_all(queries, out);
    return out;
  }
  model::Query known(data::Index user) const {
    const auto items = bench.parts->train.row(user);
    model::Query query;
    query.user = user;
    query.history.assign(items.begin(), items.end());
    return query;
  }
  static model::Query stranger(std::vector<data::Index> history) {
    model::Query query;
    query.history = std::move(history);
    return query;
  }
  Bench bench;
};

TEST_F(Cllm4RecServing, ScoresDoNotDependOnWhoElseIsAsked) {
  Cllm4RecRecommender recommender(bench.parts);
  const std::vector<model::Query> queries{known(0), known(3), stranger({2, 4, 5}), known(2),
                                          stranger({1})};
  const torch::Tensor together = all_scores(recommender, queries);
  for (size_t q = 0; q < queries.size(); ++q) {
    const torch::Tensor alone = all_scores(recommender, {queries[q]});
    EXPECT_LE((together[static_cast<int64_t>(q)] - alone[0]).abs().max().item<double>(), 1e-5) << q;
  }
  const torch::Tensor candidates = torch::tensor({{1, 5}, {0, 6}, {2, 3}, {4, 4}, {6, 0}});
  EXPECT_LE((recommender.score(queries, candidates) - together.gather(1, candidates))
                .abs()
                .max()
                .item<double>(),
            1e-5);
  EXPECT_LE(
      (torch::mm(recommender.user_vectors(queries), recommender.item_vectors().t()) - together)
          .abs()
          .max()
          .item<double>(),
      1e-5);
}

TEST_F(Cllm4RecServing, StrangersAreServedFromTheirHistoryInEachWay) {
  const auto without_history = [&](const char* way) {
    bench.parts->options.unknown_user = way;
    Cllm4RecRecommender recommender(bench.parts);
    return all_scores(recommender, {stranger({})});
  };
  EXPECT_TRUE(torch::equal(without_history("none"), without_history("mean")));
  for (const char* way : {"mean", "items", "none"}) {
    bench.parts->options.unknown_user = way;
    Cllm4RecRecommender recommender(bench.parts);
    const torch::Tensor scores =
        all_scores(recommender, {stranger({0, 1}), stranger({5, 4}), stranger({})});
    EXPECT_TRUE(scores.isfinite().all().item<bool>()) << way;
    EXPECT_GT((scores[0] - scores[1]).abs().max().item<double>(), 1e-3) << way;
  }
}

// What the caller gives is what is read: neither the table nor the training part is asked.
TEST_F(Cllm4RecServing, TheQuerysHistoryIsWhatIsRead) {
  Cllm4RecRecommender recommender(bench.parts);
  const auto given = [](std::vector<data::Index> history) {
    model::Query query;
    query.user = 0;
    query.history = std::move(history);
    return query;
  };
  const torch::Tensor scores = all_scores(
      recommender, {known(0), given({0, 1, 2, 3, 4, 5, 6}), given({0, 1}), given({0, 0, 1})});
  EXPECT_GT((scores[0] - scores[1]).abs().max().item<double>(), 1e-4);
  EXPECT_GT((scores[0] - scores[2]).abs().max().item<double>(), 1e-4);
  EXPECT_LE((scores[2] - scores[3]).abs().max().item<double>(), 1e-5) << "each item once";
  const torch::Tensor none = all_scores(recommender, {given({})});
  EXPECT_GT((scores[0] - none[0]).abs().max().item<double>(), 1e-4);
  EXPECT_TRUE(none.isfinite().all().item<bool>());
}

// Rows labelled 0 say what somebody did not like: nothing is learned from them as interactions.
TEST(Cllm4RecLabels, OnlyLikedRowsAreHistories) {
  auto shop = small_shop();
  auto& label = shop->parts[0].label;
  label.assign(shop->parts[0].user.size(), 1.0f);
  const data::Index user = shop->parts[0].user[0], item = shop->parts[0].item[0];
  label[0] = 0.0f;
  const Bench bench(shop, {});
  EXPECT_EQ(bench.parts->train.nnz(), static_cast<int64_t>(label.size()) - 1);
  const auto row = bench.parts->train.row(user);
  EXPECT_EQ(std::find(row.begin(), row.end(), item), row.end());
}

// CoLLM's MovieLens: 18,191 of 33,891 training rows are liked ones.
TEST(Cllm4RecLabels, OfCollmsMovieLens) {
  const fs::path folder = fs::path(KINDRED_SOURCE_DIR) / "../shared/data/ml-1m-collm";
  if (!fs::exists(folder)) GTEST_SKIP() << "no ../shared/data";
  model::MethodContext context;
  context.data = data::load_dataset(folder);
  context.backbone.path = (fixture() / "backbone").string();
  context.backbone.precision = "fp32";
  EXPECT_EQ(make_parts({}, context)->train.nnz(), 18191);
}

TEST_F(Cllm4RecServing, AColdItemIsKnownByItsText) {
  Cllm4RecRecommender recommender(bench.parts);
  EXPECT_TRUE(recommender.is_cold(6));
  EXPECT_FALSE(recommender.is_cold(0));
  EXPECT_TRUE(torch::equal(recommender.item_vectors()[6], bench.parts->content->item.weight()[6]));
  EXPECT_TRUE(
      torch::equal(recommender.item_vectors()[0], bench.parts->collaborative->item.weight()[0]));
}

TEST_F(Cllm4RecServing, AutoregressiveListsAreGreedyAndUnmasked) {
  bench.parts->options.predict = "autoregressive";
  Cllm4RecRecommender recommender(bench.parts);
  const std::vector<model::Query> queries{known(1), stranger({0})};
  const std::vector<std::vector<data::Index>> masked{{2, 4}, {0}};
  const model::TopItems lists =
      recommender.top({.queries = queries, .k = 3, .masked = masked, .tie_ranks = {}, .among = {}});
  // The first item is the best of one next-item softmax; the next ones read the list so far.
  bench.parts->options.predict = "next-item";
  Cllm4RecRecommender stepwise(bench.parts);
  std::vector<data::Index> history{0}, expected;
  for (int k = 0; k < 3; ++k) {
    torch::Tensor scores = all_scores(stepwise, {stranger(history)})[0];
    for (const data::Index seen : history) scores[seen] = -1e9;
    expected.push_back(static_cast<data::Index>(scores.argmax().item<int64_t>()));
    history.push_back(expected.back());
  }
  EXPECT_EQ(lists.items[1], expected);
  EXPECT_EQ(lists.items[0].size(), 3u);
  EXPECT_THAT(lists.items[0], ::testing::Not(::testing::Contains(2)));
  EXPECT_TRUE(std::is_sorted(lists.scores[1].rbegin(), lists.scores[1].rend()));
}

TEST_F(Cllm4RecServing, ListsGeneratedTogetherAreThoseGeneratedAlone) {
  bench.parts->options.predict = "autoregressive";
  Cllm4RecRecommender recommender(bench.parts);
  // Prompts of different lengths; the second list ends early, for want of items.
  const std::vector<model::Query> queries{known(1), stranger({0}), stranger({0, 2, 3}), known(0)};
  std::vector<std::vector<data::Index>> masked{{2}, {}, {0, 2}, {}};
  for (data::Index item = 0; item + 2 < recommender.item_count(); ++item) masked[1].push_back(item);
  const model::TopItems together =
      recommender.top({.queries = queries, .k = 4, .masked = masked, .tie_ranks = {}, .among = {}});
  EXPECT_EQ(together.items[1].size(), 2u);
  for (size_t q = 0; q < queries.size(); ++q) {
    const model::TopItems alone = recommender.top({.queries = std::span(queries).subspan(q, 1),
                                                   .k = 4,
                                                   .masked = std::span(masked).subspan(q, 1),
                                                   .tie_ranks = {},
                                                   .among = {}});
    EXPECT_EQ(together.items[q], alone.items[0]) << q;
    ASSERT_EQ(together.scores[q].size(), alone.scores[0].size());
    for (size_t k = 0; k < alone.scores[0].size(); ++k) {
      EXPECT_NEAR(together.scores[q][k], alone.scores[0][k], 1e-4);
    }
  }
}

TEST(Cllm4RecRecipe, CheckpointingIsForFrozenDecoders) {
  model::MethodContext context;
  context.data = small_shop();
  context.backbone.path = (fixture() / "backbone").string();
  context.backbone.precision = "fp32";
  context.backbone.checkpointing = true;
  EXPECT_TRUE(make_parts({}, context)->backbone->can_checkpoint());
  Cllm4RecOptions whole;
  whole.backbone_training = "finetune-all";
  try {
    make_parts(whole, context);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::config);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("backbone.checkpointing"));
  }
}

// An adapter given with the backbone is in what it computes, and is saved with the run.
TEST_F(Cllm4RecServing, AnAdapterOnTheBackboneIsServedToo) {
  const fs::path folder = fs::path(::testing::TempDir()) / "cllm4rec_adapter";
  fs::remove_all(folder);
  const auto model = lm::load_causal_lm(fixture() / "backbone", {});
  lm::Adapter adapter(
      *model,
      lm::parse_adapter_config(
          {{"peft_type", "LORA"}, {"r", 2}, {"lora_alpha", 16}, {"target_modules", "all-linear"}},
          "adapter"),
      3);
  {
    const torch::NoGradGuard no_grad;
    for (auto [name, tensor] : adapter.named_parameters()) tensor.fill_(0.1);
  }
  adapter.save(folder / "given");
  lm::GenerativeLM& backbone = *bench.parts->backbone;
  Cllm4RecRecommender recommender(bench.parts);
  const std::vector<model::Query> queries{known(0), stranger({2, 4, 5})};
  const torch::Tensor without = all_scores(recommender, queries);
  bench.parts->adapter_folder = folder / "given";
  backbone.use({lm::Adapter::load(backbone, folder / "given")});
  backbone.merge();
  const torch::Tensor with = all_scores(recommender, queries);
  EXPECT_GT((with - without).abs().max().item<double>(), 1e-3);
  const model::SavedModel saved = bench.save(recommender, folder / "model");
  Cllm4RecRecommender loaded(load_parts(saved));
  EXPECT_LE((all_scores(loaded, queries) - with).abs().max().item<double>(), 1e-6);
  // By a recipe's `backbone.adapter` the weights become the same.
  model::MethodContext context;
  context.data = bench.data;
  context.backbone.path = (fixture() / "backbone").string();
  context.backbone.adapter = (folder / "given").string();
  context.backbone.precision = "fp32";
  const auto made = make_parts(bench.parts->options, context);
  const auto want = backbone.named_parameters();
  for (const auto& parameter : made->backbone->named_parameters()) {
    EXPECT_TRUE(torch::equal(parameter.value(), want[parameter.key()])) << parameter.key();
  }
  fs::remove_all(folder);
}

// Earlier versions saved the histories of training and validation, and the option for them.
TEST_F(Cllm4RecServing, AModelOfAnEarlierVersionLoads) {
  const fs::path folder = fs::path(::testing::TempDir()) / "cllm4rec_earlier";
  bench.parts->options.unknown_user = "mean";
  bench.parts->user_cold[3] = 1;
  Cllm4RecRecommender recommender(bench.parts);
  model::SavedModel saved = bench.save(recommender, folder);
  saved.json["options"]["eval_history"] = "train";
  auto tensors = model::load_tensors(folder / "cllm4rec.safetensors");
  std::erase_if(tensors, [](const auto& tensor) { return tensor.first == "users.cold"; });
  tensors.emplace_back("histories.train.offsets",
                       torch::tensor(std::vector<int64_t>{0, 6, 8, 13, 13, 15}));
  model::save_tensors(folder / "cllm4rec.safetensors", tensors);
  Cllm4RecRecommender loaded(load_parts(saved));
  EXPECT_EQ(loaded.parts().user_cold, (std::vector<uint8_t>{0, 0, 0, 1, 0}));
  const std::vector<model::Query> queries{known(0), stranger({}), stranger({2, 4})};
  EXPECT_LE(
      (all_scores(loaded, queries) - all_scores(recommender, queries)).abs().max().item<double>(),
      1e-6);
  fs::remove_all(folder);
}

TEST_F(Cllm4RecServing, SavedAndLoadedItRecommendsTheSame) {
  const fs::path folder = fs::path(::testing::TempDir()) / "cllm4rec_saved";
  Cllm4RecRecommender recommender(bench.parts);
  model::SavedModel saved = bench.save(recommender, folder);
  Cllm4RecRecommender loaded(load_parts(saved));
  const std::vector<model::Query> queries{known(0), known(3), stranger({2, 4, 5})};
  EXPECT_LE(
      (all_scores(loaded, queries) - all_scores(recommender, queries)).abs().max().item<double>(),
      1e-6);
  EXPECT_TRUE(loaded.is_cold(6));
  EXPECT_TRUE(fs::exists(folder / "backbone/config.json"));
  // Fewer people than the tables hold: the folder's parts do not belong together.
  saved.users = std::make_shared<data::IdMap>();
  EXPECT_THROW(load_parts(saved), Error);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace kindred::methods::testing
