// The report of prepare as a table.

#include "core/strings.h"
#include "data/aligned.h"
#include "data/prepare.h"

namespace kindred::data {
namespace {

using Row = std::vector<std::string>;

Row count_row(const std::string& name, const Json& counts) {
  return {name, with_commas(counts["interactions"].get<int64_t>()),
          with_commas(counts["users"].get<int64_t>()), with_commas(counts["items"].get<int64_t>())};
}

std::string text_line(const char* side, const Json& columns) {
  std::string text;
  for (const auto& [name, counts] : columns.items())
    text += cat(text.empty() ? "" : ", ", name, " ", with_commas(counts["present"].get<int64_t>()));
  return text.empty() ? "" : cat(side, " texts: ", text, "\n");
}

}  // namespace

std::string PrepareReport::table() const {
  std::vector<Row> rows{{"", "interactions", "users", "items"}};
  const Json& filters = info["filters"];
  if (!filters.empty()) rows.push_back(count_row("read", filters[0]["before"]));
  for (const Json& step : filters)
    rows.push_back(count_row(
        cat("after ", step["name"].get<std::string>(), " ", step["setting"].get<std::string>()),
        step["after"]));
  rows.push_back(count_row("prepared", info["counts"]));
  for (const char* part : {"train", "valid", "test"})
    rows.push_back(count_row(cat("  ", part), info["counts"][part]));
  std::string text = aligned(rows);
  const int64_t bad = info["rows"]["bad"].get<int64_t>();
  if (bad > 0) text += cat("bad rows skipped: ", with_commas(bad), "\n");
  const int64_t train_only = info["counts"]["train_only_users"].get<int64_t>();
  if (train_only > 0)
    text +=
        cat("users with fewer than 3 interactions, in train only: ", with_commas(train_only), "\n");
  const Json& texts = info["texts"];
  if (texts.contains("review"))
    text += cat("reviews: ", with_commas(texts["review"]["present"].get<int64_t>()), " with text, ",
                with_commas(texts["review"]["empty"].get<int64_t>()), " empty (before filters)\n");
  text += text_line("item", texts["item"]) + text_line("user", texts["user"]);
  if (const int64_t bytes = texts["replaced_bytes"].get<int64_t>())
    text += cat("bytes that are no UTF-8, replaced: ", with_commas(bytes), "\n");
  if (const int64_t cut = texts["cut"].get<int64_t>())
    text += cat("texts cut at the length limit: ", with_commas(cut), "\n");
  return text;
}

}  // namespace kindred::data
