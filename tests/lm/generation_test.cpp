// Rules of generation against `transformers` (tests/reference/lm_generation.py), continuations
// behind a shared prompt, prompts of vectors, and answers held to a given list.

#include "lm/generate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "core/error.h"
#include "core/json.h"
#include "lm/causal_lm.h"
#include "lm/continuations.h"
#include "lm/reference_file.h"

namespace kindred::lm {
namespace {

using Tokens = std::vector<int64_t>;

std::filesystem::path fixtures() {
  return std::filesystem::path(KINDRED_SOURCE_DIR) / "tests/fixtures";
}

std::shared_ptr<CausalLM> tiny(const std::string& name = "gpt2",
                               const std::string& precision = "fp32") {
  return load_causal_lm(fixtures() / "lm_decoders" / name, {precision, false, test_device()});
}

Json reference() {
  return read_json((fixtures() / "lm_generation/reference.json").string());
}

GenerateOptions options_of(const Json& rule) {
  GenerateOptions options;
  options.max_new_tokens = 9;
  options.min_new_tokens = rule.value("min_new_tokens", 0);
  options.end_tokens = rule.at("eos_token_id").get<Tokens>();
  options.beams = rule.value("num_beams", 1);
  options.length_penalty = rule.value("length_penalty", 1.0);
  options.choice.repetition_penalty = rule.value("repetition_penalty", 1.0);
  return options;
}

TEST(Generation, BeamsPenaltiesAndEndsAreThoseOfTransformers) {
  const Json json = reference();
  const auto prompts = json.at("prompts").get<std::vector<Tokens>>();
  for (const auto& [name, cases] : json.at("models").items()) {
    const auto model = tiny(name);
    for (const Json& one : cases) {
      EXPECT_EQ(generate(*model, prompts, options_of(one.at("rule"))),
                one.at("tokens").get<std::vector<Tokens>>())
          << name << " " << one.at("rule");
    }
  }
}

TEST(Generation, TemperatureTopKAndTopPLeaveWhatTransformersLeaves) {
  const Json json = reference().at("narrow");
  for (const Json& one : json.at("cases")) {
    const Json& rule = one.at("rule");
    auto scores = json.at("scores").get<std::vector<float>>();
    penalise(rule.value("penalty", 1.0), json.at("before").get<Tokens>(), scores);
    TokenChoice choice;
    choice.temperature = rule.value("temperature", 1.0);
    choice.top_k = rule.value("top_k", 0);
    choice.top_p = rule.value("top_p", 1.0);
    narrow(choice, scores);
    size_t kept = 0;
    for (size_t i = 0; i < scores.size(); ++i) {
      const std::string key = std::to_string(i);
      ASSERT_EQ(std::isfinite(scores[i]), one.at("kept").contains(key)) << rule << " token " << i;
      if (!std::isfinite(scores[i])) continue;
      EXPECT_NEAR(scores[i], one.at("kept").at(key).get<float>(), 1e-4) << rule;
      ++kept;
    }
    EXPECT_EQ(kept, one.at("kept").size());
  }
}

TEST(Generation, SamplesFollowTheProbabilitiesAndTheSeed) {
  const std::vector<float> scores = {std::log(0.1f), std::log(0.6f), -INFINITY, std::log(0.3f)};
  Random random(5, "test");
  std::map<int64_t, double> share;
  for (int i = 0; i < 20000; ++i) share[draw(scores, random)] += 1.0 / 20000;
  EXPECT_NEAR(share[0], 0.1, 0.01);
  EXPECT_NEAR(share[1], 0.6, 0.015);
  EXPECT_NEAR(share[3], 0.3, 0.015);
  EXPECT_EQ(share.size(), 3u);

  const auto model = tiny();
  GenerateOptions options;
  options.max_new_tokens = 12;
  options.choice.temperature = 2;
  const std::vector<Tokens> prompts = {{5, 9, 2}, {7}, {5, 9, 2}};
  const auto first = generate(*model, prompts, options);
  EXPECT_EQ(generate(*model, prompts, options), first);
  EXPECT_NE(first[0], first[2]) << "prompts share a stream";
  options.seed = 2;
  EXPECT_NE(generate(*model, prompts, options), first);
}

TEST(Generation, StopStringsEndASequenceAndTokensAreToldAsTheyCome) {
  const auto model = tiny();
  GenerateOptions options;
  options.max_new_tokens = 9;
  const auto free = generate(*model, {Tokens{5, 9, 2}}, options)[0];
  options.decode = [](const Tokens& tokens) {
    std::string text;
    for (const int64_t token : tokens) text += "<" + std::to_string(token) + ">";
    return text;
  };
  options.stop_strings = {"nothing", ">" + std::string("<") + std::to_string(free[3]) + ">"};
  std::vector<std::pair<size_t, int64_t>> told;
  options.on_token = [&](size_t prompt, int64_t token) { told.emplace_back(prompt, token); };
  const auto stopped = generate(*model, {Tokens{5, 9, 2}}, options)[0];
  EXPECT_LE(stopped.size(), 4u);
  EXPECT_EQ(stopped, Tokens(free.begin(), free.begin() + static_cast<long>(stopped.size())));
  ASSERT_EQ(told.size(), stopped.size());
  EXPECT_EQ(told.back(), std::make_pair(size_t{0}, stopped.back()));
}

TEST(Generation, VectorsInPlaceOfIdsGiveTheSame) {
  for (const std::string name : {"gpt2", "llama_gqa", "opt_350m"}) {
    const auto model = tiny(name);
    const Tokens ids = {5, 9, 2, 30};
    const Prompt vectors{{}, model->embed(torch::tensor(ids).to(test_device()))};
    GenerateOptions options;
    options.max_new_tokens = 6;
    EXPECT_EQ(generate(*model, std::vector<Prompt>{vectors}, options),
              generate(*model, {ids}, options))
        << name;
    options.beams = 3;
    EXPECT_EQ(generate(*model, std::vector<Prompt>{vectors}, options),
              generate(*model, {ids}, options))
        << name;
  }
}

// The states from the prompt's last token on, by reading everything from the start.
torch::Tensor states_alone(GenerativeLM& model, const Tokens& prompt, const Tokens& continuation) {
  Tokens ids = prompt;
  ids.insert(ids.end(), continuation.begin(), continuation.end());
  const torch::NoGradGuard no_grad;
  const auto begin = static_cast<int64_t>(prompt.size()), end = static_cast<int64_t>(ids.size());
  const SplitPacked input{{model.embed(torch::tensor(ids).to(model.device())), {0, end}}, {begin}};
  return model.hidden_after(input, torch::arange(begin - 1, end).to(model.device()));
}

// The log-probabilities of a continuation likewise.
std::vector<float> alone(GenerativeLM& model, const Tokens& prompt, const Tokens& continuation) {
  const auto scores =
      torch::log_softmax(model.logits(states_alone(model, prompt, continuation)), 1);
  std::vector<float> found;
  for (size_t i = 0; i < continuation.size(); ++i) {
    found.push_back(scores[static_cast<long>(i)][continuation[i]].item<float>());
  }
  return found;
}

TEST(Continuations, BehindASharedPromptAreScoredAsEachAlone) {
  for (const std::string name :
       {"gpt2", "gpt2_odd", "opt", "opt_350m", "llama_gqa", "llama_3", "qwen2"}) {
    for (const std::string precision : {"fp32", "bf16"}) {
      const auto model = tiny(name, precision);
      const std::vector<Prompt> prompts = {
          {{5, 9, 2, 30, 31}, {}}, {{7}, {}}, {{1, 2, 3, 4, 5, 6, 7, 8, 9}, {}}};
      const std::vector<Continuations> continuations = {
          {{3, 4, 5}, {6}, {3, 4, 40, 41, 42, 43}, {}}, {}, {{9, 9}, {10, 11, 12, 13}}};
      const auto found = score_continuations(*model, prompts, continuations);
      ASSERT_EQ(found.size(), 3u);
      for (size_t p = 0; p < prompts.size(); ++p) {
        ASSERT_EQ(found[p].size(), continuations[p].size());
        for (size_t c = 0; c < continuations[p].size(); ++c) {
          const auto want = alone(*model, prompts[p].ids, continuations[p][c]);
          ASSERT_EQ(found[p][c].size(), want.size());
          for (size_t i = 0; i < want.size(); ++i) {
            EXPECT_NEAR(found[p][c][i], want[i], precision == "fp32" ? 1e-4 : 0.15)
                << name << " " << precision << " prompt " << p << " continuation " << c;
          }
        }
      }
    }
  }
}

std::shared_ptr<GenerativeLM> tiny_t5(const std::string& name) {
  return load_generative_lm(fixtures() / "lm_t5" / name, {"fp32", false, test_device()});
}

// An encoder-decoder reads the prompt in its encoder, once, and each continuation in its decoder.
TEST(Continuations, OfAnEncoderDecoderAreScoredAsEachAlone) {
  for (const std::string name : {"v1_0", "v1_1", "v1_1_five", "old"}) {
    const auto model = tiny_t5(name);
    const std::vector<Prompt> prompts = {{{5, 9, 2, 30, 12}, {}}, {{7}, {}}, {{1, 2, 3}, {}}};
    const std::vector<Continuations> continuations = {
        {{3, 4, 5}, {6}, {3, 4, 20, 21, 22, 23}, {}}, {}, {{9, 9}, {10, 11, 12, 13}}};
    const auto found = score_continuations(*model, prompts, continuations);
    for (size_t p = 0; p < prompts.size(); ++p) {
      for (size_t c = 0; c < continuations[p].size(); ++c) {
        const auto want = alone(*model, prompts[p].ids, continuations[p][c]);
        ASSERT_EQ(found[p][c].size(), want.size());
        for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(found[p][c][i], want[i], 1e-4) << name;
      }
    }
  }
}

// Continuations of ids and of vectors, behind prompts of either: the state after each.
TEST(Continuations, OfVectorsLeaveTheStatesOfEachAlone) {
  std::vector<std::shared_ptr<GenerativeLM>> models = {
      tiny("gpt2"), tiny("llama_gqa"), tiny("opt_350m"), tiny_t5("v1_0"), tiny_t5("v1_1")};
  for (const auto& model : models) {
    const auto vectors = [&](const Tokens& ids) {
      return Prompt{{}, model->embed(torch::tensor(ids).to(test_device()))};
    };
    const Tokens first = {5, 9, 2, 30}, second = {7};
    const std::vector<Prompt> prompts = {vectors(first), {second, {}}};
    const std::vector<std::vector<Prompt>> continuations = {{vectors({3, 4, 5}), {{6}, {}}, {}},
                                                            {{{8, 9}, {}}, vectors({10})}};
    const auto found = continuation_states(*model, prompts, continuations);
    const auto expect = [&](const torch::Tensor& got, const Tokens& prompt, const Tokens& behind) {
      const auto want = states_alone(*model, prompt, behind);
      EXPECT_LT((got - want[-1]).abs().max().item<double>(), 1e-4) << model->kind();
    };
    ASSERT_EQ(found.size(), 2u);
    ASSERT_EQ(found[0].sizes(), (std::vector<int64_t>{3, model->hidden_size()}));
    expect(found[0][0], first, {3, 4, 5});
    expect(found[0][1], first, {6});
    expect(found[0][2], first, {});
    expect(found[1][0], second, {8, 9});
    expect(found[1][1], second, {10});
    EXPECT_FALSE(found[0].requires_grad());
  }
  const std::vector<Prompt> one = {{{1}, {}}}, unknown = {{{61}, {}}};
  EXPECT_THROW(continuation_states(*models[0], one, {unknown}), Error);
}

TEST(Continuations, BeyondTheVocabularyOrTheContextAreRefused) {
  const auto model = tiny();
  const auto message = [&](const Tokens& continuation) {
    try {
      score_continuations(*model, {{{1, 2}, {}}}, {{continuation}});
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Exit::bad_data);
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_THAT(message({1, 61}), testing::HasSubstr("got token 61"));
  EXPECT_THAT(message({-1}), testing::HasSubstr("got token -1"));
  EXPECT_THAT(message(Tokens(40, 1)), testing::HasSubstr("context"));
}

TEST(Answers, OnlyGivenAnswersAreWritten) {
  const std::vector<Tokens> answers = {{5, 6, 7}, {5, 6}, {8}, {5, 9, 10, 11}};
  const auto tree = std::make_shared<PrefixTree>(answers);
  EXPECT_EQ(tree->next({}), (Tokens{5, 8}));
  EXPECT_EQ(tree->next(Tokens{5}), (Tokens{6, 9}));
  EXPECT_THAT(tree->answers(Tokens{5, 6}), testing::ElementsAre(1u));
  EXPECT_TRUE(tree->answers(Tokens{5, 9}).empty());
  EXPECT_TRUE(tree->next(Tokens{4}).empty());
  EXPECT_THROW(PrefixTree(std::vector<Tokens>{{1}, {}}), Error);

  const auto model = tiny();
  for (const bool ends : {false, true}) {
    for (const int64_t beams : {1, 4}) {
      for (int64_t start = 1; start < 12; ++start) {
        GenerateOptions options;
        options.answers = tree;
        options.beams = beams;
        if (ends) options.end_tokens = {0};
        Tokens written = generate(*model, {Tokens{start, 3}}, options)[0];
        if (ends) {
          ASSERT_EQ(written.back(), 0);
          written.pop_back();
        }
        EXPECT_FALSE(tree->answers(written).empty()) << "start " << start << ", beams " << beams;
      }
    }
  }
}

// Two items of one title: what is written says both.
TEST(Answers, OfEqualTokensAreOneWithSeveralNumbers) {
  const PrefixTree tree(std::vector<Tokens>{{5, 6}, {8}, {5, 6}, {5, 6, 7}, {5, 6}});
  EXPECT_THAT(tree.answers(Tokens{5, 6}), testing::ElementsAre(0u, 2u, 4u));
  EXPECT_THAT(tree.answers(Tokens{5, 6, 7}), testing::ElementsAre(3u));
  EXPECT_TRUE(tree.answers(Tokens{5}).empty());
  EXPECT_TRUE(tree.answers(Tokens{9}).empty());
  EXPECT_EQ(tree.next(Tokens{5, 6}), (Tokens{7}));
  const auto model = tiny();
  GenerateOptions options;
  options.answers = std::make_shared<PrefixTree>(std::vector<Tokens>{{5, 6}, {5, 6}});
  EXPECT_EQ(generate(*model, {Tokens{3}}, options)[0], (Tokens{5, 6}));
}

TEST(Answers, WideBeamsFindTheLikeliest) {
  const std::vector<Tokens> answers = {
      {5, 6, 7}, {5, 12, 20}, {8, 30, 31}, {9, 10, 11}, {40, 3, 3}};
  const auto model = tiny("llama_gqa");
  GenerateOptions options;
  options.answers = std::make_shared<PrefixTree>(answers);
  options.beams = 5;
  for (int64_t start = 1; start < 8; ++start) {
    const Tokens prompt = {start, 2};
    const auto scores = score_continuations(*model, {{prompt, {}}}, {answers})[0];
    size_t best = 0;
    std::vector<double> sums;
    for (const auto& one : scores) sums.push_back(one[0] + one[1] + one[2]);
    for (size_t i = 0; i < sums.size(); ++i) best = sums[i] > sums[best] ? i : best;
    EXPECT_EQ(generate(*model, {prompt}, options)[0], answers[best]);
  }
}

}  // namespace
}  // namespace kindred::lm
