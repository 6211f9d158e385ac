#include "core/zip.h"

#include <gtest/gtest.h>

#include "core/test_support.h"
#include "core/zip_builder.h"

namespace kindred {
namespace {

using test::expect_error;
using test::little;
using test::zip_of;
using test::ZipPart;

const std::string long_text(100'000, 'x');

std::vector<ZipPart> parts() {
  return {{"a/data.pkl", "stored"},
          {"a/long", long_text, 8},
          {"a/empty", ""},
          {"a/empty deflated", "", 8}};
}

std::string content(const std::string& zip, const std::string& name) {
  std::string buffer;
  return std::string(ZipArchive(zip, "x.zip").content(name, buffer));
}

void refuse(const std::string& zip, const std::string& part) {
  SCOPED_TRACE(part);
  expect_error(Exit::bad_data, "x.zip: ", [&] { ZipArchive(zip, "x.zip"); });
  expect_error(Exit::bad_data, part, [&] { ZipArchive(zip, "x.zip"); });
}

/// The archive with `bytes` put at `at` (counted from the end when negative).
std::string patched(std::string zip, int64_t at, const std::string& bytes) {
  return zip.replace(at < 0 ? zip.size() - static_cast<size_t>(-at) : static_cast<size_t>(at),
                     bytes.size(), bytes);
}

TEST(Zip, ReadsStoredDeflatedAndZip64) {
  for (const bool zip64 : {false, true})
    for (const std::string& comment :
         {std::string(), std::string("PK\5\6 a comment"), std::string(65535, 'c')}) {
      const std::string zip = zip_of(parts(), {zip64, comment});
      EXPECT_EQ(ZipArchive(zip, "x").entries().size(), 4u);
      for (const ZipPart& part : parts()) EXPECT_EQ(content(zip, part.name), part.content);
    }
  EXPECT_TRUE(ZipArchive(zip_of({}), "x").entries().empty());
}

TEST(Zip, StoredContentIsAViewOfTheArchive) {
  const std::string zip = zip_of(parts());
  std::string buffer;
  const std::string_view view = ZipArchive(zip, "x").content("a/data.pkl", buffer);
  EXPECT_TRUE(view.data() > zip.data() && view.data() < zip.data() + zip.size());
}

TEST(Zip, EveryTruncationIsRefused) {
  for (const bool zip64 : {false, true}) {
    const std::string zip = zip_of({{"a", "12345"}, {"b", "67", 8}}, {zip64});
    for (size_t size = 0; size < zip.size(); ++size)
      expect_error(Exit::bad_data, "x.zip", [&] { ZipArchive(zip.substr(0, size), "x.zip"); });
  }
}

TEST(Zip, DirectoriesThatDoNotFit) {
  const std::string zip = zip_of({{"a", "12345"}});
  refuse(patched(zip, -22, "XX"), "its directory is missing");
  refuse(patched(zip, -18, little(1, 2)), "split over several files");
  refuse(patched(zip, -12, little(2, 2)), "entries in a directory of");
  refuse(patched(zip, -12, little(0, 2)), "but the entries take 0");
  refuse(patched(zip, -6, little(0x7fffffff, 4)), "its directory lies outside of the file");
  refuse(patched(zip, -10, little(0xfffffffe, 4)), "its directory lies outside of the file");
  refuse("junk" + zip, "damaged");
  refuse(zip + "trailing", "its directory is missing");
}

TEST(Zip, Zip64DirectoriesThatDoNotFit) {
  const std::string zip = zip_of({{"a", "12345"}}, {true});
  const int64_t locator = -42, end64 = -98;
  refuse(patched(zip, locator + 8, little(UINT64_MAX, 8)),
         "zip64 directory is not where it should be");
  refuse(patched(zip, locator + 8, little(0, 8)), "zip64 directory is not where it should be");
  refuse(patched(zip, end64 + 32, little(UINT64_MAX, 8)), "entries in a directory of");
  refuse(patched(zip, end64 + 40, little(UINT64_MAX, 8)), "outside of the file");
  refuse(patched(zip, end64 + 48, little(UINT64_MAX - 10, 8)), "outside of the file");
  refuse(patched(zip, -12, little(7, 2)), "its zip64 directory says otherwise");
  const size_t extra = zip.find("zz") + 2;
  refuse(patched(zip, static_cast<int64_t>(extra + 2), little(8, 2)), "too short");
  refuse(patched(zip, static_cast<int64_t>(extra + 2), little(200, 2)), "cut off");
  refuse(patched(zip, static_cast<int64_t>(extra + 20), little(UINT64_MAX, 8)),
         "not where the directory says");
  refuse(patched(zip, static_cast<int64_t>(extra + 12), little(UINT64_MAX, 8)),
         "two different sizes");
}

TEST(Zip, EntriesThatDoNotFit) {
  const std::string zip = zip_of({{"name", "12345"}});
  const auto directory = static_cast<int64_t>(zip.find("PK\1\2"));
  refuse(patched(zip, directory, "XX"), "its directory is damaged");
  refuse(patched(zip, directory + 42, little(1, 4)), "'name' is not where the directory says");
  refuse(patched(zip, directory + 42, little(0xfffffffe, 4)), "not where the directory says");
  refuse(patched(zip, directory + 28, little(60000, 2)), "outside of the file");
  refuse(patched(zip, directory + 20, little(1000, 4) + little(1000, 4)),
         "lies outside of the file");
  refuse(patched(zip, directory + 20, little(4, 4)), "two different sizes");
  refuse(patched(zip, directory + 10, little(12, 2)), "has method 12, expected 0 or 8");
  refuse(patched(zip, directory + 8, little(1, 2)), "is encrypted");
  refuse(patched(zip, 30, "NAME"), "has another name in front of its data");
  refuse(patched(zip, 28, little(60000, 2)), "lies outside of the file");
}

TEST(Zip, RepeatedNamesAndOverlapsAreRefused) {
  refuse(zip_of({{"a", "1"}, {"b", "2"}, {"a", "3"}}), "the entry 'a' is there twice");
  // A second directory entry that points into the data of the first, as a bomb's do.
  const std::string inner = zip_of({{"b", "22"}});
  const std::string embedded = inner.substr(0, inner.find("PK\1\2"));
  std::string zip = zip_of({{"a", embedded}, {"b", "22"}});
  const auto first = zip.find("PK\1\2"), second = zip.find("PK\1\2", first + 1);
  zip = patched(zip, static_cast<int64_t>(second + 42), little(zip.find(embedded), 4));
  refuse(zip, "its entries overlap");
}

TEST(Zip, ContentIsChecked) {
  const auto refused = [](const ZipPart& part, const std::string& sentence) {
    expect_error(Exit::bad_data, sentence, [&] { content(zip_of({part}), part.name); });
  };
  refused({"a", "12345", 0, 1}, "'a' is damaged (its CRC-32 differs)");
  refused({"a", "12345", 8, 1}, "'a' is damaged (its CRC-32 differs)");
  refused({"a", "12345", 8, 0, 1}, "does not inflate to the 6 bytes it announces");
  refused({"a", "12345", 8, 0, -1}, "does not inflate to the 4 bytes it announces");
  std::string damaged = zip_of({{"a", long_text, 8}});
  damaged[31 + 5] ^= 0x55;
  expect_error(Exit::bad_data, "'a'", [&] { content(damaged, "a"); });
  expect_error(Exit::bad_data, "has no entry 'b'", [&] { content(zip_of({{"a", "1"}}), "b"); });
}

TEST(Zip, AnEntryWithoutACrcIsNotChecked) {
  const std::string text = "12345";
  const auto crc =
      static_cast<uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(text.data()), 5));
  EXPECT_EQ(content(zip_of({{"a", text, 0, uint32_t{0} - crc}}), "a"), text);
}

}  // namespace
}  // namespace kindred
