#include "core/utf8.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "core/strings.h"

namespace kindred {
namespace {

TEST(Utf8, IsToldFromOtherBytes) {
  for (const char* text :
       {"", "a", "é", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\uffff", "\U00010000", "\U0010ffff"})
    EXPECT_TRUE(is_utf8(text)) << text;
  EXPECT_TRUE(is_utf8(std::string_view("\0", 1)));
  for (const char* text :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xc3", "\xc3(", "\xe0\x80\x80", "\xe0\x9f\xbf",
        "\xed\xa0\x80", "\xed\xbf\xbf", "\xe2\x82", "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xf0\x9f\x98"}) {
    size_t bad = 99;
    EXPECT_FALSE(is_utf8(std::string("ab") + text, &bad)) << quote(text);
    EXPECT_EQ(bad, 2u);
  }
}

TEST(Utf8, ReplacesEveryMaximalIllFormedPartOnce) {
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
    size_t wanted = 0;
    for (size_t at = 0; (at = expected.find(r, at)) != std::string::npos; at += 3) ++wanted;
    std::string text;
    EXPECT_EQ(append_sanitized(text, given).parts, wanted) << expected;
    EXPECT_EQ(text, expected);
    EXPECT_EQ(sanitize_utf8(given), expected);
    EXPECT_EQ(is_utf8(given), given == expected);
  }
}

TEST(Utf8, CodePointsThereAndBack) {
  std::string text;
  std::vector<char32_t> points;
  for (char32_t c = 0; c < 0x110000; c += 37) {
    if (c < 0xD800 || c > 0xDFFF) points.push_back(c);
  }
  for (const char32_t c : points) append_utf8(text, c);
  ASSERT_TRUE(is_utf8(text));
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

TEST(Utf8, IllFormedBytesAreCounted) {
  const auto repaired = [](std::string_view bytes) {
    std::string text;
    const uint64_t replaced = append_sanitized(text, bytes).bytes;
    return std::pair(text, replaced);
  };
  using Result = std::pair<std::string, uint64_t>;
  const std::string r = "\xef\xbf\xbd";
  EXPECT_EQ(repaired("plain é 漢 😀"), (Result{"plain é 漢 😀", 0}));
  EXPECT_EQ(repaired("a\xff"
                     "b"),
            (Result{"a" + r + "b", 1}));
  EXPECT_EQ(repaired("\xe2\x82"), (Result{r, 2}));  // a character cut short
  EXPECT_EQ(repaired("\xe2\x82z"), (Result{r + "z", 2}));
  EXPECT_EQ(repaired("\xc0\xaf"), (Result{r + r, 2}));          // overlong
  EXPECT_EQ(repaired("\xed\xa0\x80"), (Result{r + r + r, 3}));  // a surrogate
  EXPECT_EQ(repaired("\xf4\x90\x80\x80"), (Result{r + r + r + r, 4}));
  EXPECT_EQ(repaired("\xf0\x9f\x98"), (Result{r, 3}));
}

TEST(Utf8, ManyIllFormedBytesTakeTimeInProportion) {
  const std::string bytes(1'000'000, '\xff');
  std::string text;
  EXPECT_EQ(append_sanitized(text, bytes).parts, bytes.size());
  EXPECT_EQ(text.size(), 3 * bytes.size());
}

TEST(Utf8, EveryPlaceIsReplaced) {
  EXPECT_EQ(replaced("a b  c", " ", "__"), "a__b____c");
  EXPECT_EQ(replaced("aaa", "aa", "b"), "ba");
  EXPECT_EQ(replaced("abc", "x", "y"), "abc");
  EXPECT_EQ(replaced("", "x", "y"), "");
}

TEST(Utf8, ABeginningCutsNoCharacter) {
  EXPECT_EQ(utf8_prefix("ab漢", 4), "ab");
  EXPECT_EQ(utf8_prefix("ab漢", 5), "ab漢");
  EXPECT_EQ(utf8_prefix("漢", 0), "");
}

TEST(Utf8, Latin1BytesBecomeTheirCharacters) {
  std::string text;
  append_latin1(text, "a\x80\xe9\xff");
  EXPECT_EQ(text, "a\u0080éÿ");
}

TEST(Utf8, WhatAMessageShowsIsHarmless) {
  EXPECT_EQ(shown("a é\n\t\x1b\xff"), "a é\\n\\t\\x1b\uFFFD");
  EXPECT_EQ(shown("ab漢", 4), "ab...");
}

}  // namespace
}  // namespace kindred
