#include <linux/fs.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cstdio>

#include "core/descriptor.h"
#include "core/error.h"
#include "core/files.h"

namespace kindred {

using detail::Descriptor;
using detail::system_error;

namespace {

void sync_tree(const fs::path& folder) {
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.is_symlink()) continue;
    if (entry.is_directory()) {
      sync_tree(entry.path());
    } else if (entry.is_regular_file()) {
      const Descriptor file = detail::open_descriptor(entry.path(), O_RDONLY);
      if (!file || ::fsync(file.get()) != 0) throw system_error(entry.path(), "writing failed");
    }
  }
  sync_folder(folder);
}

/// rename(2) that fails where the target exists, even an empty folder.
bool rename_new(const fs::path& from, const fs::path& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return true;
  if (errno != EINVAL && errno != ENOSYS) return false;
  std::error_code ignored;
  if (fs::exists(fs::symlink_status(to, ignored))) {
    errno = EEXIST;
    return false;
  }
  return ::rename(from.c_str(), to.c_str()) == 0;
}

/// Puts `from` in the place of the existing `to`, whose old content ends up at `from`.
bool exchange(const fs::path& from, const fs::path& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_EXCHANGE) == 0) return true;
  if (errno != EINVAL && errno != ENOSYS) return false;
  // Without the exchange there is a moment with no folder at all, but never one with a part of it.
  const fs::path old = detail::temporary_name(to);
  if (::rename(to.c_str(), old.c_str()) != 0) return false;
  const bool placed = ::rename(from.c_str(), to.c_str()) == 0;
  const int number = errno;
  std::error_code ignored;
  fs::rename(old, placed ? from : to, ignored);
  errno = number;
  return placed;
}

}  // namespace

AtomicFolder::AtomicFolder(fs::path target) : target_(std::move(target)) {
  if (!target_.has_filename()) target_ = target_.parent_path();  // "runs/a/" means "runs/a"
  target_ = fs::absolute(target_);
  make_folders(target_.parent_path());
  detail::remove_abandoned(target_.parent_path(), target_.filename().string());
  for (int attempt = 0; attempt < 100; ++attempt) {
    temporary_ = detail::temporary_name(target_);
    if (::mkdir(temporary_.c_str(), 0777) != 0) {
      if (errno == EEXIST) continue;
      throw system_error(target_, "the folder cannot be made");
    }
    Descriptor opened = detail::open_descriptor(temporary_, O_RDONLY | O_DIRECTORY);
    if (!opened || !detail::hold_temporary(opened, temporary_)) continue;
    lock_ = std::make_unique<Descriptor>(std::move(opened));
    return;
  }
  throw Error(Exit::io, target_.string(), "no temporary folder could be made beside it");
}

AtomicFolder::~AtomicFolder() {
  std::error_code ignored;
  if (!committed_) fs::remove_all(temporary_, ignored);
}

void AtomicFolder::commit(bool replace) {
  check(!committed_, "AtomicFolder::commit is called once");
  try {
    sync_tree(temporary_);
  } catch (const fs::filesystem_error& failed) {
    throw system_error(target_, "the folder cannot be written", failed.code().value());
  }
  bool replaced = false;
  if (!rename_new(temporary_, target_)) {
    if (errno == EEXIST && !replace)
      throw Error(Exit::io, target_.string(), "exists already; remove it or choose another name");
    if (errno != EEXIST || !exchange(temporary_, target_))
      throw system_error(target_, "the folder cannot be put in its place");
    replaced = true;
  }
  committed_ = true;
  sync_folder(target_.parent_path());
  std::error_code ignored;
  if (replaced) fs::remove_all(temporary_, ignored);
}

}  // namespace kindred
