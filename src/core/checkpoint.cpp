// The checkpoint of a Hugging Face folder: one file or shards with an index.

#include <set>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "core/safetensors.h"
#include "core/strings.h"

namespace kindred {
namespace {

std::unique_ptr<TensorFile> open_file(const fs::path& path) {
  return path.extension() == ".safetensors" ? open_safetensors(path) : open_torch_bin(path);
}

/// Shards seen as one file.
class ShardedFile : public TensorFile {
 public:
  explicit ShardedFile(const fs::path& index) : path_(index) {
    const std::map<std::string, std::string> shard_of = read_index();
    std::set<std::string> shards;
    for (const auto& [name, shard] : shard_of) shards.insert(shard);
    for (const std::string& shard : shards) open_shard(shard, shard_of);
    for (const auto& [name, shard] : shard_of)
      if (!tensors_.contains(name))
        fail("tensor " + quote(name) + " should be in " + quote(shard) +
             ", which does not have it");
  }

  const std::map<std::string, TensorView>& tensors() const override { return tensors_; }
  const fs::path& path() const override { return path_; }
  void check_unchanged() const override {
    for (const auto& file : files_) file->check_unchanged();
  }

 private:
  [[noreturn]] void fail(const std::string& sentence) const {
    throw Error(Exit::bad_data, path_.string(), sentence);
  }

  std::map<std::string, std::string> read_index() const {
    const Json index = read_json(path_);
    if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object())
      fail("has no 'weight_map' object, expected one from tensor names to shard files");
    std::map<std::string, std::string> shard_of;
    for (const auto& [name, shard] : index["weight_map"].items()) {
      if (!shard.is_string()) fail("weight_map: the shard of " + quote(name) + " is not a text");
      const auto file = shard.get<std::string>();
      // A plain name cannot lead out of the folder.
      if (file.empty() || file == "." || file == ".." || file.find('/') != file.npos ||
          file.find('\0') != file.npos)
        fail("weight_map: got the shard " + quote(file) + ", expected the plain name of a file");
      shard_of[name] = file;
    }
    return shard_of;
  }

  void open_shard(const std::string& shard, const std::map<std::string, std::string>& shard_of) {
    const fs::path path = path_.parent_path() / shard;
    if (!fs::exists(path))
      throw Error(Exit::missing, path.string(),
                  "this shard is missing, which " + path_.filename().string() + " names");
    files_.push_back(open_file(path));
    for (const auto& [name, view] : files_.back()->tensors()) {
      const auto mapped = shard_of.find(name);
      if (mapped == shard_of.end())
        fail("tensor " + quote(name) + " of shard " + quote(shard) + " is not in the weight_map");
      if (mapped->second != shard)
        fail("tensor " + quote(name) + " should be in " + quote(mapped->second) + ", but is in " +
             quote(shard) + " too");
      tensors_.emplace(name, view);
    }
  }

  fs::path path_;
  std::vector<std::unique_ptr<TensorFile>> files_;
  std::map<std::string, TensorView> tensors_;
};

}  // namespace

std::unique_ptr<TensorFile> open_checkpoint(const fs::path& folder, const std::string& name) {
  std::error_code ignored;
  if (!fs::exists(folder, ignored))
    throw Error(Exit::missing, folder.string(), "no such folder; check the path");
  if (!fs::is_directory(folder, ignored))
    return folder.extension() == ".json" ? std::make_unique<ShardedFile>(folder)
                                         : open_file(folder);
  // Adapters and others keep one name in both formats; models do not.
  const std::string bin = name == "model" ? "pytorch_model" : name;
  std::vector<std::string> looked_for;
  for (const std::string& file : {name + ".safetensors", bin + ".bin"}) {
    if (fs::exists(folder / file, ignored)) return open_file(folder / file);
    const std::string index = file + ".index.json";
    if (fs::exists(folder / index, ignored)) return std::make_unique<ShardedFile>(folder / index);
    looked_for.insert(looked_for.end(), {file, index});
  }
  throw Error(Exit::missing, folder.string(),
              "no weights here; looked for " + join(looked_for, ", "));
}

}  // namespace kindred
