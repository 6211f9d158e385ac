#include "data/lines.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "core/strings.h"

namespace kindred::data {

namespace {
constexpr size_t first_size = size_t{1} << 18;
}

LineReader::LineReader(const std::filesystem::path& path, size_t max_line)
    : LineReader(open_source(path), path, max_line) {}

LineReader::LineReader(std::unique_ptr<ByteSource> source, std::filesystem::path path,
                       size_t max_line)
    : source_(std::move(source)),
      path_(std::move(path)),
      max_line_(max_line),
      buffer_(first_size + padding) {}

std::string LineReader::where() const {
  return cat(path_.string(), ":", number_);
}

/// Moves what is left to the front and reads more behind it; false when nothing more came.
bool LineReader::refill() {
  if (at_end_) return false;
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    base_ += begin_;
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ + padding >= buffer_.size()) buffer_.resize((buffer_.size() - padding) * 2 + padding);
  const size_t got = source_->read(buffer_.data() + end_, buffer_.size() - padding - end_);
  if (got == 0) at_end_ = true;
  end_ += got;
  return got > 0;
}

void LineReader::skip_mark() {
  while (end_ - begin_ < 3 && refill()) {
  }
  const std::string_view start(buffer_.data() + begin_, end_ - begin_);
  if (start.starts_with("\xef\xbb\xbf")) begin_ += 3;
  if (start.starts_with("\xff\xfe") || start.starts_with("\xfe\xff"))
    throw Error(Exit::bad_data, path_.string(),
                "is UTF-16 text, expected UTF-8; convert it (iconv -f UTF-16 -t UTF-8)");
}

bool LineReader::next_raw(std::string_view& line) {
  size_t searched = begin_;
  while (true) {
    const void* found = std::memchr(buffer_.data() + searched, '\n', end_ - searched);
    if (found) {
      const size_t stop = static_cast<size_t>(static_cast<const char*>(found) - buffer_.data());
      offset_ = base_ + begin_;
      line = {buffer_.data() + begin_, stop - begin_};
      begin_ = stop + 1;
      return true;
    }
    const size_t held = end_ - begin_;
    if (held > max_line_) {  // forget what is held of it and go on to its end
      too_long_ = true;
      begin_ = end_;
    }
    if (!refill()) break;
    searched = begin_ + (too_long_ ? 0 : held);
  }
  if (begin_ == end_ && !too_long_) return false;
  offset_ = base_ + begin_;
  line = {buffer_.data() + begin_, end_ - begin_};
  begin_ = end_;
  return true;
}

bool LineReader::next(std::string_view& line) {
  if (number_ == 0) skip_mark();
  too_long_ = false;
  if (!next_raw(line)) return false;
  ++number_;
  if (line.size() > max_line_) too_long_ = true;
  if (too_long_) line = {};
  if (line.ends_with('\r')) line.remove_suffix(1);
  return true;
}

}  // namespace kindred::data
