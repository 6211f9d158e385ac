#pragma once
// Files: whole reads, atomic writes (temporary file, fsync, rename, fsync of the folder), locks,
// read-only maps.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

namespace kindred {

namespace fs = std::filesystem;

namespace detail {
class Descriptor;
}

/// The whole content. Throws `missing` where there is no such file, `io` where reading fails,
/// `bad_data` where it is larger than `limit` bytes.
std::string read_file(const fs::path& path, uint64_t limit = UINT64_MAX);

/// Writes atomically: a reader sees the old content or the new, never a part; after return it is on
/// disk. Parent folders are made, links followed; a pipe or device is written in place. Throws
/// `io`, leaving the old content and no temporary file.
void write_file(const fs::path& path, std::string_view content);

/// As write_file, with the content streamed by `write`.
void write_file(const fs::path& path, const std::function<void(std::ostream&)>& write);

/// Makes a whole folder appear at once: fill `path()`, then `commit()` renames it to its place
/// (which must not exist, or is replaced when `replace`). An uncommitted folder is removed; what a
/// killed process left of one is removed by the next AtomicFolder for the same place.
class AtomicFolder {
 public:
  explicit AtomicFolder(fs::path target);
  ~AtomicFolder();
  AtomicFolder(const AtomicFolder&) = delete;
  AtomicFolder& operator=(const AtomicFolder&) = delete;

  const fs::path& path() const { return temporary_; }
  /// fsyncs every file, renames, fsyncs the parent. Throws `io`, also where the target exists and
  /// `replace` is not given.
  void commit(bool replace = false);

 private:
  fs::path target_, temporary_;
  std::unique_ptr<detail::Descriptor> lock_;
  bool committed_ = false;
};

/// Makes a folder and those above it where they do not exist. Throws `io`.
void make_folders(const fs::path& folder);

/// fsync of a folder, so that a rename inside it is on disk.
void sync_folder(const fs::path& folder);

/// An exclusive lock on a folder (flock on `<folder>/.lock`), released by the kernel when the
/// process dies. Throws `busy` naming the folder and the holder's process id, `missing` without the
/// folder. What killed processes left half written in the folder is removed.
class FolderLock {
 public:
  explicit FolderLock(const fs::path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  std::unique_ptr<detail::Descriptor> file_;
};

/// A file mapped read-only, with its size and inode checked against the file on
/// `check_unchanged()`.
class MappedFile {
 public:
  explicit MappedFile(const fs::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::string_view bytes() const { return {data_, size_}; }
  const fs::path& path() const { return path_; }
  /// Throws `io` when the file was truncated or replaced since it was mapped.
  void check_unchanged() const;

 private:
  fs::path path_;
  const char* data_ = nullptr;
  size_t size_ = 0;
  std::unique_ptr<detail::Descriptor> file_;
};

}  // namespace kindred
