// Folders that are not what they say, and round trips of those that are.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "core/error.h"
#include "core/files.h"
#include "core/safetensors.h"
#include "lm/decoder.h"

namespace kindred::lm {
namespace {

using testing::HasSubstr;

class Load : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() /
              ("kindred-lm-load-" + std::to_string(::getpid()) + "-" +
               testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static Json tiny() {
    return {{"model_type", "gpt2"}, {"vocab_size", 20}, {"n_positions", 8},
            {"n_embd", 8},          {"n_layer", 1},     {"n_head", 2}};
  }

  // A folder whose tensors were changed by `edit`.
  void write(const Json& config,
             const std::function<void(std::map<std::string, torch::Tensor>&)>& edit) {
    std::map<std::string, torch::Tensor> weights;
    for (const auto& parameter : make_causal_lm(config, 3)->named_parameters()) {
      weights[parameter.key()] = parameter.value().detach();
    }
    edit(weights);
    std::vector<TensorToWrite> tensors;
    for (auto& [name, value] : weights) {
      value = value.contiguous();
      const DType type = value.scalar_type() == torch::kFloat      ? DType::f32
                         : value.scalar_type() == torch::kHalf     ? DType::f16
                         : value.scalar_type() == torch::kBFloat16 ? DType::bf16
                         : value.scalar_type() == torch::kDouble   ? DType::f64
                                                                   : DType::i64;
      tensors.push_back({name,
                         type,
                         value.sizes().vec(),
                         {static_cast<const char*>(value.const_data_ptr()), value.nbytes()}});
    }
    write_safetensors(folder_ / "model.safetensors", tensors);
    write_file(folder_ / "config.json", config.dump());
  }

  std::vector<std::string> load_error(Exit code) {
    try {
      load_causal_lm(folder_, {});
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      return error.lines();
    }
    ADD_FAILURE() << "the folder was loaded";
    return {};
  }

  std::filesystem::path folder_;
};

TEST_F(Load, EveryMismatchIsInOneError) {
  write(tiny(), [](auto& weights) {
    weights.erase("transformer.h.0.ln_1.weight");
    weights["transformer.h.7.ln_1.weight"] = torch::ones({8});
    weights["transformer.wpe.weight"] = torch::zeros({9, 8});
    weights["transformer.ln_f.bias"] = torch::zeros({8}, torch::kInt64);
  });
  EXPECT_THAT(load_error(Exit::bad_data),
              testing::UnorderedElementsAre(
                  HasSubstr("transformer.h.0.ln_1.weight: is missing; expected shape [8]"),
                  HasSubstr("transformer.h.7.ln_1.weight: is unexpected"),
                  HasSubstr("transformer.wpe.weight: got shape [9, 8], expected [8, 8]"),
                  HasSubstr("transformer.ln_f.bias: got type I64")));
}

TEST_F(Load, AnUntiedHeadMustBeThere) {
  Json config = tiny();
  config["tie_word_embeddings"] = false;
  write(config, [](auto& weights) { weights.erase("lm_head.weight"); });
  EXPECT_THAT(load_error(Exit::bad_data),
              testing::ElementsAre(HasSubstr("lm_head.weight: is missing")));
}

TEST_F(Load, ATiedHeadMayBeStoredBesideItsEmbeddings) {
  write(tiny(), [](auto& weights) {
    weights["lm_head.weight"] = weights["transformer.wte.weight"].clone();
  });
  EXPECT_EQ(load_causal_lm(folder_, {})->named_parameters().contains("lm_head.weight"), false);
}

TEST_F(Load, NamesWithoutPrefixAndMaskBuffersAreRead) {
  const auto ids = torch::arange(5);
  torch::Tensor want;
  write(tiny(), [&](auto& weights) {
    std::map<std::string, torch::Tensor> bare;
    for (const auto& [name, value] : weights) bare[name.substr(12)] = value;
    bare["h.0.attn.bias"] = torch::ones({1, 1, 8, 8});
    bare["h.0.attn.masked_bias"] = torch::tensor(-1e4f);
    weights = bare;
  });
  auto model = make_causal_lm(tiny(), 3);
  auto loaded = load_causal_lm(folder_, {});
  EXPECT_TRUE(torch::allclose(model->hidden({model->embed(ids), {0, 5}}),
                              loaded->hidden({loaded->embed(ids), {0, 5}}), 1e-5, 1e-6));
}

TEST_F(Load, StoredTypesAreConverted) {
  for (const auto type : {torch::kHalf, torch::kBFloat16, torch::kDouble}) {
    std::map<std::string, torch::Tensor> stored;
    write(tiny(), [&](auto& weights) {
      for (auto& [name, value] : weights) value = value.to(type);
      stored = weights;
    });
    for (const auto& parameter : load_causal_lm(folder_, {})->named_parameters()) {
      EXPECT_EQ(parameter.value().scalar_type(), torch::kFloat);
      EXPECT_TRUE(torch::equal(parameter.value(), stored.at(parameter.key()).to(torch::kFloat)));
    }
  }
}

TEST_F(Load, SavedFoldersLoadAgain) {
  Json config = tiny();
  config["tie_word_embeddings"] = false;
  config["activation_function"] = "relu";
  const auto model = make_causal_lm(config, 9);
  save_backbone(*model, folder_);
  const auto loaded = load_causal_lm(folder_, {});
  const auto want = model->named_parameters();
  ASSERT_EQ(loaded->named_parameters().size(), want.size());
  for (const auto& parameter : loaded->named_parameters()) {
    EXPECT_TRUE(torch::equal(parameter.value(), want[parameter.key()])) << parameter.key();
  }
  EXPECT_EQ(loaded->config()["activation_function"], "relu");
}

TEST_F(Load, OtherModelsAreRefusedByName) {
  write_file(folder_ / "config.json", R"({"model_type": "bert"})");
  EXPECT_THAT(load_error(Exit::config), testing::ElementsAre(HasSubstr("got bert")));
  write_file(folder_ / "config.json", R"({"model_type": "mamba9"})");
  EXPECT_THAT(load_error(Exit::config),
              testing::ElementsAre(testing::AllOf(HasSubstr("mamba9"), HasSubstr("gpt2"))));
  write_file(folder_ / "config.json", R"({"n_layer": 2})");
  EXPECT_THAT(load_error(Exit::config), testing::ElementsAre(HasSubstr("model_type")));
  write_file(folder_ / "config.json", "[]");
  load_error(Exit::config);
  write_file(folder_ / "config.json", "{\"n_layer\": ");
  load_error(Exit::bad_data);
}

TEST_F(Load, MissingFilesAreNamed) {
  load_error(Exit::missing);
  write_file(folder_ / "config.json", tiny().dump());
  load_error(Exit::missing);
}

TEST_F(Load, RandomWeightsFollowTheSeedAlone) {
  const auto a = make_causal_lm(tiny(), 3), b = make_causal_lm(tiny(), 3);
  const auto c = make_causal_lm(tiny(), 4);
  const auto name = "transformer.h.0.mlp.c_fc.weight";
  EXPECT_TRUE(torch::equal(a->named_parameters()[name], b->named_parameters()[name]));
  EXPECT_FALSE(torch::equal(a->named_parameters()[name], c->named_parameters()[name]));
  EXPECT_NEAR(a->embedding_std(), 0.02, 0.004);
}

}  // namespace
}  // namespace kindred::lm
