#include "core/files.h"

#include <sys/stat.h>

#include <algorithm>
#include <streambuf>
#include <vector>

#include "core/descriptor.h"
#include "core/error.h"

namespace kindred {

using detail::Descriptor;
using detail::system_error;

namespace {

constexpr size_t piece = size_t{1} << 20;

/// An output buffer over a descriptor that remembers why writing failed.
class DescriptorBuffer : public std::streambuf {
 public:
  explicit DescriptorBuffer(int descriptor) : descriptor_(descriptor), buffer_(piece) {
    setp(buffer_.data(), buffer_.data() + buffer_.size());
  }
  int failure() const { return failure_; }

 protected:
  int_type overflow(int_type c) override {
    if (sync() != 0) return traits_type::eof();
    if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
    return sputc(traits_type::to_char_type(c));
  }
  int sync() override {
    const bool written = write({pbase(), static_cast<size_t>(pptr() - pbase())});
    setp(buffer_.data(), buffer_.data() + buffer_.size());
    return written ? 0 : -1;
  }
  std::streamsize xsputn(const char* bytes, std::streamsize count) override {
    if (count < epptr() - pptr()) return std::streambuf::xsputn(bytes, count);
    if (sync() != 0 || !write({bytes, static_cast<size_t>(count)})) return 0;
    return count;
  }

 private:
  bool write(std::string_view bytes) {
    if (failure_ == 0 && !detail::write_all(descriptor_, bytes)) failure_ = errno;
    return failure_ == 0;
  }

  int descriptor_;
  int failure_ = 0;
  std::vector<char> buffer_;
};

/// A new temporary file beside `target`, locked by us, removed unless `keep()` was called.
class TemporaryFile {
 public:
  TemporaryFile(const fs::path& target, mode_t mode) {
    for (int attempt = 0; attempt < 100; ++attempt) {
      path_ = detail::temporary_name(target);
      opened_ = detail::open_descriptor(path_, O_WRONLY | O_CREAT | O_EXCL, 0666);
      if (!opened_ && errno == EEXIST) continue;  // left by a dead process with our id
      if (!opened_) throw system_error(target, "cannot be written");
      if (!detail::hold_temporary(opened_, path_)) continue;
      if (mode != 0) ::fchmod(opened_.get(), mode);
      return;
    }
    throw Error(Exit::io, target.string(), "no temporary file could be made beside it");
  }
  ~TemporaryFile() {
    if (opened_) ::unlink(path_.c_str());
  }
  int descriptor() const { return opened_.get(); }
  const fs::path& path() const { return path_; }
  void keep() { opened_.reset(); }

 private:
  fs::path path_;
  Descriptor opened_;
};

void stream_into(int descriptor, const fs::path& path,
                 const std::function<void(std::ostream&)>& write) {
  DescriptorBuffer buffer(descriptor);
  std::ostream stream(&buffer);
  write(stream);
  stream.flush();
  if (buffer.failure() != 0) throw system_error(path, "writing failed", buffer.failure());
  if (!stream) throw Error(Exit::io, path.string(), "writing failed");
}

/// The file a write to `path` reaches: links are followed, so that a rename does not replace the
/// link.
fs::path behind_links(const fs::path& path) {
  std::error_code failed;
  if (!fs::is_symlink(path, failed)) return path;
  const fs::path resolved = fs::weakly_canonical(path, failed);
  return failed ? path : resolved;
}

Error unreadable(const fs::path& path) {
  const int number = errno;
  if (number == ENOENT || number == ENOTDIR)
    return {Exit::missing, path.string(), "no such file; check the path"};
  return system_error(path, "cannot be opened for reading", number);
}

}  // namespace

std::string read_file(const fs::path& path, uint64_t limit) {
  const Descriptor file = detail::open_descriptor(path, O_RDONLY);
  if (!file) throw unreadable(path);
  struct stat about;
  if (::fstat(file.get(), &about) != 0) throw system_error(path, "cannot be read");
  if (S_ISDIR(about.st_mode))
    throw Error(Exit::missing, path.string(), "got a folder, expected a file");
  const auto too_large = [&] {
    return Error(Exit::bad_data, path.string(),
                 "larger than " + std::to_string(limit) + " bytes, the most that is read here");
  };
  std::string content;
  const bool sized = S_ISREG(about.st_mode);
  if (sized && static_cast<uint64_t>(about.st_size) > limit) throw too_large();
  if (sized) content.reserve(static_cast<size_t>(about.st_size) + 1);
  size_t size = 0;
  while (true) {
    if (content.size() == size) content.resize(std::max(content.capacity(), size + 4096));
    const ssize_t got = ::read(file.get(), content.data() + size, content.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw system_error(path, "reading failed");
    if (got == 0) break;
    size += static_cast<size_t>(got);
    if (size > limit) throw too_large();
  }
  content.resize(size);
  return content;
}

void write_file(const fs::path& path, std::string_view content) {
  write_file(path, [content](std::ostream& stream) {
    stream.write(content.data(), static_cast<std::streamsize>(content.size()));
  });
}

void write_file(const fs::path& path, const std::function<void(std::ostream&)>& write) {
  const fs::path target = behind_links(path);
  struct stat about;
  const bool exists = ::stat(target.c_str(), &about) == 0;
  if (exists && S_ISDIR(about.st_mode))
    throw Error(Exit::io, path.string(), "cannot be written: got a folder, expected a file");
  if (exists && !S_ISREG(about.st_mode)) {  // a pipe or device: renaming over it would destroy it
    const Descriptor device = detail::open_descriptor(path, O_WRONLY);
    if (!device) throw system_error(path, "cannot be opened for writing");
    return stream_into(device.get(), path, write);
  }
  const fs::path folder = target.has_parent_path() ? target.parent_path() : fs::path(".");
  make_folders(folder);
  TemporaryFile temporary(target, exists ? about.st_mode & 07777 : 0);
  stream_into(temporary.descriptor(), path, write);
  if (::fsync(temporary.descriptor()) != 0) throw system_error(path, "writing failed");
  if (::rename(temporary.path().c_str(), target.c_str()) != 0)
    throw system_error(path, "cannot be replaced");
  temporary.keep();
  sync_folder(folder);
}

void make_folders(const fs::path& folder) {
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed) throw system_error(folder, "the folder cannot be made", failed.value());
}

void sync_folder(const fs::path& folder) {
  const Descriptor opened = detail::open_descriptor(folder, O_RDONLY | O_DIRECTORY);
  if (!opened) throw system_error(folder, "the folder cannot be opened");
  // Some network file systems cannot sync a folder; they order renames themselves.
  if (::fsync(opened.get()) != 0 && errno != EINVAL && errno != ENOTSUP)
    throw system_error(folder, "the folder cannot be written to disk");
}

}  // namespace kindred
