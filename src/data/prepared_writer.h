#pragma once
// Writing the files of a prepared folder.

#include <filesystem>
#include <map>

#include "core/hash.h"
#include "core/json.h"
#include "data/filters.h"
#include "data/side_texts.h"

namespace kindred::data {

/// A file written through a buffer and hashed on the way.
class HashedFile {
 public:
  explicit HashedFile(const std::filesystem::path& path);
  ~HashedFile();
  HashedFile(const HashedFile&) = delete;
  HashedFile& operator=(const HashedFile&) = delete;

  /// Where the next bytes go; call `poll` now and then.
  std::string& buffer() { return buffer_; }
  void poll() {
    if (buffer_.size() >= limit) flush();
  }
  /// Ends the file; its SHA-256.
  std::string finish();

 private:
  static constexpr size_t limit = size_t{1} << 18;
  void flush();

  std::filesystem::path path_;
  int descriptor_ = -1;
  std::string buffer_;
  Sha256 hash_;
};

/// How many ids of a side have a text in a column.
struct ColumnCounts {
  int64_t present = 0, missing = 0;
};

/// What was written.
struct WrittenReport {
  Counts whole;
  std::array<Counts, 3> parts;
  int64_t cold_valid_items = 0, cold_test_items = 0;  ///< items of a part that train lacks
  std::string fingerprint;                            ///< of the split
  std::map<std::string, std::string> files;           ///< name -> SHA-256
  std::map<std::string, ColumnCounts> item_columns, user_columns;
};

/// Writes `<name>.{train,valid,test}.inter`, `.item` and `.user` into the folder. Rows are by
/// (user, time, order of the source), or in the order of the source where `source_order`.
WrittenReport write_prepared(const std::filesystem::path& folder, const std::string& name,
                             RowStore& store, const Selection& selection,
                             const std::vector<uint8_t>& parts, SideTexts& items, SideTexts& users,
                             bool source_order);

}  // namespace kindred::data
