// The rooms of src/ stand in an order, and each includes only what stands above it in this table.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include "core/files.h"
#include "core/strings.h"
#include "core/test_support.h"

namespace kindred {
namespace {

using testing::IsEmpty;

// What a room may include beside itself. `lm/config` and `eval/metrics` are rooms of their own:
// free of LibTorch, so that they compile in a second and run under sanitizers and fuzzers. `eval`
// and `train` stand below `methods` in the order, but know no method by name; `train` knows no
// metric either.
const std::map<std::string, std::set<std::string>> may_include = {
    {"core", {}},
    {"text", {"core"}},
    {"data", {"core", "text"}},
    {"model", {"core", "text", "data"}},
    {"lm/config", {"core", "text"}},
    {"lm", {"core", "text", "data", "model", "lm/config"}},
    {"cf", {"core", "text", "data", "model", "lm", "lm/config"}},
    {"prompt", {"core", "text", "data", "model", "lm", "lm/config", "cf"}},
    {"methods", {"core", "text", "data", "model", "lm", "lm/config", "cf", "prompt"}},
    {"eval/metrics", {"core", "text", "data"}},
    {"eval", {"core", "text", "data", "model", "lm", "lm/config", "cf", "prompt", "eval/metrics"}},
    {"train", {"core", "text", "data", "model", "lm", "lm/config", "cf", "prompt"}},
    {"run",
     {"core", "text", "data", "model", "lm", "lm/config", "cf", "prompt", "methods", "eval",
      "eval/metrics", "train"}},
    {"serve",
     {"core", "text", "data", "model", "lm", "lm/config", "cf", "prompt", "methods", "eval",
      "eval/metrics", "train", "run"}},
    {"cli",
     {"core", "text", "data", "model", "lm", "lm/config", "cf", "prompt", "methods", "eval",
      "eval/metrics", "train", "run", "serve", "kindred"}},
};

const std::set<std::string> without_torch = {"core", "text", "data", "lm/config", "eval/metrics"};

/// The room of a path rooted at src/: "lm/config/gpt2.h" -> "lm/config".
std::string room_of(const std::string& path) {
  for (const char* sub : {"lm/config/", "eval/metrics/"})
    if (path.starts_with(sub)) return std::string(sub, std::string(sub).size() - 1);
  return path.substr(0, path.find('/'));
}

struct Include {
  std::string path;
  bool quoted = false;
};

std::vector<Include> includes_of(const std::string& source) {
  std::vector<Include> found;
  std::istringstream lines(source);
  for (std::string line; std::getline(lines, line);) {
    std::string_view rest = trim(line);
    if (!rest.starts_with('#')) continue;
    rest = trim(rest.substr(1));
    if (!rest.starts_with("include")) continue;
    rest = trim(rest.substr(7));
    if (rest.empty() || (rest[0] != '"' && rest[0] != '<')) continue;
    const size_t end = rest.find(rest[0] == '"' ? '"' : '>', 1);
    found.push_back({std::string(rest.substr(1, end - 1)), rest[0] == '"'});
  }
  return found;
}

bool is_torch(const std::string& path) {
  return path.starts_with("torch/") || path.starts_with("ATen/") || path.starts_with("c10/") ||
         path.starts_with("caffe2/");
}

/// What is wrong with a file's includes, a line each.
std::vector<std::string> wrong_arrows(const std::string& path, const std::string& source) {
  std::vector<std::string> wrong;
  const std::string room = room_of(path);
  const auto allowed = may_include.find(room);
  if (allowed == may_include.end()) return {path + ": the room " + room + " is not in the order"};
  for (const Include& include : includes_of(source)) {
    const std::string arrow = path + " includes " + include.path;
    if (is_torch(include.path)) {
      if (without_torch.contains(room))
        wrong.push_back(arrow + ", but its room is free of LibTorch");
      continue;
    }
    if (!include.quoted) continue;
    const std::string other = room_of(include.path);
    if (other != room && !allowed->second.contains(other))
      wrong.push_back(arrow + ", which " + room + " may not");
  }
  return wrong;
}

TEST(Rooms, EveryIncludePointsDownwards) {
  const fs::path root = fs::path(KINDRED_SOURCE_DIR) / "src";
  std::vector<std::string> wrong;
  size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    const std::string extension = entry.path().extension().string();
    if (extension != ".h" && extension != ".cpp") continue;
    ++files;
    const std::string path = fs::relative(entry.path(), root).string();
    for (const std::string& line : wrong_arrows(path, read_file(entry.path())))
      wrong.push_back(line);
  }
  EXPECT_GT(files, 20u);
  EXPECT_THAT(wrong, IsEmpty());
}

TEST(Rooms, TheTestSeesWrongArrows) {
  const auto count = [](const std::string& path, const std::string& source) {
    return wrong_arrows(path, source).size();
  };
  EXPECT_EQ(count("core/a.cpp", "#include \"core/b.h\"\n#include <vector>\n"), 0u);
  EXPECT_EQ(count("core/a.cpp", "#include \"data/b.h\"\n"), 1u);
  EXPECT_EQ(count("data/a.cpp", "  #  include  \"model/b.h\"  // why\n"), 1u);
  EXPECT_EQ(count("text/a.cpp",
                  "#include <torch/torch.h>\n#include <ATen/ATen.h>\n#include \"c10/x.h\"\n"),
            3u);
  EXPECT_EQ(count("lm/a.cpp", "#include <torch/torch.h>\n#include \"lm/config/a.h\"\n"), 0u);
  EXPECT_EQ(count("lm/config/a.cpp", "#include <torch/torch.h>\n#include \"lm/a.h\"\n"), 2u);
  EXPECT_EQ(count("eval/metrics/a.cpp", "#include \"model/a.h\"\n#include \"data/a.h\"\n"), 1u);
  EXPECT_EQ(count("eval/a.cpp", "#include \"methods/cllm4rec.h\"\n"), 1u);
  EXPECT_EQ(count("train/a.cpp", "#include \"eval/metrics/a.h\"\n"), 1u);
  EXPECT_EQ(count("core/a.cpp", "#include \"beside.h\"\n"), 1u) << "includes are rooted at src/";
  EXPECT_EQ(count("attic/a.cpp", ""), 1u);
}

}  // namespace
}  // namespace kindred
