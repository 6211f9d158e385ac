#include "data/text_column.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/error.h"
#include "core/strings.h"
#include "core/utf8.h"
#include "data/atomic.h"

namespace kindred::data {

OffsetFile::OffsetFile(std::filesystem::path path) : path_(std::move(path)) {
  descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0)
    throw Error(errno == ENOENT ? Exit::missing : Exit::io, path_.string(),
                cat("cannot be opened for reading: ", std::strerror(errno)));
}

OffsetFile::~OffsetFile() {
  ::close(descriptor_);
}

std::string OffsetFile::read(uint64_t offset, uint32_t length) const {
  std::string bytes(length, '\0');
  size_t done = 0;
  while (done < length) {
    const ssize_t got =
        ::pread(descriptor_, bytes.data() + done, length - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      throw Error(Exit::io, path_.string(), cat("reading failed: ", std::strerror(errno)));
    if (got == 0)
      throw Error(Exit::io, path_.string(),
                  cat("ends before byte ", offset + length, ": it was cut short while in use"));
    done += static_cast<size_t>(got);
  }
  return bytes;
}

AtomicTextColumn::AtomicTextColumn(std::shared_ptr<const OffsetFile> file, int64_t rows)
    : file_(std::move(file)) {
  resize(rows);
}

void AtomicTextColumn::resize(int64_t rows) {
  offsets_.resize(static_cast<size_t>(rows));
  lengths_.resize(static_cast<size_t>(rows));
}

void AtomicTextColumn::set(int64_t row, uint64_t offset, uint32_t length) {
  if (row >= rows()) resize(row + 1);
  offsets_[static_cast<size_t>(row)] = offset;
  lengths_[static_cast<size_t>(row)] = length;
}

std::string AtomicTextColumn::get(int64_t row) const {
  const auto place = static_cast<size_t>(row);
  const uint32_t length = lengths_.at(place);
  if (length == 0) return {};
  std::string raw = file_->read(offsets_[place], length);
  if (starts_quoted(raw)) raw = unquoted(raw);
  if (is_utf8(raw)) return raw;
  std::string text;
  append_sanitized(text, raw);
  return text;
}

}  // namespace kindred::data
