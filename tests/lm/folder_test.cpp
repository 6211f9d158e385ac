#include "lm/folder.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "core/files.h"

namespace kindred::lm {
namespace {

namespace fs = std::filesystem;

class Folder : public testing::Test {
 protected:
  Folder() {
    fs::create_directories(from_);
    for (const char* name : {"config.json", "tokenizer.json", "merges.txt", "spiece.model",
                             "model.safetensors", "model.safetensors.index.json", "README.md"})
      write_file(from_ / name, std::string("of ") + name);
  }
  ~Folder() override { fs::remove_all(root_); }

  fs::path root_ = fs::temp_directory_path() / ("kindred-folder-" + std::to_string(::getpid()));
  fs::path from_ = root_ / "from", to_ = root_ / "to";
};

TEST_F(Folder, FingerprintIsOfWhatBelongsToTheModel) {
  const std::string before = model_fingerprint(from_);
  EXPECT_EQ(before.size(), 64u);
  write_file(from_ / "README.md", "another card");
  EXPECT_EQ(model_fingerprint(from_), before);
  write_file(from_ / "merges.txt", "other merges");
  EXPECT_NE(model_fingerprint(from_), before);
}

TEST_F(Folder, AModelIsCopiedWithOrWithoutItsWeights) {
  copy_model(from_, to_, false);
  EXPECT_TRUE(fs::exists(to_ / "spiece.model"));
  EXPECT_FALSE(fs::exists(to_ / "model.safetensors"));
  EXPECT_FALSE(fs::exists(to_ / "model.safetensors.index.json"));
  EXPECT_FALSE(fs::exists(to_ / "README.md"));
  write_file(from_ / "config.json", "changed");
  copy_model(from_, to_, true);
  EXPECT_EQ(read_file(to_ / "config.json"), "changed");
  EXPECT_EQ(read_file(to_ / "model.safetensors"), "of model.safetensors");
  EXPECT_EQ(model_fingerprint(to_), model_fingerprint(from_));
  copy_model(to_, to_, true);  // the same folder stays as it is
  EXPECT_EQ(model_fingerprint(to_), model_fingerprint(from_));
}

TEST_F(Folder, ATokenizerIsItsOwnFilesAlone) {
  fs::create_directories(to_);
  copy_tokenizer(from_, to_);
  EXPECT_TRUE(fs::exists(to_ / "tokenizer.json"));
  EXPECT_TRUE(fs::exists(to_ / "merges.txt"));
  EXPECT_TRUE(fs::exists(to_ / "spiece.model"));
  EXPECT_FALSE(fs::exists(to_ / "config.json"));
  EXPECT_FALSE(fs::exists(to_ / "model.safetensors"));
}

}  // namespace
}  // namespace kindred::lm
