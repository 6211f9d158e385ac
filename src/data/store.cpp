#include "data/store.h"

#include <algorithm>
#include <array>
#include <limits>

#include "core/error.h"
#include "core/log.h"
#include "core/strings.h"
#include "core/utf8.h"
#include "data/numbers.h"

namespace kindred::data {

namespace {
constexpr size_t waiting_rows = 32, waiting_bytes = size_t{1} << 16;
}

RowStore::RowStore(const RawOptions& options, RawColumns source_columns,
                   const std::filesystem::path& spill, ReviewOrder review_order)
    : columns(source_columns),
      reviews(spill),
      review_order_(review_order),
      min_rating_(options.min_rating.value_or(-std::numeric_limits<double>::infinity())),
      max_text_(options.max_text_bytes),
      replacement_(options.replace_id_spaces) {
  if (options.min_rating && !columns.rating)
    throw Error(Exit::bad_data, "min-rating", "these interactions have no ratings; leave it out");
}

namespace {
constexpr std::string_view blanks(" \t\n\r\v\f\0", 7);
}

bool has_blank(std::string_view id) {
  return id.find_first_of(blanks) != std::string_view::npos;
}

std::string_view with_blanks_replaced(std::string_view id, const std::string& replacement,
                                      std::string& buffer) {
  if (!has_blank(id)) return id;
  buffer.clear();
  for (const char c : id)
    if (blanks.find(c) != std::string_view::npos)
      buffer += replacement;
    else
      buffer += c;
  return buffer;
}

std::string_view RowStore::checked_id(std::string_view id, const char* what,
                                      std::string& buffer) const {
  if (!has_blank(id)) return id;
  if (!replacement_)
    throw Error(Exit::bad_data, cat(what, " id '", shown(id), "'"),
                "holds a blank, which files of tokens cannot hold; give --replace-id-spaces _");
  return with_blanks_replaced(id, *replacement_, buffer);
}

void RowStore::row(const RawRow& row) {
  ++rows_read;
  const std::string_view u = checked_id(row.user, "user", user_buffer_);
  const std::string_view i = checked_id(row.item, "item", item_buffer_);
  Waiting& waiting = waiting_.emplace_back(row, waiting_text_.size());
  waiting.kept = !columns.rating || static_cast<double>(row.rating) >= min_rating_;
  waiting.row.review = {};
  if (waiting.kept && columns.review) {
    waiting.row.review = row.review;
    if (row.review.size() > static_cast<size_t>(max_text_)) {
      waiting.row.review = utf8_prefix(row.review, static_cast<size_t>(max_text_));
      ++review_counts.cut;
    }
  }
  waiting_text_.append(u).append(i).append(waiting.row.review);
  waiting.row.user = u;  // only their lengths count from here on
  waiting.row.item = i;
  if (waiting_.size() == waiting_rows || waiting_text_.size() > waiting_bytes) store_waiting();
}

/// Gives the waiting rows' ids their numbers together, which waits for memory once instead of every
/// time.
void RowStore::store_waiting() {
  std::array<std::string_view, waiting_rows> user_ids, item_ids;
  std::array<Index, waiting_rows> user_numbers, item_numbers;
  const size_t count = waiting_.size();
  for (size_t i = 0; i < count; ++i) {
    RawRow& row = waiting_[i].row;
    const char* text = waiting_text_.data() + waiting_[i].begin;
    user_ids[i] = {text, row.user.size()};
    item_ids[i] = {text + row.user.size(), row.item.size()};
    row.review = {text + row.user.size() + row.item.size(), row.review.size()};
  }
  users.add({user_ids.data(), count}, user_numbers);
  items.add({item_ids.data(), count}, item_numbers);
  for (size_t i = 0; i < count; ++i)
    if (waiting_[i].kept) store_row(waiting_[i].row, user_numbers[i], item_numbers[i]);
  waiting_.clear();
  waiting_text_.clear();
}

void RowStore::store_row(const RawRow& row, Index user_number, Index item_number) {
  if (size() >= std::numeric_limits<uint32_t>::max() - 1)
    throw Error(Exit::bad_data, "interactions", "more than 4,294,967,294 of them");
  user.push_back(user_number);
  item.push_back(item_number);
  if (columns.rating) rating.push_back(row.rating);
  if (columns.label) label.push_back(row.label);
  if (columns.time) time.push_back(row.time);
  if (row.part >= 0) part.push_back(static_cast<uint8_t>(row.part));
  if (!columns.review) return;
  ++(row.review.empty() ? review_counts.empty : review_counts.present);
  const bool by_user = review_order_ == ReviewOrder::user;
  reviews.add(by_user ? static_cast<uint32_t>(user_number) : size() - 1, row.review);
}

/// Says so where some times are of another size than most, as when two sources are mixed.
void RowStore::warn_of_other_units(TimeUnit unit) const {
  if (unit == TimeUnit::position || unit == TimeUnit::compact_date) return;
  const auto other = [&](int64_t value) { return value != 0 && time_unit_by_size(value) != unit; };
  const auto first = std::find_if(time.begin(), time.end(), other);
  if (first == time.end()) return;
  log::warning(cat(with_commas(std::count_if(first, time.end(), other)), " times do not look like ",
                   time_unit_name(unit), " (the first is ", *first, "); are two units mixed?"));
}

void RowStore::finish() {
  store_waiting();
  users_read = users.size();
  items_read = items.size();
  reviews.finish();
  if (!columns.time || time.empty()) return;
  missing_times = static_cast<uint64_t>(std::count(time.begin(), time.end(), 0));
  const TimeUnit unit = detect_time_unit(time);
  time_unit = time_unit_name(unit);
  if (missing_times == time.size()) {
    columns.time = false;
    time.clear();
    time_unit = "none";
    log::warning("no interaction has a time; the order of the files counts");
    return;
  }
  log::info(cat("times are read as ", time_unit));
  if (missing_times > 0 && unit != TimeUnit::position)
    log::warning(
        cat(with_commas(static_cast<long long>(missing_times)), " interactions have time 0"));
  warn_of_other_units(unit);
  for (int64_t& value : time) value = to_seconds(value, unit);
}

}  // namespace kindred::data
