// Stopping and resuming: a killed, interrupted or failed stage goes on as if nothing had happened.

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

#include "core/error.h"
#include "core/files.h"
#include "core/strings.h"
#include "train/checkpoint.h"
#include "train/fit.h"
#include "train/toy.h"

namespace kindred::train {
namespace {

fs::path fresh_folder(const std::string& name) {
  const fs::path folder =
      fs::path(testing::TempDir()) / cat("kindred-", name, "-", static_cast<long>(getpid()));
  fs::remove_all(folder);
  fs::create_directories(folder);
  return folder;
}

std::vector<std::string> lines_of(const fs::path& path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);)
    if (!file.eof()) lines.push_back(line);  // a line cut by a kill has no end
  return lines;
}

/// A log record without what depends on the clock.
std::string timeless(Json record) {
  for (const char* key : {"seconds", "labels_per_second"}) record.erase(key);
  return record.dump();
}

/// The stage that all tests here train: two objectives, dropout, lazy and dense moments, selection.
struct Trial {
  std::shared_ptr<toy::Model> model = std::make_shared<toy::Model>();
  model::Stage stage = toy::stage(model, {20, 13});
  FitContext context;
  fs::path log;

  explicit Trial(const fs::path& folder, int64_t steps_per_epoch = 0) : log(folder / "log.jsonl") {
    stage.train.epochs = 5;
    stage.train.steps_per_epoch = steps_per_epoch;
    stage.train.accumulate = 2;
    stage.train.schedule = "cosine";
    stage.train.warmup_steps = 7;
    stage.train.clip_norm = 2.0;
    stage.train.select = "loss";
    context.folder = folder / "checkpoints";
    context.fingerprint = "abc";
    context.seed = 11;
    context.quiet = true;
    context.record = [this](const Json& record) {
      std::ofstream(log, std::ios::app) << timeless(record) << "\n";
    };
    context.cut_back = [this](int64_t records) {
      std::vector<std::string> lines = lines_of(log);
      ASSERT_GE(static_cast<int64_t>(lines.size()), records);
      lines.resize(static_cast<size_t>(records));
      write_file(log, lines.empty() ? "" : join(lines, "\n") + "\n");
    };
  }
};

std::string expected_log(const fs::path& folder, torch::Tensor* table = nullptr) {
  Trial run(folder);
  fit(run.stage, run.context);
  if (table) *table = run.model->table.weight();
  return read_file(run.log);
}

/// Trains in the folder that the environment names, slowly enough to be killed: run as a process of
/// its own by the test below.
TEST(Resume, DISABLED_Child) {
  const char* folder = std::getenv("KINDRED_RESUME_FOLDER");
  ASSERT_NE(folder, nullptr);
  Trial run{fs::path(folder)};
  run.context.resume = true;
  const auto record = run.context.record;
  run.context.record = [&](const Json& entry) {
    record(entry);
    std::this_thread::sleep_for(std::chrono::milliseconds(4));
  };
  fit(run.stage, run.context);
  write_file(fs::path(folder) / "done", "yes");
}

pid_t start_child(const fs::path& folder) {
  const pid_t child = fork();
  if (child != 0) return child;
  setenv("KINDRED_RESUME_FOLDER", folder.c_str(), 1);
  execl("/proc/self/exe", "train_tests", "--gtest_filter=Resume.DISABLED_Child",
        "--gtest_also_run_disabled_tests", static_cast<char*>(nullptr));
  _exit(127);
}

TEST(Resume, KilledAtAnyMomentGivesTheSameLosses) {
  torch::Tensor table;
  const std::string expected = expected_log(fresh_folder("whole"), &table);
  const fs::path folder = fresh_folder("killed");
  Random random(static_cast<uint64_t>(getpid()), "kills");
  const auto log_size = [&] {
    std::error_code none;
    const auto size = fs::file_size(folder / "log.jsonl", none);
    return none ? 0 : size;
  };
  int kills = 0;
  for (int round = 0; round < 8; ++round) {
    const auto before = log_size();
    const pid_t child = start_child(folder);
    int status = 0;
    // Not before it has begun to train, then at a random moment.
    while (log_size() == before && waitpid(child, &status, WNOHANG) == 0)
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    std::this_thread::sleep_for(std::chrono::microseconds(random.below(120000)));
    if (kill(child, SIGKILL) == 0) ++kills;
    waitpid(child, &status, 0);
    if (fs::exists(folder / "done")) break;
  }
  EXPECT_GE(kills, 3);
  for (int round = 0; round < 3 && !fs::exists(folder / "done"); ++round) {
    int status = 0;
    waitpid(start_child(folder), &status, 0);
  }
  ASSERT_TRUE(fs::exists(folder / "done"));
  EXPECT_EQ(read_file(folder / "log.jsonl"), expected);
  const Checkpoint final = read_checkpoint(folder / "checkpoints/final.safetensors");
  EXPECT_TRUE(
      torch::equal(model::find_tensor(final.tensors, "table", table.sizes(), "test"), table));
}

