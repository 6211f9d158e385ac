// A person's own CSV, TSV or JSON lines.

#include <algorithm>

#include "core/error.h"
#include "core/strings.h"
#include "data/columns.h"
#include "data/find_files.h"
#include "data/readers.h"
#include "data/text_tables.h"

namespace kindred::data {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string>& row_roles() {
  static const std::vector<std::string> roles{"user", "item", "rating", "time", "review", "label"};
  return roles;
}

fs::path find_table(const fs::path& input, const std::string& format) {
  if (!fs::is_directory(input)) return input;
  std::vector<fs::path> tables;
  for (const fs::path& path : list_data_files(input).files) {
    const std::string name = path.filename().string();
    if (has_data_suffix(name, {"." + format}) ||
        (format == "jsonl" && has_data_suffix(name, {".json", ".ndjson"})))
      tables.push_back(path);
  }
  return only_file(tables, input, cat("interactions (*.", format, ")"));
}

class OwnTableReader : public RawReader {
 public:
  OwnTableReader(const fs::path& input, const RawOptions& options)
      : options_(options),
        path_(find_table(input, options.format)),
        roles_(parse_columns(options.columns, "columns")) {
    user_ = require_column(roles_, "user", "columns");
    item_ = require_column(roles_, "item", "columns");
    for (const auto& [role, column] : roles_) {
      const bool of_row =
          std::find(row_roles().begin(), row_roles().end(), role) != row_roles().end();
      if (of_row) continue;
      const std::string separator = role == "categories" ? " | " : " ";
      if (role.starts_with("user_"))
        user_fields_.push_back({role.substr(5), column, separator});
      else
        item_fields_.push_back({role, column, separator});
    }
    columns_ = {.rating = has("rating"),
                .label = has("label"),
                .time = has("time"),
                .review = has("review")};
  }

  RawColumns columns() const override { return columns_; }

  void interactions(RowSink& sink, ReadContext& context) override {
    ColumnNames names;
    RowMapping mapping;
    const std::pair<const char*, int*> places[] = {
        {"user", &mapping.user}, {"item", &mapping.item},     {"rating", &mapping.rating},
        {"time", &mapping.time}, {"review", &mapping.review}, {"label", &mapping.label}};
    for (const auto& [role, place] : places) {
      if (!has(role)) continue;
      *place = static_cast<int>(names.size());
      names.emplace_back(column_of(roles_, role));
    }
    read_rows(*open(names, context.bad), mapping, options_, sink, context);
  }

  /// Texts that stand beside the interactions: the first row of an id that has one counts.
  void item_texts(TextSink& sink, ReadContext& context) override {
    if (item_fields_.empty()) return;
    read_texts(*open(text_columns(item_, item_fields_), context.bad), item_fields_, sink, context);
  }
  void user_texts(TextSink& sink, ReadContext& context) override {
    if (user_fields_.empty()) return;
    read_texts(*open(text_columns(user_, user_fields_), context.bad), user_fields_, sink, context);
  }

  std::vector<fs::path> files() const override { return {path_}; }

 private:
  bool has(const char* role) const { return !column_of(roles_, role).empty(); }
  std::unique_ptr<Records> open(const ColumnNames& names, BadRows& bad) const {
    return open_table(path_, names, bad, options_.format, options_.field_separator);
  }

  const RawOptions options_;
  fs::path path_;
  ColumnRoles roles_;
  std::string user_, item_;
  std::vector<TextField> item_fields_, user_fields_;
  RawColumns columns_;
};

}  // namespace

std::unique_ptr<RawReader> open_own_table(const fs::path& input, const RawOptions& options) {
  return std::make_unique<OwnTableReader>(input, options);
}

}  // namespace kindred::data
