// The program as a person or another program meets it: exit codes, streams, files.

#include "cli/cli.h"

#include <gtest/gtest.h>

#include <set>

#include "core/files.h"
#include "core/json.h"
#include "core/strings.h"

namespace kindred {
namespace {

TEST_F(Cli, SaysWhatItTakes) {
  EXPECT_EQ(run("--help").code, 0);
  EXPECT_NE(run("--help").out.find("recommend"), std::string::npos);
  const Finished help = run("train --help");
  EXPECT_EQ(help.code, 0);
  EXPECT_NE(help.out.find("Example:"), std::string::npos) << help.out;
  EXPECT_NE(help.out.find("Usage: kindred train "), std::string::npos) << help.out;
  EXPECT_NE(run("lm score --help").out.find("Usage: kindred lm score "), std::string::npos);
  EXPECT_EQ(run("--version").out, "kindred 0.1.0\n");
}

TEST_F(Cli, UsageErrorsAreSentencesWithTheNearestName) {
  EXPECT_EQ(run("").code, 2);
  const Finished command = run("recomend x");
  EXPECT_EQ(command.code, 2);
  EXPECT_NE(command.err.find("recommend"), std::string::npos) << command.err;
  const Finished flag = run("train x.yaml --resumee");
  EXPECT_EQ(flag.code, 2);
  EXPECT_NE(flag.err.find("--resume'"), std::string::npos) << flag.err;
  EXPECT_EQ(flag.out, "");
  EXPECT_NE(run("serve").err.find("there is no command 'serve'"), std::string::npos);
  const Finished inner = run("lm scor");
  EXPECT_EQ(inner.code, 2);
  EXPECT_NE(inner.err.find("'score'"), std::string::npos) << inner.err;
  EXPECT_NE(run("lm score x").err.find("`kindred lm score --help`"), std::string::npos);
  EXPECT_EQ(run("train missing.yaml").code, 66);
  EXPECT_EQ(run("recommend missing --user u").code, 66);
}

TEST_F(Cli, ConfigurationErrorsComeAllAtOnce) {
  const std::string bad = recipe("bad.yaml",
                                 "method: ease\nease: {l3: 1}\nseeed: 3\nthreads: -1\n"
                                 "evaluation: {metrics: [recal@20]}\n");
  const Finished found = run("train " + bad);
  EXPECT_EQ(found.code, 78);
  for (const char* part : {"seeed", "threads", "'l3' (did you mean 'l2'?)", "'recall@20'"})
    EXPECT_NE(found.err.find(part), std::string::npos) << part << " in: " << found.err;
  EXPECT_EQ(found.out, "");
  const Finished select =
      run("train " + recipe("select.yaml", "method: multi-vae\ntrain: {select: 2*ndgc@10}\n"));
  EXPECT_EQ(select.code, 78);
  EXPECT_NE(select.err.find("stages.train.select: "), std::string::npos) << select.err;
  EXPECT_EQ(select.err.find("run folder"), std::string::npos) << "before anything is trained";
  const Finished warmup =
      run("train " + recipe("warmup.yaml", "method: multi-vae\ntrain: {warmup_from: 1.0e-5}\n"));
  EXPECT_EQ(warmup.code, 78);
  EXPECT_NE(warmup.err.find("stages.train.warmup_from: got 1e-05"), std::string::npos)
      << warmup.err;
  const Finished unknown = run("train " + recipe("unknown.yaml", "method: eese\n"));
  EXPECT_EQ(unknown.code, 78);
  EXPECT_NE(unknown.err.find("ease"), std::string::npos) << unknown.err;
}

TEST_F(Cli, TrainsRecommendsEvaluatesAndCompares) {
  const std::string ease = recipe("ease.yaml", "method: ease\nease: {l2: 100.0}\n");
  const Finished trained = run("--json train " + ease + " --run runs/ease");
  ASSERT_EQ(trained.code, 0) << trained.err;
  const Json metrics = parse_json(trained.out, "stdout");
  EXPECT_GT(metrics.at("test").at("recall@20").get<double>(), 0.1);
  for (const char* file : {"config.yaml", "data.json", "metrics.json", "predictions.tsv",
                           "report.html", "model/kindred.json", "model/users.tsv",
                           "model/items.tsv", "evaluations/full-test.users.tsv"})
    EXPECT_TRUE(fs::exists(folder_ / "runs/ease" / file)) << file;

  EXPECT_EQ(run("train " + ease + " --run runs/ease").code, 2)
      << "a finished run is not trained again";

  const Finished known = run("--json recommend runs/ease --user u001 --top 5");
  ASSERT_EQ(known.code, 0) << known.err;
  const Json top = parse_json(known.out, "stdout");
  EXPECT_EQ(top.at("items").size(), 5u);
  for (const Json& item : top.at("items")) {
    EXPECT_FALSE(item.at("title").get<std::string>().empty());
    for (const Json& seen : top.at("history")) EXPECT_NE(item.at("item"), seen);
  }
  const Finished unseen = run("recommend runs/ease --history i002,i011,nothing --top 3");
  EXPECT_EQ(unseen.code, 0) << unseen.err;
  EXPECT_NE(unseen.out.find("not in this run: nothing"), std::string::npos) << unseen.out;
  const Finished wrong = run("recommend runs/ease --user u01");
  EXPECT_EQ(wrong.code, 65);
  EXPECT_NE(wrong.err.find("did you mean"), std::string::npos) << wrong.err;
  const Finished mistyped = run("recommend runs/ease --users u001 --tops 3");
  EXPECT_EQ(mistyped.code, 2);
  EXPECT_NE(mistyped.err.find("does not take --users, --tops"), std::string::npos) << mistyped.err;

  const Finished again = run("--json evaluate runs/ease --dump lists.tsv --top 50");
  ASSERT_EQ(again.code, 0) << again.err;
  EXPECT_NEAR(parse_json(again.out, "stdout").at("test").at("recall@20").get<double>(),
              metrics.at("test").at("recall@20").get<double>(), 1e-12);
  EXPECT_TRUE(read_file(folder_ / "lists.tsv").starts_with("user:token\tranked:token_seq"));

  const std::string pop = recipe("pop.yaml", "method: pop\n");
  ASSERT_EQ(run("train " + pop + " --run runs/pop").code, 0);
  const Finished compared = run("compare runs/ease runs/pop --relative-to runs/ease");
  EXPECT_EQ(compared.code, 0) << compared.err;
  EXPECT_NE(compared.out.find("pop"), std::string::npos) << compared.out;
  EXPECT_EQ(run("compare runs/ease runs/pop --relative-to ease").out, compared.out);
  const Finished stray = run("compare runs/ease runs/pop --relative-to slim");
  EXPECT_EQ(stray.code, 2);
  EXPECT_NE(stray.err.find("the name of a row: ease, pop"), std::string::npos) << stray.err;

  const std::string other = recipe("other.yaml", "method: pop\n");
  ASSERT_EQ(run("train " + other + " --run runs/other --set data.split.seed=2").code, 0);
  const Finished refused = run("compare runs/ease runs/other");
  EXPECT_EQ(refused.code, 78) << refused.err;
}

// A misspelt token must not quietly widen or narrow what is recommended.
TEST_F(Cli, ListsOfItemsNameWhatTheRunDoesNotKnow) {
  ASSERT_EQ(run("train " + recipe("pop.yaml", "method: pop\n") + " --run runs/pop").code, 0);
  write_file(folder_ / "some", "i001\ni002\n\n i003 \n");
  write_file(folder_ / "one", "i002\n");
  const std::string ask = "--json recommend runs/pop --history i011 ";
  const Finished found = run(ask + "--among some --exclude one");
  ASSERT_EQ(found.code, 0) << found.err;
  const Json answer = parse_json(found.out, "out");
  std::set<std::string> items;
  for (const Json& item : answer.at("items")) items.insert(item.at("item").get<std::string>());
  EXPECT_EQ(items, (std::set<std::string>{"i001", "i003"}));

  write_file(folder_ / "wrong", "i001\ni0O2\nb\nc\nd\ne\nf\ng\n");
  write_file(folder_ / "other", "i01l\n");
  const Finished refused = run(ask + "--among wrong --exclude other");
  EXPECT_EQ(refused.code, 65);
  EXPECT_EQ(refused.out, "");
  for (const char* part : {"--among: got 'i0O2' (did you mean 'i0", "'e', and 2 more, expected",
                           "--exclude: got 'i01l' (did you mean 'i01"})
    EXPECT_NE(refused.err.find(part), std::string::npos) << part << " in: " << refused.err;
  EXPECT_EQ(refused.err.find("'f'"), std::string::npos) << refused.err;
}

TEST_F(Cli, ARunStaysUsableAfterItsDataMoved) {
  fs::create_directories(folder_ / "store");
  for (const char* name : {"sample.inter", "sample.item", "sample.user"})
    fs::copy_file(fs::path(KINDRED_SOURCE_DIR) / "data/sample" / name, folder_ / "store" / name);
  write_file(folder_ / "moved.yaml",
             cat("data: {path: '", path("store"), "', format: recbole}\nmethod: pop\n"));
  ASSERT_EQ(run("train moved.yaml --run runs/moved").code, 0);
  fs::remove_all(folder_ / "store");
  fs::remove_all(folder_ / "cache");
  EXPECT_EQ(run("recommend runs/moved --user u001 --top 3").code, 0);
}

TEST_F(Cli, SweepsResume) {
  const std::string ease = recipe("ease.yaml", "method: ease\n");
  const std::string arguments = "sweep " + ease + " --over ease.l2=10,1000 --run runs/sweep";
  const Finished first = run(arguments);
  ASSERT_EQ(first.code, 0) << first.err;
  EXPECT_TRUE(fs::exists(folder_ / "runs/sweep/sweep.html"));
  const auto written = fs::last_write_time(folder_ / "runs/sweep/10_seed1/metrics.json");
  fs::remove_all(folder_ / "runs/sweep/1000_seed1");
  ASSERT_EQ(run(arguments).code, 0);
  EXPECT_EQ(fs::last_write_time(folder_ / "runs/sweep/10_seed1/metrics.json"), written);
  EXPECT_TRUE(fs::exists(folder_ / "runs/sweep/1000_seed1/metrics.json"));
  const Finished other = run(arguments + " --set data.split.seed=5");
  EXPECT_EQ(other.code, 2) << "runs on another split are not those of this sweep";
  EXPECT_NE(other.err.find("data.split.seed"), std::string::npos) << other.err;
}

TEST_F(Cli, SweepsOfOneRecipeWithOtherOptionsAreComparedSplitBySplit) {
  const std::string ease = recipe("ease.yaml", "method: ease\n");
  for (const char* l2 : {"1.0", "900.0"})
    ASSERT_EQ(
        run(cat("sweep ", ease, " --seeds 2 --split-seeds --set ease.l2=", l2, " --run l2-", l2))
            .code,
        0);
  const Finished found =
      run("compare l2-1.0/seed1 l2-1.0/seed2 l2-900.0/seed1 l2-900.0/seed2 --relative-to "
          "l2-1.0/seed1 --metrics recall@20");
  ASSERT_EQ(found.code, 0) << found.err;
  EXPECT_NE(found.out.find("ease (l2-1.0)"), std::string::npos) << found.out;
  EXPECT_NE(found.out.find("ease (l2-900.0)"), std::string::npos) << found.out;
  EXPECT_NE(found.out.find("2 (2 splits)"), std::string::npos) << found.out;
}

TEST_F(Cli, EvaluatingOtherwiseLeavesWhatComparisonsRead) {
  ASSERT_EQ(run("train " + recipe("ease.yaml", "method: ease\n") + " --run runs/ease").code, 0);
  const std::string before = read_file(folder_ / "runs/ease/evaluations/full-test.users.tsv");
  const Finished few = run("--json evaluate runs/ease --metrics recall@5");
  ASSERT_EQ(few.code, 0) << few.err;
  EXPECT_EQ(parse_json(few.out, "stdout").at("asked").at("metrics"), Json({"recall@5"}));
  EXPECT_EQ(read_file(folder_ / "runs/ease/evaluations/full-test.users.tsv"), before);
  const Finished given = run("evaluate runs/ease --negatives 9 --protocol full");
  EXPECT_EQ(given.code, 2) << given.out << given.err;
  const Finished sampled = run("evaluate runs/ease --negatives 9 --metrics hit@1");
  EXPECT_NE(sampled.out.find("9 sampled negatives"), std::string::npos) << sampled.out;
}

TEST_F(Cli, CandidatesAreWrittenReadAndComparedByTheirContent) {
  ASSERT_EQ(run("train " + recipe("ease.yaml", "method: ease\n") + " --run runs/ease").code, 0);
  ASSERT_EQ(run("train " + recipe("pop.yaml", "method: pop\n") + " --run runs/pop").code, 0);
  const Finished written = run(
      "--json evaluate runs/ease runs/pop --negatives 9 --write-candidates c.tsv --metrics hit@1");
  ASSERT_EQ(written.code, 0) << written.err;
  const Json both = parse_json(written.out, "stdout");
  EXPECT_EQ(both.at(0).at("protocol").at("sha256"), both.at(1).at("protocol").at("sha256"));
  const std::string file = read_file(path("c.tsv"));
  ASSERT_TRUE(file.starts_with("user:token\tcandidates:token_seq\n"));
  const Finished compared = run("compare runs/ease runs/pop --candidates c.tsv --relative-to pop");
  EXPECT_EQ(compared.code, 0) << compared.err;
  EXPECT_NE(compared.out.find("candidates of c.tsv (SHA-256 "), std::string::npos) << compared.out;

  const size_t end = file.find('\n', file.find('\n') + 1);
  const size_t space = file.rfind(' ', end);
  write_file(path("twice.tsv"),
             file.substr(0, end) + file.substr(space, end - space) + file.substr(end));
  const Finished refused = run("evaluate runs/ease --candidates twice.tsv");
  EXPECT_EQ(refused.code, 65);
  EXPECT_NE(refused.err.find("twice.tsv:2: item '"), std::string::npos) << refused.err;
  EXPECT_EQ(run("validate twice.tsv").code, 65);
  EXPECT_EQ(run("evaluate runs/ease --candidates c.tsv --write-candidates d.tsv").code, 2);

  const Finished lacking = run("compare runs/ease runs/pop --protocol pointwise");
  EXPECT_EQ(lacking.code, 66);
  EXPECT_NE(lacking.err.find("`kindred evaluate runs/pop --protocol pointwise`"), std::string::npos)
      << lacking.err;
  const std::string kept = "runs/pop/evaluations/full-test.json.gz";
  EXPECT_NE(run("validate " + kept).out.find("an evaluation of pop: full ranking"),
            std::string::npos);
  fs::copy_file(path(kept), path("old.json.gz"));
  EXPECT_EQ(run("compare runs/ease old.json.gz --relative-to pop").out,
            run("compare runs/ease runs/pop --relative-to pop").out);
}

TEST_F(Cli, JudgesRunsTogether) {
  ASSERT_EQ(run("train " + recipe("ease.yaml", "method: ease\n") + " --run runs/ease").code, 0);
  ASSERT_EQ(run("train " + recipe("pop.yaml", "method: pop\n") + " --run runs/pop").code, 0);
  const auto recall = [&](const std::string& arguments) {
    const Finished found = run("--json evaluate " + arguments);
    EXPECT_EQ(found.code, 0) << found.err;
    return found.code ? 0.0
                      : parse_json(found.out, "stdout").at("test").at("recall@20").get<double>();
  };
  const double ease = recall("runs/ease"), pop = recall("runs/pop");
  EXPECT_EQ(recall("runs/ease runs/ease --ensemble mean"), ease);
  const double both = recall("runs/ease runs/pop --ensemble mean");
  EXPECT_GT(both, pop);
  EXPECT_NE(both, ease);
  EXPECT_EQ(run("evaluate runs/ease --ensemble mean").code, 2);
  ASSERT_EQ(run("train " + path("pop.yaml") + " --set data.split.seed=2 --run runs/other").code, 0);
  EXPECT_EQ(run("evaluate runs/ease runs/other --ensemble mean").code, 78);
}

TEST_F(Cli, ScoresAndSaysThatItCannotAnswer) {
  ASSERT_EQ(run("train " + recipe("ease.yaml", "method: ease\n") + " --run runs/ease").code, 0);
  const Finished top = run("--json recommend runs/ease --user u001 --top 1");
  ASSERT_EQ(top.code, 0) << top.err;
  const Json best = parse_json(top.out, "stdout").at("items").at(0);
  const Finished scored = run("--json score runs/ease --user u001 --items nothing," +
                              best.at("item").get<std::string>());
  ASSERT_EQ(scored.code, 0) << scored.err;
  const Json scores = parse_json(scored.out, "stdout");
  EXPECT_EQ(scores.at("unknown"), Json({"nothing"}));
  EXPECT_NEAR(scores.at("items").at(0).at("score").get<double>(), best.at("score").get<double>(),
              1e-6);
  const Finished answer = run("answer runs/ease --user u001 --ask 'What next?'");
  EXPECT_EQ(answer.code, 78);
  EXPECT_NE(answer.err.find("'answers'"), std::string::npos) << answer.err;
}

TEST_F(Cli, AFinishedRunIsReadInOtherPrecisions) {
  const std::string stages =
      "stages: {warmup: {max_steps: 2}, pretrain: {max_steps: 4}, "
      "finetune: {max_steps: 20, learning_rate: 3.0e-3}}\n";
  const std::string clm = recipe("clm.yaml", "method: cllm4rec\nbackbone: {path: tiny}\n" + stages);
  const Finished trained =
      run(cat("--json --model-dir ", KINDRED_SOURCE_DIR, "/models train ", clm, " --run runs/clm"));
  ASSERT_EQ(trained.code, 0) << trained.err;
  const Finished served = run("--json recommend runs/clm --user u001 --top 5 --precision int8");
  ASSERT_EQ(served.code, 0) << served.err;
  EXPECT_EQ(parse_json(served.out, "stdout").at("items").size(), 5u);
  const Finished judged = run("--json evaluate runs/clm --precision int8");
  ASSERT_EQ(judged.code, 0) << judged.err;
  const Json other = parse_json(judged.out, "stdout");
  EXPECT_EQ(other.at("asked").at("precision"), "int8");
  EXPECT_NEAR(other.at("test").at("recall@20").get<double>(),
              parse_json(trained.out, "stdout").at("test").at("recall@20").get<double>(), 0.05);

  ASSERT_EQ(run("train " + recipe("pop.yaml", "method: pop\n") + " --run runs/pop").code, 0);
  const Finished none = run("recommend runs/pop --user u001 --precision bf16");
  EXPECT_EQ(none.code, 78);
  EXPECT_NE(none.err.find("without a language model"), std::string::npos) << none.err;
}

TEST_F(Cli, DevicesThatAreNotThereAreRefused) {
  ASSERT_EQ(run("train " + recipe("pop.yaml", "method: pop\n") + " --run runs/pop").code, 0);
  for (const char* arguments : {"recommend runs/pop --user u001", "evaluate runs/pop",
                                "train pop.yaml --run runs/more", "lm embed --model x text"}) {
    for (const char* device : {"gpu", "cuda:x", "cuda:999"}) {
      const Finished refused = run(cat("--device ", device, " ", arguments));
      EXPECT_EQ(refused.code, 78) << device << " " << arguments << ": " << refused.err;
      EXPECT_NE(refused.err.find("error: device: got '"), std::string::npos) << refused.err;
    }
  }
}

TEST_F(Cli, AFolderInUseIsRefused) {
  const std::string pop = recipe("pop.yaml", "method: pop\n");
  fs::create_directories(folder_ / "runs/busy");
  const FolderLock lock(folder_ / "runs/busy");
  const Finished refused = run("train " + pop + " --run runs/busy");
  EXPECT_EQ(refused.code, 75) << refused.err;
}

TEST_F(Cli, RunsOnAPreparedFolderAreEvaluated) {
  ASSERT_EQ(run(cat("prepare --format recbole --input '", KINDRED_SOURCE_DIR,
                    "/data/sample' --output shop --min-rating 4"))
                .code,
            0);
  write_file(folder_ / "pop.yaml", cat("data: {path: ", path("shop"), "}\nmethod: pop\n"));
  ASSERT_EQ(run("train pop.yaml --run runs/pop").code, 0);
  const Finished found = run("evaluate runs/pop --metrics hit@5 --json");
  EXPECT_EQ(found.code, 0) << found.err;
  EXPECT_NE(found.out.find("hit@5"), std::string::npos) << found.out;
}

TEST_F(Cli, ModelFoldersAreFoundFromHereToo) {
  fs::create_directory_symlink(KINDRED_SOURCE_DIR "/models", folder_ / "own");
  const Finished found = run("lm tokenize --model own/tiny 'A pan' --json");
  EXPECT_EQ(found.code, 0) << found.err;
  EXPECT_NE(found.out.find("\"tokens\""), std::string::npos) << found.out;
  const Finished missing = run("lm tokenize --model own/none x");
  EXPECT_EQ(missing.code, 66);
  EXPECT_NE(missing.err.find("models/own/none, own/none"), std::string::npos) << missing.err;
  write_file(folder_ / "recipes/lm/small.yaml", "output: models/small\n");
  const Finished unmade = run("lm tokenize --model small x");
  EXPECT_NE(unmade.err.find("`kindred lm pretrain recipes/lm/small.yaml` makes it"),
            std::string::npos)
      << unmade.err;
}

TEST_F(Cli, ListsAndValidates) {
  for (const char* kind : {"recommenders", "datasets", "metrics", "backbones", "formats", "runs"})
    EXPECT_EQ(run(cat("list ", kind)).code, 0) << kind;
  EXPECT_NE(run("list recommenders").out.find("ease"), std::string::npos);
  EXPECT_EQ(run(cat("validate '", KINDRED_SOURCE_DIR, "/data/sample'")).code, 0);
  ASSERT_EQ(run("train " + recipe("vae.yaml", "method: multi-vae\ntrain: {epochs: 1}\n") +
                " --run runs/vae")
                .code,
            0);
  ASSERT_EQ(run("evaluate runs/vae --dump lists.tsv").code, 0);
  fs::create_directory(folder_ / "words");
  write_file(folder_ / "words/vocab.txt", "[UNK]\n[CLS]\n[SEP]\n[PAD]\n[MASK]\nthe\n");
  write_file(folder_ / "candidates.tsv", "user:token\tcandidates:token_seq\nu001\ti001 i002\n");
  const std::vector<std::pair<std::string, std::string>> kinds{
      {"vae.yaml", "a recipe of multi-vae"},
      {KINDRED_SOURCE_DIR "/recipes/lm/tiny.yaml", "a recipe of a language model"},
      {KINDRED_SOURCE_DIR "/models/tiny", "language model"},
      {KINDRED_SOURCE_DIR "/models/tiny/tokenizer.json", "a tokenizer of 4,096 tokens"},
      {"words", "a tokenizer of 6 tokens"},
      {"runs/vae", "a finished run of multi-vae"},
      {"runs/vae/config.yaml", "the resolved recipe of a run of multi-vae"},
      {"runs/vae/metrics.json", "full ranking"},
      {"runs/vae/log.jsonl", "the log of a run"},
      {"runs/vae/checkpoints/train/final.safetensors", "a training checkpoint of stage train"},
      {"runs/vae/evaluations/full-test.users.tsv", "metrics of 360 users"},
      {"lists.tsv", "a dump of the rankings of 360 users, depth 100"},
      {"candidates.tsv", "candidates of 1 users"}};
  for (const auto& [file, what] : kinds) {
    const Finished found = run("validate '" + file + "'");
    EXPECT_EQ(found.code, 0) << found.err;
    EXPECT_NE(found.out.find(what), std::string::npos) << found.out;
  }
  write_file(folder_ / "bad.safetensors", "no");
  const Finished bad = run("validate bad.safetensors");
  EXPECT_EQ(bad.code, 65);
  EXPECT_NE(bad.err.find("bad.safetensors"), std::string::npos) << bad.err;
}

TEST_F(Cli, InterruptedTrainingSavesAndResumesToTheSameNumbers) {
  const std::string vae = recipe("vae.yaml",
                                 "method: multi-vae\ntrain: {epochs: 60}\n"
                                 "evaluation: {metrics: [recall@20, ndcg@10]}\nthreads: 1\n");
  const Finished whole = run("--json --quiet train " + vae + " --run runs/whole --no-cache");
  ASSERT_EQ(whole.code, 0) << whole.err;

  // The log says when training is under way.
  const int code =
      interrupted("--quiet train " + vae + " --run runs/cut --no-cache", "runs/cut/log.jsonl");
  if (code == 0) GTEST_SKIP() << "the machine was too fast to interrupt it";
  EXPECT_EQ(code, 130);
  EXPECT_EQ(run("train " + vae + " --run runs/cut").code, 2) << "an unfinished run wants --resume";
  const Finished resumed =
      run("--json --quiet train " + vae + " --run runs/cut --resume --no-cache");
  ASSERT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_EQ(parse_json(resumed.out, "out").at("test"), parse_json(whole.out, "out").at("test"));
}

}  // namespace
}  // namespace kindred