/// A stage whose epochs have that many steps (0: a pass), interrupted again and again.
void expect_the_same_after_interruptions(int64_t steps_per_epoch) {
  Trial straight(fresh_folder("straight"), steps_per_epoch);
  fit(straight.stage, straight.context);
  const std::string expected = read_file(straight.log);
  const fs::path folder = fresh_folder("interrupted");
  int stops = 0;
  for (bool done = false; !done;) {
    Trial run(folder, steps_per_epoch);
    run.context.resume = stops > 0;
    std::stop_source source;
    run.context.stop = source.get_token();
    int records = 0;
    const auto record = run.context.record;
    run.context.record = [&](const Json& entry) {
      record(entry);
      if (++records == 17) source.request_stop();
    };
    try {
      fit(run.stage, run.context);
      done = true;
    } catch (const Error& error) {
      ASSERT_EQ(error.code(), Exit::interrupted) << error.what();
      ++stops;
    }
  }
  EXPECT_GE(stops, 4);
  EXPECT_EQ(read_file(folder / "log.jsonl"), expected);
}

TEST(Resume, InterruptedInsideAnEpochGivesTheSameLosses) {
  expect_the_same_after_interruptions(0);
}

TEST(Resume, InterruptedInsideAnEpochOfSomeStepsGivesTheSameLosses) {
  expect_the_same_after_interruptions(23);
}

TEST(Resume, AFinishedStageIsPutBackAsItEnded) {
  const fs::path folder = fresh_folder("finished");
  torch::Tensor table;
  const std::string expected = expected_log(folder, &table);
  Trial again(folder);
  again.context.resume = true;
  const FitResult result = fit(again.stage, again.context);
  EXPECT_EQ(result.epochs, 5);
  EXPECT_TRUE(torch::equal(again.model->table.weight(), table));
  EXPECT_EQ(read_file(folder / "log.jsonl"), expected);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder / "checkpoints"), fs::directory_iterator()),
            1);
}

/// A run stopped after a few steps, leaving a checkpoint.
void stop_early(const fs::path& folder) {
  Trial run(folder);
  std::stop_source source;
  run.context.stop = source.get_token();
  run.context.record = [&](const Json&) { source.request_stop(); };
  EXPECT_THROW(fit(run.stage, run.context), Error);
}

TEST(Resume, ACheckpointOfOtherOptionsIsRefusedWithTheDifference) {
  const fs::path folder = fresh_folder("other");
  stop_early(folder);
  Trial run(folder);
  run.context.resume = true;
  run.context.fingerprint = "def";
  run.stage.train.learning_rate = 0.5;
  try {
    fit(run.stage, run.context);
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::bad_data);
    ASSERT_EQ(error.lines().size(), 2u);
    EXPECT_NE(error.lines()[0].find("fingerprint: got \"def\", expected \"abc\""),
              std::string::npos);
    EXPECT_NE(error.lines()[1].find("train.learning_rate: got 0.5, expected 0.01"),
              std::string::npos)
        << error.lines()[1];
  }
}

TEST(Resume, ADamagedCheckpointIsRefusedByName) {
  const fs::path folder = fresh_folder("damaged");
  stop_early(folder);
  const fs::path path = folder / "checkpoints/step-1.safetensors";
  ASSERT_TRUE(fs::exists(path));
  const std::string whole = read_file(path);
  for (const size_t at : {whole.size() - 1, whole.size() / 2, whole.size() * 3 / 4}) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    write_file(path, bytes);
    Trial run(folder);
    run.context.resume = true;
    try {
      fit(run.stage, run.context);
      FAIL() << "expected an error";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Exit::bad_data);
      EXPECT_NE(std::string(error.what()).find("step-1.safetensors"), std::string::npos);
    }
  }
  write_file(path, std::string_view(whole).substr(0, whole.size() - 100));
  Trial run(folder);
  run.context.resume = true;
  EXPECT_THROW(fit(run.stage, run.context), Error);
}

/// Trains until a record for which `last` holds and stops there.
void stop_at(const fs::path& folder, const std::function<bool(const Json&)>& last) {
  Trial run(folder);
  std::stop_source source;
  run.context.stop = source.get_token();
  const auto record = run.context.record;
  run.context.record = [&](const Json& entry) {
    record(entry);
    if (last(entry)) source.request_stop();
  };
  EXPECT_THROW(fit(run.stage, run.context), Error);
}

