// Fixture: tests/reference/text_tokenizer.py (write_unicode).

#include "text/unicode.h"

#include <gtest/gtest.h>

#include "text/text_fixture.h"

namespace kindred::text {
namespace {

TEST(Unicode, ClassesOfEveryCodePointEqualTheReference) {
  const Fixture expected = fixture("unicode.json")["classes"];
  for (char32_t plane = 0; plane < 17; ++plane) {
    std::string classes;
    for (char32_t c = plane << 16; c < (plane + 1) << 16; ++c) {
      classes += "olns"[static_cast<int>(char_class(c))];
    }
    EXPECT_EQ(short_digest(classes, 16), expected[plane]) << "plane " << int(plane);
  }
}

TEST(Unicode, NormalFormsEqualTheReference) {
  const Fixture data = fixture("unicode.json");
  LineGenerator generator(data["seed"], data);
  std::vector<std::string> lines(5000);
  for (std::string& line : lines) {
    for (uint64_t left = 1 + generator.below(12); left > 0; --left) {
      const auto& range = generator.range();
      line += generator.characters(range, 1 + generator.below(4));
    }
  }
  const std::pair<const char*, NormalForm> forms[] = {{"NFC", NormalForm::nfc},
                                                      {"NFD", NormalForm::nfd},
                                                      {"NFKC", NormalForm::nfkc},
                                                      {"NFKD", NormalForm::nfkd}};
  for (const auto& [name, form] : forms) {
    const Fixture expected = data["forms"][name];
    for (size_t chunk = 0; chunk < expected.size(); ++chunk) {
      std::string all;
      for (size_t i = chunk * 500; i < (chunk + 1) * 500; ++i) {
        all += normalize(lines[i], form) + "\n";
      }
      EXPECT_EQ(short_digest(all, 16), expected[chunk]) << name << " from line " << chunk * 500;
    }
  }
}

TEST(Unicode, NormalizesALongRunOfMarks) {
  std::string marks = "a", sorted = "a";
  const size_t count = 200000;
  for (size_t i = 0; i < count; ++i) marks += "\u0301\u0323";
  for (size_t i = 0; i < count; ++i) sorted += "\u0323";
  for (size_t i = 0; i < count; ++i) sorted += "\u0301";
  EXPECT_EQ(normalize(marks, NormalForm::nfd), sorted);
}

}  // namespace
}  // namespace kindred::text
