#include "core/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <limits>

#include "core/error.h"

namespace kindred {

std::string gzipped(std::string_view bytes) {
  constexpr int gzip_format = 15 + 16;  // the largest window, in gzip's frame
  constexpr int memory_level = 8;
  z_stream stream{};
  check(deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, gzip_format, memory_level,
                     Z_DEFAULT_STRATEGY) == Z_OK,
        "zlib starts");
  std::string result(size_t{64} * 1024, '\0');
  size_t written = 0, given = 0;
  int status = Z_OK;
  while (status != Z_STREAM_END) {
    if (stream.avail_in == 0) {
      const size_t some =
          std::min<size_t>(bytes.size() - given, std::numeric_limits<uInt>::max() / 2);
      // zlib reads what it is given and writes nothing there.
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data() + given));
      stream.avail_in = static_cast<uInt>(some);
      given += some;
    }
    if (written == result.size()) result.resize(2 * result.size());
    stream.next_out = reinterpret_cast<Bytef*>(result.data() + written);
    const size_t room = std::min<size_t>(result.size() - written, std::numeric_limits<uInt>::max());
    stream.avail_out = static_cast<uInt>(room);
    status = deflate(&stream, given == bytes.size() ? Z_FINISH : Z_NO_FLUSH);
    written += room - stream.avail_out;
  }
  deflateEnd(&stream);
  result.resize(written);
  return result;
}

}  // namespace kindred
