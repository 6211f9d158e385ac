#pragma once
// TensorBoard event files: scalars only. A file is a sequence of records: length (u64), masked
// CRC-32C of the length, a serialised tensorflow.Event, masked CRC-32C of it; all little-endian.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace kindred::train {

/// CRC-32C (Castagnoli) of the bytes.
uint32_t crc32c(std::string_view bytes);

/// Appends scalars to the one event file of a folder.
class TensorBoard {
 public:
  /// Opens the folder's event file, or starts one. With `keep` 0 or more, the file is first cut
  /// back to its first `keep` scalars (a resumed run writes the later ones again). A record cut off
  /// by a kill is removed. Throws `io`.
  explicit TensorBoard(const std::filesystem::path& folder, int64_t keep = -1);

  /// One scalar; `seconds` since 1970.
  void add(const std::string& tag, int64_t step, double value, double seconds);
  /// Scalars in the file.
  int64_t written() const { return written_; }
  const std::filesystem::path& path() const { return path_; }

 private:
  void append(std::string_view event);

  std::filesystem::path path_;
  int64_t written_ = 0;
};

}  // namespace kindred::train
