#include "data/store.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include "core/error.h"
#include "core/log.h"
#include "core/strings.h"
#include "data/numbers.h"
#include "data/utf8.h"

namespace kindred::data {

namespace {
constexpr size_t buffer_bytes = size_t{1} << 20;
constexpr size_t release_bytes = size_t{64} << 20;
}  // namespace

TextSpill::TextSpill(std::filesystem::path path) : path_(std::move(path)) {
  descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (descriptor_ < 0)
    throw Error(Exit::io, path_.string(), cat("cannot be created: ", std::strerror(errno)));
  ::unlink(path_.c_str());  // it lives as long as it is open, whatever happens to this process
}

TextSpill::~TextSpill() {
  if (map_) ::munmap(const_cast<char*>(map_), mapped_);
  ::close(descriptor_);
}

void TextSpill::add(std::string_view text) {
  buffer_.append(text);
  offsets_.push_back(offsets_.back() + text.size());
  if (buffer_.size() >= buffer_bytes) flush();
}

void TextSpill::flush() {
  size_t done = 0;
  while (done < buffer_.size()) {
    const ssize_t wrote = ::write(descriptor_, buffer_.data() + done, buffer_.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0)
      throw Error(Exit::io, path_.string(), cat("writing failed: ", std::strerror(errno)));
    done += static_cast<size_t>(wrote);
  }
  buffer_.clear();
}

void TextSpill::finish() {
  flush();
  mapped_ = offsets_.back();
  if (mapped_ == 0) return;
  void* map = ::mmap(nullptr, mapped_, PROT_READ, MAP_PRIVATE, descriptor_, 0);
  if (map == MAP_FAILED)
    throw Error(Exit::io, path_.string(), cat("cannot be mapped: ", std::strerror(errno)));
  map_ = static_cast<const char*>(map);
}

/// Gives mapped pages back now and then: they stay in the page cache and cost the process nothing.
void TextSpill::release() {
  ::madvise(const_cast<char*>(map_), mapped_, MADV_DONTNEED);
  touched_ = 0;
}

std::string_view TextSpill::get(uint64_t row) {
  const uint64_t begin = offsets_[row], length = offsets_[row + 1] - begin;
  if (length == 0) return {};
  touched_ += length + 4096;
  if (touched_ > release_bytes) release();
  return {map_ + begin, length};
}

RowStore::RowStore(const RawOptions& options, RawColumns source_columns,
                   const std::filesystem::path& spill)
    : columns(source_columns),
      reviews(spill),
      min_rating_(options.min_rating.value_or(-std::numeric_limits<double>::infinity())),
      max_text_(options.max_text_bytes),
      replacement_(options.replace_id_spaces) {
  if (options.min_rating && !columns.rating)
    throw Error(Exit::bad_data, "min-rating", "these interactions have no ratings; leave it out");
}

namespace {
constexpr std::string_view blanks(" \t\n\r\v\f\0", 7);
}

std::string_view with_blanks_replaced(std::string_view id, const std::string& replacement,
                                      std::string& buffer) {
  if (id.find_first_of(blanks) == std::string_view::npos) return id;
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
  if (id.find_first_of(blanks) == std::string_view::npos) return id;
  if (!replacement_)
    throw Error(Exit::bad_data, cat(what, " id '", shown(id), "'"),
                "holds a blank, which files of tokens cannot hold; give --replace-id-spaces _");
  return with_blanks_replaced(id, *replacement_, buffer);
}

void RowStore::row(const RawRow& row) {
  ++rows_read;
  const Index u = users.add(checked_id(row.user, "user", user_buffer_));
  const Index i = items.add(checked_id(row.item, "item", item_buffer_));
  if (columns.rating && static_cast<double>(row.rating) < min_rating_) return;
  if (user.size() >= std::numeric_limits<uint32_t>::max() - 1)
    throw Error(Exit::bad_data, "interactions", "more than 4,294,967,294 of them");
  user.push_back(u);
  item.push_back(i);
  if (columns.rating) rating.push_back(row.rating);
  if (columns.label) label.push_back(row.label);
  if (columns.time) time.push_back(row.time);
  if (row.part >= 0) part.push_back(static_cast<uint8_t>(row.part));
  if (!columns.review) return;
  std::string_view text = row.review;
  if (text.size() > static_cast<size_t>(max_text_)) {
    text = utf8_prefix(text, static_cast<size_t>(max_text_));
    ++review_counts.cut;
  }
  ++(text.empty() ? review_counts.empty : review_counts.present);
  reviews.add(text);
}

void RowStore::finish() {
  users_read = users.size();
  items_read = items.size();
  reviews.finish();
  if (!columns.time) return;
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
  for (int64_t& value : time) value = to_seconds(value, unit);
}

}  // namespace kindred::data
