#pragma once
// What a configuration is refused for.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/error.h"
#include "core/json.h"

namespace kindred::lm {

/// The lines of the error with which `plan` refuses `json` as a model of this kind; none where it
/// takes it.
template <class Plan>
std::vector<std::string> problems_of(Plan plan, const std::string& kind, Json json) {
  json["model_type"] = kind;
  try {
    plan(json, "config.json");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::config);
    return error.lines();
  }
  return {};
}

}  // namespace kindred::lm
