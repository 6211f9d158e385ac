// `kindred lm` through the program: a language model made from text, then read back.

#include <gtest/gtest.h>

#include <vector>

#include "cli/cli.h"
#include "core/files.h"
#include "core/json.h"
#include "core/strings.h"
#include "model/tensors.h"

namespace kindred {
namespace {

class CliLm : public Cli {
 protected:
  void SetUp() override {
    Cli::SetUp();
    if (IsSkipped()) return;
    std::string text;
    for (int i = 0; i < 300; ++i)
      text += i % 2 == 0 ? "the cat sits on the mat\n\n" : "a dog runs to the door\n\n";
    write_file(folder_ / "text/animals.txt", text);
    write_file(folder_ / "small.yaml",
               "output: models/small\ntext: {files: [animals.txt], held_out: 0.1}\n"
               "tokenizer: {vocab_size: 290}\n"
               "model: {n_layer: 1, n_embd: 16, n_head: 2, n_positions: 32}\nblock: 16\n"
               "parts: 4\nprecision: fp32\ndtype: fp32\nsamples: [the cat]\nsample_tokens: 4\n"
               "train: {epochs: 30, batch_size: 8, learning_rate: 1.0e-2, warmup_steps: 5}\n");
  }

  /// The arguments that train in runs/NAME and write models/NAME.
  std::string pretrain(const std::string& name) const {
    return cat("--quiet --threads 1 --data-dir text lm pretrain small.yaml --run runs/", name,
               " --set output=models/", name, " ");
  }

