// CLLM4Rec on a T5: the prompt goes to the encoder, the main text to the decoder (appendix A.1).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lm/t5.h"
#include "methods/cllm4rec.h"
#include "methods/cllm4rec_fixture.h"

namespace kindred::methods::testing {
namespace {

const std::vector<std::vector<int>> shop_train = {
    {0, 1, 2, 3, 4, 5}, {2, 4}, {5, 0, 3, 4, 1}, {1}, {3, 5}};

std::shared_ptr<data::Dataset> small_shop() {
  return make_shop(shop_train, 7, {{"0", "A fine thing"}, {"3", "Not so good, sadly"}},
                   {{"6", "Stand"}, {"2", "A lamp of glass"}});
}

// A folder with a random T5 and the tiny backbone's tokenizer.
class T5Folder {
 public:
  T5Folder() : path(fs::path(::testing::TempDir()) / "cllm4rec_t5_backbone") {
    fs::remove_all(path);
    const Json config = {{"model_type", "t5"},
                         {"vocab_size", 290},
                         {"d_model", 16},
                         {"d_kv", 6},
                         {"d_ff", 24},
                         {"num_layers", 2},
                         {"num_heads", 2},
                         {"num_decoder_layers", 1},
                         {"n_positions", 96},
                         {"feed_forward_proj", "gated-gelu"},
                         {"relative_attention_num_buckets", 8},
                         {"relative_attention_max_distance", 20}};
    lm::save_backbone(*lm::make_generative_lm(config, 11), path);
    for (const char* name : {"vocab.json", "merges.txt"}) {
      fs::copy_file(fixture() / "backbone" / name, path / name);
    }
  }
  ~T5Folder() { fs::remove_all(path); }
  T5Folder(const T5Folder&) = delete;
  T5Folder& operator=(const T5Folder&) = delete;

  const fs::path path;
};

class Cllm4RecT5 : public ::testing::Test {
 protected:
  Cllm4RecT5() : bench(small_shop(), {}, 7, folder.path) {}

  lm::T5& t5() const { return dynamic_cast<lm::T5&>(*bench.parts->backbone); }

  std::map<std::string, std::shared_ptr<Cllm4RecObjective>> objectives() const {
    const Cllm4RecObjective::Options warmup{"warmup", 4, false}, content{"content", 4, true};
    return {{"warmup", std::make_shared<ContentObjective>(bench.parts, bench.corpus, warmup)},
            {"content", std::make_shared<ContentObjective>(bench.parts, bench.corpus, content)},
            {"collaborative", std::make_shared<CollaborativeObjective>(bench.parts, 5)},
            {"recommendation", std::make_shared<RecommendationObjective>(bench.parts, 5)}};
  }
  static torch::Tensor all_scores(model::Recommender& recommender,
                                  const std::vector<model::Query>& queries) {
    torch::Tensor out =
        torch::empty({static_cast<int64_t>(queries.size()), recommender.item_count()});
    recommender.score_all(queries, out);
    return out;
  }
  static model::Query query(std::optional<data::Index> user, std::vector<data::Index> history) {
    model::Query made;
    made.user = user;
    made.history = std::move(history);
    return made;
  }

  // The state after a prompt and a main text, one sequence at a time and nothing packed.
  torch::Tensor plain_states(const torch::Tensor& prompt, const torch::Tensor& main) const {
    const auto start = t5().embed(torch::tensor({t5().start_token()}));
    const auto encoded = t5().encode({prompt, {0, prompt.size(0)}});
    const auto read = torch::cat({start, main});
    return t5().for_head(t5().decode({read, {0, read.size(0)}}, {encoded, {0, prompt.size(0)}}));
  }

