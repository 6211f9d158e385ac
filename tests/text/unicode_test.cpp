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

TEST(Unicode, ReplacesEveryMaximalIllFormedPartOnce) {
  const std::string r = "\uFFFD";
  const std::pair<std::string, std::string> cases[] = {
      {"", ""},
      {std::string("a\0b", 3), std::string("a\0b", 3)},
      {"\x80", r},
      {"a\xFFz", "a" + r + "z"},
      {"\xC0\xAF", r + r},          // overlong
      {"\xE0\x80\xAF", r + r + r},  // overlong
      {"\xED\xA0\x80", r + r + r},  // a lone surrogate
      {"\xED\xA0\xBD\xED\xB8\x80", r + r + r + r + r + r},
      {"\xF4\x90\x80\x80", r + r + r + r},  // above U+10FFFF
      {"\xE2\x82", r},                      // cut short
      {"\xF0\x9F\x98", r},
      {"\xF0\x9F\x98"
       "a",
       r + "a"},
      {"\xE2\x82\xE2\x82\xAC", r + "\u20AC"},
      {"\xF1\x80\x80\xC3\xA9", r + "\u00E9"},
      {"\u20AC\U0001F600", "\u20AC\U0001F600"},
  };
  for (const auto& [given, expected] : cases) {
    size_t replaced = 0, wanted = 0;
    for (size_t at = 0; (at = expected.find(r, at)) != std::string::npos; at += 3) ++wanted;
    EXPECT_EQ(sanitize_utf8(given, &replaced), expected);
    EXPECT_EQ(replaced, wanted) << expected;
    EXPECT_EQ(is_valid_utf8(given), given == expected);
  }
}

TEST(Unicode, CodePointsThereAndBack) {
  std::string text;
  std::vector<char32_t> points;
  for (char32_t c = 0; c < 0x110000; c += 37) {
    if (c < 0xD800 || c > 0xDFFF) points.push_back(c);
  }
  for (const char32_t c : points) append_utf8(text, c);
  ASSERT_TRUE(is_valid_utf8(text));
  std::vector<char32_t> forwards, backwards;
  for (size_t at = 0; at < text.size(); at += code_point_at(text, at).length) {
    forwards.push_back(code_point_at(text, at).value);
  }
  for (size_t end = text.size(); end > 0; end -= code_point_before(text, end).length) {
    backwards.push_back(code_point_before(text, end).value);
  }
  std::reverse(backwards.begin(), backwards.end());
  EXPECT_EQ(forwards, points);
  EXPECT_EQ(backwards, points);
}

}  // namespace
}  // namespace kindred::text
