#include <sys/mman.h>
#include <sys/stat.h>

#include "core/descriptor.h"
#include "core/error.h"
#include "core/files.h"

namespace kindred {

using detail::Descriptor;
using detail::system_error;

MappedFile::MappedFile(const fs::path& path) : path_(path) {
  Descriptor file = detail::open_descriptor(path, O_RDONLY);
  if (!file && (errno == ENOENT || errno == ENOTDIR))
    throw Error(Exit::missing, path.string(), "no such file; check the path");
  if (!file) throw system_error(path, "cannot be opened for reading");
  struct stat about;
  if (::fstat(file.get(), &about) != 0) throw system_error(path, "cannot be read");
  if (S_ISDIR(about.st_mode))
    throw Error(Exit::missing, path.string(), "got a folder, expected a file");
  if (!S_ISREG(about.st_mode))
    throw Error(Exit::io, path.string(),
                "got a pipe or device, expected a file that can be mapped");
  size_ = static_cast<size_t>(about.st_size);
  if (size_ > 0) {
    void* start = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
    if (start == MAP_FAILED) throw system_error(path, "cannot be mapped into memory");
    data_ = static_cast<const char*>(start);
  }
  file_ = std::make_unique<Descriptor>(std::move(file));
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<char*>(data_), size_);
}

void MappedFile::check_unchanged() const {
  struct stat mapped, there;
  if (::fstat(file_->get(), &mapped) != 0) throw system_error(path_, "cannot be read");
  if (::stat(path_.c_str(), &there) != 0) throw system_error(path_, "gone while it was being read");
  if (mapped.st_dev != there.st_dev || mapped.st_ino != there.st_ino)
    throw Error(Exit::io, path_.string(), "replaced while it was being read; run again");
  if (static_cast<size_t>(mapped.st_size) != size_)
    throw Error(Exit::io, path_.string(),
                "changed while it was being read: got " + std::to_string(mapped.st_size) +
                    " bytes, expected " + std::to_string(size_) + "; run again");
}

}  // namespace kindred
