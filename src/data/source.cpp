#include "data/source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/progress.h"
#include "core/strings.h"

namespace kindred::data {
namespace {

namespace fs = std::filesystem;
constexpr size_t buffer_size = 1 << 18;
constexpr size_t megabyte = 1000000;
constexpr off_t worth_showing = 64 * off_t{megabyte};

class PlainSource : public ByteSource {
 public:
  explicit PlainSource(const fs::path& path) : path_(path) {
    if (fs::is_directory(path))
      throw Error(Exit::missing, path.string(), "is a folder, expected a file");
    descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor_ < 0) {
      throw Error(errno == ENOENT || errno == ENOTDIR ? Exit::missing : Exit::io, path.string(),
                  cat("cannot be opened for reading: ", std::strerror(errno)));
    }
    ::posix_fadvise(descriptor_, 0, 0, POSIX_FADV_SEQUENTIAL);
    struct ::stat status{};
    if (::fstat(descriptor_, &status) == 0 && S_ISREG(status.st_mode) &&
        status.st_size > worth_showing)
      progress_ = std::make_unique<Progress>(
          path.filename().string(), static_cast<uint64_t>(status.st_size) / megabyte, "MB");
  }
  ~PlainSource() override { ::close(descriptor_); }
  PlainSource(const PlainSource&) = delete;
  PlainSource& operator=(const PlainSource&) = delete;

  size_t read(char* into, size_t size) override {
    while (true) {
      const ssize_t got = ::read(descriptor_, into, size);
      if (got >= 0) return show(static_cast<size_t>(got));
      if (errno != EINTR)
        throw Error(Exit::io, path_.string(), cat("reading failed: ", std::strerror(errno)));
    }
  }

 private:
  size_t show(size_t got) {
    if (!progress_) return got;
    if (got == 0) progress_->finish();
    unshown_ += got;
    progress_->tick(unshown_ / megabyte);
    unshown_ %= megabyte;
    return got;
  }

  fs::path path_;
  int descriptor_ = -1;
  std::unique_ptr<Progress> progress_;
  size_t unshown_ = 0;
};

class MemorySource : public ByteSource {
 public:
  explicit MemorySource(std::string bytes) : bytes_(std::move(bytes)) {}
  size_t read(char* into, size_t size) override {
    const size_t got = bytes_.copy(into, size, at_);
    at_ += got;
    return got;
  }

 private:
  std::string bytes_;
  size_t at_ = 0;
};

/// A source whose first bytes have been looked at.
class PeekedSource : public ByteSource {
 public:
  explicit PeekedSource(std::unique_ptr<ByteSource> source) : source_(std::move(source)) {
    while (got_ < sizeof peeked_) {
      const size_t more = source_->read(peeked_ + got_, sizeof peeked_ - got_);
      if (more == 0) break;
      got_ += more;
    }
  }
  size_t read(char* into, size_t size) override {
    if (given_ == got_) return source_->read(into, size);
    const size_t part = std::min(size, got_ - given_);
    std::memcpy(into, peeked_ + given_, part);
    given_ += part;
    return part;
  }
  bool starts_with(std::string_view magic) const {
    return std::string_view(peeked_, got_).starts_with(magic);
  }
  bool empty() const { return got_ == 0; }

 private:
  std::unique_ptr<ByteSource> source_;
  char peeked_[4];
  size_t got_ = 0, given_ = 0;
};

/// What the two decompressors share: the compressed file and the buffer in front of it.
class CompressedSource : public ByteSource {
 public:
  CompressedSource(const fs::path& path, std::unique_ptr<ByteSource> file)
      : path_(path), file_(std::move(file)), buffer_(buffer_size) {}

 protected:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(Exit::bad_data, path_.string(), what);
  }
  bool refill() {
    begin_ = 0;
    end_ = file_->read(buffer_.data(), buffer_.size());
    return end_ > 0;
  }

  fs::path path_;
  std::unique_ptr<ByteSource> file_;
  std::vector<char> buffer_;
  size_t begin_ = 0, end_ = 0;
};

class GzipSource : public CompressedSource {
 public:
  GzipSource(const fs::path& path, std::unique_ptr<ByteSource> file)
      : CompressedSource(path, std::move(file)) {
    check(inflateInit2(&stream_, 15 + 16) == Z_OK, "zlib starts");
  }
  ~GzipSource() override { inflateEnd(&stream_); }

