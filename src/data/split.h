#pragma once
// Dividing interactions into train, valid and test.

#include <vector>

#include "data/filters.h"

namespace kindred::data {

/// What a split did, beside the parts.
struct SplitReport {
  int64_t train_only_users =
      0;                ///< users with fewer than three interactions (random, leave-one-out)
  int64_t dropped = 0;  ///< interactions before the first month of train
};

inline constexpr uint8_t no_part = 255;

/// The part of every row (no_part: not in the data). Throws `usage` for impossible options,
/// `bad_data` where train comes out empty.
///
/// random: per user with n >= 3 interactions, valid = test = max(1, floor(r n)) of them by chance,
/// none where r is 0 (seeded by the split's seed and the user's token, so that no other user
/// matters), the rest train. leave-one-out: the last is test, the one before it valid. With n < 3
/// all of a user is train. temporal: train is everything before the validation time, test
/// everything from the test time on; interactions at one time are never parted.
std::vector<uint8_t> split_rows(const RowStore& store, const Selection& selection,
                                const SplitOptions& options, SplitReport& report);

}  // namespace kindred::data
