#pragma once
// What a data file or folder is, and what is wrong with it (`kindred validate`).

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace kindred::data {

/// A data file or folder looked at from end to end.
struct Description {
  std::string what;                   ///< one line: the kind and its counts
  std::vector<std::string> problems;  ///< "file:line: what is wrong", empty when it is fine
};

/// The format of raw files by their names and first lines, or nothing where none fits. Formats
/// whose columns must be named (csv, tsv, jsonl) are told by their names only.
std::optional<std::string> guess_format(const std::filesystem::path& path);

/// Reads the whole of a prepared folder, of RecBole files or of raw data in a format that can be
/// guessed. Nothing where the path is no data that Kindred reads. Throws `missing`.
std::optional<Description> describe(const std::filesystem::path& path);

}  // namespace kindred::data
