#pragma once
// What the tests of the text room share: fixtures, digests, the lines of
// tests/reference/text_lines.py.

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "core/files.h"
#include "core/hash.h"
#include "core/utf8.h"

namespace kindred::text {

using Fixture = nlohmann::json;

inline fs::path fixture_path(const std::string& name) {
  return fs::path(KINDRED_SOURCE_DIR) / "tests/fixtures/text" / name;
}

inline Fixture fixture(const std::string& name) {
  return Fixture::parse(read_file(fixture_path(name)));
}

inline std::string short_digest(std::string_view text, size_t digits) {
  return fingerprint(text).substr(0, digits);
}

/// A row of ids as the reference scripts print it.
inline std::string id_row(const std::vector<int32_t>& ids) {
  std::string row;
  for (size_t i = 0; i < ids.size(); ++i) row += (i > 0 ? " " : "") + std::to_string(ids[i]);
  return row + "\n";
}

/// The linear congruential generator of text_lines.py.
class LineGenerator {
 public:
  explicit LineGenerator(uint64_t seed, const Fixture& real = {}) : state_(seed) {
    if (real.contains("words")) words_ = real["words"].get<std::vector<std::string>>();
    if (real.contains("ranges")) ranges_ = real["ranges"].get<Ranges>();
  }

  uint64_t below(uint64_t bound) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return (state_ >> 33) % bound;
  }

  std::string line() {
    std::string text;
    for (uint64_t left = below(30); left > 0; --left) text += piece();
    return text;
  }

  /// `count` characters of one range.
  std::string characters(const std::pair<uint64_t, uint64_t>& range, uint64_t count) {
    std::string text;
    for (; count > 0; --count) {
      const auto value = static_cast<char32_t>(range.first + below(range.second - range.first + 1));
      append_utf8(text, value >= 0xD800 && value <= 0xDFFF ? 0xFFFD : value);
    }
    return text;
  }

  const std::pair<uint64_t, uint64_t>& range() { return ranges_[below(ranges_.size())]; }

 private:
  using Ranges = std::vector<std::pair<uint64_t, uint64_t>>;

  std::string piece() {
    const uint64_t kind = below(8);
    if (kind <= 2) return words_[below(words_.size())];
    if (kind == 3) return std::string(1 + below(5), ' ');
    if (kind == 4) return " ";
    const auto& chosen = range();
    return characters(chosen, 1 + below(6));
  }

  uint64_t state_;
  std::vector<std::string> words_;
  Ranges ranges_;
};

/// A folder of a test, removed afterwards.
class TestFolder {
 public:
  TestFolder() {
    std::string name = (fs::temp_directory_path() / "kindred-text-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TestFolder() { fs::remove_all(path_); }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  const fs::path& path() const { return path_; }
  void write(const std::string& name, std::string_view content) const {
    std::ofstream(path_ / name, std::ios::binary) << content;
  }

 private:
  fs::path path_;
};

}  // namespace kindred::text
