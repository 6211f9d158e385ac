#pragma once
// What tests of every room use: a folder of their own, and a look at a thrown Error.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "core/error.h"

namespace kindred::test {

/// A new empty folder, removed with the object.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "kindred-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// The Error that `action` throws; a failure of the test when it throws none or something else.
inline std::optional<Error> thrown_by(const std::function<void()>& action) {
  try {
    action();
    ADD_FAILURE() << "expected an Error, nothing was thrown";
  } catch (const Error& error) {
    return error;
  } catch (const std::exception& other) {
    ADD_FAILURE() << "expected an Error, got another exception: " << other.what();
  }
  return std::nullopt;
}

/// Expects an Error of this code whose text contains `part`.
inline void expect_error(Exit code, const std::string& part, const std::function<void()>& action) {
  const std::optional<Error> error = thrown_by(action);
  if (!error) return;
  EXPECT_EQ(error->code(), code) << error->what();
  EXPECT_NE(std::string(error->what()).find(part), std::string::npos)
      << "got: " << error->what() << "\nexpected a part: " << part;
}

/// A file beside the tests: fixture("core/small.safetensors").
inline std::filesystem::path fixture(const std::string& name) {
  return std::filesystem::path(KINDRED_SOURCE_DIR) / "tests" / "fixtures" / name;
}

}  // namespace kindred::test