std::vector<fs::path> step_files(const fs::path& folder) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder / "checkpoints"))
    if (entry.path().filename().string().starts_with("step-")) found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  return found;
}

void damage(const fs::path& path) {
  std::string bytes = read_file(path);
  bytes[bytes.size() - 1] = static_cast<char>(bytes.back() ^ 1);
  write_file(path, bytes);
}

TEST(Resume, WhereTheNewestIsDamagedTheOneBeforeGoesOnWhenAskedFor) {
  torch::Tensor table;
  const std::string expected = expected_log(fresh_folder("undamaged"), &table);
  const fs::path folder = fresh_folder("fallback");
  stop_at(folder, [](const Json& entry) { return entry["epoch"] == 3; });
  const std::vector<fs::path> steps = step_files(folder);
  ASSERT_EQ(steps.size(), 2u) << "the newest checkpoint and the one before it";
  damage(steps[1]);
  Trial run(folder);
  run.context.resume = true;
  try {
    fit(run.stage, run.context);
    FAIL() << "a damaged checkpoint is not passed over in silence";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::bad_data);
    const std::string said = error.what();
    EXPECT_NE(said.find(steps[1].filename().string() + ": the checkpoint is damaged"),
              std::string::npos)
        << said;
    EXPECT_NE(said.find("--previous goes on from " + steps[0].filename().string()),
              std::string::npos)
        << said;
  }
  Trial again(folder);
  again.context.resume = again.context.previous = true;
  fit(again.stage, again.context);
  EXPECT_EQ(read_file(folder / "log.jsonl"), expected);
  EXPECT_TRUE(torch::equal(again.model->table.weight(), table));
}

TEST(Resume, ADamagedBestStateCountsAsADamagedCheckpoint) {
  const std::string expected = expected_log(fresh_folder("undamaged-best"));
  const fs::path folder = fresh_folder("damaged-best");
  // At the end of an epoch that was the best so far.
  stop_at(folder, [](const Json& entry) { return entry["epoch"] == 2 && entry.contains("best"); });
  ASSERT_EQ(step_files(folder).size(), 2u);
  const int64_t best = read_checkpoint(step_files(folder)[1]).state.best_epoch;
  ASSERT_NE(best, read_checkpoint(step_files(folder)[0]).state.best_epoch);
  damage(folder / cat("checkpoints/best-", best, ".safetensors"));
  Trial run(folder);
  run.context.resume = true;
  EXPECT_THROW(fit(run.stage, run.context), Error);
  Trial again(folder);
  again.context.resume = again.context.previous = true;
  fit(again.stage, again.context);
  EXPECT_EQ(read_file(folder / "log.jsonl"), expected);
}

TEST(Resume, AFullDiskKeepsTheCheckpointBefore) {
  const fs::path folder = fresh_folder("full");
  Trial run(folder);
  run.stage.train.epochs = 3;
  int64_t records = 0;
  rlimit old{};
  getrlimit(RLIMIT_FSIZE, &old);
  auto* const handler = std::signal(SIGXFSZ, SIG_IGN);
  run.context.record = [&](const Json& entry) {
    // Once the first epoch's checkpoint is on disk, no file may grow any more.
    if (entry["epoch"] == 2 && records++ == 0) {
      const rlimit none{64, old.rlim_max};
      setrlimit(RLIMIT_FSIZE, &none);
    }
  };
  Exit code = Exit::ok;
  try {
    fit(run.stage, run.context);
  } catch (const Error& error) {
    code = error.code();
  }
  setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(code, Exit::io);
  Trial again(folder);
  again.stage.train.epochs = 3;
  again.context.resume = true;
  again.context.cut_back = nullptr;
  const FitResult result = fit(again.stage, again.context);
  EXPECT_EQ(result.epochs, 3);
  Trial straight(fresh_folder("not-full"));
  straight.stage.train.epochs = 3;
  fit(straight.stage, straight.context);
  EXPECT_TRUE(torch::equal(again.model->table.weight(), straight.model->table.weight()));
}

TEST(Resume, StartingAnewForgetsOldCheckpoints) {
  const fs::path folder = fresh_folder("anew");
  stop_early(folder);
  Trial run(folder);
  run.stage.train.learning_rate = 0.5;
  fit(run.stage, run.context);
  EXPECT_FALSE(fs::exists(folder / "checkpoints/step-1.safetensors"));
}

}  // namespace
}  // namespace kindred::train
