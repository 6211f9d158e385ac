#pragma once
// Lines of a file of any size, in a buffer of bounded size.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/source.h"

namespace kindred::data {

/// Reads lines ended by \n or \r\n; a UTF-8 byte order mark at the start is dropped.
class LineReader {
 public:
  /// Readable bytes that follow every line in memory, whatever they hold (simdjson asks for them).
  static constexpr size_t padding = 64;
  /// Lines above `max_line` bytes are skipped over without being held; `too_long()` tells.
  static constexpr size_t default_max_line = size_t{32} << 20;

  LineReader(const std::filesystem::path& path, size_t max_line = default_max_line);
  LineReader(std::unique_ptr<ByteSource> source, std::filesystem::path path,
             size_t max_line = default_max_line);

  /// The next line, valid until the next call; false at the end. An empty view with `too_long()`
  /// set stands for a line that was skipped.
  bool next(std::string_view& line);

  uint64_t number() const { return number_; }  ///< of the line returned last, from 1
  uint64_t offset() const { return offset_; }  ///< of its first byte in the decompressed content
  bool too_long() const { return too_long_; }
  const std::filesystem::path& path() const { return path_; }
  /// "file:line", for messages.
  std::string where() const;

 private:
  bool refill();
  bool next_raw(std::string_view& line);
  void skip_mark();

  std::unique_ptr<ByteSource> source_;
  std::filesystem::path path_;
  size_t max_line_;
  std::vector<char> buffer_;
  size_t begin_ = 0, end_ = 0;  // the bytes not yet returned
  uint64_t base_ = 0;           // offset of buffer_[0] in the content
  uint64_t number_ = 0, offset_ = 0;
  bool at_end_ = false, too_long_ = false;
};

}  // namespace kindred::data
