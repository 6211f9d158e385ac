#pragma once
// Splitting records of delimited text into fields.

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "data/records.h"

namespace kindred::data {

/// Splits one record, line by line where a quoted field holds line ends. Time is linear in its
/// bytes.
class FieldSplitter {
 public:
  explicit FieldSplitter(const Delimited& syntax) : syntax_(syntax) {}

  /// Starts a record; false where a quoted field is open at the line's end (several_lines only).
  bool start(std::string_view line);
  /// Goes on with the next line; false where a quoted field is still open.
  bool more(std::string_view line);

  /// The fields without their quoting, once the record is complete. They live until the next
  /// record, as long as the line last given does; earlier lines may be gone.
  const std::vector<std::string_view>& fields() const { return fields_; }

 private:
  bool split(std::string_view line, size_t at);
  bool close_quoted(std::string_view line, size_t& at);
  void push_quoted(std::string_view line, size_t begin, size_t& at, bool closed);
  bool goes_on();

  const Delimited& syntax_;
  std::vector<std::string_view> fields_;
  std::deque<std::string> owned_;  // what fields_ points into where it is not the line
  std::string open_;               // the quoted field being read
  size_t kept_ = 0;                // fields that live in owned_
};

}  // namespace kindred::data
