#include "core/zip.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "core/error.h"
#include "core/strings.h"

namespace kindred {
namespace {

constexpr uint32_t end_mark = 0x06054b50, end64_mark = 0x06064b50, locator_mark = 0x07064b50;
constexpr uint32_t central_mark = 0x02014b50, local_mark = 0x04034b50;
constexpr size_t end_size = 22, end64_size = 56, locator_size = 20;
constexpr size_t central_size = 46, local_size = 30, longest_comment = 65535;
constexpr uint64_t full16 = 0xffff, full32 = 0xffffffff;  // "the number is in the zip64 field"

/// Reads an archive's directory; each check throws `bad_data` in the file's name.
class DirectoryReader {
 public:
  DirectoryReader(std::string_view bytes, const std::string& where)
      : bytes_(bytes), where_(where) {}

  std::map<std::string, ZipEntry> read() {
    find_directory();
    std::map<std::string, ZipEntry> entries;
    uint64_t at = directory_;
    for (uint64_t i = 0; i < count_; ++i) {
      auto [name, entry] = read_entry(at);
      if (!entries.emplace(name, entry).second)
        fail("the entry " + quote(name) + " is there twice");
    }
    if (at != directory_ + directory_size_)
      fail(cat("its directory has ", directory_size_, " bytes, but the entries take ",
               at - directory_));
    refuse_overlaps();
    return entries;
  }

 private:
  [[noreturn]] void fail(const std::string& sentence) const {
    throw Error(Exit::bad_data, where_, "not a valid zip archive: " + sentence);
  }

  template <class T>
  uint64_t number(uint64_t at) const {
    if (at > bytes_.size() || bytes_.size() - at < sizeof(T)) fail("it ends too early");
    T value;
    std::memcpy(&value, bytes_.data() + at, sizeof(T));
    return value;
  }
  uint64_t u16(uint64_t at) const { return number<uint16_t>(at); }
  uint64_t u32(uint64_t at) const { return number<uint32_t>(at); }
  uint64_t u64(uint64_t at) const { return number<uint64_t>(at); }

  std::string_view part(uint64_t at, uint64_t size, const char* what) const {
    if (at > bytes_.size() || size > bytes_.size() - at)
      fail(cat(what, " lies outside of the file"));
    return bytes_.substr(at, size);
  }

  uint64_t find_end() const {
    if (bytes_.size() < end_size) fail(cat("got ", bytes_.size(), " bytes, expected at least 22"));
    const uint64_t last = bytes_.size() - end_size;
    for (uint64_t comment = 0; comment <= std::min<uint64_t>(last, longest_comment); ++comment)
      if (u32(last - comment) == end_mark && u16(last - comment + 20) == comment)
        return last - comment;
    fail("its directory is missing; is the download complete?");
  }

  void find_directory() {
    const uint64_t end = find_end();
    uint64_t limit = end;
    if (u16(end + 4) != 0 || u16(end + 6) != 0) fail("it is split over several files");
    count_ = u16(end + 10);
    directory_size_ = u32(end + 12);
    directory_ = u32(end + 16);
    const bool wide = end >= locator_size && u32(end - locator_size) == locator_mark;
    if (wide) {
      limit = u64(end - locator_size + 8);
      if (limit > end - locator_size || end - locator_size - limit < end64_size ||
          u32(limit) != end64_mark)
        fail("its zip64 directory is not where it should be");
      const auto widen = [&](uint64_t& value, uint64_t full, uint64_t at) {
        if (value != full && value != u64(at)) fail("its zip64 directory says otherwise");
        value = u64(at);
      };
      widen(count_, full16, limit + 32);
      widen(directory_size_, full32, limit + 40);
      widen(directory_, full32, limit + 48);
    }
    if (directory_ > limit || directory_size_ > limit - directory_)
      fail("its directory lies outside of the file");
    if (count_ > directory_size_ / central_size)
      fail(cat("got ", count_, " entries in a directory of ", directory_size_, " bytes"));
  }

  /// One entry of the directory, and the header in front of its data; moves `at` behind it.
  std::pair<std::string, ZipEntry> read_entry(uint64_t& at) {
    if (u32(at) != central_mark) fail("its directory is damaged");
    const uint64_t flags = u16(at + 8), method = u16(at + 10);
    const uint64_t name_size = u16(at + 28), extra_size = u16(at + 30), comment_size = u16(at + 32);
    const std::string name(part(at + central_size, name_size, "an entry's name"));
    uint64_t size = u32(at + 24), compressed = u32(at + 20), header = u32(at + 42);
    widen_entry(part(at + central_size + name_size, extra_size, "an entry's field"),
                {&size, &compressed, &header});
    if ((flags & 1) != 0) fail("the entry " + quote(name) + " is encrypted");
    if (method != 0 && method != 8)
      fail(cat("the entry ", quote(name), " has method ", method, ", expected 0 or 8"));
    if (method == 0 && size != compressed)
      fail("the stored entry " + quote(name) + " has two different sizes");
    ZipEntry entry{data_of(name, header, compressed), size, 0, method == 8};
    entry.crc = static_cast<uint32_t>(u32(at + 16));
    at += central_size + name_size + extra_size + comment_size;
    return {name, entry};
  }

