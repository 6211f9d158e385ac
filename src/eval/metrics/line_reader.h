#pragma once
// Tab-separated tables of evaluations, read line by line: dumps and files of candidates.

#include <charconv>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/strings.h"

namespace kindred::eval {

/// Lines of a file with their place, for error sentences.
class LineReader {
 public:
  explicit LineReader(const std::filesystem::path& path)
      : path_(path), in_(path, std::ios::binary) {
    if (!std::filesystem::exists(path)) throw Error(Exit::missing, path.string(), "no such file");
    if (!in_) throw Error(Exit::io, path.string(), "cannot be read");
  }

  /// The next line without its end; false after the last one. Throws `io`.
  bool next(std::string& line) {
    if (!std::getline(in_, line)) {
      if (in_.bad()) throw Error(Exit::io, path_.string(), "reading failed");
      return false;
    }
    ++number_;
    if (line.ends_with('\r')) line.pop_back();
    return true;
  }

  /// Throws `bad_data` at the line read last.
  [[noreturn]] void fail(const std::string& message) const {
    throw Error(Exit::bad_data, cat(path_.string(), ":", number_), message);
  }

  /// Reads the first line, which must be this.
  void expect_header(const char* header) {
    std::string line;
    if (!next(line)) line.clear();
    if (line != header) fail(cat("got the header '", line, "', expected '", header, "'"));
  }

  /// The columns of a line: as many as expected, the first one, a user, not empty.
  std::vector<std::string> fields(const std::string& line, size_t expected) const {
    std::vector<std::string> parts = split(line, '\t');
    if (parts.size() != expected) {
      fail(cat("got ", parts.size(), " columns, expected ", expected));
    }
    if (parts[0].empty()) fail("the user is empty");
    return parts;
  }

  /// A column that is a number.
  float parse_float(std::string_view text) const {
    float value = 0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (status == std::errc::result_out_of_range) {  // a double may hold what a float32 rounds off
      double wide = 0;
      const auto again = std::from_chars(text.data(), text.data() + text.size(), wide);
      if (again.ec == std::errc() && again.ptr == text.data() + text.size()) {
        return static_cast<float>(wide);
      }
    }
    if (status != std::errc() || end != text.data() + text.size()) {
      fail(cat("got '", text, "', expected a number"));
    }
    return value;
  }

  /// The number of the line read last, from 1.
  int64_t number() const { return number_; }

 private:
  std::filesystem::path path_;
  std::ifstream in_;
  int64_t number_ = 0;
};

/// Visits the parts of a sequence field; an empty field has none.
template <class Visit>
void for_each_part(std::string_view field, Visit visit) {
  while (!field.empty()) {
    const size_t space = field.find(' ');
    visit(field.substr(0, space));
    if (space == std::string_view::npos) return;
    field.remove_prefix(space + 1);
    if (field.empty()) visit(field);
  }
}

}  // namespace kindred::eval
