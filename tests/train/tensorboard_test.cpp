// Event files are read back by a parser of our own; tests/reference/train_tensorboard.py reads
// those of a run with TensorBoard itself and compares them with the run's log.

#include "train/tensorboard.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>

#include "core/files.h"
#include "core/strings.h"

namespace kindred::train {
namespace {

struct Scalar {
  std::string tag;
  int64_t step;
  float value;
  double seconds;
  bool operator==(const Scalar&) const = default;
};

uint64_t varint(std::string_view& bytes) {
  uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 127) << shift;
    if (byte < 128) return value;
  }
}

std::string_view text(std::string_view& bytes) {
  const size_t size = varint(bytes);
  const std::string_view result = bytes.substr(0, size);
  bytes.remove_prefix(size);
  return result;
}

template <class T>
T fixed(std::string_view& bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof(T));
  bytes.remove_prefix(sizeof(T));
  return value;
}

void read_value(std::string_view value, Scalar& scalar) {
  while (!value.empty()) {
    const uint64_t field = varint(value);
    if (field == (1 << 3 | 2)) scalar.tag = text(value);
    if (field == (2 << 3 | 5)) scalar.value = fixed<float>(value);
  }
}

/// The scalars of an event file, by the published layout of tensorflow.Event and of TFRecord.
std::vector<Scalar> read_events(const fs::path& path) {
  const std::string content = read_file(path);
  std::string_view rest = content;
  const auto mask = [](uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8U; };
  std::vector<Scalar> scalars;
  while (!rest.empty()) {
    const std::string_view head = rest.substr(0, 8);
    const auto length = fixed<uint64_t>(rest);
    EXPECT_EQ(fixed<uint32_t>(rest), mask(crc32c(head)));
    std::string_view event = rest.substr(0, length);
    rest.remove_prefix(length);
    EXPECT_EQ(fixed<uint32_t>(rest), mask(crc32c(event)));
    Scalar scalar{};
    std::string version;
    while (!event.empty()) {
      const uint64_t field = varint(event);
      if (field == (1 << 3 | 1)) scalar.seconds = fixed<double>(event);
      if (field == (2 << 3 | 0)) scalar.step = static_cast<int64_t>(varint(event));
      if (field == (3 << 3 | 2)) version = text(event);
      if (field == (5 << 3 | 2)) {
        std::string_view summary = text(event);
        while (!summary.empty()) {
          EXPECT_EQ(varint(summary), 1u << 3 | 2u);
          read_value(text(summary), scalar);
          scalars.push_back(scalar);
        }
      }
    }
    if (!version.empty()) EXPECT_EQ(version, "brain.Event:2");
  }
  return scalars;
}

fs::path fresh_folder(const std::string& name) {
  const fs::path folder =
      fs::path(testing::TempDir()) / cat("kindred-tb-", name, "-", static_cast<long>(getpid()));
  fs::remove_all(folder);
  return folder;
}

TEST(TensorBoard, ChecksumsAreThePublishedOnes) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U);            // the check value of CRC-32C
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aaU);  // RFC 3720, B.4
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43U);
}

TEST(TensorBoard, ScalarsComeBack) {
  const fs::path folder = fresh_folder("scalars");
  TensorBoard board(folder);
  board.add({{"loss", 3.5}}, 1, 1700000000.25);
  board.add({{"valid/ndcg@10", 0.125}, {"valid/recall@20", 0.25}}, 300, 1700000001.0);
  EXPECT_EQ(board.written(), 2);
  const std::vector<Scalar> expected{{"loss", 1, 3.5f, 1700000000.25},
                                     {"valid/ndcg@10", 300, 0.125f, 1700000001.0},
                                     {"valid/recall@20", 300, 0.25f, 1700000001.0}};
  EXPECT_EQ(read_events(board.path()), expected);
}

TEST(TensorBoard, ResumingCutsBackAndAppends) {
  const fs::path folder = fresh_folder("resumed");
  {
    TensorBoard board(folder);
    for (int step = 1; step <= 5; ++step) board.add({{"loss", step}, {"rate", 0.5}}, step, 1.0);
  }
  TensorBoard board(folder, 3);
  EXPECT_EQ(board.written(), 3);
  board.add({{"loss", 40.0}}, 4, 2.0);
  const std::vector<Scalar> scalars = read_events(board.path());
  ASSERT_EQ(scalars.size(), 7u);
  EXPECT_EQ(scalars[4], (Scalar{"loss", 3, 3.0f, 1.0}));
  EXPECT_EQ(scalars[6], (Scalar{"loss", 4, 40.0f, 2.0}));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), fs::directory_iterator()), 1);
}

TEST(TensorBoard, ARecordCutOffByAKillIsRemoved) {
  const fs::path folder = fresh_folder("cut");
  fs::path path;
  {
    TensorBoard board(folder);
    board.add({{"loss", 1.0}}, 1, 1.0);
    board.add({{"loss", 2.0}}, 2, 1.0);
    path = board.path();
  }
  for (size_t missing = 1; missing < 30; missing += 7) {
    const std::string content = read_file(path);
    fs::resize_file(path, content.size() - missing);
    TensorBoard board(folder);
    EXPECT_EQ(board.written(), 1);
    board.add({{"loss", 2.0}}, 2, 1.0);
    EXPECT_EQ(read_events(path).size(), 2u);
  }
  fs::resize_file(path, 5);
  TensorBoard board(folder);
  EXPECT_EQ(board.written(), 0);
  EXPECT_TRUE(read_events(path).empty());
}

}  // namespace
}  // namespace kindred::train
