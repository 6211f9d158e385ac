#pragma once
// What a configuration is refused for.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/error.h"

namespace kindred::lm {

/// The lines of the error with which `read` refuses a configuration; none where it takes it.
template <class Read>
std::vector<std::string> problems_of(Read read) {
  try {
    read();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::config);
    return error.lines();
  }
  return {};
}

}  // namespace kindred::lm
