#pragma once
// Rows that cannot be read: skipped and counted, up to a limit.

#include <cstdint>
#include <string>

#include "core/json.h"

namespace kindred::data {

/// Counts what one source's rows looked like. A limit is "N" rows or "P%" of the rows read; a share
/// always allows ten rows, so that one bad line does not fail a small file.
class BadRows {
 public:
  /// Throws `usage` where `limit` is neither a number nor a percentage.
  explicit BadRows(const std::string& limit);
  explicit BadRows(const Json& limit)
      : BadRows(limit.is_string() ? limit.get<std::string>() : limit.dump()) {}
  explicit BadRows(const char* limit) : BadRows(std::string(limit)) {}

  void good() { ++good_; }
  /// Notes a bad row ("file:line"). Throws `bad_data` once the limit is certainly exceeded.
  void bad(const std::string& where, const std::string& why);
  /// Throws `bad_data` with the first bad row's place where the limit is exceeded.
  void finish() const;

  uint64_t read() const { return good_ + bad_; }
  uint64_t bad_count() const { return bad_; }
  const std::string& first() const { return first_; }

 private:
  uint64_t allowed() const;
  [[noreturn]] void fail() const;

  std::string limit_, first_;
  double share_ = -1;  // of the rows; negative: a plain count
  uint64_t count_ = 0, good_ = 0, bad_ = 0;
};

}  // namespace kindred::data
