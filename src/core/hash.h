#pragma once
// SHA-256: fingerprints of files, options and datasets, and the tie order of rankings.

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace kindred {

using Digest = std::array<uint8_t, 32>;

/// SHA-256 fed piece by piece.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  Sha256& update(std::string_view bytes);
  Sha256& update(const void* bytes, size_t size);
  /// The digest; the object cannot be fed afterwards.
  Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Digest sha256(std::string_view bytes);
std::string hex(const Digest& digest);
/// SHA-256 of the bytes, as 64 hexadecimal digits.
std::string fingerprint(std::string_view bytes);
/// SHA-256 of a file's content, read in pieces. Throws `missing` or `io`.
std::string file_fingerprint(const std::filesystem::path& path);

}  // namespace kindred
