#pragma once
// TensorBoard event files: scalars only. A file is a sequence of records: length (u64), masked
// CRC-32C of the length, a serialised tensorflow.Event, masked CRC-32C of it; all little-endian.

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kindred::train {

/// CRC-32C (Castagnoli) of the bytes.
uint32_t crc32c(std::string_view bytes);

/// Appends events, each of the scalars of one moment, to the one event file of a folder.
class TensorBoard {
 public:
  using Scalars = std::vector<std::pair<std::string, double>>;  ///< by tag

  /// Opens the folder's event file, or starts one. With `keep` 0 or more, the file is first cut
  /// back to its first `keep` events (a resumed run writes the later ones again). A record cut off
  /// by a kill is removed. Throws `io`.
  explicit TensorBoard(const std::filesystem::path& folder, int64_t keep = -1);

  /// One event; `seconds` since 1970. It is in the file on return. Throws `io`.
  void add(const Scalars& scalars, int64_t step, double seconds);
  /// Events in the file.
  int64_t written() const { return written_; }
  const std::filesystem::path& path() const { return path_; }

 private:
  void append(std::string_view event);

  std::filesystem::path path_;
  std::ofstream file_;
  int64_t written_ = 0;
};

}  // namespace kindred::train
