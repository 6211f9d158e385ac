#include "train/tensorboard.h"

#include <array>
#include <bit>
#include <chrono>
#include <cstring>

#include "core/error.h"
#include "core/files.h"
#include "core/strings.h"

namespace kindred::train {
namespace {

static_assert(std::endian::native == std::endian::little);

uint32_t masked(uint32_t crc) {
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8U;
}

template <class T>
void put(std::string& out, T value) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out.append(bytes, sizeof(T));
}

// Protocol buffers: a field is (number << 3 | wire type), then its value.
void put_varint(std::string& out, uint64_t value) {
  for (; value >= 128; value >>= 7) out += static_cast<char>(value | 128);
  out += static_cast<char>(value);
}
void put_text(std::string& out, int field, std::string_view text) {
  put_varint(out, static_cast<uint64_t>(field) << 3 | 2);
  put_varint(out, text.size());
  out += text;
}

/// tensorflow.Event {wall_time = 1, step = 2, file_version = 3 | summary = 5}
std::string event(double seconds, int64_t step, int field, std::string_view content) {
  std::string out;
  out += static_cast<char>(1 << 3 | 1);
  put(out, seconds);
  out += static_cast<char>(2 << 3 | 0);
  put_varint(out, static_cast<uint64_t>(step));
  put_text(out, field, content);
  return out;
}

/// Bytes of the record at the front, or 0 where it is cut off or damaged.
size_t record_size(std::string_view bytes) {
  if (bytes.size() < 12) return 0;
  uint64_t length = 0;
  uint32_t crc = 0;
  std::memcpy(&length, bytes.data(), 8);
  std::memcpy(&crc, bytes.data() + 8, 4);
  if (crc != masked(crc32c(bytes.substr(0, 8))) || length > bytes.size() - 12 ||
      bytes.size() - 12 - length < 4)
    return 0;
  std::memcpy(&crc, bytes.data() + 12 + length, 4);
  return crc == masked(crc32c(bytes.substr(12, length))) ? 16 + length : 0;
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  static const std::array<uint32_t, 256> table = [] {
    std::array<uint32_t, 256> entries{};
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = value & 1 ? value >> 1 ^ 0x82f63b78U : value >> 1;
      entries[i] = value;
    }
    return entries;
  }();
  uint32_t crc = ~0U;
  for (const unsigned char byte : bytes) crc = table[(crc ^ byte) & 255] ^ crc >> 8;
  return ~crc;
}

TensorBoard::TensorBoard(const std::filesystem::path& folder, int64_t keep) {
  make_folders(folder);
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().filename().string().starts_with("events.out.tfevents.")) path_ = entry.path();
  const auto clock = std::chrono::system_clock::now().time_since_epoch();
  const double seconds = std::chrono::duration<double>(clock).count();
  size_t end = 0;
  if (path_.empty()) {
    path_ = folder / cat("events.out.tfevents.", static_cast<int64_t>(seconds), ".kindred");
  } else {
    const std::string content = read_file(path_);
    end = record_size(content);  // of the version record
    for (size_t size = end; size > 0 && (keep < 0 || written_ < keep);) {
      size = record_size(std::string_view(content).substr(end));
      end += size;
      written_ += size > 0;
    }
    std::error_code failed;
    fs::resize_file(path_, end, failed);
    if (failed) throw Error(Exit::io, path_.string(), failed.message());
  }
  file_.open(path_, std::ios::binary | std::ios::app);
  if (end == 0) append(event(seconds, 0, 3, "brain.Event:2"));
}

void TensorBoard::add(const Scalars& scalars, int64_t step, double seconds) {
  std::string summary;
  for (const auto& [tag, value] : scalars) {
    std::string scalar;  // Summary.Value {tag = 1, simple_value = 2}
    put_text(scalar, 1, tag);
    scalar += static_cast<char>(2 << 3 | 5);
    put(scalar, static_cast<float>(value));
    put_text(summary, 1, scalar);
  }
  append(event(seconds, step, 5, summary));
  ++written_;
}

void TensorBoard::append(std::string_view event) {
  std::string record;
  put(record, static_cast<uint64_t>(event.size()));
  put(record, masked(crc32c(record)));
  record += event;
  put(record, masked(crc32c(event)));
  file_.write(record.data(), static_cast<std::streamsize>(record.size()));
  file_.flush();
  if (!file_)
    throw Error(Exit::io, path_.string(), "the event could not be written; is the disk full?");
}

}  // namespace kindred::train
