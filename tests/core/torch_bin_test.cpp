// The fixtures are written by tests/reference/core_torch_bin.py: what torch.save made, and the same
// tensors as the safetensors package wrote them.
#include <gtest/gtest.h>

#include "core/files.h"
#include "core/safetensors.h"
#include "core/test_support.h"
#include "core/zip_builder.h"

namespace kindred {
namespace {

using test::expect_error;
using test::fixture;
using test::little;
using test::zip_of;
using test::ZipPart;

void expect_equal(const TensorFile& got, const TensorFile& want) {
  EXPECT_EQ(got.tensors().size(), want.tensors().size());
  for (const auto& [name, expected] : want.tensors()) {
    const auto found = got.tensors().find(name);
    ASSERT_NE(found, got.tensors().end()) << name;
    EXPECT_EQ(found->second.dtype, expected.dtype) << name;
    EXPECT_EQ(found->second.shape, expected.shape) << name;
    EXPECT_EQ(found->second.bytes, expected.bytes) << name;
  }
}

TEST(TorchBin, ReadsEveryTypeAndEveryWayToLieInAStorage) {
  const auto got = open_torch_bin(fixture("core_torch_bin/every-kind.bin"));
  const auto want = open_safetensors(fixture("core_torch_bin/every-kind.safetensors"));
  EXPECT_GE(want->tensors().size(), 24u);
  expect_equal(*got, *want);
  EXPECT_NO_THROW(got->check_unchanged());
  EXPECT_TRUE(got->metadata().empty());
}

TEST(TorchBin, TiedTensorsShareTheirBytes) {
  const auto file = open_torch_bin(fixture("core_torch_bin/every-kind.bin"));
  EXPECT_EQ(file->tensors().at("base").bytes.data(), file->tensors().at("tied").bytes.data());
}

TEST(TorchBin, ReadsAModulesStateDictStoredDeflatedAndWithoutCrc) {
  const auto want = open_safetensors(fixture("core_torch_bin/module.safetensors"));
  for (const char* name : {"module.bin", "module-deflated.bin", "module-without-crc.bin"}) {
    SCOPED_TRACE(name);
    expect_equal(*open_torch_bin(fixture(std::string("core_torch_bin/") + name)), *want);
  }
}

TEST(TorchBin, WhatIsNoStateDictIsRefusedByName) {
  const auto refuse = [](const std::string& name, const std::string& part) {
    SCOPED_TRACE(name);
    const auto path = fixture("core_torch_bin/" + name);
    ASSERT_TRUE(fs::exists(path));
    expect_error(Exit::bad_data, part, [&] { open_torch_bin(path); });
  };
  refuse("attack.bin", "refers to 'posix system', which is not among the names");
  EXPECT_FALSE(fs::exists("/tmp/kindred-was-executed"));
  refuse("legacy.bin", "convert it once with Python: torch.save(torch.load(");
  refuse("list.bin", "got a list, expected a dict of tensors");
  refuse("nested.bin", "tensor 'nested': got a dict, expected a tensor");
  refuse("repeated.bin", "tensor 'a': it repeats elements of its storage");
  refuse("protocol-4.bin", "got pickle protocol 4, expected 2");
  refuse("complex.bin", "refers to 'torch ComplexFloatStorage'");
  refuse("script.bin", "is a TorchScript program");
  refuse("every-kind.safetensors", "are no zip archive");
}

TEST(TorchBin, EveryTruncationAndNoBitFlipCrashes) {
  const std::string whole = read_file(fixture("core_torch_bin/module-deflated.bin"));
  for (size_t size = 0; size < whole.size(); ++size)
    expect_error(Exit::bad_data, "x", [&] { parse_torch_bin(whole.substr(0, size), "x"); });
  for (size_t i = 0; i < whole.size(); ++i) {
    std::string flipped = whole;
    flipped[i] = static_cast<char>(flipped[i] ^ (1 << i % 8));
    try {
      parse_torch_bin(flipped, "x");
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Exit::bad_data);
    }
  }
}

// Pickles written by hand, in the opcodes of protocol 2.

std::string text(const std::string& content) {
  return "X" + little(content.size(), 4) + content;
}
std::string global(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
std::string integer(int64_t value) {
  return "\x8a\x08" + little(static_cast<uint64_t>(value), 8);
}

std::string tuple(const std::vector<int64_t>& values) {
  std::string pickle = "(";
  for (const int64_t value : values) pickle += integer(value);
  return pickle + "t";
}

std::string storage(int64_t count, const std::string& key = "0",
                    const std::string& kind = "FloatStorage") {
  return "(" + text("storage") + global("torch", kind) + text(key) + text("cpu") + integer(count) +
         "tQ";
}

/// _rebuild_tensor_v2 of a storage of four floats.
std::string tensor(const std::vector<int64_t>& shape, const std::vector<int64_t>& strides,
                   int64_t offset = 0, const std::string& on = storage(4)) {
  return global("torch._utils", "_rebuild_tensor_v2") + "(" + on + integer(offset) + tuple(shape) +
         tuple(strides) + "\x89" + global("collections", "OrderedDict") + ")RtR";
}

std::string dict(const std::string& value) {
  return "\x80\x02}" + text("a") + value + "s.";
}

const std::string four_floats = "aaaabbbbccccdddd";

std::string archive(const std::string& pickle) {
  return zip_of({{"m/data.pkl", pickle}, {"m/data/0", four_floats}, {"m/version", "3\n"}});
}

std::string bytes_of(const std::string& pickle) {
  const std::string zip = archive(pickle);
  return std::string(parse_torch_bin(zip, "x.bin")->tensors().at("a").bytes);
}

void refuse(const std::string& pickle, const std::string& part) {
  SCOPED_TRACE(part);
  const std::string zip = archive(pickle);
  expect_error(Exit::bad_data, "x.bin", [&] { parse_torch_bin(zip, "x.bin"); });
  expect_error(Exit::bad_data, part, [&] { parse_torch_bin(zip, "x.bin"); });
}

TEST(TorchBinWindows, AreReadInRowMajorOrder) {
  EXPECT_EQ(bytes_of(dict(tensor({4}, {1}))), four_floats);
  EXPECT_EQ(bytes_of(dict(tensor({2}, {1}, 1))), "bbbbcccc");
  EXPECT_EQ(bytes_of(dict(tensor({2}, {2}))), "aaaacccc");
  EXPECT_EQ(bytes_of(dict(tensor({2, 2}, {1, 2}))), "aaaaccccbbbbdddd");
  EXPECT_EQ(bytes_of(dict(tensor({1, 2}, {99, 1}))), "aaaabbbb") << "a step that is never taken";
  EXPECT_EQ(bytes_of(dict(tensor({1, 2}, {INT64_MAX, 1}))), "aaaabbbb");
  EXPECT_EQ(bytes_of(dict(tensor({}, {}, 3))), "dddd");
  EXPECT_EQ(bytes_of(dict(tensor({0, 9}, {9, 1}, 77))), "");
  EXPECT_EQ(bytes_of(dict(tensor({4}, {0}))), "aaaaaaaaaaaaaaaa")
      << "no more than the storage holds";
}

TEST(TorchBinWindows, OutsideOfTheStorageAreRefused) {
  refuse(dict(tensor({5}, {1})), "tensor 'a': it reaches beyond the 4 elements");
  refuse(dict(tensor({1}, {1}, 4)), "reaches beyond");
  refuse(dict(tensor({2}, {4})), "reaches beyond");
  refuse(dict(tensor({2, 2}, {3, 1})), "reaches beyond");
  refuse(dict(tensor({2}, {INT64_MAX})), "reaches beyond");
  refuse(dict(tensor({3, 2}, {INT64_MAX, 1})), "reaches beyond");
  refuse(dict(tensor({9}, {INT64_MAX})), "do not fit 64 bits");
  refuse(dict(tensor({int64_t{1} << 40, int64_t{1} << 40}, {0, 0})),
         "the product of its shape does not fit");
  refuse(dict(tensor({int64_t{1} << 40}, {0})), "repeats elements of its storage");
  refuse(dict(tensor({-1}, {1})), "as a size or stride, expected integers from 0");
  refuse(dict(tensor({2}, {-1})), "as a size or stride");
  refuse(dict(tensor({2}, {1}, -1)), "its offset is no integer");
  refuse(dict(tensor({2}, {1, 1})), "got 1 sizes and 2 strides");
}

TEST(TorchBinWindows, ManyCopiesOfAStorageAreRefused) {
  std::string pickle = "\x80\x02}";
  const std::string large(1 << 20, 'x');
  const int64_t half = 1 << 17;
  for (int i = 0; i < 400; ++i)
    pickle += text("t" + std::to_string(i)) + tensor({half}, {2}, 0, storage(1 << 18)) + "s";
  const std::string zip = zip_of({{"m/data.pkl", pickle + "."}, {"m/data/0", large}});
  expect_error(Exit::bad_data, "repeats elements", [&] { parse_torch_bin(zip, "x"); });
}

TEST(TorchBinStorages, AreCheckedAgainstTheirDescription) {
  refuse(dict(tensor({1}, {1}, 0, storage(5))),
         "its storage has 16 bytes, expected 5 elements of 4");
  refuse(dict(tensor({1}, {1}, 0, storage(INT64_MAX))),
         "its storage has 16 bytes, expected 9223372036854775807");
  refuse(dict(tensor({1}, {1}, 0, storage(-4))), "not described as torch.save does");
  refuse(dict(tensor({1}, {1}, 0, storage(4, "7"))), "the archive has no entry 'm/data/7'");
  refuse(dict(tensor({1}, {1}, 0, storage(4, "../../etc/passwd"))),
         "no entry 'm/data/../../etc/passwd'");
  refuse(dict(tensor({1}, {1}, 0, storage(2, "0", "DoubleStorage") + "0")), "opcode 0x30");
  refuse(dict(tensor({1}, {1}, 0, text("0") + "Q")), "not described as torch.save does");
  refuse(dict(tensor({1}, {1}, 0, "N")), "not described as torch.save does");
}

TEST(TorchBinPickles, OtherOpcodesAreNamedAndNotExecuted) {
  refuse("\x80\x02" + global("os", "system") + text("x") + "\x85R.", "refers to 'os system'");
  refuse("\x80\x02" + global("builtins", "eval") + ".", "refers to 'builtins eval'");
  refuse("\x80\x02" + global("torch", "load") + ".", "refers to 'torch load'");
  refuse("\x80\x02(ios\nsystem\n.", "the opcode 0x69");
  refuse("\x80\x02\x93.", "the opcode 0x93");
  refuse("\x80\x02\x81.", "the opcode 0x81");
  refuse("\x80\x02P0\n.", "the opcode 0x50");
  refuse("\x80\x02\x82\x01.", "the opcode 0x82");
  refuse("\x80\x05}.", "got pickle protocol 5, expected 2");
}

TEST(TorchBinPickles, BrokenOnesAreRefused) {
  refuse("", "data.pkl: byte 0: it ends too early");
  refuse("\x80\x02", "it ends too early");
  refuse("\x80\x02.", "unfinished value");
  refuse("\x80\x02}}.", "unfinished value");
  refuse("\x80\x02}(.", "unfinished value");
  refuse("\x80\x02}.x", "bytes follow its end");
  refuse("\x80\x02t.", "a mark is missing");
  refuse("\x80\x02\x85.", "the stack is empty");
  refuse("\x80\x02(\x85.", "the stack is empty");
  refuse("\x80\x02N(s.", "the stack is empty");
  refuse("\x80\x02R.", "the stack is empty");
  refuse("\x80\x02q\x01.", "the stack is empty");
  refuse("\x80\x02h\x01.", "recalls what was not stored");
  refuse("\x80\x02}NNNu.", "a mark is missing");
  refuse("\x80\x02}(Nu.", "a key without its value");
  refuse("\x80\x02NNNs.", "sets an item of None");
  refuse("\x80\x02NNa.", "appends to None");
  refuse("\x80\x02NNb.", "sets attributes of None");
  refuse("\x80\x02NNR.", "calls None");
  refuse("\x80\x02" + global("collections", "OrderedDict") + "NR.", "without a tuple of arguments");
  refuse("\x80\x02" + global("collections", "OrderedDict") + "N\x85R.",
         "an OrderedDict made from arguments");
  refuse(
      "\x80\x02X\xff\xff\xff\xff"
      "a.",
      "it ends too early");
  refuse("\x80\x02" + text("\xff") + ".", "a text that is not UTF-8");
  refuse(
      "\x80\x02\x8a\x09"
      "123456789.",
      "more than 64 bits");
  refuse(
      "\x80\x02"
      "cabc",
      "it ends too early");
}

TEST(TorchBinPickles, WhatIsNoTensorIsNamed) {
  refuse(dict(integer(1)), "tensor 'a': got an integer, expected a tensor");
  refuse(dict("N"), "got None");
  refuse(dict(global("torch", "float32")), "got a class or function");
  refuse(dict(global("torch._utils", "_rebuild_parameter") + ")R"),
         "a parameter without its tensor");
  refuse(dict(global("torch._utils", "_rebuild_parameter") + "N\x85R"),
         "got None, expected a tensor");
  refuse(dict(global("torch._utils", "_rebuild_tensor_v2") + ")R"), "too few arguments");
  refuse(dict(global("torch", "FloatStorage") + ")R"),
         "got the result of a call, expected a tensor");
  refuse("\x80\x02}" + integer(1) + tensor({1}, {1}) + "s.", "got an integer as a tensor's name");
  refuse("\x80\x02}" + text("a") + tensor({1}, {1}) + "s" + text("a") + tensor({1}, {1}) + "s.",
         "tensor 'a': is there twice");
  refuse("\x80\x02}q\x01" + text("a") + "h\x01s.", "got a dict, expected a tensor");
}

TEST(TorchBinPickles, DeepAndLongOnesAreHarmless) {
  std::string deep = "\x80\x02N";
  for (int i = 0; i < 1'000'000; ++i) deep += '\x85';
  refuse(deep + ".", "got a tuple, expected a dict");
  refuse("\x80\x02" + std::string(3'000'000, 'N') + ".", "more than 2000000 values");
  refuse("\x80\x02" + std::string(3'000'000, '(') + ".", "too many marks");
}

TEST(TorchBinArchives, NeedADataPkl) {
  const auto refuse_zip = [](const std::vector<ZipPart>& parts, const std::string& part) {
    const std::string zip = zip_of(parts);
    expect_error(Exit::bad_data, part, [&] { parse_torch_bin(zip, "x.bin"); });
  };
  refuse_zip({{"a.txt", "x"}}, "without a data.pkl");
  refuse_zip({{"data.pkl", "x"}}, "without a data.pkl");
  refuse_zip({{"a/data.pkl", "\x80\x02}."}, {"b/data.pkl", "\x80\x02}."}}, "two data.pkl");
  refuse_zip({{"a/data.pkl", "\x80\x02}."}, {"a/byteorder", "big"}}, "got the byte order 'big'");
  const std::string empty = zip_of({{"a/data.pkl", std::string("\x80\x02}.", 4)}});
  EXPECT_TRUE(parse_torch_bin(empty, "x")->tensors().empty());
}

TEST(TorchBinArchives, BombsAreRefused) {
  const std::string zeros(200 << 20, '\0');
  const std::string pickle = dict(tensor({1}, {1}, 0, storage(50 << 20)));
  const std::string zip = zip_of({{"m/data.pkl", pickle}, {"m/data/0", zeros, 8}});
  EXPECT_LT(zip.size(), 1u << 20);
  expect_error(Exit::bad_data, "inflate to more than 64 times the file",
               [&] { parse_torch_bin(zip, "x"); });
  const std::string large = zip_of({{"m/data.pkl", std::string(65 << 20, 'N'), 8}});
  expect_error(Exit::bad_data, "expected at most 67108864", [&] { parse_torch_bin(large, "x"); });
}

}  // namespace
}  // namespace kindred
