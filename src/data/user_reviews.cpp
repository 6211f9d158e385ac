#include "data/user_reviews.h"

#include <algorithm>

#include "core/error.h"
#include "data/split.h"

namespace kindred::data {

void UserReviews::load(Index user, std::span<const uint32_t> rows,
                       const std::vector<uint8_t>& parts) {
  pieces_.clear();
  held_.clear();
  for (const uint32_t row : rows) pieces_.push_back({.row = row});
  const auto by_row = [](const Piece& a, const Piece& b) { return a.row < b.row; };
  if (!std::is_sorted(pieces_.begin(), pieces_.end(), by_row))
    std::sort(pieces_.begin(), pieces_.end(), by_row);
  for (Piece& piece : pieces_) {
    SortedSpill::Record record;
    check(spill_.next(record) && record.key == static_cast<uint32_t>(user),
          "every row of a user has a review in the spill");
    if (parts[piece.row] == no_part) continue;
    piece.length = static_cast<uint32_t>(record.text.size());
    piece.held = held_.size() + record.text.size() <= bound_;
    piece.begin = piece.held ? held_.size() : record.place;
    if (piece.held) held_ += record.text;
  }
}

std::string_view UserReviews::get(uint32_t row) {
  const auto piece = std::lower_bound(
      pieces_.begin(), pieces_.end(), row,
      [](const Piece& candidate, uint32_t wanted) { return candidate.row < wanted; });
  check(piece != pieces_.end() && piece->row == row, "a review is asked for of the loaded user");
  if (piece->held) return std::string_view(held_).substr(piece->begin, piece->length);
  spill_.read(piece->begin, piece->length, single_);
  return single_;
}

}  // namespace kindred::data
