#include "data/find_files.h"

#include <algorithm>

#include "core/error.h"
#include "core/strings.h"

namespace kindred::data {

namespace fs = std::filesystem;

namespace {
std::string_view without_compression(std::string_view name) {
  for (const std::string_view suffix : {".gz", ".zst"})
    if (name.ends_with(suffix)) return name.substr(0, name.size() - suffix.size());
  return name;
}
}  // namespace

FolderFiles list_data_files(const fs::path& input) {
  FolderFiles folder;
  folder.folder = fs::is_directory(input) ? input : fs::absolute(input).parent_path();
  for (const auto& entry : fs::directory_iterator(folder.folder))
    if (entry.is_regular_file() && !entry.path().filename().string().starts_with("."))
      folder.files.push_back(entry.path());
  std::sort(folder.files.begin(), folder.files.end());
  return folder;
}

fs::path FolderFiles::find(std::initializer_list<std::string_view> names) const {
  for (const std::string_view name : names)
    for (const fs::path& file : files)
      if (without_compression(file.filename().string()) == name) return file;
  return {};
}

bool has_data_suffix(std::string_view name, std::initializer_list<std::string_view> suffixes) {
  const std::string_view plain = without_compression(name);
  return std::any_of(suffixes.begin(), suffixes.end(),
                     [&](std::string_view suffix) { return plain.ends_with(suffix); });
}

std::string stem_of(const fs::path& path) {
  const std::string name = path.filename().string();
  return fs::path(std::string(without_compression(name))).stem().string();
}

fs::path only_file(const std::vector<fs::path>& files, const fs::path& input,
                   const std::string& what) {
  if (files.empty()) throw Error(Exit::missing, input.string(), cat("holds no file of ", what));
  if (files.size() > 1)
    throw Error(Exit::bad_data, input.string(),
                cat("holds several files of ", what, " (", files[0].filename().string(), ", ",
                    files[1].filename().string(), "); give one of them as --input"));
  return files[0];
}

}  // namespace kindred::data
