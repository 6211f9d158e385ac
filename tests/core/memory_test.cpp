#include "core/memory.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace kindred {
namespace {

TEST(Memory, SomeIsAvailable) {
  EXPECT_GT(available_memory(), 10'000'000u);
  EXPECT_LT(available_memory(), uint64_t{1} << 50);
}

TEST(Memory, TextsAreShort) {
  EXPECT_EQ(memory_text(512), "512 bytes");
  EXPECT_EQ(memory_text(640'000'000), "640 MB");
  EXPECT_EQ(memory_text(1'234'567'890), "1.2 GB");
  EXPECT_EQ(memory_text(72'000'000'000'000), "72.0 TB");
}

TEST(Memory, WhatDoesNotFitIsAnErrorThatSaysWhatToDo) {
  EXPECT_NO_THROW(require_memory(1000, "ease", "the inverse", "use slim"));
  try {
    require_memory(uint64_t{1} << 60, "ease", "the inverse over 9 items", "use slim");
    FAIL() << "an exabyte fit";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::config);
    const std::string text = error.what();
    EXPECT_TRUE(text.starts_with("ease: the inverse over 9 items would take 1152921.5 TB, but "))
        << text;
    EXPECT_TRUE(text.ends_with(" are available; use slim")) << text;
  }
}

}  // namespace
}  // namespace kindred
