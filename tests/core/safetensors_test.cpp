// The fixture is written by tests/reference/core_safetensors.py, which also checks what is written
// here.
#include "core/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <limits>

#include "core/files.h"
#include "core/test_support.h"

namespace kindred {
namespace {

using test::expect_error;
using test::fixture;
using test::TemporaryFolder;

std::string with_length(uint64_t length, const std::string& rest) {
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes + rest;
}

std::string file_of(const std::string& header, const std::string& data = "") {
  return with_length(header.size(), header + data);
}

/// A file of one tensor.
std::string one(const std::string& dtype, const std::string& shape, const std::string& offsets,
                const std::string& data) {
  return file_of(R"({"a":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" +
                     offsets + "}}",
                 data);
}

void refuse(const std::string& bytes, const std::string& part) {
  SCOPED_TRACE(part);
  expect_error(Exit::bad_data,
               "x.safetensors: ", [&] { parse_safetensors(bytes, "x.safetensors"); });
  expect_error(Exit::bad_data, part, [&] { parse_safetensors(bytes, "x.safetensors"); });
}

/// The tensors of the reference script, as bytes.
std::vector<TensorToWrite> expected_tensors(std::vector<std::string>& storage) {
  storage.reserve(20);
  std::vector<TensorToWrite> tensors;
  const auto add = [&](const std::string& name, DType type, std::vector<int64_t> shape,
                       const auto& values) {
    using T = std::decay_t<decltype(values[0])>;
    storage.emplace_back(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
    tensors.push_back({name, type, std::move(shape), storage.back()});
  };
  const auto range = [&]<class T>(T, int i) {
    std::vector<T> values;
    for (int k = i; k < i + 6; ++k) values.push_back(static_cast<T>(k));
    return values;
  };
  add("bool", DType::boolean, {2, 3}, std::vector<uint8_t>{1, 0, 1, 0, 1, 0});
  add("u8", DType::u8, {2, 3}, range(uint8_t{}, 1));
  add("i8", DType::i8, {2, 3}, range(int8_t{}, 2));
  add("i16", DType::i16, {2, 3}, range(int16_t{}, 3));
  add("u16", DType::u16, {2, 3}, range(uint16_t{}, 4));
  // 5 to 10 in half precision, 6 to 11 in bfloat16.
  add("f16", DType::f16, {2, 3},
      std::vector<uint16_t>{0x4500, 0x4600, 0x4700, 0x4800, 0x4880, 0x4900});
  add("bf16", DType::bf16, {2, 3},
      std::vector<uint16_t>{0x40c0, 0x40e0, 0x4100, 0x4110, 0x4120, 0x4130});
  add("i32", DType::i32, {2, 3}, range(int32_t{}, 7));
  add("u32", DType::u32, {2, 3}, range(uint32_t{}, 8));
  add("f32", DType::f32, {2, 3}, range(float{}, 9));
  add("f64", DType::f64, {2, 3}, range(double{}, 10));
  add("i64", DType::i64, {2, 3}, range(int64_t{}, 11));
  add("u64", DType::u64, {2, 3}, range(uint64_t{}, 12));
  add("scalar", DType::f32, {}, std::vector<float>{2.5f});
  add("empty", DType::f32, {0, 3}, std::vector<float>{});
  add("quote \" and é\n", DType::f32, {1}, std::vector<float>{1.0f});
  return tensors;
}

TEST(Safetensors, ReadsWhatTheReferenceWrote) {
  const auto file = open_safetensors(fixture("core_safetensors/all-types.safetensors"));
  std::vector<std::string> storage;
  const auto expected = expected_tensors(storage);
  ASSERT_EQ(file->tensors().size(), expected.size());
  for (const TensorToWrite& tensor : expected) {
    const auto found = file->tensors().find(tensor.name);
    ASSERT_NE(found, file->tensors().end()) << tensor.name;
    EXPECT_EQ(found->second.dtype, tensor.dtype) << tensor.name;
    EXPECT_EQ(found->second.shape, tensor.shape) << tensor.name;
    EXPECT_EQ(found->second.bytes, tensor.bytes) << tensor.name;
  }
  EXPECT_EQ(file->metadata(), (std::map<std::string, std::string>{{"format", "pt"}}));
  EXPECT_NO_THROW(file->check_unchanged());
}

TEST(Safetensors, WritesByteForByteWhatTheReferenceWrites) {
  const TemporaryFolder folder;
  std::vector<std::string> storage;
  write_safetensors(folder / "a.safetensors", expected_tensors(storage));
  EXPECT_EQ(read_file(folder / "a.safetensors"),
            read_file(fixture("core_safetensors/all-types.safetensors")));
}

TEST(Safetensors, KeepsMetadataAndAnEmptySet) {
  const TemporaryFolder folder;
  write_safetensors(folder / "a", {}, {{"stage", "pre \"train\""}, {"format", "pt"}});
  const auto file = open_safetensors(folder / "a");
  EXPECT_TRUE(file->tensors().empty());
  EXPECT_EQ(file->metadata().at("stage"), "pre \"train\"");
  EXPECT_EQ(file->metadata().at("format"), "pt");
  EXPECT_EQ(fs::file_size(folder / "a") % 8, 0u);
}

TEST(Safetensors, CanBeWrittenOverTheFileItsTensorsComeFrom) {
  const TemporaryFolder folder;
  fs::copy_file(fixture("core_safetensors/all-types.safetensors"), folder / "a");
  const std::string before = read_file(folder / "a");
  const auto file = open_safetensors(folder / "a");
  std::vector<TensorToWrite> tensors;
  for (const auto& [name, view] : file->tensors())
    tensors.push_back({name, view.dtype, view.shape, view.bytes});
  write_safetensors(folder / "a", tensors);
  EXPECT_EQ(read_file(folder / "a"), before);
  expect_error(Exit::io, "replaced", [&] { file->check_unchanged(); });
}

TEST(Safetensors, ATensorUnlikeItsShapeIsAMistakeOfTheCaller) {
  const TemporaryFolder folder;
  const auto write = [&](std::vector<TensorToWrite> tensors) {
    expect_error(Exit::internal, "broken invariant",
                 [&] { write_safetensors(folder / "a", tensors); });
    EXPECT_FALSE(fs::exists(folder / "a"));
  };
  write({{"a", DType::f32, {2}, "1234"}});
  write({{"a", DType::f32, {-1}, ""}});
  write({{"a", DType::f32, {1}, "1234"}, {"a", DType::f32, {1}, "1234"}});
  write({{"a", DType::u8, {1}, "1"}, {"a", DType::f32, {1}, "1234"}});
  write({{"__metadata__", DType::u8, {1}, "1"}});
  write({{"\xff", DType::u8, {1}, "1"}});
}

TEST(Safetensors, LegalOddities) {
  // Views live as long as the bytes they were parsed from.
  const std::string scalar_bytes = one("F32", "[]", "[0,4]", "1234");
  const auto scalar = parse_safetensors(scalar_bytes, "x");
  EXPECT_TRUE(scalar.at("a").shape.empty());
  EXPECT_EQ(scalar.at("a").bytes, "1234");
  EXPECT_EQ(parse_safetensors(one("F32", "[0,7]", "[0,0]", ""), "x").at("a").bytes, "");
  EXPECT_TRUE(parse_safetensors(file_of("{}"), "x").empty());
  EXPECT_TRUE(parse_safetensors(file_of("{\"__metadata__\":{}}   "), "x").empty());
  // An empty tensor may lie between two others, and order in the header is free.
  const std::string three_bytes = file_of(R"({"c":{"dtype":"U8","shape":[2],"data_offsets":[1,3]},)"
                                          R"("b":{"dtype":"F64","shape":[0],"data_offsets":[1,1]},)"
                                          R"("a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
                                          "xyz");
  const auto three = parse_safetensors(three_bytes, "x");
  EXPECT_EQ(three.at("a").bytes, "x");
  EXPECT_EQ(three.at("b").bytes, "");
  EXPECT_EQ(three.at("c").bytes, "yz");
}

TEST(Safetensors, TooShortOrTruncated) {
  refuse("", "got 0 bytes, expected at least 8");
  refuse("1234567", "got 7 bytes, expected at least 8");
  refuse(with_length(0, ""), "does not begin with '{'");
  const std::string whole = one("F32", "[2]", "[0,8]", "12345678");
  EXPECT_NO_THROW(parse_safetensors(whole, "x"));
  for (size_t size = 0; size < whole.size(); ++size)
    expect_error(Exit::bad_data, "x: ", [&] { parse_safetensors(whole.substr(0, size), "x"); });
  refuse(whole.substr(0, whole.size() - 1), "ends at 8, but the file has 7 bytes of data");
  refuse(whole.substr(0, 30), "the header should have");
}

TEST(Safetensors, HeaderLengths) {
  refuse(with_length(uint64_t{1} << 63, "{}"),
         "got a header of 9223372036854775808 bytes, expected at most");
  refuse(with_length(UINT64_MAX, "{}"), "expected at most 100000000");
  refuse(with_length(100'000'001, "{}"), "expected at most 100000000");
  refuse(with_length(100'000'000, "{}"), "the header should have 100000000 bytes, got 2");
  refuse(with_length(3, "{}"), "the header should have 3 bytes, got 2");
  refuse(with_length(1, "{}"), "not valid JSON");
}

TEST(Safetensors, HeadersThatAreNoJsonObject) {
  refuse(file_of("{\"a\xff\":1}"), "byte 11 of the header is not UTF-8");
  refuse(file_of("{not json}"), "header: not valid JSON at byte 2");
  refuse(file_of(" {}"), "does not begin with '{'");
  refuse(file_of("[]"), "does not begin with '{'");
  refuse(file_of("{}{}"), "not valid JSON");
  refuse(file_of(std::string("{}\0", 3)), "a NUL byte");
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "{\"a\":";
  refuse(file_of(deep), "nested deeper than 200");
}

TEST(Safetensors, RepeatedNames) {
  const std::string entry = R"({"dtype":"U8","shape":[1],"data_offsets":[0,1]})";
  refuse(file_of("{\"a\":" + entry + ",\"a\":" + entry + "}", "x"), "the key 'a' is there twice");
  refuse(file_of("{\"__metadata__\":{},\"__metadata__\":{}}"),
         "the key '__metadata__' is there twice");
  refuse(file_of(R"({"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}})", "x"),
         "the key 'dtype' is there twice");
}

TEST(Safetensors, Metadata) {
  refuse(file_of(R"({"__metadata__":[]})"), "__metadata__ is not an object of texts");
  refuse(file_of(R"({"__metadata__":{"a":1}})"), "the value of 'a' is not a text");
}

TEST(Safetensors, OverlapsHolesAndTrailingBytes) {
  const auto two = [](const std::string& first, const std::string& second,
                      const std::string& data) {
    return file_of(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":)" + first +
                       R"(},"b":{"dtype":"U8","shape":[2],"data_offsets":)" + second + "}}",
                   data);
  };
  EXPECT_NO_THROW(parse_safetensors(two("[0,2]", "[2,4]", "1234"), "x"));
  refuse(two("[0,2]", "[1,3]", "123"), "tensor 'b': its data begins at 1, expected 2 (an overlap)");
  refuse(two("[0,2]", "[0,2]", "12"), "tensor 'b': its data begins at 0, expected 2 (an overlap)");
  refuse(two("[0,2]", "[3,5]", "12345"), "tensor 'b': its data begins at 3, expected 2 (a hole)");
  refuse(two("[1,3]", "[3,5]", "12345"), "tensor 'a': its data begins at 1, expected 0 (a hole)");
  refuse(two("[0,2]", "[2,4]", "12345"), "got 5 bytes of data, expected 4");
  refuse(two("[0,2]", "[2,4]", "123"), "tensor 'b': its data ends at 4, but the file has 3 bytes");
  refuse(file_of("{}", "hidden"), "got 6 bytes of data, expected 0");
}

TEST(Safetensors, Shapes) {
  refuse(one("U8", "[4294967296,4294967296]", "[0,0]", ""),
         "the product of its shape does not fit");
  refuse(one("F64", "[2305843009213693952]", "[0,0]", ""), "the product of its shape does not fit");
  refuse(one("U8", "[4294967296,4294967296,0]", "[0,0]", ""), "does not fit");
  refuse(one("U8", "[18446744073709551615]", "[0,0]", ""), "expected integers from 0");
  refuse(one("U8", "[-1]", "[0,0]", ""), "'shape' has -1, expected integers from 0");
  refuse(one("U8", "[1.0]", "[0,1]", "x"), "'shape' has 1.0");
  refuse(one("U8", "[\"1\"]", "[0,1]", "x"), "'shape' has \"1\"");
  refuse(one("U8", "1", "[0,1]", "x"), "'shape' is not a list");
  refuse(one("U8", "null", "[0,1]", "x"), "'shape' is not a list");
}

TEST(Safetensors, OffsetsAndSizes) {
  refuse(one("F32", "[2]", "[0,7]", "1234567"), "data_offsets 0 to 7, expected 8 bytes");
  refuse(one("F32", "[2]", "[8,0]", "12345678"), "data_offsets 8 to 0, expected 8 bytes");
  refuse(one("F32", "[2]", "[0]", "12345678"), "got 1 data_offsets, expected begin and end");
  refuse(one("F32", "[2]", "[0,8,9]", "12345678"), "got 3 data_offsets");
  refuse(one("F32", "[2]", "[-8,0]", "12345678"), "'data_offsets' has -8");
  refuse(one("F32", "[1]", "[9223372036854775804,9223372036854775808]", ""),
         "'data_offsets' has 92233720");
  refuse(one("F32", "[1]", "[9223372036854775803,9223372036854775807]", ""),
         "begins at 9223372036854775803");
}

TEST(Safetensors, TypesAndEntries) {
  refuse(one("F8_E4M3", "[1]", "[0,1]", "x"),
         "tensor 'a': got the type 'F8_E4M3', expected one of BOOL, U8");
  refuse(one("f32", "[1]", "[0,4]", "1234"), "got the type 'f32'");
  refuse(file_of(R"({"a":{"dtype":7,"shape":[1],"data_offsets":[0,1]}})", "x"), "got the type '7'");
  refuse(file_of(R"({"a":{"shape":[1],"data_offsets":[0,1]}})", "x"),
         "tensor 'a': 'dtype' is missing");
  refuse(file_of(R"({"a":{"dtype":"U8","data_offsets":[0,1]}})", "x"), "'shape' is missing");
  refuse(file_of(R"({"a":{"dtype":"U8","shape":[1]}})", "x"), "'data_offsets' is missing");
  refuse(file_of(R"({"a":[]})"), "its entry is not an object");
}

TEST(Safetensors, FilesThatCannotBeOpened) {
  const TemporaryFolder folder;
  expect_error(Exit::missing, "no such file", [&] { open_safetensors(folder / "none"); });
  expect_error(Exit::missing, "got a folder", [&] { open_safetensors(folder.path()); });
  write_file(folder / "empty", "");
  expect_error(Exit::bad_data, "empty: not a valid safetensors file: got 0 bytes",
               [&] { open_safetensors(folder / "empty"); });
}

TEST(Safetensors, ARefusedFileIsRefusedBeforeAnythingIsAllocated) {
  // A sparse file of 1 TB with a hostile length: mapped, but never read further than the length.
  const TemporaryFolder folder;
  write_file(folder / "huge", with_length(uint64_t{1} << 40, "{}"));
  std::error_code failed;
  fs::resize_file(folder / "huge", uint64_t{1} << 40, failed);
  if (failed) GTEST_SKIP() << "no sparse files here: " << failed.message();
  expect_error(Exit::bad_data, "expected at most 100000000",
               [&] { open_safetensors(folder / "huge"); });
}

TEST(TensorSize, IsChecked) {
  const auto size = [](DType type, std::vector<int64_t> shape) { return tensor_size(type, shape); };
  EXPECT_EQ(size(DType::f32, {}), 4u);
  EXPECT_EQ(size(DType::bf16, {3, 5}), 30u);
  EXPECT_EQ(size(DType::f64, {0}), 0u);
  EXPECT_EQ(size(DType::u8, {std::numeric_limits<int64_t>::max()}), uint64_t{INT64_MAX});
  EXPECT_EQ(size(DType::f16, {std::numeric_limits<int64_t>::max()}), std::nullopt);
  EXPECT_EQ(size(DType::u8, {-1}), std::nullopt);
  EXPECT_EQ(size(DType::u8, {0, -1}), std::nullopt);
}

}  // namespace
}  // namespace kindred
