#pragma once
// Texts under numbers, brought into the order of the numbers in bounded memory: an external sort.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/descriptor.h"

namespace kindred::data {

/// Takes texts in any order of their keys and gives them back by (key, order of adding). What is
/// held is sorted and written as a run to a file without a name whenever it grows to a bound; the
/// runs are merged while they are read. So the file is written and read from front to back, however
/// large it is, and no offset is kept for a text.
class SortedSpill {
 public:
  struct Limits {
    size_t run_bytes = size_t{32} << 20;   ///< held before it is sorted and written
    size_t read_bytes = size_t{16} << 20;  ///< read ahead, over all runs
  };
  struct Record {
    uint32_t key = 0;
    std::string_view text;  ///< valid until the next call of `next`
    uint64_t place = 0;     ///< where the text lies, for `read`
  };

  explicit SortedSpill(std::filesystem::path path) : SortedSpill(std::move(path), Limits{}) {}
  SortedSpill(std::filesystem::path path, Limits limits);

  /// Throws `io` (a full disk).
  void add(uint32_t key, std::string_view text);
  /// Ends adding; records can be read from here on.
  void finish();
  /// The next record; false at the end.
  bool next(Record& record);
  /// A text by its place, into `out`.
  void read(uint64_t place, size_t length, std::string& out) const;

 private:
  /// A sorted stretch of the file on its way through memory.
  struct Run {
    uint64_t at = 0, end = 0;  // of the file: the next byte to read, the end of the run
    std::vector<char> buffer;
    size_t begin = 0, filled = 0;  // of the buffer
    uint32_t key = 0, length = 0;  // of the record at `begin`
  };

  void write_run();
  void write(const std::string& bytes);
  void read_at(uint64_t place, char* into, size_t length) const;
  void fill(Run& run, size_t needed) const;
  bool load_head(Run& run) const;
  void pass_current();

  std::filesystem::path path_;
  Limits limits_;
  detail::Descriptor file_;
  uint64_t written_ = 0;
  std::string held_;             // texts of the run being gathered
  std::vector<uint64_t> order_;  // key, then number within the run
  std::vector<uint64_t> ends_;   // of the texts in held_
  std::vector<Run> runs_;
  std::vector<uint64_t> heads_;  // a heap: key, then run, of every run but the current one
  Run* current_ = nullptr;
  size_t piece_ = 0;
};

}  // namespace kindred::data
