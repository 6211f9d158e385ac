#pragma once
// What the file functions share: an owned file descriptor and the sentence of a failed system call.

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/error.h"

namespace kindred::detail {

/// A POSIX file descriptor, closed with the object; -1 holds nothing.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      reset();
      number_ = std::exchange(other.number_, -1);
    }
    return *this;
  }
  ~Descriptor() { reset(); }

  int get() const { return number_; }
  explicit operator bool() const { return number_ >= 0; }
  void reset() {
    if (number_ >= 0) ::close(std::exchange(number_, -1));
  }

 private:
  int number_ = -1;
};

/// open(2) that is retried when a signal interrupts it; empty with errno set on failure.
inline Descriptor open_descriptor(const std::filesystem::path& path, int flags, int mode = 0666) {
  int number;
  do number = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  while (number < 0 && errno == EINTR);
  return Descriptor(number);
}

/// The error of a failed system call: "path: what: reason of errno".
inline Error system_error(const std::filesystem::path& path, const std::string& what,
                          int number = errno) {
  return {Exit::io, path.string(), what + ": " + std::generic_category().message(number)};
}

/// Writes everything or returns false with errno set.
bool write_all(int descriptor, std::string_view bytes);

/// A hidden name beside `target` that no other process or thread uses: ".<name>.tmp-<pid>-<count>".
std::filesystem::path temporary_name(const std::filesystem::path& target);

/// Takes the lock that tells a live temporary from an abandoned one; false when `path` no longer is
/// the file behind `descriptor`, because somebody took it for abandoned before it was locked.
bool hold_temporary(const Descriptor& descriptor, const std::filesystem::path& path);

/// Removes temporaries in `folder` that no living process holds: all, or those of one target's
/// name.
void remove_abandoned(const std::filesystem::path& folder, const std::string& target_name = "");

}  // namespace kindred::detail