  size_t read(char* into, size_t size) override {
    stream_.next_out = reinterpret_cast<Bytef*>(into);
    stream_.avail_out = static_cast<uInt>(std::min<size_t>(size, 1u << 30));
    const uInt wanted = stream_.avail_out;
    while (stream_.avail_out == wanted && !done_) {
      if (begin_ == end_ && !refill()) {
        if (inside_member_)
          fail(cat("the gzip stream is truncated after ", total_, " bytes of content (member ",
                   member_, "); fetch the file again"));
        done_ = true;
        break;
      }
      if (!inside_member_ && !next_member()) break;
      step();
    }
    const size_t got = wanted - stream_.avail_out;
    total_ += got;
    return got;
  }

 private:
  /// Between members: another one, or padding of zero bytes up to the end of the file.
  bool next_member() {
    if (static_cast<unsigned char>(buffer_[begin_]) == 0x1f) {
      ++member_;
      inside_member_ = true;
      inflateReset(&stream_);
      return true;
    }
    do {
      for (; begin_ < end_; ++begin_)
        if (buffer_[begin_] != 0)
          fail(cat("bytes after the end of gzip member ", member_, " that are no gzip member"));
    } while (refill());
    done_ = true;
    return false;
  }

  void step() {
    stream_.next_in = reinterpret_cast<Bytef*>(buffer_.data() + begin_);
    stream_.avail_in = static_cast<uInt>(end_ - begin_);
    const int status = inflate(&stream_, Z_NO_FLUSH);
    begin_ = end_ - stream_.avail_in;
    if (status == Z_STREAM_END) {
      inside_member_ = false;
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      fail(cat("the gzip stream is damaged in member ", member_, ": ",
               stream_.msg ? stream_.msg : "bad data", "; fetch the file again"));
    }
  }

  z_stream stream_{};
  bool inside_member_ = false, done_ = false;
  int member_ = 0;
  uint64_t total_ = 0;
};

class ZstdSource : public CompressedSource {
 public:
  ZstdSource(const fs::path& path, std::unique_ptr<ByteSource> file)
      : CompressedSource(path, std::move(file)), stream_(ZSTD_createDStream()) {
    check(stream_ != nullptr, "zstd starts");
  }
  ~ZstdSource() override { ZSTD_freeDStream(stream_); }

  size_t read(char* into, size_t size) override {
    ZSTD_outBuffer out{into, size, 0};
    while (out.pos == 0) {
      if (begin_ == end_ && !refill()) {
        if (expected_ != 0)
          fail(cat("the zstd stream is truncated after ", total_,
                   " bytes of content; fetch the file again"));
        break;
      }
      ZSTD_inBuffer in{buffer_.data() + begin_, end_ - begin_, 0};
      expected_ = ZSTD_decompressStream(stream_, &out, &in);
      begin_ += in.pos;
      if (ZSTD_isError(expected_))
        fail(cat("the zstd stream is damaged: ", ZSTD_getErrorName(expected_),
                 "; fetch the file again"));
    }
    total_ += out.pos;
    return out.pos;
  }

 private:
  ZSTD_DStream* stream_;
  size_t expected_ = 0;  // bytes zstd still wants inside the current frame
  uint64_t total_ = 0;
};

}  // namespace

std::unique_ptr<ByteSource> decompress(std::unique_ptr<ByteSource> raw, const fs::path& name) {
  auto source = std::make_unique<PeekedSource>(std::move(raw));
  if (source->starts_with("\x1f\x8b")) return std::make_unique<GzipSource>(name, std::move(source));
  if (source->starts_with("\x28\xb5\x2f\xfd"))
    return std::make_unique<ZstdSource>(name, std::move(source));
  const std::string suffix = name.extension().string();
  if (suffix == ".gz" || suffix == ".zst")
    throw Error(
        Exit::bad_data, name.string(),
        cat("is named ", suffix, " but its content is not ", suffix == ".gz" ? "gzip" : "zstd",
            source->empty() ? " (the file is empty)" : "; rename it if it is plain text"));
  return source;
}

std::unique_ptr<ByteSource> open_source(const fs::path& path) {
  return decompress(std::make_unique<PlainSource>(path), path);
}

std::unique_ptr<ByteSource> memory_source(std::string bytes) {
  return std::make_unique<MemorySource>(std::move(bytes));
}

}  // namespace kindred::data
