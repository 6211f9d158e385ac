#pragma once
// A small prepared dataset with reviews and recipes on it, for tests that train whole runs.

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "core/files.h"
#include "core/strings.h"
#include "run/run_folder.h"
#include "run/train_run.h"

namespace kindred::run::small {

/// Users u0…, items i0…: everybody takes items near their own number; the review of every training
/// row says so. `word` goes into the text of one review.
inline void write_store(const fs::path& folder, const std::string& word = "usual") {
  constexpr int users = 24, items = 16;
  std::vector<std::string> parts(3, "user_id:token\titem_id:token\trating:float\n");
  parts[0] = "user_id:token\titem_id:token\trating:float\treview:token_seq\n";
  for (int u = 0; u < users; ++u) {
    for (int k = 0; k < 7; ++k) {
      const int part = k < 5 ? 0 : k - 4;
      const int item = (u + k * (u % 3 + 1)) % items;
      parts[part] += cat("u", u, "\ti", item, "\t5");
      if (part == 0)
        parts[part] += cat("\tthe kind", item % 4, " thing of shelf", item % 3, " ",
                           u == 0 && k == 0 ? word : "usual");
      parts[part] += "\n";
    }
  }
  std::string titles = "item_id:token\ttitle:token_seq\n";
  for (int i = 0; i < items; ++i) titles += cat("i", i, "\tThing number ", i, "\n");
  write_file(folder / "train.inter", parts[0]);
  write_file(folder / "valid.inter", parts[1]);
  write_file(folder / "test.inter", parts[2]);
  write_file(folder / "store.item", titles);
}

/// A scratch folder with a store in it, removed afterwards.
class StoreTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / cat("kindred-run-store-", getpid());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    write_store(folder_ / "store");
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// A request to train a recipe of this text (without its data) into runs/<name>.
  TrainRequest request(const std::string& name, const std::string& text) const {
    write_file(folder_ / (name + ".yaml"),
               "data: {path: store}\nevaluation: {metrics: [recall@5, ndcg@5]}\n" + text);
    TrainRequest request;
    request.recipe = folder_ / (name + ".yaml");
    request.run_folder = folder_ / "runs" / name;
    request.paths.data_dir = folder_.string();
    request.paths.cache_dir = (folder_ / "cache").string();
    request.quiet = true;
    return request;
  }

  /// stages.json of a run: its stages in order.
  Json stages_of(const std::string& name) const {
    return read_own_json(RunFolder{folder_ / "runs" / name}.stages()).at("stages");
  }

  fs::path folder_;
};

}  // namespace kindred::run::small
