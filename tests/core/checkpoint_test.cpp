#include <gtest/gtest.h>

#include "core/files.h"
#include "core/json.h"
#include "core/safetensors.h"
#include "core/test_support.h"

namespace kindred {
namespace {

using test::expect_error;
using test::fixture;
using test::TemporaryFolder;

void write_shard(const fs::path& path, const std::vector<std::string>& names) {
  std::vector<TensorToWrite> tensors;
  for (const std::string& name : names)
    tensors.push_back({name, DType::u8, {1}, std::string_view(name).substr(0, 1)});
  write_safetensors(path, tensors);
}

void write_index(const fs::path& path, const Json& weight_map) {
  write_file(path, Json{{"metadata", {{"total_size", 0}}}, {"weight_map", weight_map}}.dump());
}

struct Sharded {
  TemporaryFolder folder;
  fs::path index = folder / "model.safetensors.index.json";
  Sharded() {
    write_shard(folder / "one.safetensors", {"a", "b"});
    write_shard(folder / "two.safetensors", {"c"});
    map({{"a", "one.safetensors"}, {"b", "one.safetensors"}, {"c", "two.safetensors"}});
  }
  void map(const Json& weight_map) { write_index(index, weight_map); }
  void refuse(Exit code, const std::string& part) {
    expect_error(code, part, [&] { open_checkpoint(folder.path()); });
  }
};

TEST(Checkpoint, OpensOneFileOfEitherFormatAndPrefersSafetensors) {
  const TemporaryFolder folder;
  fs::copy_file(fixture("core_torch_bin/module.bin"), folder / "pytorch_model.bin");
  EXPECT_EQ(open_checkpoint(folder.path())->path(), folder / "pytorch_model.bin");
  write_shard(folder / "model.safetensors", {"a"});
  EXPECT_EQ(open_checkpoint(folder.path())->path(), folder / "model.safetensors");
  EXPECT_EQ(open_checkpoint(folder / "pytorch_model.bin")->tensors().size(), 6u);
}

TEST(Checkpoint, OpensAdaptersByTheirName) {
  const TemporaryFolder folder;
  fs::copy_file(fixture("core_torch_bin/module.bin"), folder / "adapter_model.bin");
  EXPECT_EQ(open_checkpoint(folder.path(), "adapter_model")->path(), folder / "adapter_model.bin");
  expect_error(Exit::missing,
               "no weights here; looked for model.safetensors, model.safetensors.index.json, "
               "pytorch_model.bin, pytorch_model.bin.index.json",
               [&] { open_checkpoint(folder.path()); });
}

TEST(Checkpoint, OpensShards) {
  const Sharded sharded;
  const auto file = open_checkpoint(sharded.folder.path());
  EXPECT_EQ(file->path(), sharded.index);
  ASSERT_EQ(file->tensors().size(), 3u);
  for (const char* name : {"a", "b", "c"}) EXPECT_EQ(file->tensors().at(name).bytes, name);
  EXPECT_NO_THROW(file->check_unchanged());
  write_shard(sharded.folder / "two.safetensors", {"c"});
  expect_error(Exit::io, "two.safetensors: replaced", [&] { file->check_unchanged(); });
}

TEST(Checkpoint, OpensShardsOfTheOtherFormat) {
  const TemporaryFolder folder;
  fs::copy_file(fixture("core_torch_bin/module.bin"), folder / "pytorch_model-00001-of-00001.bin");
  Json map;
  const auto whole = open_torch_bin(fixture("core_torch_bin/module.bin"));
  for (const auto& [name, view] : whole->tensors()) map[name] = "pytorch_model-00001-of-00001.bin";
  write_index(folder / "pytorch_model.bin.index.json", map);
  EXPECT_EQ(open_checkpoint(folder.path())->tensors().size(), 6u);
}

TEST(Checkpoint, FollowsLinksAsDownloadCachesMakeThem) {
  const TemporaryFolder folder;
  write_shard(folder / "blobs" / "1234", {"a"});
  fs::create_directory(folder / "snapshot");
  fs::create_symlink("../blobs/1234", folder / "snapshot" / "model.safetensors");
  EXPECT_EQ(open_checkpoint(folder / "snapshot")->tensors().size(), 1u);
}

TEST(Checkpoint, AMissingShardIsNamed) {
  Sharded sharded;
  fs::remove(sharded.folder / "two.safetensors");
  sharded.refuse(
      Exit::missing,
      "two.safetensors: this shard is missing, which model.safetensors.index.json names");
}

TEST(Checkpoint, IndexAndShardsMustAgree) {
  Sharded sharded;
  sharded.map({{"a", "one.safetensors"}, {"c", "two.safetensors"}});
  sharded.refuse(Exit::bad_data, "tensor 'b' of shard 'one.safetensors' is not in the weight_map");
  sharded.map({{"a", "one.safetensors"},
               {"b", "one.safetensors"},
               {"c", "two.safetensors"},
               {"d", "two.safetensors"}});
  sharded.refuse(Exit::bad_data,
                 "tensor 'd' should be in 'two.safetensors', which does not have it");
  write_shard(sharded.folder / "two.safetensors", {"a", "c", "d"});
  sharded.refuse(Exit::bad_data,
                 "tensor 'a' should be in 'one.safetensors', but is in 'two.safetensors' too");
}

TEST(Checkpoint, ShardNamesStayInTheFolder) {
  Sharded sharded;
  for (const std::string shard :
       {"../one.safetensors", "/etc/passwd", "sub/one.safetensors", "..", ".", ""}) {
    sharded.map({{"a", shard}});
    sharded.refuse(Exit::bad_data, "expected the plain name of a file");
  }
  sharded.map({{"a", std::string("one\0.safetensors", 16)}});
  sharded.refuse(Exit::bad_data, "expected the plain name of a file");
  sharded.map({{"a", 1}});
  sharded.refuse(Exit::bad_data, "the shard of 'a' is not a text");
}

TEST(Checkpoint, BrokenIndexes) {
  Sharded sharded;
  write_file(sharded.index, "{");
  sharded.refuse(Exit::bad_data, "not valid JSON");
  write_file(sharded.index, "[]");
  sharded.refuse(Exit::bad_data, "has no 'weight_map' object");
  write_file(sharded.index, R"({"weight_map": []})");
  sharded.refuse(Exit::bad_data, "has no 'weight_map' object");
  write_file(sharded.index, R"({"weight_map": {"a": "one.safetensors", "a": "two.safetensors"}})");
  sharded.refuse(Exit::bad_data, "the key 'a' is there twice");
}

TEST(Checkpoint, AMissingFolderIsNamed) {
  const TemporaryFolder folder;
  expect_error(Exit::missing, "no such folder", [&] { open_checkpoint(folder / "none"); });
}

}  // namespace
}  // namespace kindred
