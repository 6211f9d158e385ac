// Temporary files and folders beside their targets. A writer holds flock on its temporary, so one
// whose lock is free was left by a process that died and may be removed.

#include <sys/file.h>
#include <sys/stat.h>

#include <atomic>

#include "core/descriptor.h"

namespace kindred::detail {

namespace fs = std::filesystem;

bool write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

fs::path temporary_name(const fs::path& target) {
  static std::atomic<uint64_t> count{0};
  // A name may have at most 255 bytes; the tail of a long one is left away.
  const std::string stem = target.filename().string().substr(0, 200);
  return target.parent_path() /
         ("." + stem + ".tmp-" + std::to_string(::getpid()) + "-" + std::to_string(count++));
}

bool hold_temporary(const Descriptor& descriptor, const fs::path& path) {
  while (::flock(descriptor.get(), LOCK_EX) != 0) {
    if (errno != EINTR)
      return true;  // a file system without locks: nobody can lock, nobody removes
  }
  struct stat mine, there;
  return ::fstat(descriptor.get(), &mine) == 0 && ::lstat(path.c_str(), &there) == 0 &&
         mine.st_dev == there.st_dev && mine.st_ino == there.st_ino;
}

namespace {

bool is_temporary(const std::string& name, const std::string& target_name) {
  const size_t mark = name.rfind(".tmp-");
  if (name.empty() || name[0] != '.' || mark == std::string::npos || mark < 2) return false;
  if (name.find_first_not_of("0123456789-", mark + 5) != std::string::npos) return false;
  return target_name.empty() || name.substr(1, mark - 1) == target_name.substr(0, 200);
}

}  // namespace

void remove_abandoned(const fs::path& folder, const std::string& target_name) {
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
    if (!is_temporary(entry.path().filename().string(), target_name)) continue;
    const Descriptor opened = open_descriptor(entry.path(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (opened && ::flock(opened.get(), LOCK_EX | LOCK_NB) == 0)
      fs::remove_all(entry.path(), ignored);
  }
}

}  // namespace kindred::detail
