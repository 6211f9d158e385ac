#pragma once
// Builds zip archives, also broken ones, for the tests of their reader.

#include <zlib.h>

#include <cstdint>
#include <string>
#include <vector>

namespace kindred::test {

/// One entry; `method` 8 deflates. `crc_off` is added to the right CRC, `size_off` to the announced
/// size.
struct ZipPart {
  std::string name, content;
  int method = 0;
  uint32_t crc_off = 0;
  int64_t size_off = 0;
  int flags = 0;
};

struct ZipOptions {
  bool zip64 = false;  ///< all sizes and offsets in zip64 fields
  std::string comment = {};
};

inline std::string little(uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xff);
  return text;
}

inline std::string deflated(const std::string& content) {
  std::string out(compressBound(content.size()) + 64, '\0');
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

inline std::string zip_of(const std::vector<ZipPart>& parts, const ZipOptions& options = {}) {
  const uint64_t full = 0xffffffff;
  std::string file, directory;
  for (const ZipPart& part : parts) {
    const std::string data = part.method == 8 ? deflated(part.content) : part.content;
    const uint64_t size = part.content.size() + static_cast<uint64_t>(part.size_off),
                   at = file.size();
    const uint32_t crc = part.crc_off + static_cast<uint32_t>(crc32_z(
                                            0, reinterpret_cast<const Bytef*>(part.content.data()),
                                            part.content.size()));
    file += little(0x04034b50, 4) + little(20, 2) + little(part.flags, 2) + little(part.method, 2) +
            std::string(4, '\0') + little(crc, 4) + little(data.size(), 4) + little(size, 4) +
            little(part.name.size(), 2) + little(0, 2) + part.name + data;
    const std::string extra = options.zip64 ? little(9, 2) + little(2, 2) + "zz" + little(1, 2) +
                                                  little(24, 2) + little(size, 8) +
                                                  little(data.size(), 8) + little(at, 8)
                                            : "";
    directory += little(0x02014b50, 4) + little(20, 2) + little(20, 2) + little(part.flags, 2) +
                 little(part.method, 2) + std::string(4, '\0') + little(crc, 4) +
                 little(options.zip64 ? full : data.size(), 4) +
                 little(options.zip64 ? full : size, 4) + little(part.name.size(), 2) +
                 little(extra.size(), 2) + std::string(10, '\0') +
                 little(options.zip64 ? full : at, 4) + part.name + extra;
  }
  const uint64_t begin = file.size(), count = parts.size();
  std::string end;
  if (options.zip64)
    end = little(0x06064b50, 4) + little(44, 8) + little(45, 2) + little(45, 2) +
          std::string(8, '\0') + little(count, 8) + little(count, 8) + little(directory.size(), 8) +
          little(begin, 8) + little(0x07064b50, 4) + little(0, 4) +
          little(begin + directory.size(), 8) + little(1, 4);
  const bool wide = options.zip64;
  end += little(0x06054b50, 4) + std::string(4, '\0') + little(wide ? 0xffff : count, 2) +
         little(wide ? 0xffff : count, 2) + little(wide ? full : directory.size(), 4) +
         little(wide ? full : begin, 4) + little(options.comment.size(), 2) + options.comment;
  return file + directory + end;
}

}  // namespace kindred::test
