#pragma once
// Finding the files of a layout in a folder.

#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace kindred::data {

/// The regular files of a folder, by name; of a file, those beside it.
struct FolderFiles {
  std::filesystem::path folder;
  std::vector<std::filesystem::path> files;
  /// The file of one of the names, plain or with .gz or .zst; empty when there is none.
  std::filesystem::path find(std::initializer_list<std::string_view> names) const;
};
FolderFiles list_data_files(const std::filesystem::path& input);

/// Whether the name ends in one of the suffixes, perhaps followed by .gz or .zst.
bool has_data_suffix(std::string_view name, std::initializer_list<std::string_view> suffixes);

/// The file's name without .gz or .zst and one more suffix.
std::string stem_of(const std::filesystem::path& path);

/// The only file of the list. Throws `missing` when there is none, `bad_data` when there are
/// several.
std::filesystem::path only_file(const std::vector<std::filesystem::path>& files,
                                const std::filesystem::path& input, const std::string& what);

}  // namespace kindred::data