  /// Fills the numbers that do not fit 32 bits from the zip64 field, where each has its place only
  /// if it needs it.
  void widen_entry(std::string_view extra, std::initializer_list<uint64_t*> numbers) const {
    const auto at = [&](size_t i) {
      return static_cast<uint64_t>(extra.data() - bytes_.data()) + i;
    };
    for (size_t i = 0; i + 4 <= extra.size();) {
      const uint64_t id = u16(at(i)), size = u16(at(i + 2));
      if (size > extra.size() - i - 4) fail("an entry's field is cut off");
      size_t field = i + 4;
      const size_t end = field + size;
      i = end;
      if (id != 1) continue;
      for (uint64_t* number : numbers) {
        if (*number != full32) continue;
        if (end - field < 8) fail("an entry's zip64 field is too short");
        *number = u64(at(field));
        field += 8;
      }
    }
  }

  std::string_view data_of(const std::string& name, uint64_t header, uint64_t compressed) {
    if (header > directory_ || directory_ - header < local_size || u32(header) != local_mark)
      fail("the entry " + quote(name) + " is not where the directory says");
    const uint64_t name_size = u16(header + 26), extra_size = u16(header + 28);
    if (part(header + local_size, name_size, "an entry's name") != name)
      fail("the entry " + quote(name) + " has another name in front of its data");
    const uint64_t begin = header + local_size + name_size + extra_size;
    if (begin > directory_ || compressed > directory_ - begin)
      fail("the data of the entry " + quote(name) + " lies outside of the file");
    taken_.emplace_back(header, begin + compressed);
    return bytes_.substr(begin, compressed);
  }

  void refuse_overlaps() {
    std::sort(taken_.begin(), taken_.end());
    for (size_t i = 1; i < taken_.size(); ++i)
      if (taken_[i].first < taken_[i - 1].second) fail("its entries overlap");
  }

  std::string_view bytes_;
  const std::string& where_;
  uint64_t directory_ = 0, directory_size_ = 0, count_ = 0;
  std::vector<std::pair<uint64_t, uint64_t>> taken_;
};

/// Inflates raw deflate data into exactly `size` bytes; false where it is damaged or of another
/// size.
bool inflate_exactly(std::string_view compressed, uint64_t size, std::string& buffer) {
  buffer.resize(size + 1);  // one more byte than announced, to see that nothing follows
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) throw std::bad_alloc();
  uint64_t taken = 0, given = 0;
  int status = Z_OK;
  while (status == Z_OK) {
    constexpr uint64_t most = uint64_t{1} << 30;  // the library counts in 32 bits
    const uint64_t in = std::min(most, compressed.size() - taken);
    const uint64_t out = std::min(most, buffer.size() - given);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data() + taken));
    stream.avail_in = static_cast<uInt>(in);
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data() + given);
    stream.avail_out = static_cast<uInt>(out);
    status = inflate(&stream, Z_NO_FLUSH);
    taken += in - stream.avail_in;
    given += out - stream.avail_out;
  }
  inflateEnd(&stream);
  const bool whole = status == Z_STREAM_END && given == size && taken == compressed.size();
  buffer.resize(size);
  return whole;
}

uint32_t crc_of(std::string_view content) {
  return static_cast<uint32_t>(
      crc32_z(0, reinterpret_cast<const Bytef*>(content.data()), content.size()));
}

}  // namespace

ZipArchive::ZipArchive(std::string_view bytes, std::string where)
    : where_(std::move(where)), entries_(DirectoryReader(bytes, where_).read()) {}

const ZipEntry* ZipArchive::find(const std::string& name) const {
  const auto found = entries_.find(name);
  return found == entries_.end() ? nullptr : &found->second;
}

std::string_view ZipArchive::content(const std::string& name, std::string& buffer) const {
  const ZipEntry* entry = find(name);
  if (entry == nullptr)
    throw Error(Exit::bad_data, where_, "the archive has no entry " + quote(name));
  std::string_view content = entry->compressed;
  if (entry->deflated) {
    if (!inflate_exactly(entry->compressed, entry->size, buffer))
      throw Error(Exit::bad_data, where_,
                  cat("the entry ", quote(name), " does not inflate to the ", entry->size,
                      " bytes it announces"));
    content = buffer;
  }
  if (entry->crc != 0 && crc_of(content) != entry->crc)
    throw Error(
        Exit::bad_data, where_,
        "the entry " + quote(name) + " is damaged (its CRC-32 differs); fetch the file again");
  return content;
}

}  // namespace kindred
