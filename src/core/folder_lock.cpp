#include <sys/file.h>

#include <charconv>

#include "core/descriptor.h"
#include "core/error.h"
#include "core/files.h"

namespace kindred {

using detail::Descriptor;
using detail::system_error;

namespace {

/// The process id a holder wrote into its lock file, or 0 where it has not yet.
long holder(int descriptor) {
  char text[32];
  const ssize_t size = ::pread(descriptor, text, sizeof text, 0);
  long id = 0;
  if (size > 0) std::from_chars(text, text + size, id);
  return id;
}

}  // namespace

FolderLock::FolderLock(const fs::path& folder) {
  Descriptor file = detail::open_descriptor(folder / ".lock", O_RDWR | O_CREAT);
  if (!file && (errno == ENOENT || errno == ENOTDIR))
    throw Error(Exit::missing, folder.string(), "no such folder");
  if (!file) throw system_error(folder, "the folder cannot be locked");
  int failed;
  do failed = ::flock(file.get(), LOCK_EX | LOCK_NB);
  while (failed != 0 && errno == EINTR);
  if (failed != 0 && errno == EWOULDBLOCK) {
    const long id = holder(file.get());
    throw Error(Exit::busy, folder.string(),
                "in use by " + (id > 0 ? "process " + std::to_string(id) : "another process") +
                    "; wait until it has ended, or stop it");
  }
  if (failed != 0) throw system_error(folder, "the folder cannot be locked");
  const std::string id = std::to_string(::getpid()) + "\n";
  if (::ftruncate(file.get(), 0) != 0 || !detail::write_all(file.get(), id))
    throw system_error(folder, "the folder cannot be locked");
  detail::remove_abandoned(folder);
  file_ = std::make_unique<Descriptor>(std::move(file));
}

FolderLock::~FolderLock() {
  // Emptied, not removed: a process waiting on a removed file would hold a lock that nobody sees.
  if (::ftruncate(file_->get(), 0) != 0) return;
}

}  // namespace kindred
