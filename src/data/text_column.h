#pragma once
// Texts of an atomic file, read by offset while the file stays on disk.

#include <filesystem>
#include <memory>
#include <vector>

#include "data/dataset.h"

namespace kindred::data {

/// A file read at offsets. Reading past its end is an error, never a signal, so that a file cut
/// short by another program cannot kill the process.
class OffsetFile {
 public:
  explicit OffsetFile(std::filesystem::path path);
  ~OffsetFile();
  OffsetFile(const OffsetFile&) = delete;
  OffsetFile& operator=(const OffsetFile&) = delete;

  /// `length` bytes at `offset`. Throws `io` where the file has become shorter.
  std::string read(uint64_t offset, uint32_t length) const;

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

/// The fields of one column, one a row.
class AtomicTextColumn : public TextColumn {
 public:
  AtomicTextColumn(std::shared_ptr<const OffsetFile> file, int64_t rows);

  /// Notes where the raw field of a row lies; rows never noted are empty.
  void set(int64_t row, uint64_t offset, uint32_t length);
  void resize(int64_t rows);

  std::string get(int64_t row) const override;
  bool has(int64_t row) const override { return lengths_[static_cast<size_t>(row)] > 0; }
  int64_t rows() const override { return static_cast<int64_t>(lengths_.size()); }

 private:
  std::shared_ptr<const OffsetFile> file_;
  std::vector<uint64_t> offsets_;
  std::vector<uint32_t> lengths_;
};

}  // namespace kindred::data
