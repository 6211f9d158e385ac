#pragma once
// Bytes of a file, decompressed on the way: plain, gzip (any number of members) or zstd.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace kindred::data {

/// A stream of bytes.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// Fills up to `size` bytes; 0 only at the end. Throws `bad_data` where a compressed stream is
  /// truncated or its checksum is wrong, `io` where reading fails.
  virtual size_t read(char* into, size_t size) = 0;
};

/// Opens a file; compression is told by its first bytes, not by its name. Throws `missing`, or
/// `bad_data` where the name says .gz or .zst and the content is neither.
std::unique_ptr<ByteSource> open_source(const std::filesystem::path& path);

/// The content of a source that may be compressed, as open_source tells it; `name` stands in
/// messages.
std::unique_ptr<ByteSource> decompress(std::unique_ptr<ByteSource> raw,
                                       const std::filesystem::path& name);

/// Bytes held in memory.
std::unique_ptr<ByteSource> memory_source(std::string bytes);

}  // namespace kindred::data
