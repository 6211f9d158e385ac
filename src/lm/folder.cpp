#include "lm/folder.h"

#include <set>
#include <system_error>

#include "core/files.h"
#include "core/hash.h"

namespace kindred::lm {
namespace {

namespace fs = std::filesystem;

// What a tokenizer may consist of.
constexpr const char* tokenizer_files[] = {"tokenizer.json",
                                           "tokenizer_config.json",
                                           "special_tokens_map.json",
                                           "added_tokens.json",
                                           "vocab.txt",
                                           "vocab.json",
                                           "merges.txt",
                                           "tokenizer.model",
                                           "sentencepiece.bpe.model",
                                           "spiece.model"};

// Names of the files of a folder that belong to its model, in order.
std::set<std::string> model_files(const fs::path& folder) {
  std::set<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    if (entry.is_regular_file() && belongs_to_model(entry.path()))
      names.insert(entry.path().filename().string());
  return names;
}

}  // namespace

bool belongs_to_model(const fs::path& file) {
  static const std::set<std::string> kinds = {".json", ".txt", ".safetensors", ".bin", ".model"};
  return kinds.contains(file.extension().string());
}

bool is_weights(const fs::path& file) {
  const std::string name = file.filename().string();
  return name.ends_with(".safetensors") || name.ends_with(".bin") || name.ends_with(".index.json");
}

std::string model_fingerprint(const fs::path& folder) {
  Sha256 hash;
  for (const std::string& name : model_files(folder))
    hash.update(name).update(file_fingerprint(folder / name));
  return hex(hash.finish());
}

void copy_model(const fs::path& from, const fs::path& to, bool weights) {
  fs::create_directories(to);
  if (fs::equivalent(from, to)) return;  // saved where it was loaded from
  for (const std::string& name : model_files(from)) {
    if (!weights && is_weights(name)) continue;
    const fs::path target = to / name;
    std::error_code failed;
    fs::remove(target, failed);
    fs::create_hard_link(fs::canonical(from / name), target, failed);
    if (failed) fs::copy_file(from / name, target);
  }
}

void copy_tokenizer(const fs::path& from, const fs::path& to) {
  for (const char* name : tokenizer_files)
    if (fs::exists(from / name)) write_file(to / name, read_file(from / name));
}

}  // namespace kindred::lm
