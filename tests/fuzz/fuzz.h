#pragma once
// What the fuzz targets share. An input is bytes; targets that read folders take it as several
// files.

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/log.h"

namespace kindred::fuzz {

/// A fault, seen by the fuzzer as a crash, where the condition does not hold.
inline void require(bool holds) {
  if (!holds) std::abort();
}

/// Runs a parser. An Error is the right answer to bad input unless it tells of a fault of ours; any
/// other exception ends the program.
template <class Action>
void parse(Action action) {
  log::set_level(log::Level::off);
  try {
    action();
  } catch (const Error& error) {
    if (error.code() != Exit::internal) return;
    std::fprintf(stderr, "%s\n", error.what());
    std::abort();
  }
}

/// The files of an input: its parts between record separators (0x1e).
inline std::vector<std::string_view> files_of(std::string_view input) {
  std::vector<std::string_view> files;
  while (true) {
    const size_t end = input.find('\x1e');
    files.push_back(input.substr(0, end));
    if (end == input.npos) return files;
    input.remove_prefix(end + 1);
  }
}

/// A folder for one process, in memory where the system has such a place.
class Folder {
 public:
  Folder() {
    const bool memory = ::access("/dev/shm", W_OK) == 0;
    std::string name = memory ? "/dev/shm" : std::filesystem::temp_directory_path().string();
    name += "/kindred-fuzz-XXXXXX";
    require(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::filesystem::path& path() const { return path_; }

  /// Leaves exactly these files in the folder: the i-th name gets the i-th part; a name without a
  /// part, or with an empty one, is absent.
  void fill(const std::vector<std::string>& names, const std::vector<std::string_view>& parts) {
    for (const auto& entry : std::filesystem::directory_iterator(path_))
      std::filesystem::remove_all(entry.path());
    for (size_t i = 0; i < names.size() && i < parts.size(); ++i) {
      if (parts[i].empty()) continue;
      std::ofstream(path_ / names[i], std::ios::binary)
          .write(parts[i].data(), static_cast<std::streamsize>(parts[i].size()));
    }
  }

 private:
  std::filesystem::path path_;
};

}  // namespace kindred::fuzz
