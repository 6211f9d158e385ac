#pragma once
// The fingerprint of a split.

#include <span>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace kindred::data {

/// Hashes the (user token, item token, label where there is one) rows of each part. The order of
/// rows, the numbering and names do not matter; repeated rows do.
class SplitFingerprint {
 public:
  SplitFingerprint(std::span<const std::string> users, std::span<const std::string> items);
  void add(Part part, Index user, Index item, float label = 0);
  /// 64 hexadecimal digits.
  std::string finish() const;

 private:
  std::vector<uint64_t> users_, items_;
  std::array<std::array<uint64_t, 3>, 3> sums_{};  // a part: count and two sums of row hashes
};

}  // namespace kindred::data
