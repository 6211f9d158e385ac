#include "data/dataset.h"

#include <algorithm>
#include <limits>

#include "core/error.h"
#include "core/strings.h"
#include "data/histories.h"

namespace kindred::data {

namespace {
size_t hash_of(std::string_view token) {
  return std::hash<std::string_view>()(token);
}
}  // namespace

size_t IdMap::slot(std::string_view token, size_t hash) const {
  const size_t mask = table_.size() - 1;
  size_t at = hash & mask;
  while (table_[at] >= 0 && tokens_[static_cast<size_t>(table_[at])] != token) at = (at + 1) & mask;
  return at;
}

void IdMap::grow() {
  table_.assign(std::max<size_t>(64, table_.size() * 2), -1);
  for (size_t i = 0; i < tokens_.size(); ++i)
    table_[slot(tokens_[i], hash_of(tokens_[i]))] = static_cast<Index>(i);
}

Index IdMap::add(std::string_view token) {
  return add_hashed(token, hash_of(token));
}

Index IdMap::add_hashed(std::string_view token, size_t hash) {
  if ((tokens_.size() + 1) * 2 > table_.size()) grow();
  const size_t at = slot(token, hash);
  if (table_[at] < 0) {
    if (tokens_.size() >= static_cast<size_t>(std::numeric_limits<Index>::max()))
      throw Error(Exit::bad_data, "ids", "more than 2,147,483,647 distinct tokens");
    table_[at] = size();
    tokens_.emplace_back(token);
  }
  return table_[at];
}

void IdMap::add(std::span<const std::string_view> tokens, std::span<Index> indices) {
  constexpr size_t together = 64;
  std::array<size_t, together> hashes;
  for (size_t begin = 0; begin < tokens.size(); begin += together) {
    const auto some = tokens.subspan(begin, std::min(together, tokens.size() - begin));
    while ((tokens_.size() + some.size()) * 2 > table_.size()) grow();
    const size_t mask = table_.size() - 1;
    for (size_t i = 0; i < some.size(); ++i) {
      hashes[i] = hash_of(some[i]);
      __builtin_prefetch(table_.data() + (hashes[i] & mask));
    }
    for (size_t i = 0; i < some.size(); ++i)
      if (const Index likely = table_[hashes[i] & mask]; likely >= 0)
        __builtin_prefetch(tokens_.data() + likely);
    for (size_t i = 0; i < some.size(); ++i) indices[begin + i] = add_hashed(some[i], hashes[i]);
  }
}

std::optional<Index> IdMap::find(std::string_view token) const {
  if (table_.empty()) return {};
  const Index found = table_[slot(token, hash_of(token))];
  return found < 0 ? std::nullopt : std::optional<Index>(found);
}

const char* part_name(Part part) {
  static constexpr const char* names[] = {"train", "valid", "test"};
  return names[static_cast<int>(part)];
}

Part parse_part(std::string_view name) {
  for (const Part part : all_parts)
    if (name == part_name(part)) return part;
  const std::vector<std::string> known{"train", "valid", "test"};
  throw Error(Exit::usage, "split",
              cat("got '", name, "', expected train, valid or test", suggestion(name, known)));
}

Csr Dataset::by_user(Part p) const {
  const InteractionTable& table = part(p);
  Csr rows;
  rows.offsets.assign(static_cast<size_t>(user_count()) + 1, 0);
  for (const Index user : table.user) ++rows.offsets[static_cast<size_t>(user) + 1];
  for (size_t u = 1; u < rows.offsets.size(); ++u) rows.offsets[u] += rows.offsets[u - 1];
  rows.columns.resize(table.item.size());
  std::vector<int64_t> next(rows.offsets.begin(), rows.offsets.end() - 1);
  for (size_t i = 0; i < table.item.size(); ++i)
    rows.columns[static_cast<size_t>(next[static_cast<size_t>(table.user[i])]++)] = table.item[i];
  return rows;
}

Csr Dataset::distinct_by_user(std::span<const Part> which) const {
  std::vector<Csr> sources;
  for (const Part p : which) sources.push_back(by_user(p));
  Csr rows;
  rows.offsets.reserve(static_cast<size_t>(user_count()) + 1);
  std::vector<Index> items;
  for (Index user = 0; user < user_count(); ++user) {
    items.clear();
    for (const Csr& source : sources) {
      const auto row = source.row(user);
      items.insert(items.end(), row.begin(), row.end());
    }
    std::sort(items.begin(), items.end());
    items.erase(std::unique(items.begin(), items.end()), items.end());
    rows.columns.insert(rows.columns.end(), items.begin(), items.end());
    rows.offsets.push_back(rows.nnz());
  }
  return rows;
}

std::vector<int64_t> Dataset::item_popularity() const {
  std::vector<int64_t> counts(static_cast<size_t>(item_count()), 0);
  const InteractionTable& train = part(Part::train);
  for (int64_t row = 0; row < train.size(); ++row)
    if (is_positive(train, row)) ++counts[static_cast<size_t>(train.item[row])];
  return counts;
}

namespace {

using Columns = std::unordered_map<std::string, std::shared_ptr<TextColumn>>;

const TextColumn* find_column(const Columns& columns, std::string_view name) {
  const auto found = columns.find(std::string(name));
  return found == columns.end() ? nullptr : found->second.get();
}

std::vector<std::string> column_names(const Columns& columns) {
  std::vector<std::string> names;
  for (const auto& [name, column] : columns) names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

const TextColumn* Dataset::item_text(std::string_view column) const {
  return find_column(item_texts, column);
}
const TextColumn* Dataset::user_text(std::string_view column) const {
  return find_column(user_texts, column);
}
const TextColumn* Dataset::train_reviews() const {
  return reviews.get();
}
std::vector<std::string> Dataset::item_text_columns() const {
  return column_names(item_texts);
}
std::vector<std::string> Dataset::user_text_columns() const {
  return column_names(user_texts);
}

std::string Dataset::title(Index item) const {
  const TextColumn* titles = item_text("title");
  std::string text = titles && titles->has(item) ? titles->get(item) : "";
  return text.empty() ? items.token(item) : text;
}

}  // namespace kindred::data