  /// The losses of every step in a run's log, in order.
  std::vector<double> losses(const std::string& name) const {
    std::vector<double> found;
    for (const std::string& line : split(read_file(folder_ / "runs" / name / "log.jsonl"), '\n')) {
      if (trim(line).empty()) continue;
      const Json record = parse_json(line, "log.jsonl");
      if (record.contains("gradient_norm")) found.push_back(record.at("loss").get<double>());
    }
    return found;
  }
};

TEST_F(CliLm, AModelMadeFromTextIsReadBack) {
  const Finished made =
      run("--json " + pretrain("small") + "--set train.max_steps=60 --set parts=1");
  ASSERT_EQ(made.code, 0) << made.err;
  const Json summary = parse_json(made.out, "out");
  EXPECT_EQ(summary.at("output"), "models/small");
  EXPECT_EQ(summary.at("steps"), 60);
  EXPECT_LT(summary.at("perplexity").get<double>(), 60) << "it learned nothing; by chance: 290";
  EXPECT_EQ(losses("small").size(), 60u);

  write_file(folder_ / "texts", "\"the cat sits\"\n\"\"\n");
  const std::string asked = " --model models/small --text-file texts";
  const Finished tokens = run("--json lm tokenize" + asked);
  ASSERT_EQ(tokens.code, 0) << tokens.err;
  const Json first = parse_json(split(tokens.out, '\n').at(0), "out");
  const std::vector<std::string> pieces = first.at("pieces");
  EXPECT_EQ(join(pieces, ""), "theĠcatĠsits");
  EXPECT_LT(pieces.size(), 12u) << "words of the text are not spelt out";

  const Finished found =
      run("--json --model-dir models lm tokenize --model small --text-file texts");
  EXPECT_EQ(found.out, tokens.out) << "by a name in the models' folder: " << found.err;
  const Finished absent = run("lm tokenize --model models/none x");
  EXPECT_EQ(absent.code, 66);
  EXPECT_NE(absent.err.find("models/models/none, models/none"), std::string::npos) << absent.err;

  const Finished scored = run("--json lm score" + asked);
  ASSERT_EQ(scored.code, 0) << scored.err;
  const Json scores = parse_json(split(scored.out, '\n').at(0), "out");
  EXPECT_EQ(scores.at("tokens"), first.at("tokens"));
  EXPECT_LT(scores.at("loss").get<double>(), 4) << "by chance: 5.7";
  EXPECT_EQ(parse_json(split(scored.out, '\n').at(1), "out").at("loss"), nullptr);

  const Finished written = run("--json lm generate --model models/small --max-new-tokens 3 'the'");
  ASSERT_EQ(written.code, 0) << written.err;
  const Json generated = parse_json(written.out, "out");
  EXPECT_GE(generated.at("tokens").size(), 1u);
  EXPECT_LE(generated.at("tokens").size(), 3u);
  EXPECT_NE(run(cat("validate models/small")).out.find("language model"), std::string::npos);
}

// Numbers that all but vanish are zero in every command, not in training alone: a last norm whose
// weights are denormal gives vectors of zeros.
TEST_F(CliLm, DenormalsAreFlushedOutsideOfTraining) {
  const fs::path model = folder_ / "models/tiny";
  fs::create_directories(folder_ / "models");
  fs::copy(fs::path(KINDRED_SOURCE_DIR) / "models/tiny", model, fs::copy_options::recursive);
  model::NamedTensors tensors = model::load_tensors(model / "model.safetensors");
  int norms = 0;
  for (auto& [name, tensor] : tensors) {
    tensor = tensor.to(torch::kFloat, false, true);
    if (name.find("ln_f.") == std::string::npos) continue;
    tensor.fill_(name.ends_with("weight") ? 1e-40 : 0.0);
    ++norms;
  }
  ASSERT_EQ(norms, 2);
  model::save_tensors(model / "model.safetensors", tensors);
  write_file(folder_ / "texts", "\"the cat sits\"\n");
  const Finished embedded = run("--json lm embed --model models/tiny --text-file texts");
  ASSERT_EQ(embedded.code, 0) << embedded.err;
  const Json line = parse_json(split(embedded.out, '\n').at(0), "out");
  ASSERT_EQ(line.at("embedding").size(), 128u);
  for (const Json& value : line.at("embedding")) EXPECT_EQ(value.get<double>(), 0.0);
}

TEST_F(CliLm, InterruptedPretrainingGoesOnWithResumeOnly) {
  ASSERT_EQ(run(pretrain("whole")).code, 0);
  // The log says when training is under way.
  const int code = interrupted(pretrain("cut"), "runs/cut/log.jsonl");
  if (code == 0) GTEST_SKIP() << "the machine was too fast to interrupt it";
  ASSERT_EQ(code, 130);
  EXPECT_FALSE(fs::exists(folder_ / "models/cut")) << "an unfinished model is not written";

  const Finished refused = run(pretrain("cut"));
  EXPECT_EQ(refused.code, 2);
  EXPECT_TRUE(refused.err.starts_with("error: runs/cut: holds the checkpoints of an earlier run"))
      << refused.err;
  EXPECT_NE(refused.err.find("--resume"), std::string::npos) << refused.err;
  const Finished other = run(pretrain("cut") + "--resume --set seed=2");
  EXPECT_EQ(other.code, 65) << other.err;

  const Finished resumed = run(pretrain("cut") + "--resume");
  ASSERT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_EQ(losses("cut"), losses("whole"));
  EXPECT_EQ(read_file(folder_ / "models/cut/model.safetensors"),
            read_file(folder_ / "models/whole/model.safetensors"));
  EXPECT_EQ(run(pretrain("cut")).code, 2) << "a finished one is not trained again either";
}

TEST_F(CliLm, PretrainingSaysWhatIsWrong) {
  EXPECT_EQ(run("lm pretrain absent.yaml").code, 66);
  const Finished config = run(pretrain("bad") + "--set blok=3 --set model.n_layer=0");
  EXPECT_EQ(config.code, 78);
  EXPECT_NE(config.err.find("'block'"), std::string::npos) << config.err;
  EXPECT_NE(config.err.find("n_layer"), std::string::npos) << config.err;
  const Finished text = run(pretrain("bad") + "--set 'text.files=[absent.txt]'");
  EXPECT_EQ(text.code, 66) << text.err;
  EXPECT_FALSE(fs::exists(folder_ / "models/bad"));
}

}  // namespace
}  // namespace kindred
