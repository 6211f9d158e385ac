#pragma once
// Real rows and real tokenizers of ../shared, as tests/reference/prompt_ids.py reads them.

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/files.h"
#include "core/strings.h"
#include "text/text_fixture.h"
#include "text/tokenizer.h"

namespace kindred::prompt {

inline fs::path shared_folder() {
  return fs::path(KINDRED_SOURCE_DIR).parent_path() / "shared";
}

/// A real tokenizer with the settings of tests/fixtures/text/real.json, loaded once; null where it
/// is not here.
inline std::shared_ptr<text::Tokenizer> real_tokenizer(const std::string& name) {
  static std::map<std::string, std::shared_ptr<text::Tokenizer>> loaded;
  const fs::path source = shared_folder() / "tokenizers" / name;
  if (!fs::exists(source) || loaded.contains(name)) return loaded[name];
  const text::Fixture described = text::fixture("real.json")["tokenizers"][name];
  const text::TestFolder folder;
  for (const std::string file : described["sources"]) {
    fs::create_symlink(source / file, folder.path() / file);
  }
  for (const auto& [file, content] : described["files"].items()) folder.write(file, content.dump());
  return loaded[name] = text::Tokenizer::load(folder.path());
}

/// The rows of a RecBole file, by column.
inline std::vector<std::map<std::string, std::string>> table(const fs::path& path) {
  std::vector<std::map<std::string, std::string>> rows;
  std::vector<std::string> names;
  for (const std::string& line : split(read_file(path), '\n')) {
    const auto fields = split(line, '\t');
    if (names.empty()) {
      for (const std::string& field : fields) names.push_back(field.substr(0, field.find(':')));
      continue;
    }
    if (line.empty()) continue;
    auto& row = rows.emplace_back();
    for (size_t f = 0; f < fields.size(); ++f) row[names[f]] = fields[f];
  }
  return rows;
}

/// A question about one item after what its user did, or about several.
struct RealRow {
  std::vector<std::string_view> history, candidates;
  std::vector<int32_t> history_rows, candidate_rows;
};

/// Rows whose titles live as long as this.
struct RealRows {
  std::vector<std::string> titles;
  std::vector<RealRow> rows;

  void add(const std::vector<int32_t>& history, const std::vector<int32_t>& candidates) {
    RealRow& row = rows.emplace_back();
    const size_t kept = std::min<size_t>(history.size(), 10);
    row.history_rows.assign(history.end() - static_cast<std::ptrdiff_t>(kept), history.end());
    row.candidate_rows = candidates;
    const auto title = [&](int32_t item) -> std::string_view {
      return titles[static_cast<size_t>(item)];
    };
    for (const int32_t item : row.history_rows) row.history.push_back(title(item));
    for (const int32_t item : row.candidate_rows) row.candidates.push_back(title(item));
  }

  /// Items by number; the titles, of which none stays empty.
  std::map<std::string, int32_t> read_items(const fs::path& path) {
    std::map<std::string, int32_t> number;
    for (auto& row : table(path)) {
      number[row["item_id"]] = static_cast<int32_t>(titles.size());
      titles.push_back(row["title"].empty() ? "No Title" : row["title"]);
    }
    return number;
  }
};

inline RealRows collm_rows(size_t count) {
  const fs::path folder = shared_folder() / "data/ml-1m-collm";
  RealRows result;
  auto number = result.read_items(folder / "items.item");
  std::map<std::string, std::vector<int32_t>> liked;
  for (const std::string part : {"train", "valid", "test"}) {
    size_t line = 0;
    for (auto& row : table(folder / (part + ".inter"))) {
      auto& history = liked[row["user_id"]];
      const int32_t item = number[row["item_id"]];
      if (part == "test" && line++ % 7 == 0 && result.rows.size() < count) {
        result.add(history, {item});
      }
      if (std::stod(row["label"]) > 0) history.push_back(item);
    }
  }
  return result;
}

inline RealRows beauty_rows(size_t count) {
  const fs::path folder = shared_folder() / "data/amazon-beauty";
  RealRows result;
  auto number = result.read_items(folder / "beauty.item");
  std::vector<std::vector<int32_t>> sequences;
  std::map<std::string, size_t> users;
  for (auto& row : table(folder / "beauty.inter")) {
    const auto [user, is_new] = users.try_emplace(row["user_id"], sequences.size());
    if (is_new) sequences.emplace_back();
    sequences[user->second].push_back(number[row["item_id"]]);
  }
  for (size_t r = 0; r < count; ++r) {
    const auto& sequence = sequences[r];
    std::vector<int32_t> candidates;
    for (size_t k = 0; k < 19; ++k) {
      candidates.push_back(static_cast<int32_t>((r * 31 + k * 617) % result.titles.size()));
    }
    candidates.insert(candidates.begin() + static_cast<std::ptrdiff_t>(r % 20), sequence.back());
    result.add({sequence.begin(), sequence.end() - 1}, candidates);
  }
  return result;
}

}  // namespace kindred::prompt