  T5Folder folder;
  Bench bench;
};

TEST_F(Cllm4RecT5, PromptsGoToTheEncoderAndMainTextsToTheDecoder) {
  const torch::NoGradGuard no_grad;
  for (const auto& [name, objective] : objectives()) {
    const auto any = objective->batch(0, 0);
    const prompt::PromptBatch& batch = static_cast<const Cllm4RecBatch&>(*any).prompts;
    const bool words = name == "warmup" || name == "content";
    const auto vectors = (words ? bench.parts->content : bench.parts->collaborative)->vectors();
    const auto got = prompt::read_hidden(batch, t5(), vectors);
    const auto x = prompt::embeddings(batch, t5(), vectors);
    const auto* read = batch.read.const_data_ptr<int64_t>();
    int64_t at = 0, predicted = 0;
    for (size_t s = 0; s + 1 < batch.offsets.size(); ++s) {
      const int64_t begin = batch.offsets[s], split = batch.splits[s], end = batch.offsets[s + 1];
      const auto states = plain_states(x.slice(0, begin, split), x.slice(0, split, end));
      if (name == "collaborative") {
        EXPECT_EQ(split - begin, bench.parts->forms->interactions.fixed_length());
      }
      if (name == "recommendation") EXPECT_EQ(split, end) << "one step of the decoder";
      for (; at < batch.read.numel() && read[at] < end; ++at, ++predicted) {
        ASSERT_GE(read[at], split - 1) << name;
        const auto want = states[read[at] - split + 1];
        EXPECT_LE((got[at] - want).abs().max().item<double>(), 1e-5) << name << " " << at;
      }
    }
    EXPECT_EQ(predicted, got.size(0)) << name;
    EXPECT_GT(predicted, 0) << name;
  }
}

TEST_F(Cllm4RecT5, EveryStageLearnsInItsTablesAndNowhereElse) {
  const auto before = t5().named_parameters();
  std::map<std::string, torch::Tensor> kept;
  for (const auto& parameter : before) kept[parameter.key()] = parameter.value().clone();
  for (const auto& [name, objective] : objectives()) {
    const auto batch = objective->batch(0, 0);
    std::vector<torch::Tensor> tables;
    for (model::Table* table : bench.tables()) tables.push_back(table->mutable_weight());
    torch::optim::Adam adam(tables, torch::optim::AdamOptions(0.05));
    double first = 0, last = 0;
    const bool words = name == "warmup" || name == "content";
    for (int step = 0; step < 15; ++step) {
      bench.clear();
      const model::LossParts parts = objective->loss(*batch);
      const torch::Tensor loss = parts.sum / parts.count;
      loss.backward();
      last = loss.item<double>();
      if (step == 0) first = last;
      for (size_t t = 0; t < tables.size(); ++t) {
        tables[t].mutable_grad() = dense_gradient(*bench.tables()[t]);
        // Collaborative tables come first, and each step trains its own two.
        EXPECT_EQ(tables[t].grad().defined(), words == (t >= 2)) << name << " " << t;
      }
      adam.step();
    }
    // What two tokens of a prompt can say about a random model's words is little.
    EXPECT_LT(last, (words ? 0.99 : 0.8) * first) << name;
  }
  for (const auto& parameter : t5().named_parameters()) {
    EXPECT_FALSE(parameter.value().grad().defined()) << parameter.key();
    EXPECT_TRUE(torch::equal(parameter.value(), kept[parameter.key()])) << parameter.key();
  }
}

TEST_F(Cllm4RecT5, TablesStartAtItsOwnScale) {
  EXPECT_NEAR(t5().embedding_std(), 1, 0.05);
  const double std =
      torch::cat({bench.parts->collaborative->item.weight(), bench.parts->content->item.weight()})
          .std()
          .item<double>();
  EXPECT_NEAR(std, t5().embedding_std(), 0.15);
}

TEST_F(Cllm4RecT5, OnePassScoresAreThoseOfOneDecoderStep) {
  Cllm4RecRecommender recommender(bench.parts);
  const torch::NoGradGuard no_grad;
  const std::vector<model::Query> queries{query(0, {1, 4}), query(3, {2}), query({}, {2, 4, 5})};
  const torch::Tensor scores = all_scores(recommender, queries);
  const Cllm4RecTables& tables = *bench.parts->collaborative;
  for (size_t q = 0; q < 2; ++q) {
    std::vector<torch::Tensor> read;
    for (const prompt::Template::Part& part : bench.parts->forms->recommend.parts()) {
      if (part.slot < 0) {
        const std::vector<int64_t> ids(part.ids.begin(), part.ids.end());
        read.push_back(t5().embed(torch::tensor(ids)));
      } else if (bench.parts->forms->recommend.slots()[static_cast<size_t>(part.slot)].shape ==
                 prompt::SlotShape::one) {
        read.push_back(tables.user.weight().narrow(0, *queries[q].user, 1));
      } else {
        for (const data::Index item : queries[q].history) {
          read.push_back(tables.item.weight().narrow(0, item, 1));
        }
      }
    }
    const auto state = plain_states(torch::cat(read), torch::empty({0, 16}))[0];
    const auto want = torch::mv(recommender.item_vectors(), state);
    EXPECT_LE((scores[static_cast<int64_t>(q)] - want).abs().max().item<double>(), 1e-4) << q;
  }
  EXPECT_TRUE(scores.isfinite().all().item<bool>());
}

TEST_F(Cllm4RecT5, ListsAreGeneratedItemByItem) {
  for (const char* stranger : {"mean", "items", "none"}) {
    bench.parts->options.unknown_user = stranger;
    bench.parts->options.predict = "autoregressive";
    Cllm4RecRecommender recommender(bench.parts);
    const std::vector<model::Query> queries{query(0, {1, 4}), query({}, {0})};
    const std::vector<std::vector<data::Index>> masked{{1, 4}, {0}};
    const model::TopItems lists = recommender.top(
        {.queries = queries, .k = 3, .masked = masked, .tie_ranks = {}, .among = {}});
    // The first item is the best of one next-item softmax; the next ones read the list so far.
    bench.parts->options.predict = "next-item";
    Cllm4RecRecommender stepwise(bench.parts);
    std::vector<data::Index> history{1, 4}, expected;
    for (int k = 0; k < 3; ++k) {
      torch::Tensor scores = all_scores(stepwise, {query(0, history)})[0];
      for (const data::Index seen : history) scores[seen] = -1e9;
      expected.push_back(static_cast<data::Index>(scores.argmax().item<int64_t>()));
      history.push_back(expected.back());
    }
    EXPECT_EQ(lists.items[0], expected) << stranger;
    EXPECT_EQ(lists.items[1].size(), 3u) << stranger;
  }
}

TEST_F(Cllm4RecT5, SavedAndLoadedItRecommendsTheSame) {
  const fs::path saved_in = fs::path(::testing::TempDir()) / "cllm4rec_t5_saved";
  Cllm4RecRecommender recommender(bench.parts);
  Cllm4RecRecommender loaded(load_parts(bench.save(recommender, saved_in)));
  const std::vector<model::Query> queries{query(0, {}), query({}, {2, 4, 5})};
  EXPECT_LE(
      (all_scores(loaded, queries) - all_scores(recommender, queries)).abs().max().item<double>(),
      1e-6);
  fs::remove_all(saved_in);
}

// Variants that train the backbone: the whole T5 gets gradients.
TEST_F(Cllm4RecT5, ATrainedBackboneGetsGradients) {
  for (const char* way : {"finetune-all", "scratch"}) {
    Cllm4RecOptions options;
    options.backbone_training = way;
    const Bench trained(small_shop(), options, 7, folder.path);
    RecommendationObjective objective(trained.parts, 5);
    objective.loss(*objective.batch(0, 0)).sum.backward();
    for (const auto& parameter : trained.parts->backbone->named_parameters()) {
      EXPECT_TRUE(parameter.value().grad().defined()) << way << " " << parameter.key();
    }
  }
}

}  // namespace
}  // namespace kindred::methods::testing
