#pragma once
// Reviews on their way from the spill to the prepared folder, a user at a time.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/dataset.h"
#include "data/sorted_spill.h"

namespace kindred::data {

/// The reviews of one user by row. A user's reviews are held in memory up to a bound; those beyond
/// it are read one by one.
class UserReviews {
 public:
  explicit UserReviews(SortedSpill& spill, size_t held_bytes = size_t{16} << 20)
      : spill_(spill), bound_(held_bytes) {}

  /// Moves on to the next user that has rows: all of them, in any order; texts of rows without a
  /// part are passed over.
  void load(Index user, std::span<const uint32_t> rows, const std::vector<uint8_t>& parts);
  /// The review of a row of that user, valid until the next call.
  std::string_view get(uint32_t row);

 private:
  /// Where a row's review is: at `begin` of what is held, or at a place of the spill.
  struct Piece {
    uint32_t row = 0, length = 0;
    uint64_t begin = 0;
    bool held = true;
  };

  SortedSpill& spill_;
  size_t bound_;
  std::vector<Piece> pieces_;  // by row, as the spill has them
  std::string held_, single_;
};

}  // namespace kindred::data
